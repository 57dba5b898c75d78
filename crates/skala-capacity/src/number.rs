//! What functions make of numbers that mean nothing.
//!
//! Decides: that a rate, a time or a count is finite and not negative before it is used.
//! Inputs: plain numbers.
//! Invariants: NaN and negatives read as 0; what is beyond all measure reads as 1e60, so that products of a few stay finite.
//! Tested: `tests/it/total.rs` feeds every public function with such numbers.

/// What is beyond all measure: no rate, time, count or price comes near.
const BEYOND: f64 = 1e60;

/// A number that is at least 0: NaN and negatives become 0, and infinity 1e60.
pub(crate) fn at_least_0(x: f64) -> f64 {
    if x > 0.0 { x.min(BEYOND) } else { 0.0 }
}

/// A share or chance between 0 and 1: NaN becomes 0.
pub(crate) fn share(x: f64) -> f64 {
    at_least_0(x).min(1.0)
}

/// A need rounded up to a whole count, which never says more than it can hold; infinity and more become `u64::MAX`.
///
/// A billionth is forgiven, so that 4.000000000001 from rounding errors needs 4 and not 5.
pub fn round_up(need: f64) -> u64 {
    let need = at_least_0(need);
    (need - need.max(1.0) * 1e-9).ceil().max(0.0) as u64
}

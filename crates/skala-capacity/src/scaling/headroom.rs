//! How full to run when more can arrive before more servers are there.
//!
//! Decides: the highest target utilisation, and the quantile of a forecast to staff for.
//! Inputs: relative growth per second of the steepest credible ramp; seconds until a decision is capacity; what too little and too
//!   much cost.
//! Method: demand grows by the factor `1 + g D` in the meantime; the newsvendor's critical ratio `Cu / (Cu + Co)`.
//! Tested: `tests/it/rules.rs`.

use crate::number::at_least_0;

/// Highest utilisation (0 to 1) that a ramp of `growth` per second (0.01 is 1 % of now's load each second) does not overrun within
/// `delay` seconds: sample window, decision period, start-up and readiness together.
pub fn max_utilisation(growth: f64, delay: f64) -> f64 {
    let (growth, delay) = (at_least_0(growth), at_least_0(delay));
    if growth == 0.0 || delay == 0.0 { 1.0 } else { 1.0 / (1.0 + growth * delay) }
}

/// The quantile of demand at which one more unit costs as much as it saves. `under` is the cost of a unit that lacks, `over` of one
/// that idles; `None` when both are 0.
pub fn newsvendor_quantile(under: f64, over: f64) -> Option<f64> {
    let (under, over) = (at_least_0(under), at_least_0(over));
    let both = under + over;
    (both > 0.0).then(|| under / both)
}

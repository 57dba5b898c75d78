//! Which quantile of the demand to be ready for.
//!
//! Decides: the quantile at which one more replica costs as much as it saves.
//! Inputs: cost of being one unit short, and of one unit too many, in any one unit of money.
//! Method: newsvendor, `q = under / (under + over)` (Arrow, Harris and Marschak 1951).
//! Invariants: within [0.5, 0.99]; a cost that is no number counts as nothing known, 0.5.
//! Tested: `tests` below.

/// No quantile above this is asked: a day of minutes holds too few errors to know it.
const MOST: f64 = 0.99;

/// Quantile of demand to provide for when one unit short costs `under` and one unit too many `over`: 9 to 1 gives 0.9.
pub fn newsvendor(under: f64, over: f64) -> f64 {
    let q = under / (under + over);
    if under >= 0.0 && over >= 0.0 && q.is_finite() { q.clamp(0.5, MOST) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::newsvendor;

    #[test]
    fn the_costs_give_the_quantile() {
        for (under, over, q) in [(9.0, 1.0, 0.9), (19.0, 1.0, 0.95), (1.0, 1.0, 0.5), (1.0, 9.0, 0.5), (1e9, 1.0, 0.99)] {
            assert!((newsvendor(under, over) - q).abs() < 1e-12, "{under}:{over}");
        }
    }

    #[test]
    fn costs_that_are_no_costs_give_the_median() {
        for (under, over) in [(0.0, 0.0), (-1.0, 1.0), (f64::NAN, 1.0), (f64::INFINITY, f64::INFINITY)] {
            assert!((newsvendor(under, over) - 0.5).abs() < 1e-12, "{under}:{over}");
        }
    }
}

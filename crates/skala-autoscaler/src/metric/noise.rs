//! How much of a measured load is chance.
//!
//! Decides: whether a load is above a limit by more than randomness explains.
//! Inputs: the limit, the measured value, and the variance of the measurement per unit of its mean.
//! Method: arrivals are at least as random as a Poisson stream, whose variance equals its mean. In the square-root scale
//!   (Anscombe 1948) the spread is the same for small and large counts: x is above `mean` by z deviations when
//!   x > mean + z sqrt(mean + 3/8) + z^2/4. A measurement with variance `spread` x mean is a count in units of `spread`.
//! Invariants: the allowance is finite and >= 0 for finite input, and grows with the limit.
//! Tested: `tests` below; seeded Poisson loads in `tests/decisions`.

use std::time::Duration;

/// Deviations above the limit that a load must show before replicas are bought for it. A Poisson load at a steady 95 % of the
/// limit shows them in less than three of a million one-second looks, whatever its rate.
pub(crate) const GROWTH_DEVIATIONS: f64 = 4.0;

/// Deviations of the fast window above the slow one that make a jump: the load has certainly changed. One more than for growth,
/// because the slow window is itself random.
pub(crate) const JUMP_DEVIATIONS: f64 = 5.0;

/// Deviations above the limit that are enough after a jump: what is left to ask is only whether the load went above the limit.
pub(crate) const AFTER_JUMP_DEVIATIONS: f64 = 1.0;

/// Deviations by which the fast window must exceed the slow one to be believed instead of it.
pub(crate) const WINDOW_DEVIATIONS: f64 = 2.5;

/// Share by which a gauge's fast value must exceed the slow one to be believed instead of it.
pub(crate) const GAUGE_EXCESS: f64 = 1.3;

/// How far above `limit` a measurement may lie by chance.
pub(crate) fn allowance(limit: f64, spread: f64, deviations: f64) -> f64 {
    if spread <= 0.0 {
        return 0.0;
    }
    let count = limit / spread;
    spread * (deviations * (count + 0.375).sqrt() + deviations * deviations / 4.0)
}

/// Variance per mean of a rate (per second) that is counted over `window`.
pub(crate) fn spread_of_rate(window: Duration) -> f64 {
    1.0 / window.as_secs_f64().max(1e-3)
}

/// Variance per mean of the number of requests in a station, averaged over `window`, when each stays `sojourn` seconds.
///
/// A snapshot of an infinite-server station is Poisson (variance = mean); an average over a window much longer than the stay
/// has variance mean x (1 + cv^2) x stay / window; the stay is taken as exponential (cv = 1).
pub(crate) fn spread_of_concurrency(sojourn: f64, window: Duration) -> f64 {
    (2.0 * sojourn / window.as_secs_f64().max(1e-3)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_numbers() {
        let at = |limit: f64, secs: u64| {
            let spread = spread_of_rate(Duration::from_secs(secs));
            format!("{:.1}", limit + allowance(limit, spread, GROWTH_DEVIATIONS))
        };
        // A limit of 100/s: 144/s over one second, 113/s over ten; a limit of 10/s: 14.4/s over ten.
        assert_eq!([at(100.0, 1), at(100.0, 10), at(10.0, 10), at(0.0, 1)], ["144.1", "113.1", "14.4", "6.4"]);
    }

    #[test]
    fn long_stays_make_an_average_no_better_than_a_snapshot() {
        assert_eq!(spread_of_concurrency(30.0, Duration::from_secs(1)), 1.0);
        assert!((spread_of_concurrency(0.1, Duration::from_secs(10)) - 0.02).abs() < 1e-12);
    }
}

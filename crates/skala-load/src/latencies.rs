//! Distributions of durations with three significant digits.
//!
//! Decides: what the percentiles of a run are.
//! Units: recorded in microseconds, reported in milliseconds.
//! Method: HdrHistogram, from 1 us to [`LONGEST`]; a longer duration counts as the longest.
//! Invariants: merging equals recording everything in one; an empty distribution has no statistics.
//! Tested: `tests` below.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::threshold::Statistic;
use crate::units::millis;

/// The longest duration that is told apart: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Recorded durations.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Latencies {
        let mut histogram = Histogram::new_with_bounds(1, 10_000_000, 3).expect("bounds and digits are in range");
        // Grows in steps from ten seconds, where nearly every run stays, to a day.
        histogram.auto(true);
        Latencies(histogram)
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, d: Duration) {
        self.record_n(d, 1);
    }

    pub(crate) fn record_n(&mut self, d: Duration, times: u64) {
        // The histogram would take a value recorded no times for its largest.
        if times == 0 {
            return;
        }
        let micros = d.min(LONGEST).as_micros().max(1) as u64;
        // Cannot fail: the histogram resizes itself, and a day in microseconds is far below its limit.
        let _ = self.0.record_n(micros, times);
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        // Cannot fail: both resize themselves.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// A statistic, or `None` when nothing was recorded.
    pub(crate) fn statistic(&self, statistic: Statistic) -> Option<Duration> {
        let micros = match statistic {
            _ if self.0.is_empty() => return None,
            Statistic::Min => self.0.min() as f64,
            Statistic::Mean => self.0.mean(),
            Statistic::Max => self.0.max() as f64,
            Statistic::Quantile(q) => self.0.value_at_quantile(q) as f64,
        };
        Some(Duration::from_secs_f64(micros / 1e6))
    }

    /// Standard deviation over mean, or `None` when nothing was recorded.
    pub(crate) fn cv(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.stdev() / self.0.mean())
    }

    /// How many were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// How many exceeded `bound`, to three digits.
    pub(crate) fn count_above(&self, bound: Duration) -> u64 {
        let micros = bound.min(LONGEST).as_micros() as u64;
        self.0.count_between(micros + 1, u64::MAX)
    }

    /// A quantile between 0 and 1, milliseconds.
    pub(crate) fn quantile_ms(&self, q: f64) -> Option<f64> {
        self.statistic(Statistic::Quantile(q)).map(millis)
    }

    /// The usual statistics, or `None` when nothing was recorded.
    pub(crate) fn summary(&self) -> Option<LatencySummary> {
        let ms = |s| self.statistic(s).map(millis);
        Some(LatencySummary {
            min: ms(Statistic::Min)?,
            mean: ms(Statistic::Mean)?,
            p50: ms(Statistic::Quantile(0.5))?,
            p90: ms(Statistic::Quantile(0.9))?,
            p95: ms(Statistic::Quantile(0.95))?,
            p99: ms(Statistic::Quantile(0.99))?,
            p999: ms(Statistic::Quantile(0.999))?,
            max: ms(Statistic::Max)?,
        })
    }
}

/// Statistics of a distribution of durations, all in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the statistics")]
pub struct LatencySummary {
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summarizes_and_survives_extremes() {
        let mut latencies = Latencies::default();
        latencies.record_n(Duration::from_secs(30), 0);
        assert_eq!(latencies.summary(), None);
        (1..=1000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        assert!(latencies.count_above(Duration::from_millis(900)).abs_diff(100) <= 1);
        assert_eq!((latencies.count_above(Duration::ZERO), latencies.count_above(Duration::MAX)), (1000, 0));
        let s = latencies.summary().expect("data");
        assert!((s.p95 - 950.0).abs() < 1.0 && (s.mean - 500.5).abs() < 1.0 && (s.min - 1.0).abs() < 0.01, "{s:?}");
        latencies.record(Duration::MAX);
        latencies.record(Duration::ZERO);
        assert!((latencies.summary().expect("data").max - 86_400_000.0).abs() < 1e5);
    }
}

//! A slow average of a station metric, for loads too small to be judged by ten seconds of arrivals.
//!
//! Decides: nothing; `metric::station` asks it whether an excess lasts.
//! Inputs: the slow window's value at each plan.
//! Method: cumulative mean at first, then an exponential one with [`MEMORY`] of memory. The step is dt / (filled + dt), a
//!   quotient, so that a replay on another machine gives the same bits.
//! Invariants: finite; feeding the same moment twice changes nothing.
//! Tested: `tests` below.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use crate::MetricName;

/// How far back the average remembers.
pub(crate) const MEMORY: Duration = Duration::from_secs(120);

/// The average of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Average {
    /// Which metric.
    pub metric: MetricName,
    /// When it was last fed.
    pub at: Time,
    /// The average, in the metric's unit.
    pub value: f64,
    /// How much time it covers, at most two minutes.
    pub filled: Duration,
}

impl Average {
    /// An average that starts with one value, which covers `window`.
    pub(crate) fn starting(metric: MetricName, at: Time, value: f64, window: Duration) -> Average {
        Average { metric, at, value, filled: window.min(MEMORY) }
    }

    /// The average after one more value at `at`. A gap longer than the memory starts it anew.
    pub(crate) fn fed(&self, at: Time, value: f64, window: Duration) -> Average {
        let step = at.since(self.at);
        if step.is_zero() {
            return self.clone();
        }
        if step > MEMORY {
            return Average::starting(self.metric.clone(), at, value, window);
        }
        let share = step.as_secs_f64() / (self.filled + step).as_secs_f64();
        let filled = (self.filled + step).min(MEMORY);
        Average { metric: self.metric.clone(), at, value: self.value + (value - self.value) * share, filled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_within_its_memory() {
        let window = Duration::from_secs(10);
        let mut avg = Average::starting(MetricName::RequestsPerSecond, Time::from_secs(0), 10.0, window);
        assert_eq!(avg.fed(Time::from_secs(0), 99.0, window), avg);
        for s in 1..=600 {
            avg = avg.fed(Time::from_secs(s), 20.0, window);
        }
        assert!((avg.value - 20.0).abs() < 0.2, "{}", avg.value);
        assert_eq!(avg.filled, MEMORY);
        assert_eq!(avg.fed(Time::from_secs(9_000), 5.0, window).value, 5.0);
    }
}

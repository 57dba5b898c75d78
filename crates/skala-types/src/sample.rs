//! What a station reports: the numbers that the autoscaler, the planner, the simulator and the console all read.
//!
//! Units: durations in seconds where a float, counts as counts over `window`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Sketch, Time};

/// A value together with when it was measured; old values are a fact, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled<T> {
    /// When the value was true.
    pub at: Time,
    /// The value.
    pub value: T,
}

impl<T> Sampled<T> {
    /// Pairs a value with its time.
    pub fn new(at: Time, value: T) -> Sampled<T> {
        Sampled { at, value }
    }

    /// How old the value is at `now`.
    pub fn age(&self, now: Time) -> Duration {
        now.since(self.at)
    }
}

/// Summary of a distribution of durations, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Number of values.
    pub count: u64,
    /// Mean, seconds.
    pub mean: f64,
    /// Median, seconds.
    pub p50: f64,
    /// 90th percentile, seconds.
    pub p90: f64,
    /// 95th percentile, seconds.
    pub p95: f64,
    /// 99th percentile, seconds.
    pub p99: f64,
}

impl Distribution {
    /// Reads the summary off a histogram; all zero when it is empty.
    pub fn of(sketch: &Sketch) -> Distribution {
        let secs = |d: Option<Duration>| d.map_or(0.0, |d| d.as_secs_f64());
        let [p50, p90, p95, p99] = sketch.quantiles([0.50, 0.90, 0.95, 0.99]).map(secs);
        Distribution { count: sketch.count(), mean: secs(sketch.mean()), p50, p90, p95, p99 }
    }
}

/// One station over one window of time.
///
/// Little's law ties the fields together: the mean of `in_flight` is about arrival rate x `service.mean`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StationSample {
    /// End of the window.
    pub at: Time,
    /// Length of the window that the counts cover.
    pub window: Duration,
    /// Requests that arrived (admitted, waiting or refused).
    pub arrivals: u64,
    /// Requests that were answered by a replica.
    pub completions: u64,
    /// Of the completions, answers with a 5xx status or a broken transfer.
    pub errors: u64,
    /// Requests turned away: waiting room full, deadline passed, or no replica to wait for.
    pub refused: u64,
    /// Answers whose first byte came later than the objective's bound; 0 without an objective.
    #[serde(default)]
    pub late: u64,
    /// Requests waiting for a server at the end of the window.
    pub waiting: u32,
    /// Requests in service at the end of the window.
    pub in_flight: u32,
    /// Time-weighted mean number of requests in service over the window.
    pub in_flight_mean: f64,
    /// Time-weighted mean number of requests waiting over the window.
    pub waiting_mean: f64,
    /// From arrival at the station to the first byte of the answer (seconds).
    pub latency: Distribution,
    /// From dispatch to a replica to the end of the answer: how long a server was held (seconds).
    pub service: Distribution,
    /// Squared coefficient of variation of the service time; none where nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_scv: Option<f64>,
    /// From arrival to dispatch (seconds).
    pub wait: Distribution,
}

impl StationSample {
    /// Arrival rate, per second; 0 over an empty window.
    pub fn arrival_rate(&self) -> f64 {
        let secs = self.window.as_secs_f64();
        if secs > 0.0 { self.arrivals as f64 / secs } else { 0.0 }
    }

    /// Requests in service and waiting, time-weighted over the window: the concurrency that demand asks for.
    pub fn demand(&self) -> f64 {
        self.in_flight_mean + self.waiting_mean
    }
}

//! What came out: per service, the promises kept, the replicas paid, the moves made, and a timeline to draw.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Distribution, ServiceName};

/// The outcome of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The seed behind every draw.
    pub seed: u64,
    /// `exact` or `fluid`.
    pub mode: String,
    /// What the mode gives up, in sentences; empty in exact mode.
    pub caveats: Vec<String>,
    /// Simulated time.
    pub duration: Duration,
    /// Time within holes of the recording: not judged.
    pub masked: Duration,
    /// Events processed; a measure of work, not of time.
    pub events: u64,
    /// Per service, in the scenario's order.
    pub services: Vec<ServiceOutcome>,
}

/// The outcome of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOutcome {
    /// Its name.
    pub name: ServiceName,
    /// Requests that came.
    pub arrivals: f64,
    /// Requests that were answered.
    pub completions: f64,
    /// Requests that ended as an error.
    pub errors: f64,
    /// Requests that were turned away.
    pub refused: f64,
    /// Requests beyond the objective's bound, refused and failed ones included; `None` without an objective.
    pub late: Option<f64>,
    /// Minutes with arrivals, outside holes.
    pub minutes: u64,
    /// Of them, minutes in which the objective's percentile (or availability) was missed; `None` without an objective.
    pub missed_minutes: Option<u64>,
    /// From arrival to the answer, seconds.
    pub latency: Distribution,
    /// From arrival to dispatch, seconds.
    pub wait: Distribution,
    /// Longest wait, seconds.
    pub worst_wait: f64,
    /// Replicas x time, from their start to their end.
    pub replica_seconds: f64,
    /// Price of that, in the currency of the platform file; `None` without a price.
    pub cost: Option<f64>,
    /// Decisions that changed the size.
    pub scale_actions: u64,
    /// Changes from growing to shrinking and back.
    pub direction_changes: u64,
    /// Mean share of servers that were busy.
    pub utilisation: f64,
    /// Fewest and most replicas ready.
    pub ready: (u32, u32),
    /// Size against need.
    pub elasticity: Elasticity,
    /// The run in at most [`Point::MOST`] points.
    pub timeline: Vec<Point>,
}

/// Size against need, by SPEC RG's measures: need is the fewest ready replicas that would have met the objective at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elasticity {
    /// Mean of max(0, need - ready) / need.
    pub under: f64,
    /// Mean of max(0, ready - need) / need.
    pub over: f64,
    /// Share of time with fewer than needed.
    pub time_under: f64,
    /// Share of time with more than needed.
    pub time_over: f64,
}

/// A stretch of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Its beginning, from the beginning of the trace.
    pub at: Duration,
    /// Its length.
    pub lasts: Duration,
    /// Requests per second that came; `None` in a hole.
    pub arrival_rate: Option<f64>,
    /// Mean number of ready replicas.
    pub ready: f64,
    /// Mean number of replicas, starting and draining ones included.
    pub replicas: f64,
    /// The size wanted at its end.
    pub desired: u32,
    /// The fewest ready replicas that would have done.
    pub need: f64,
    /// Requests waiting at its end.
    pub waiting: f64,
    /// The objective's percentile of latency (p95 without one), seconds; `None` without answers.
    pub latency: Option<f64>,
    /// Share of requests beyond the objective's bound.
    pub late: f64,
}

impl Point {
    /// The most points that a timeline has; longer runs have longer points.
    pub const MOST: usize = 2048;
}

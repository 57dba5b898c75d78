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
    /// Per queue, in the scenario's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueOutcome>,
    /// Per provider, in the scenario's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderOutcome>,
    /// Per database, in the scenario's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolOutcome>,
}

/// The outcome of one queue. Tasks that came are done, dead or still in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueOutcome {
    /// Its name.
    pub name: String,
    /// Tasks that came and were taken in.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub arrivals: f64,
    /// Tasks that were turned away because the queue was full.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub refused: f64,
    /// Tasks that are done.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub done: f64,
    /// Tasks that failed as often as they may, or were not begun or ended in time.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub dead: f64,
    /// Of them, tasks that were not begun or ended in time.
    #[serde(default, serialize_with = "crate::whole::serialize")]
    pub expired: f64,
    /// Tasks that were called off by the next occurrence of their schedule.
    #[serde(default, serialize_with = "crate::whole::serialize")]
    pub cancelled: f64,
    /// Tasks that are still ready, worked on, not yet due, or parked by a budget.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub left: f64,
    /// Attempts that began.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub attempts: f64,
    /// Attempts that failed by themselves, by a timeout, by what they called, or with their replica.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub failures: f64,
    /// Of them, attempts that took too long.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub timeouts: f64,
    /// Of them, attempts whose provider had no quota left.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub limited: f64,
    /// From a task's falling due to its first attempt, seconds.
    pub wait: Distribution,
    /// From a task's falling due to its end, pauses included, seconds.
    pub latency: Distribution,
    /// Longest of the waits, seconds.
    pub worst_wait: f64,
    /// First attempts that began later than the objective allows; `None` without one.
    #[serde(serialize_with = "crate::whole::optional")]
    pub late: Option<f64>,
    /// Mean number of ready tasks.
    pub mean_ready: f64,
    /// Mean number of tasks that are worked on.
    pub mean_leased: f64,
    /// Most ready tasks.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub most_ready: f64,
    /// Highest age that the oldest ready task had, seconds.
    pub oldest_age: f64,
    /// Mean share of places for tasks that were busy.
    pub utilisation: f64,
}

/// The outcome of one provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderOutcome {
    /// Its name.
    pub name: String,
    /// Tries that reached it, throttled ones included.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub tries: f64,
    /// Tries that it took on.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub requests: f64,
    /// Tries that it sent back for want of quota (429).
    #[serde(serialize_with = "crate::whole::serialize")]
    pub throttled: f64,
    /// Tries that met an outage.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub errors: f64,
    /// Share of tries that were throttled.
    pub throttled_share: f64,
    /// Tokens read and written.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub tokens: f64,
    /// Requests granted over requests that the quota allows; `None` without a quota.
    pub request_utilisation: Option<f64>,
    /// Tokens used over tokens that the quota allows; `None` without a quota.
    pub token_utilisation: Option<f64>,
    /// Mean number of requests that it worked on.
    pub mean_in_flight: f64,
}

/// The outcome of one database's connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolOutcome {
    /// Its name.
    pub name: String,
    /// Connections in all.
    pub connections: u32,
    /// Times that one was taken.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub uses: f64,
    /// Mean share of connections in use.
    pub utilisation: f64,
    /// Most in use at once.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub most_used: f64,
    /// Wait for a connection, seconds.
    pub wait: Distribution,
    /// Mean number of requests and tasks that wait for one.
    pub mean_waiting: f64,
}

/// The outcome of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOutcome {
    /// Its name.
    pub name: ServiceName,
    /// Requests that came.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub arrivals: f64,
    /// Requests that were answered.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub completions: f64,
    /// Requests that ended as an error.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub errors: f64,
    /// Requests that were turned away.
    #[serde(serialize_with = "crate::whole::serialize")]
    pub refused: f64,
    /// Requests beyond the objective's bound, refused and failed ones included; `None` without an objective.
    #[serde(serialize_with = "crate::whole::optional")]
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

//! What a replica can do, as measured or estimated: the planner's and the simulator's inputs.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::map_by_name;
use crate::scalar::{Dur, Positive};

/// What the platform is expected to carry, and what its parts can do. `skala plan` and `skala simulate` read it; `skala load --find-knee`
/// measures and writes `services`. Nothing of it changes how the platform runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Capacity {
    /// What one replica of a service can do, by service. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<ServiceCapacity>")]
    pub services: IndexMap<ServiceName, ServiceCapacity>,
}

/// What one replica can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceCapacity {
    /// How long a replica works on one request: `{mean: 80ms, cv: 1.2}`. Default: 100ms, cv 1, and a remark. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_time: Option<Times>,
    /// How long a request takes by its tokens, instead of `serviceTime`; for traces with tokens. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_times: Option<TokenTimes>,
    /// From a replica's start until it is ready: `{mean: 20s, cv: 0.2}`. Default: 10s, always. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_up: Option<Times>,
    /// Requests (or tasks) per second that one replica sustains within its objective. Default: from `serviceTime` and `concurrency`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput_per_replica: Option<Positive>,
    /// How throughput grows with replicas, by the Universal Scalability Law. Default: in proportion. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalability: Option<Scalability>,
}

/// A distribution of durations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Times {
    /// Mean. Reload: live.
    pub mean: Dur,
    /// Standard deviation over mean, 0 to 100; 0 is constant, 1 about exponential. Default: 1 for `serviceTime`, 0 for `startUp`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cv: Option<f64>,
}

/// Durations by tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenTimes {
    /// Time of every request, whatever its tokens. Reload: live.
    #[serde(default = "no_time")]
    pub base: Dur,
    /// Tokens of a prompt that are read per second (prefill). Reload: live.
    pub prefill_per_second: Positive,
    /// Tokens of an answer that are written per second to one request (decode). Reload: live.
    pub decode_per_second: Positive,
    /// Standard deviation over mean of what tokens do not explain, 0 to 100. Reload: live.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cv: f64,
}

/// The Universal Scalability Law (Gunther): throughput of N replicas is `perReplica x N / (1 + contention (N-1) + coherency N (N-1))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scalability {
    /// Throughput of one replica, per second (gamma). Reload: live.
    pub per_replica: Positive,
    /// Share of work that only one can do at a time (alpha), 0 to 1. Reload: live.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub contention: f64,
    /// Cost of keeping two replicas in agreement (beta), 0 to 1. Reload: live.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub coherency: f64,
}

fn no_time() -> Dur {
    Dur::secs(0)
}

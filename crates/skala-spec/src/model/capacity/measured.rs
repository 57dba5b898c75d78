//! What a replica can do, as measured or estimated, and what a service needs per load.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Calls;
use crate::model::names::dns_label as label;
use crate::model::names::map_by_name;
use crate::scalar::{Amount, Dur, Percent, Positive, Size};

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
    /// What one request or task calls: `{providers: {openai: {perRequest: 1}}, databases: {main: {time: 5ms}}}`. Default: nothing. Reload: live.
    #[serde(skip_serializing_if = "nothing_called")]
    pub calls: Calls,
    /// From a replica's start until it is ready: `{mean: 20s, cv: 0.2}`. Default: 10s, always. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_up: Option<Times>,
    /// Requests (or tasks) per second that one replica sustains within its objective. Default: from `serviceTime` and `concurrency`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput_per_replica: Option<Positive>,
    /// How throughput grows with replicas, by the Universal Scalability Law. Default: in proportion. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalability: Option<Scalability>,
    /// One replica per this much of a load, by load: `{requests: 100/s}`; of several the largest need counts. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Amount>")]
    pub replica_per: IndexMap<String, Amount>,
    /// One core per this much of a load: `{requests: 500/s}`; replicas follow from `resources.requests.cpu`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Amount>")]
    pub core_per: IndexMap<String, Amount>,
    /// Memory for each one of a load: `{connections: 100MB}`; replicas follow from `resources.limits.memory`, or the request. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Size>")]
    pub memory_per: IndexMap<String, Size>,
    /// Fewest replicas of a plan, 0 to 1000. Default: `autoscaling.minReplicas`, or `replicas`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub min_replicas: Option<u32>,
    /// The load that comes to this service, a rate: what `throughputPerReplica` and `serviceTime` are held against. Default: the first rate of
    /// `replicaPer` or `corePer`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label")]
    pub load: Option<String>,
    /// The part of `load` that comes to this service, above 0%; above 100% when one call becomes several. Default: 100%. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Percent>,
    /// Replicas below which the service counts as down, for the expected availability, 1 to 1000. Default: 1. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: Option<u32>,
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

impl Times {
    /// Nine in ten take no longer (normal approximation); at most an hour. None where the spread is no number.
    pub(crate) fn nine_in_ten(&self) -> Option<Duration> {
        let cv = self.cv.unwrap_or(0.0);
        let seconds = self.mean.get().as_secs_f64() * (1.0 + 1.281_552 * cv);
        (cv >= 0.0 && seconds.is_finite()).then(|| Duration::from_secs_f64(seconds.min(3600.0)))
    }
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

fn nothing_called(calls: &Calls) -> bool {
    *calls == Calls::default()
}

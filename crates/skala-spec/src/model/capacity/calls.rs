//! What requests and tasks take of queues, providers and databases, for the simulator.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::{Times, TokenTimes};
use crate::model::Retry;
use crate::model::names::map_by_name;
use crate::scalar::{Dur, Percent, Positive};

/// The tasks of a queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueCapacity {
    /// How long a replica works on a task, beside the providers it calls: `{mean: 20s, cv: 1}`. Default: `serviceTime` of the service that
    /// works on it, and a remark. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_time: Option<Times>,
    /// The part of a trace's arrivals that are tasks of this queue instead of requests, 0% to 100%. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Percent>,
    /// Tasks that each answered request of a service makes, on average: `{api: 0.2}`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Positive>")]
    pub made_by: IndexMap<ServiceName, Positive>,
    /// How long after it came a task falls due. Default: at once. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Dur>,
    /// The part of attempts that fail by themselves, 0% to 100%. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<Percent>,
}

/// What a provider can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProviderCapacity {
    /// How long it takes by the tokens of a call. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_times: Option<TokenTimes>,
    /// How long it takes, where tokens say nothing. Default: 1s, cv 1, and a remark. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Times>,
    /// Calls that it works on at once, at least 1. Default: no bound. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: Option<u32>,
    /// How much of its quotas may be used at once after a pause, as time, above 0 to 1m. Default: 10s. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Dur>,
}

/// What one request or task of a service calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Calls {
    /// By name of the provider: their time comes on top of the service time. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<ProviderCalls>")]
    pub providers: IndexMap<String, ProviderCalls>,
    /// By name of the database: a connection is held for a part of the service time. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<DatabaseCalls>")]
    pub databases: IndexMap<String, DatabaseCalls>,
}

/// Calls of a provider, one after another. A call that finds no quota waits for `Retry-After` and its pause, holding its server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProviderCalls {
    /// Calls of each request on average, above 0 to 1000. Reload: live.
    pub per_request: f64,
    /// Tokens of a prompt where the trace says nothing. Reload: live.
    pub input_tokens: u32,
    /// Tokens of an answer where the trace says nothing. Reload: live.
    pub output_tokens: u32,
    /// Tokens of an answer that are reserved, and given back in part when it is there. Default: those of the answer. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Pauses between tries of one call, and how many there are; `{attempts: 1}` leaves a task's retries to its queue. Default: 1s to 30s, 3
    /// tries. Reload: live.
    pub retry: Retry,
}

impl Default for ProviderCalls {
    fn default() -> ProviderCalls {
        let retry = Retry { initial: Dur::secs(1), max: Dur::secs(30), attempts: 3 };
        ProviderCalls { per_request: 1.0, input_tokens: 0, output_tokens: 0, max_output_tokens: None, retry }
    }
}

/// Use of a database's connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseCalls {
    /// How long a request holds a connection, within its service time. Reload: live.
    pub time: Dur,
    /// Standard deviation over mean of `time`, 0 to 100; 0 is constant. Reload: live.
    #[serde(default = "exponential")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub cv: f64,
}

fn exponential() -> f64 {
    1.0
}

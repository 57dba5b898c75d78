//! Queues of tasks, and schedules that fill them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::dns_label;
use crate::scalar::{Cron, Dur, Positive, ZoneName};

/// A queue of tasks that the replicas of a service work on. `check`, `plan` and `simulate` know it; this release does not run queues yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Who works on a task: each is a POST to a replica. Reload: live.
    pub deliver: Deliver,
    /// Tasks of this queue that one replica works on at once, 1 to 1000. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency_per_replica: u32,
    /// Tasks, ready, worked on or due soon, per replica that the service scales to. Default: `concurrencyPerReplica` where the service has
    /// nothing else to scale by; else the queue proposes nothing. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_per_replica: Option<Positive>,
    /// Longest time of one attempt, above 0; then it counts as failed and its place is free. Reload: live.
    #[serde(default = "ten_minutes")]
    pub timeout: Dur,
    /// When a failed attempt is made again. Reload: live.
    #[serde(default)]
    pub retry: Retry,
    /// How long the key of a task keeps a second one of the same key out. Default: keys are not looked at. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Dur>,
    /// Most tasks in the queue, 1 to 10000000; more are refused. Reload: live.
    #[serde(default = "a_million")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_tasks: u32,
}

/// Who works on a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deliver {
    /// The service. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub service: ServiceName,
    /// Path of the POST, beginning with `/`. Reload: live.
    #[serde(default = "root")]
    pub path: String,
}

/// Pauses between attempts. They double from `initial` to `max`, with up to half on top by chance, never below `initial` or above `max`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// The first pause, above 0; the longest Retry-After of a provider is waited for anyway. Reload: live.
    pub initial: Dur,
    /// The longest pause, at least `initial`. Reload: live.
    pub max: Dur,
    /// Attempts in all, 1 to 100; after the last the task is a dead letter. Reload: live.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { initial: Dur::secs(1), max: Dur::secs(300), attempts: 5 }
    }
}

/// Tasks by the clock. `check`, `plan` and `simulate` know it; this release does not run schedules yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// When: five cron fields, such as `0 2 * * *`. Reload: live.
    pub cron: Cron,
    /// The IANA time zone in which they are read. A time that a change of clocks leaves out happens right after it, one that comes twice
    /// happens once. Reload: live.
    #[serde(default)]
    pub timezone: ZoneName,
    /// The queue that gets the tasks. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub queue: String,
    /// What becomes of times that pass while skala is away. Reload: live.
    #[serde(default)]
    pub misfire: Misfire,
    /// Tasks each time, 1 to 1000000. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tasks: u32,
}

/// What becomes of missed times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Misfire {
    /// One for all of them, as soon as skala is back.
    #[default]
    Once,
    /// They are lost.
    Skip,
    /// Each is made up for.
    All,
}

fn one() -> u32 {
    1
}

fn a_million() -> u32 {
    1_000_000
}

fn ten_minutes() -> Dur {
    Dur::secs(600)
}

fn root() -> String {
    "/".to_owned()
}

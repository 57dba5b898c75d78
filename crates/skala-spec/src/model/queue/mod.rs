//! Queues of tasks, schedules that fill them, and the server that keeps both.
//!
//! Decides: the grammar of `queues`, `schedules` and `tasks`.
//! Tested: `tests/it/queues.rs`, `tests/it/schedules.rs`.

mod deliver;
mod limits;
mod money;
mod retry;
mod schedule;
mod tasks;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use deliver::{Celery, CeleryPool, Deliver, Way};
pub use limits::{QueueAlarm, QueueDurability, RateLimit, ResultsKept};
pub use money::{QueueBudget, QueueBudgets};
pub use retry::{Retry, TaskRetry};
pub use schedule::{HttpMethod, HttpTarget, Misfire, MisfireAll, MisfireWord, Overlap, Schedule, Timing};
pub use tasks::TaskServer;

use crate::scalar::{Dur, Positive, Price, Size};

/// A queue of tasks. It is a station: it lets tasks wait, bounds what is worked on at once, and tells the autoscaler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Who works on a task, and how it gets there: `{service: worker, path: /tasks/ingest}` is a POST to a replica, `{service: worker}` lets
    /// the replicas take tasks themselves, `{command: [python, -m, job]}` runs a process per task, and `celery:` beside a service says that
    /// its workers take them from a Celery broker. Reload: live.
    pub deliver: Deliver,
    /// Tasks of this queue that one replica works on at once, 1 to 1000. Raise it where tasks mostly wait, as for an LLM; leave 1 for
    /// agents, and take the number of cores for computing. Of Celery workers it is their `--concurrency`. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency_per_replica: u32,
    /// Tasks that are worked on at once over all replicas, 1 to 100000. A command needs it. Default: no bound. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency: Option<u32>,
    /// The same for the tasks of each tenant, 1 to 100000, so that one tenant's flood leaves room for the others. Default: no bound.
    /// Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency_per_tenant: Option<u32>,
    /// Attempts that begin per second, over all replicas: `{perSecond: 10, burst: 20}`. Set it to what the tasks' provider allows.
    /// Default: no bound. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// The same for the tasks of each tenant. Default: no bound. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_tenant: Option<RateLimit>,
    /// Tasks, ready, worked on or due soon, per replica that the service scales to. Default: `concurrencyPerReplica` where the service has
    /// nothing else to scale by; else the queue proposes nothing, but still wakes the service from zero. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_per_replica: Option<Positive>,
    /// Longest time of one attempt, above 0 to 30d; then its worker is told to stop. Reload: live, for attempts that begin.
    #[serde(default = "ten_minutes")]
    pub timeout: Dur,
    /// From telling an attempt to stop to ending it by force, 0s to 1h; then it counts as failed and its place is free. Reload: live.
    #[serde(default = "ten_seconds")]
    pub grace: Dur,
    /// How long a worker may be silent before its task is given to another, 1s to 1h. skala renews the lease of what it delivers itself;
    /// a replica that takes its tasks renews it by the lease API. Reload: live, for leases that begin.
    #[serde(default = "thirty_seconds")]
    pub lease: Dur,
    /// Longest time from falling due to the first attempt, above 0; beyond it the task is a dead letter. Set it where late work is
    /// worthless. Default: it waits for ever. Reload: live, for new tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_within: Option<Dur>,
    /// Longest time from falling due to the end, all attempts and pauses included; beyond it no attempt begins and the task is a dead
    /// letter. Default: no bound. Reload: live, for new tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_within: Option<Dur>,
    /// When a failed attempt is made again, and how often. Reload: live.
    #[serde(default)]
    pub retry: TaskRetry,
    /// How long the key of a task keeps a second one of the same key and tenant out, up to 30d: the second enqueue gets the first task. 0s:
    /// keys are not looked at. Reload: live, for new tasks.
    #[serde(default = "a_day")]
    pub idempotency: Dur,
    /// Priority of tasks that state none, 0 to 10; 10 is served first. Reload: live, for new tasks.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub priority: u8,
    /// A task that is ready gains one priority per such time, so that low ones do not starve; 0s: never. Reload: live.
    #[serde(default = "a_minute")]
    pub aging: Dur,
    /// Shares of tenants within a priority, 1 to 1000; a tenant not named has 1: `{acme: 3}`. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "weights")]
    pub weights: IndexMap<String, u32>,
    /// How long finished tasks and their results are kept. Reload: live, for tasks that finish.
    #[serde(default)]
    pub results: ResultsKept,
    /// What an acknowledged task survives: a crash of the machine (`fsync`), of skala (`os`), or neither (`memory`). Reload: live, for
    /// what is written from then on.
    #[serde(default)]
    pub durability: QueueDurability,
    /// Most tasks in the queue that have not ended, 1 to 10000000; more are refused with 429. Reload: live.
    #[serde(default = "a_million")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_tasks: u32,
    /// Longest body of a task, 1Ki to 64Mi; more is refused with 413. Put large things elsewhere and pass their address. Reload: live.
    #[serde(default = "a_mebibyte")]
    pub max_body: Size,
    /// What an attempt is taken to cost, for `budget`: `0.002 EUR`. A worker may report what it did cost. Default: nothing. Reload: live,
    /// for new tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Price>,
    /// Most that its tasks may cost in an hour, day or month (UTC): `5 EUR/day`, or `{queue: 30 EUR/h, tenant: 5 EUR/day}`. Tasks beyond it are
    /// parked until the window ends; none fails. Default: no bound. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<QueueBudget>,
    /// Sizes from which the queue is a matter for people: `{length: 100, age: 5m}` raises an event and a metric. Default: never. Reload: live.
    #[serde(default)]
    pub alarm: QueueAlarm,
}

/// Schema of the shares: any tenant, a whole number.
fn weights(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 1000}})
}

fn one() -> u32 {
    1
}

fn a_million() -> u32 {
    1_000_000
}

fn ten_seconds() -> Dur {
    Dur::secs(10)
}

fn thirty_seconds() -> Dur {
    Dur::secs(30)
}

fn a_minute() -> Dur {
    Dur::secs(60)
}

fn ten_minutes() -> Dur {
    Dur::secs(600)
}

fn a_day() -> Dur {
    Dur::secs(86_400)
}

fn a_mebibyte() -> Size {
    Size::mebibytes(1)
}

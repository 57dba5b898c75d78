//! What a queue promises and allows.
//!
//! Units: durations; rates per second; money in micros of the platform's one currency.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Text;

use crate::Cause;

/// Lowest and highest priority: 10 is served before 9.
pub const PRIORITIES: std::ops::RangeInclusive<u8> = 0..=10;
/// Most tasks that are enqueued, taken or answered at once.
pub const MOST_AT_ONCE: usize = 128;
/// Most keys that a queue remembers; keyed tasks beyond are refused until windows end.
pub const MOST_KEYS: usize = 1_000_000;
/// Most tasks that a task waits for.
pub const MOST_PARENTS: usize = 1024;
/// Most tasks that wait for the same one.
pub const MOST_CHILDREN: usize = 10_000;
/// Longest key, name of a tenant, or progress, in bytes.
pub const LONGEST_NAME: usize = 512;
/// Longest path of a request, query included, in bytes.
pub const LONGEST_PATH: usize = 16 << 10;
/// Bytes of the headers that a task carries, names and values together.
pub const MOST_HEADER_BYTES: usize = 32 << 10;
/// Longest attempt.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);

/// One queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Its name.
    pub name: Text,
    /// How long a lease holds without being extended.
    pub lease: Duration,
    /// Longest attempt; then the worker is told to stop.
    pub timeout: Duration,
    /// How much longer an attempt may take to stop; then it counts as failed, whatever its worker does.
    pub grace: Duration,
    /// Longest time from falling due to the first attempt; none: for ever.
    pub start_within: Option<Duration>,
    /// Longest time from falling due to the end, all attempts and pauses included.
    pub finish_within: Option<Duration>,
    /// When a failed attempt is made again.
    pub retry: Retry,
    /// How long an idempotency key holds, from the enqueue on.
    pub idempotency: Duration,
    /// Tasks that are worked on at once, over all instances.
    pub concurrency: Option<u32>,
    /// The same for each tenant.
    pub per_tenant: Option<u32>,
    /// The same for each instance.
    pub per_instance: Option<u32>,
    /// Attempts that begin.
    pub rate: Option<Rate>,
    /// The same for each tenant.
    pub tenant_rate: Option<Rate>,
    /// Priority of tasks that state none.
    pub priority: u8,
    /// A ready task gains one priority per such time; zero: never.
    pub aging: Duration,
    /// Shares of tenants within a priority; 1 for those not named.
    pub weights: BTreeMap<Text, u32>,
    /// How long results are kept.
    pub results: Keep,
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// Most tasks that are not finished; more are refused.
    pub max_tasks: usize,
    /// Longest body, in bytes.
    pub max_body: usize,
    /// Cost of a task that states none, in micros.
    pub cost: u64,
    /// Ceilings on what its tasks cost.
    pub ceilings: Vec<Ceiling>,
    /// Ceilings on what the tasks of single schedules cost, by the schedule's name, beside the others.
    pub schedule_ceilings: BTreeMap<Text, Ceiling>,
    /// When to alarm.
    pub alarm: Alarm,
}

/// When a failed attempt is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first pause. They double; up to half is added by chance.
    pub initial: Duration,
    /// The longest pause, chance included; a provider's Retry-After may be longer.
    pub max: Duration,
    /// Attempts in all; after the last the task is a dead letter.
    pub attempts: u32,
    /// Leases that may be lost, by crashes and kills; at one more the task is a dead letter, for it may be what kills.
    pub losses: u32,
}

/// At most so many in a time, evenly, with a burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Per second, above zero.
    pub per_second: f64,
    /// So many may come at once, at least 1.
    pub burst: u32,
}

/// How long finished tasks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Those that are done or cancelled.
    pub done: Duration,
    /// Dead letters.
    pub dead: Duration,
    /// Most finished tasks of the queue; the oldest go first.
    pub most: usize,
}

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// Nothing: it is kept in memory alone.
    Memory,
    /// A crash of skala.
    Os,
    /// A crash of the machine.
    #[default]
    Fsync,
}

/// Money per window, for all tasks of a queue, each tenant, or each schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose tasks are summed.
    pub of: CeilingOf,
    /// Micros in a window.
    pub micros: u64,
    /// The window, by the calendar in UTC.
    pub per: Per,
}

/// Whose tasks a ceiling sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CeilingOf {
    /// All of the queue.
    Queue,
    /// Each tenant's, by itself.
    Tenant,
    /// Each schedule's, by itself.
    Schedule,
}

/// A calendar window in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Per {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

/// Thresholds that raise an event and a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// Tasks that are ready or worked on.
    pub length: Option<u64>,
    /// Age of the oldest ready task.
    pub age: Option<Duration>,
}

impl QueueSettings {
    /// A queue with every default.
    pub fn new(name: impl Into<Text>) -> QueueSettings {
        QueueSettings {
            name: name.into(),
            lease: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
            grace: Duration::from_secs(10),
            start_within: None,
            finish_within: None,
            retry: Retry { initial: Duration::from_secs(1), max: Duration::from_secs(300), attempts: 5, losses: 3 },
            idempotency: Duration::from_secs(24 * 3600),
            concurrency: None,
            per_tenant: None,
            per_instance: None,
            rate: None,
            tenant_rate: None,
            priority: 0,
            aging: Duration::from_secs(60),
            weights: BTreeMap::new(),
            results: Keep { done: Duration::from_secs(24 * 3600), dead: Duration::from_secs(14 * 24 * 3600), most: 1_000_000 },
            durability: Durability::Fsync,
            max_tasks: 1_000_000,
            max_body: 1 << 20,
            cost: 0,
            ceilings: Vec::new(),
            schedule_ceilings: BTreeMap::new(),
            alarm: Alarm::default(),
        }
    }
}

impl Keep {
    /// How long a task that ended like this is kept.
    pub fn of(&self, cause: Option<Cause>) -> Duration {
        if cause.is_some() { self.dead } else { self.done }
    }
}

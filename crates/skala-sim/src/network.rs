//! What stands beside the services: queues with schedules, providers with quotas, databases with connections, and who uses them.
//!
//! Units: durations in `Duration` or seconds, quotas per minute, tokens as numbers of tokens.
//! Method: `stations` runs them in exact mode, `fluid::network` in steps.
//! Tested: `tests/it/stations.rs`.

use std::time::Duration;

use skala_autoscaler::Quantile;
use skala_queue::schedule::ScheduleSettings;
use skala_queue::{LONGEST_TIMEOUT, MOST_AT_ONCE, QueueSettings, Retry};
use skala_types::Text;

use crate::{Dist, Scenario, SimError};

/// Everything beside the services. Empty, it costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Queues, each delivered to a service.
    pub queues: Vec<TaskQueue>,
    /// What puts tasks into queues by the clock.
    pub schedules: Vec<Schedule>,
    /// Providers with quotas.
    pub providers: Vec<Provider>,
    /// Databases with a bounded number of connections.
    pub pools: Vec<Pool>,
    /// What a request or task of a service calls, by the service's index; services beyond the end call nothing.
    pub calls: Vec<Calls>,
}

/// A queue of the live task core, and what a simulation knows beside it. A queue without `per_instance` is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskQueue {
    /// What it promises and allows, as the live core has it. Its name is also that of the signal that the autoscaler sees.
    pub settings: QueueSettings,
    /// Index of the service whose replicas work on it.
    pub service: usize,
    /// Whether a task holds one of its replica's servers, as tasks that are pushed do; those of workers that ask for them hold none.
    pub holds_server: bool,
    /// Its share of the trace's arrivals, 0 to 1.
    pub share: f64,
    /// Services whose answered requests make tasks, by index, with how many each makes on average.
    pub produced_by: Vec<(usize, f64)>,
    /// How long a replica works on a task, beside what it calls.
    pub task_time: Dist,
    /// A task falls due so long after it came.
    pub delay: Duration,
    /// Share of attempts that fail by themselves, 0 to 1.
    pub failures: f64,
    /// Which share of first attempts begins within which time of falling due.
    pub objective: Option<(Quantile, Duration)>,
}

impl TaskQueue {
    /// Tasks of this queue that one replica works on at once.
    pub(crate) fn per_replica(&self) -> u32 {
        self.settings.per_instance.unwrap_or(0)
    }
}

/// Tasks by the clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name, when it fires and by which rules, as the live scheduler has them.
    pub settings: ScheduleSettings,
    /// Index of the queue.
    pub queue: usize,
    /// Tasks each time.
    pub tasks: u32,
    /// Whose tasks they are; empty: nobody's.
    pub tenant: Text,
}

/// An API with quotas.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Requests per minute that it grants.
    pub requests_per_minute: Option<f64>,
    /// Tokens per minute that it grants, reserved as prompt and longest answer, given back in part when the answer is there.
    pub tokens_per_minute: Option<f64>,
    /// Seconds of quota that may be used at once after a pause, > 0.
    pub burst: f64,
    /// Requests that it works on at once.
    pub in_flight: Option<u32>,
    /// How long it takes by the tokens of a request.
    pub time: Dist,
}

/// A database.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Connections for all services together, >= 1.
    pub connections: u32,
}

/// What one request or task calls, in this order: databases, providers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    /// Databases.
    pub pools: Vec<PoolCall>,
    /// Providers.
    pub providers: Vec<ProviderCall>,
}

/// The part of a service time during which a connection is held.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolCall {
    /// Index of the pool.
    pub pool: usize,
    /// How long; no more than what is left of the service time. A wait for the connection comes on top, and the server is held meanwhile.
    pub time: Dist,
}

/// Calls of a provider; their time comes on top of the service time.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderCall {
    /// Index of the provider.
    pub provider: usize,
    /// Calls of each request on average, one after another.
    pub per_request: f64,
    /// Tokens of a prompt and of an answer where the trace says nothing.
    pub tokens: (u32, u32),
    /// Tokens of an answer that are reserved, never fewer than the answer has.
    pub max_output: u32,
    /// Tries of one call before the request or the attempt fails, >= 1, and the pauses between them, as a queue has them; one attempt
    /// leaves a task's retries to its queue.
    pub retry: Retry,
}

impl Network {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.calls.iter().all(Calls::is_empty)
    }
}

impl Calls {
    /// Whether nothing is called.
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.providers.is_empty()
    }
}

/// Most queues, schedules, providers or pools of a scenario.
const MOST: usize = 10_000;

/// The shortest timeout.
const MILLI: Duration = Duration::from_millis(1);

/// Most tasks in all queues at once.
const MOST_TASKS: u64 = 100_000_000;

/// Refuses what would make a run meaningless.
pub(crate) fn check(scenario: &Scenario) -> Result<(), SimError> {
    let network = &scenario.network;
    let counts = [network.queues.len(), network.schedules.len(), network.providers.len(), network.pools.len()];
    if counts.iter().any(|n| *n > MOST) || network.calls.len() > scenario.services.len() {
        return refuse("network", "has at most 10000 of a kind, and calls of no more services than there are");
    }
    if network.queues.iter().map(|q| (q.settings.max_tasks as u64).min(MOST_TASKS + 1)).sum::<u64>() > MOST_TASKS {
        return refuse("queues", "hold at most 100 million tasks together: lower their bounds");
    }
    network.queues.iter().try_for_each(|queue| check_queue(queue, scenario.services.len()))?;
    let mut names: Vec<&str> = network.queues.iter().map(|q| q.settings.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("queues", "have names of their own");
    }
    for schedule in &network.schedules {
        if schedule.queue >= network.queues.len() || schedule.tasks as usize > MOST_AT_ONCE {
            let reason = "names a queue, and makes at most 128 tasks at a time";
            return refuse(&format!("schedules.{}", schedule.settings.name), reason);
        }
    }
    network.providers.iter().try_for_each(check_provider)?;
    if let Some(pool) = network.pools.iter().find(|p| p.connections == 0) {
        return refuse(&format!("databases.{}.maxConnections", pool.name), "leaves no connection");
    }
    network.calls.iter().try_for_each(|calls| check_calls(calls, network))
}

fn check_queue(queue: &TaskQueue, services: usize) -> Result<(), SimError> {
    let at = format!("queues.{}", queue.settings.name);
    let share = |x: &f64| (0.0..=1.0).contains(x);
    let sound = queue.service < services && queue.produced_by.iter().all(|(s, n)| *s < services && (0.0..=1e6).contains(n));
    if !sound {
        return refuse(&at, "names services of the scenario, with at most a million tasks per request");
    }
    if !share(&queue.share) || !share(&queue.failures) {
        return refuse(&at, "has shares between 0 and 1");
    }
    let QueueSettings { retry, timeout, .. } = &queue.settings;
    if queue.per_replica() == 0 || retry.attempts == 0 || !(MILLI..=LONGEST_TIMEOUT).contains(timeout) {
        return refuse(&at, "works on at least one task per replica, with at least one attempt and a timeout of 1 ms to a day");
    }
    check_retry(retry, &at)
}

fn check_provider(provider: &Provider) -> Result<(), SimError> {
    let at = format!("providers.{}", provider.name);
    let above = |x: f64| x.is_finite() && x > 0.0;
    let quotas = [provider.requests_per_minute, provider.tokens_per_minute];
    if !quotas.into_iter().flatten().all(above) || !above(provider.burst) || provider.in_flight == Some(0) {
        return refuse(&at, "has quotas, a burst and a bound in flight above 0");
    }
    crate::draw::Draw::try_new(&provider.time, &format!("{at}.tokenTimes")).map(|_| ())
}

fn check_calls(calls: &Calls, network: &Network) -> Result<(), SimError> {
    for call in &calls.pools {
        if call.pool >= network.pools.len() {
            return refuse("calls.databases", "names a database of the scenario");
        }
        crate::draw::Draw::try_new(&call.time, "calls.databases.time")?;
    }
    for call in &calls.providers {
        if call.provider >= network.providers.len() || !(0.0..=1000.0).contains(&call.per_request) || call.retry.attempts == 0 {
            return refuse("calls.providers", "names a provider, with at most 1000 calls per request and at least one try");
        }
        check_retry(&call.retry, "calls.providers")?;
    }
    Ok(())
}

fn check_retry(retry: &Retry, at: &str) -> Result<(), SimError> {
    if retry.initial.is_zero() || retry.max < retry.initial {
        return refuse(&format!("{at}.retry"), "begins above 0 and ends no shorter than it begins");
    }
    Ok(())
}

fn refuse(field: &str, reason: &str) -> Result<(), SimError> {
    Err(SimError::Setting { field: field.into(), reason: reason.into() })
}

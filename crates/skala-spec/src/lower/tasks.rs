//! Queues and schedules as the task server takes them.
//!
//! Method: every queue of the file, and behind them one per service that schedules call over HTTP, named `schedules.SERVICE`: no queue of
//!   the file can have a `.` in its name.
//! Tested: `tests/it/queues.rs`, `tests/it/schedules.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use skala_queue::schedule::{Misfire, Overlap, ScheduleSettings, Timetable, TimetableError};
use skala_queue::{Alarm, Ceiling, CeilingOf, Durability, Keep, Per, QueueSettings, Rate, Retry};
use skala_types::{ServiceName, Text};

use crate::model::{self, HttpTarget, Platform, Queue, QueueDurability, Schedule, Way};
use crate::scalar::{self, EnvValue, Secret, Spend};

/// Nanos of money per micro.
const NANOS: u64 = 1000;
/// Requests of schedules that one service answers at once.
const HTTP_AT_ONCE: u32 = 100;

/// A queue, and how its tasks get to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskQueue {
    /// What it promises and allows; its name is there.
    pub settings: QueueSettings,
    /// How its tasks get to a worker.
    pub delivery: Delivery,
    /// A queue of a Celery broker whose tasks are taken over into this one, which pushes them.
    pub bridged: Option<CeleryQueue>,
    /// It is not in the file: schedules call services through it.
    pub hidden: bool,
}

/// How tasks get to a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// A POST per task to a replica.
    Push {
        /// Whose.
        service: ServiceName,
        /// Where, unless the task says otherwise.
        path: String,
    },
    /// Replicas take tasks by the lease API.
    Pull {
        /// Whose.
        service: ServiceName,
    },
    /// A process per task.
    Command {
        /// Program and arguments.
        words: Vec<String>,
    },
    /// Replicas are workers of a Celery broker; skala watches the queue there and holds none of its tasks.
    Celery {
        /// Whose.
        service: ServiceName,
        /// The broker and what was said about it.
        celery: CeleryQueue,
    },
}

/// A queue in a Celery broker.
#[derive(Clone, Debug, PartialEq)]
pub struct CeleryQueue {
    /// URL of the broker.
    pub broker: Secret,
    /// The queue's name there.
    pub queue: String,
    /// URL of the result backend.
    pub results: Option<Secret>,
    /// The app's `visibility_timeout`.
    pub visibility_timeout: Duration,
    /// Fewest and most processes of a worker's pool, when skala sizes it.
    pub pool: Option<(u32, u32)>,
    /// Whether running tasks are kept from running twice.
    pub heartbeat: bool,
    /// The app's `global_keyprefix`.
    pub key_prefix: String,
    /// The app's `priority_steps`.
    pub priority_steps: Vec<u8>,
}

/// A schedule.
#[derive(Clone, Debug)]
pub struct TaskSchedule {
    /// Its name, when it fires, and by which rules.
    pub settings: ScheduleSettings,
    /// The queue that gets the tasks; the hidden one of the service for a request.
    pub queue: Text,
    /// The request, for one to a service.
    pub request: Option<ScheduledRequest>,
    /// Body of each task.
    pub body: Value,
    /// Whose tasks they are; empty: nobody's.
    pub tenant: Text,
    /// Tasks each time.
    pub tasks: u32,
    /// Most that its tasks may cost; also among the queue's [`QueueSettings::schedule_ceilings`].
    pub budget: Option<Ceiling>,
}

/// A request that a schedule makes.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledRequest {
    /// To which service.
    pub service: ServiceName,
    /// Method.
    pub method: &'static str,
    /// Path with its query.
    pub path: String,
    /// Headers; values may be secret.
    pub headers: BTreeMap<String, EnvValue>,
    /// Whether it has a body.
    pub with_body: bool,
    /// Longest attempt.
    pub timeout: Duration,
}

impl Platform {
    /// Whether there is anything for the task server to do.
    pub fn has_tasks(&self) -> bool {
        !self.queues.is_empty() || !self.schedules.is_empty()
    }

    /// The queues in file order, then those through which schedules call services.
    pub fn task_queues(&self) -> Vec<TaskQueue> {
        let mut ceilings = self.schedule_ceilings();
        let visible = self.queues.iter().filter_map(|(name, queue)| task_queue(name, queue));
        let called: BTreeMap<Text, &HttpTarget> =
            self.schedules.values().filter_map(|s| s.http.as_ref()).map(|http| (http.hidden_queue().into(), http)).collect();
        let mut all: Vec<TaskQueue> = visible.chain(called.into_iter().map(|(name, http)| hidden(name, http))).collect();
        for queue in &mut all {
            queue.settings.schedule_ceilings = ceilings.remove(&queue.settings.name).unwrap_or_default();
        }
        all
    }

    /// The schedules in file order.
    pub fn task_schedules(&self) -> Vec<TaskSchedule> {
        self.schedules.iter().filter_map(|(name, schedule)| task_schedule(name, schedule)).collect()
    }

    /// Names of the queues that a service works on, in file order.
    pub fn queues_of(&self, service: &ServiceName) -> impl Iterator<Item = &str> {
        let of = self.queues.iter().filter(move |(_, queue)| queue.deliver.service.as_ref() == Some(service));
        of.map(|(name, _)| name.as_str())
    }

    /// By queue, the ceilings of the schedules that fill it.
    fn schedule_ceilings(&self) -> BTreeMap<Text, BTreeMap<Text, Ceiling>> {
        let mut all: BTreeMap<Text, BTreeMap<Text, Ceiling>> = BTreeMap::new();
        for (name, schedule) in &self.schedules {
            if let (Some(queue), Some(budget)) = (target(schedule), schedule.budget) {
                all.entry(queue).or_default().insert(name.as_str().into(), ceiling(CeilingOf::Schedule, budget));
            }
        }
        all
    }
}

fn task_queue(name: &str, queue: &Queue) -> Option<TaskQueue> {
    let delivery = delivery(name, queue.deliver.way()?);
    let mut settings = settings(name, queue);
    if matches!(delivery, Delivery::Command { .. }) {
        settings.per_instance = None;
    }
    let bridged = queue.deliver.consumes().map(|celery| celery_queue(name, celery));
    Some(TaskQueue { settings, delivery, bridged, hidden: false })
}

fn hidden(name: Text, http: &HttpTarget) -> TaskQueue {
    let settings = QueueSettings { per_instance: Some(HTTP_AT_ONCE), ..QueueSettings::new(name) };
    TaskQueue {
        settings,
        delivery: Delivery::Push { service: http.service.clone(), path: "/".to_owned() },
        bridged: None,
        hidden: true,
    }
}

fn target(schedule: &Schedule) -> Option<Text> {
    let http = || schedule.http.as_ref().map(|http| Text::from(http.hidden_queue()));
    schedule.queue.as_deref().map(Text::from).or_else(http)
}

fn delivery(name: &str, way: Way<'_>) -> Delivery {
    match way {
        Way::Push(service, path) => Delivery::Push { service: service.clone(), path: path.to_owned() },
        Way::Pull(service) => Delivery::Pull { service: service.clone() },
        Way::Command(command) => Delivery::Command { words: command.words().to_vec() },
        Way::Celery(service, celery) => Delivery::Celery { service: service.clone(), celery: celery_queue(name, celery) },
    }
}

fn celery_queue(name: &str, celery: &model::Celery) -> CeleryQueue {
    CeleryQueue {
        broker: celery.broker.clone(),
        queue: celery.queue.clone().unwrap_or_else(|| name.to_owned()),
        results: celery.results.clone(),
        visibility_timeout: celery.visibility_timeout.get(),
        pool: celery.pool.map(|pool| (pool.min, pool.max)),
        heartbeat: celery.heartbeat,
        key_prefix: celery.key_prefix.clone(),
        priority_steps: celery.priority_steps.clone(),
    }
}

fn settings(name: &str, queue: &Queue) -> QueueSettings {
    QueueSettings {
        name: name.into(),
        lease: queue.lease.get(),
        timeout: queue.timeout.get(),
        grace: queue.grace.get(),
        start_within: queue.start_within.map(Duration::from),
        finish_within: queue.finish_within.map(Duration::from),
        retry: retry(&queue.retry),
        idempotency: queue.idempotency.get(),
        concurrency: queue.concurrency,
        per_tenant: queue.concurrency_per_tenant,
        per_instance: Some(queue.concurrency_per_replica),
        rate: queue.rate_limit.map(rate),
        tenant_rate: queue.rate_limit_per_tenant.map(rate),
        priority: queue.priority,
        aging: queue.aging.get(),
        weights: queue.weights.iter().map(|(tenant, weight)| (Text::from(tenant.as_str()), *weight)).collect(),
        results: Keep { done: queue.results.ttl.get(), dead: queue.results.dead.get(), most: queue.results.max as usize },
        durability: match queue.durability {
            QueueDurability::Fsync => Durability::Fsync,
            QueueDurability::Os => Durability::Os,
            QueueDurability::Memory => Durability::Memory,
        },
        max_tasks: queue.max_tasks as usize,
        max_body: usize::try_from(queue.max_body.bytes()).unwrap_or(usize::MAX),
        // A cost that is no whole number of micros rounds up: it must not be free.
        cost: queue.cost.map_or(0, |price| price.amount.nanos().div_ceil(NANOS)),
        ceilings: ceilings(queue),
        alarm: Alarm { length: queue.alarm.length.map(u64::from), age: queue.alarm.age.map(Duration::from) },
        ..QueueSettings::new(name)
    }
}

fn retry(retry: &model::TaskRetry) -> Retry {
    Retry { initial: retry.initial.get(), max: retry.max.get(), attempts: retry.attempts, losses: retry.losses }
}

fn rate(limit: model::RateLimit) -> Rate {
    Rate { per_second: limit.per_second.get(), burst: limit.burst() }
}

fn ceilings(queue: &Queue) -> Vec<Ceiling> {
    let given = queue.budget.as_ref().map(model::QueueBudget::ceilings).unwrap_or_default();
    let all = [(CeilingOf::Queue, given.queue), (CeilingOf::Tenant, given.tenant), (CeilingOf::Schedule, given.schedule)];
    all.into_iter().filter_map(|(of, spend)| Some(ceiling(of, spend?))).collect()
}

/// What is not a whole number of micros rounds down: no more than that may be spent.
fn ceiling(of: CeilingOf, spend: Spend) -> Ceiling {
    let per = match spend.per {
        scalar::Per::Hour => Per::Hour,
        scalar::Per::Day => Per::Day,
        scalar::Per::Month => Per::Month,
    };
    Ceiling { of, micros: spend.amount.nanos() / NANOS, per }
}

fn task_schedule(name: &str, schedule: &Schedule) -> Option<TaskSchedule> {
    let body = schedule.http.as_ref().map_or(&schedule.body, |http| &http.body);
    let settings = ScheduleSettings {
        name: name.into(),
        timetable: timetable(schedule)?.ok()?,
        misfire: misfire(schedule.misfire),
        catch_up: schedule.catch_up.get(),
        overlap: match schedule.overlap {
            model::Overlap::Allow => Overlap::Allow,
            model::Overlap::Skip => Overlap::Skip,
            model::Overlap::Buffer => Overlap::Buffer,
            model::Overlap::Cancel => Overlap::Cancel,
        },
        paused: schedule.paused,
    };
    Some(TaskSchedule {
        settings,
        queue: target(schedule)?,
        request: schedule.http.as_ref().map(request),
        body: body.clone().unwrap_or(Value::Null),
        tenant: schedule.tenant.as_str().into(),
        tasks: schedule.tasks,
        budget: schedule.budget.map(|spend| ceiling(CeilingOf::Schedule, spend)),
    })
}

/// When a schedule fires; `None` when the file does not say it in one way.
pub(crate) fn timetable(schedule: &Schedule) -> Option<Result<Timetable, TimetableError>> {
    let zone = schedule.timezone.as_str();
    Some(match schedule.timing()? {
        model::Timing::Cron(cron, _) => Timetable::cron(cron.as_str(), zone),
        model::Timing::Every(period) => Timetable::every(period.get(), zone),
        model::Timing::At(moment) => Timetable::at(moment.time(), zone),
    })
}

fn misfire(misfire: model::Misfire) -> Misfire {
    match (misfire, misfire.all()) {
        (_, Some(most)) => Misfire::All(most),
        (model::Misfire::Word(model::MisfireWord::Skip), None) => Misfire::Skip,
        _ => Misfire::Once,
    }
}

fn request(http: &HttpTarget) -> ScheduledRequest {
    ScheduledRequest {
        service: http.service.clone(),
        method: http.method.as_str(),
        path: http.path.clone(),
        headers: http.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        with_body: http.body.is_some(),
        timeout: http.timeout.get(),
    }
}

//! What the task server is asked, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use skala_queue::{Asked, Extended, Fence, Label, Leased, NewTask, Phase, QueueId, QueueStats, TaskId};
use skala_types::Text;

use crate::store::Stored;

/// What a worker wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakeAsk {
    /// From these queues.
    pub queues: Vec<QueueId>,
    /// The worker's name.
    pub worker: Text,
    /// The instance (replica) that it runs on.
    pub instance: Option<u64>,
    /// At most so many; 1 to 128.
    pub most: usize,
    /// Lease time, instead of the queue's.
    pub lease: Option<Duration>,
}

/// A task in a worker's hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its lease.
    pub leased: Leased,
    /// Its queue's name.
    pub queue: Text,
    /// Its label.
    pub label: Label,
    /// Its body.
    pub body: Bytes,
    /// Results of the tasks that it waited for, in their order, when its label asks for them.
    pub results: Vec<(TaskId, Option<Bytes>)>,
}

/// A worker's word that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// Which task.
    pub id: TaskId,
    /// Which lease.
    pub fence: Fence,
    /// How far it is, in its own words.
    pub progress: Option<String>,
}

/// How each of many calls ended, in order.
pub type Each<T> = Vec<Result<T, crate::TasksError>>;

/// Answers of [`crate::Tasks::extend`].
pub type ExtendedEach = Each<Extended>;

/// Everything that is known of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// What lies in the store.
    pub stored: Stored,
    /// What the core knows beyond, while the task has not ended.
    pub live: Option<Asked>,
    /// What its worker answered, once it is done.
    pub result: Option<Bytes>,
}

impl TaskView {
    /// Where it is in its life; `Leased` while somebody works on it.
    pub fn phase(&self) -> Phase {
        self.live.as_ref().map_or(self.stored.row.progressed.phase, |live| live.phase)
    }
}

/// Answers of the schedule runner to the API.
pub trait Schedules: Send + Sync + 'static {
    /// Answers a call; the value is the JSON document.
    fn call(&self, call: ScheduleCall) -> futures_util::future::BoxFuture<'_, Result<serde_json::Value, crate::TasksError>>;
}

/// What the API asks the schedule runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleCall {
    /// All schedules.
    List,
    /// One, with its next runs.
    Show(String),
    /// Its occurrences, newest first, at most so many.
    History(String, usize),
    /// Fires now.
    Run(String),
    /// Pauses or resumes.
    Pause(String, bool),
}

/// Queues whose tasks are worked on elsewhere, such as in a Celery broker: what is here is on its way there.
pub trait Elsewhere: Send + Sync + 'static {
    /// Adds what lies elsewhere to a queue's numbers. Must not wait.
    fn overlay(&self, queue: &str, stats: &mut QueueStats);
    /// What else is known of the queue there, for its document.
    fn more(&self, queue: &str) -> Map<String, Value>;
    /// Why a task cannot go there; none: it can.
    fn refusal(&self, queue: &str, task: &NewTask) -> Option<String>;
}

//! The task server's handle: a core behind a lock, a writer, and those who wait for both.
//!
//! Decides: nothing about tasks ([`skala_queue::Core`] does); whose turn it is to be answered, and what is refused when the disk lags.
//! Method: a call locks the core for some microseconds and hands its changes to the writer under the same lock, so their order is
//!   the core's; the caller is answered when they are on disk.

mod clock;
mod config;
mod error;
mod words;

use std::sync::Arc;
use std::time::Duration;

use skala_queue::{
    Ack, Change, CoreEvent, Enqueued, Fence, Firing, Nack, NewTask, QueueId, QueueSettings, QueueStats, Restored, TaskId, Why,
};
use skala_types::Text;
use tokio::sync::{Notify, broadcast, watch};

pub use clock::TaskClock;
pub use config::{Bounds, TasksConfig};
pub use error::{StartError, TasksError};
pub use words::{Each, Extend, ExtendedEach, Job, ScheduleCall, Schedules, TakeAsk, TaskView};

use crate::store::{Filter, Store, Stored};

/// A running task server. Shared by everything that enqueues, works or asks.
pub struct Tasks {
    _todo: (),
}

/// Whether this process may decide about tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leading {
        /// Its epoch, above that of every leader before.
        epoch: u32,
    },
    /// Another does, there.
    Following {
        /// Where the leader's API answers.
        leader: Option<String>,
    },
    /// It was shut down, or its store broke; the text says which.
    Stopped(String),
}

impl Tasks {
    /// Opens the API, takes the lead of the store if nobody has it, and reads what it holds. Returns once it leads or follows.
    ///
    /// # Errors
    /// When the store cannot be read, or the API's address not be used.
    pub async fn start(config: TasksConfig, store: Box<dyn Store>, clock: TaskClock) -> Result<Arc<Tasks>, StartError> {
        let _ = (config, store, clock);
        todo!()
    }

    /// Where the API answers: `http://127.0.0.1:7702`.
    pub fn url(&self) -> Option<&str> {
        todo!()
    }

    /// The clocks.
    pub fn clock(&self) -> &TaskClock {
        todo!()
    }

    /// Whether this process leads, and each change of that.
    pub fn role(&self) -> watch::Receiver<Role> {
        todo!()
    }

    /// The number of a queue.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        let _ = name;
        todo!()
    }

    /// The settings of a queue.
    pub fn settings(&self, queue: QueueId) -> Option<Arc<QueueSettings>> {
        let _ = queue;
        todo!()
    }

    /// Replaces the settings of queues; one that is no more keeps its tasks, paused.
    pub fn set_queues(&self, queues: Vec<QueueSettings>) {
        let _ = queues;
        todo!()
    }

    /// Takes in up to 128 tasks, all or none. Returns once they are on disk.
    ///
    /// # Errors
    /// When one is refused, the disk is full, or this process does not lead.
    pub async fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>, TasksError> {
        let _ = tasks;
        todo!()
    }

    /// As [`Tasks::enqueue`], together with other changes, such as a schedule's firing: all or none. `extra` is called under the lock;
    /// without tasks the other changes are written alone.
    ///
    /// # Errors
    /// As for [`Tasks::enqueue`].
    pub async fn enqueue_with(
        &self,
        tasks: Vec<NewTask>,
        extra: impl FnOnce(&[Enqueued]) -> Vec<Change> + Send,
    ) -> Result<Vec<Enqueued>, TasksError> {
        let _ = (tasks, extra);
        todo!()
    }

    /// Gives out ready tasks, and waits up to `wait` for the first. Empty when none came.
    ///
    /// # Errors
    /// When this process does not lead, shuts down, or too many wait.
    pub async fn take(&self, ask: &TakeAsk, wait: Duration) -> Result<Vec<Job>, TasksError> {
        let _ = (ask, wait);
        todo!()
    }

    /// Extends leases and notes progress.
    ///
    /// # Errors
    /// When this process does not lead. Stale leases are errors of their own.
    pub fn extend(&self, extends: &[Extend]) -> Result<ExtendedEach, TasksError> {
        let _ = extends;
        todo!()
    }

    /// Tasks are done. Returns once that is on disk.
    ///
    /// # Errors
    /// When this process does not lead, or the disk lags. Stale leases are errors of their own.
    pub async fn ack(&self, acks: Vec<Ack>) -> Result<Each<()>, TasksError> {
        let _ = acks;
        todo!()
    }

    /// Attempts have failed, or are handed back unbegun. Returns once that is on disk.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn nack(&self, nacks: Vec<Nack>) -> Result<Each<()>, TasksError> {
        let _ = nacks;
        todo!()
    }

    /// Whether an effect of this key may take place: `true` the first time. Returns once that is on disk.
    ///
    /// # Errors
    /// When the fence is stale, or as for [`Tasks::ack`].
    pub async fn once(&self, task: TaskId, fence: Fence, key: &str) -> Result<bool, TasksError> {
        let _ = (task, fence, key);
        todo!()
    }

    /// All leases of a worker that was seen to die are void at once. How many.
    ///
    /// # Errors
    /// When this process does not lead.
    pub fn worker_died(&self, worker: &str, message: &str, log: &[String]) -> Result<usize, TasksError> {
        let _ = (worker, message, log);
        todo!()
    }

    /// Calls a task off, and those that wait for it. How many.
    ///
    /// # Errors
    /// When no unfinished task has the id, or as for [`Tasks::ack`].
    pub async fn cancel(&self, task: TaskId) -> Result<usize, TasksError> {
        let _ = task;
        todo!()
    }

    /// A dead or cancelled task begins anew.
    ///
    /// # Errors
    /// When there is no such task, it has not ended badly, or its queue is full.
    pub async fn revive(&self, task: TaskId) -> Result<(), TasksError> {
        let _ = task;
        todo!()
    }

    /// Pauses or resumes a queue.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn pause(&self, queue: QueueId, paused: bool) -> Result<(), TasksError> {
        let _ = (queue, paused);
        todo!()
    }

    /// Forgets up to `most` tasks of a queue that nobody works on. How many.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn purge(&self, queue: QueueId, most: usize) -> Result<usize, TasksError> {
        let _ = (queue, most);
        todo!()
    }

    /// What a queue's workers call has no capacity: the queue slows down.
    pub fn slow(&self, queue: QueueId, retry_after: Option<Duration>) {
        let _ = (queue, retry_after);
        todo!()
    }

    /// One task.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn task(&self, id: TaskId) -> Result<TaskView, TasksError> {
        let _ = id;
        todo!()
    }

    /// Tells of a task's progress and end: its value changes each time that [`Tasks::task`] would answer otherwise.
    ///
    /// # Errors
    /// When too many tasks are watched.
    pub fn watch(&self, id: TaskId) -> Result<watch::Receiver<u64>, TasksError> {
        let _ = id;
        todo!()
    }

    /// Waits until a task has ended, at most `wait`; then as [`Tasks::task`].
    ///
    /// # Errors
    /// As for [`Tasks::task`].
    pub async fn wait(&self, id: TaskId, wait: Duration) -> Result<TaskView, TasksError> {
        let _ = (id, wait);
        todo!()
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Stored>, TasksError> {
        let _ = filter;
        todo!()
    }

    /// Why a task does not run now; none: it runs, or it has ended.
    ///
    /// # Errors
    /// When there is no such task.
    pub async fn why(&self, id: TaskId) -> Result<Option<Why>, TasksError> {
        let _ = id;
        todo!()
    }

    /// The numbers of all queues; empty while this process follows.
    pub fn stats(&self) -> Vec<(Text, QueueStats)> {
        todo!()
    }

    /// What happens by itself: leases lost, deaths, alarms. A slow listener loses the oldest (bound: 1,024).
    pub fn events(&self) -> broadcast::Receiver<CoreEvent> {
        todo!()
    }

    /// Wakes the one who gives out tasks of a queue by itself: after each wake it takes until nothing comes. A wake is never lost.
    pub fn wakes(&self, queue: QueueId) -> Arc<Notify> {
        let _ = queue;
        todo!()
    }

    /// An instance gets nothing new, or gets tasks again.
    pub fn drain_instance(&self, instance: u64, draining: bool) {
        let _ = (instance, draining);
        todo!()
    }

    /// Tasks that an instance works on, and how long that likely takes.
    pub fn held_by(&self, instance: u64) -> (u32, Duration) {
        let _ = instance;
        todo!()
    }

    /// What the store remembered of schedules when this process took the lead.
    pub fn restored(&self) -> Option<Arc<Restored>> {
        todo!()
    }

    /// Occurrences of a schedule, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn firings(&self, schedule: &str, most: usize) -> Result<Vec<Firing>, TasksError> {
        let _ = (schedule, most);
        todo!()
    }

    /// Who answers the API's calls about schedules.
    pub fn set_schedules(&self, schedules: Arc<dyn Schedules>) {
        let _ = schedules;
        todo!()
    }

    /// Metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        todo!()
    }

    /// Gives out nothing more, waits up to `grace` until nobody works on tasks, writes what is left, gives up the lead, and closes the API.
    pub async fn shutdown(&self, grace: Duration) {
        let _ = grace;
        todo!()
    }
}

//! The state machine of all queues.
//!
//! Decides: whether a task is taken in, which one a worker gets, when a lease is void, whether a failed attempt is made again.
//! Inputs: calls of producers and workers, commits, `now`.
//! Method: hot state in memory, some hundred bytes per waiting task, without its body; durable changes only where a crash must not forget.
//! Invariants: each task taken in is in exactly one phase; a fence is obeyed only while it is its task's latest; nothing that is not
//!   committed is dispatched.

mod calls;

use skala_types::Stream;

pub use calls::{
    Ack, Answer, Asked, CoreEvent, Enqueued, Extended, LeaseError, Leased, Nack, NotFound, QueueStats, Refusal, Stop, Take,
    Waiting, Why,
};

use crate::{Change, NewTask, Now, QueueId, QueueSettings, Restored, Row, Seq, TaskId};

/// All queues of a platform.
#[derive(Debug)]
pub struct Core {}

/// What a call must have written down, in order.
pub type Changes = Vec<Change>;

impl Core {
    /// Empty queues. `epoch` is the leader's, above that of every leader before; `restored` is what the store remembers beside tasks.
    pub fn new(queues: Vec<QueueSettings>, epoch: u32, restored: Restored, rng: Stream) -> Core {
        let _ = (queues, epoch, restored, rng);
        todo!()
    }

    /// Takes back a task that has not ended. A leased one was void with its leader; its row says ready. Parents that ended must be told
    /// before by [`Core::restore_ended`].
    pub fn restore(&mut self, row: &Row, now: Now) {
        let _ = (row, now);
        todo!()
    }

    /// Takes back a key of a task that has ended, and how a parent of unfinished tasks ended. Also for a parent that
    /// [`Core::enqueue`] does not know ([`Refusal::NoParent`]) but the store does: told here, the next call finds it.
    pub fn restore_ended(&mut self, row: &Row, now: Now) {
        let _ = (row, now);
        todo!()
    }

    /// Replaces the settings; queues that are no more keep their tasks, paused. New ones come at the end of the list.
    pub fn set_queues(&mut self, queues: Vec<QueueSettings>, now: Now) {
        let _ = (queues, now);
        todo!()
    }

    /// A queue's settings, its name among them; those that are no more included.
    pub fn settings(&self, queue: QueueId) -> Option<&QueueSettings> {
        let _ = queue;
        todo!()
    }

    /// How many queues there are: their numbers are below it.
    pub fn queues(&self) -> u16 {
        todo!()
    }

    /// Tasks that are not due yet but will be within that time, to the minute.
    pub fn due_within(&self, queue: QueueId, now: Now, within: std::time::Duration) -> u64 {
        let _ = (queue, now, within);
        todo!()
    }

    /// The number of a queue.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        let _ = name;
        todo!()
    }

    /// Takes in up to [`crate::MOST_AT_ONCE`] tasks, all or none. Tasks whose key is held by another are that other ([`Enqueued::is_new`]).
    /// The answer counts once its [`Answer::seq`] is committed.
    ///
    /// # Errors
    /// The place of the task that is refused, and why.
    pub fn enqueue(&mut self, tasks: Vec<NewTask>, now: Now) -> Result<Answer<Vec<Enqueued>>, (usize, Refusal)> {
        let _ = (tasks, now);
        todo!()
    }

    /// Gives out ready tasks, at most [`crate::MOST_AT_ONCE`]. Their bodies are the store's business. Changes nothing durable, except
    /// keys that hold only while a task waits.
    pub fn take(&mut self, ask: &Take<'_>, now: Now) -> Answer<Vec<Leased>> {
        let _ = (ask, now);
        todo!()
    }

    /// Extends a lease by the queue's lease time and notes progress.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn extend(
        &mut self,
        task: TaskId,
        fence: crate::Fence,
        progress: Option<&str>,
        now: Now,
    ) -> Result<Extended, LeaseError> {
        let _ = (task, fence, progress, now);
        todo!()
    }

    /// A worker has succeeded. A repeated call of the same fence gets the same answer for some minutes.
    ///
    /// # Errors
    /// When the fence is stale, or the result is too long.
    pub fn ack(&mut self, ack: Ack, now: Now) -> Result<Answer<()>, LeaseError> {
        let _ = (ack, now);
        todo!()
    }

    /// An attempt has failed, or is handed back unbegun.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn nack(&mut self, nack: Nack, now: Now) -> Result<Answer<()>, LeaseError> {
        let _ = (nack, now);
        todo!()
    }

    /// Whether an effect of this key may take place in this task: `true` the first time, which is remembered. Effects of earlier leaders
    /// and old ones are in the store alone: ask it first.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn once(&mut self, task: TaskId, fence: crate::Fence, key: &str, now: Now) -> Result<Answer<bool>, LeaseError> {
        let _ = (task, fence, key, now);
        todo!()
    }

    /// All leases of a worker that was seen to die are void at once; counted as losses.
    pub fn worker_died(&mut self, worker: &str, message: &str, log: &[String], now: Now) -> Answer<usize> {
        let _ = (worker, message, log, now);
        todo!()
    }

    /// Calls a task off, and those that wait for it. A running one is told at its next extension, and is void after the grace.
    ///
    /// # Errors
    /// When no unfinished task has the id.
    pub fn cancel(&mut self, task: TaskId, now: Now) -> Result<Answer<usize>, NotFound> {
        let _ = (task, now);
        todo!()
    }

    /// A dead or cancelled task begins anew, with all its attempts. `row` is what the store has of it.
    ///
    /// # Errors
    /// When the queue is full or gone.
    pub fn revive(&mut self, row: &Row, now: Now) -> Result<Answer<()>, Refusal> {
        let _ = (row, now);
        todo!()
    }

    /// Pauses or resumes a queue: nothing is given out while it pauses.
    pub fn pause(&mut self, queue: QueueId, paused: bool, now: Now) -> Answer<()> {
        let _ = (queue, paused, now);
        todo!()
    }

    /// Forgets up to `most` of the queue's tasks that nobody works on. How many.
    pub fn purge(&mut self, queue: QueueId, most: usize, now: Now) -> Answer<usize> {
        let _ = (queue, most, now);
        todo!()
    }

    /// What its workers call has no capacity: the queue slows down, by halves, and recovers by steps. `retry_after` is a hard pause.
    pub fn slow(&mut self, queue: QueueId, retry_after: Option<std::time::Duration>, now: Now) {
        let _ = (queue, retry_after, now);
        todo!()
    }

    /// What time alone brings about: tasks fall due, leases and timeouts run out, windows of money begin anew. Bounded work per call:
    /// [`Core::next_wake`] is in the past while there is more.
    pub fn tick(&mut self, now: Now) -> Answer<Vec<CoreEvent>> {
        let _ = now;
        todo!()
    }

    /// When [`Core::tick`] has something to do, on the monotonic clock; `None`: not before another call.
    pub fn next_wake(&self, now: Now) -> Option<skala_types::Time> {
        let _ = now;
        todo!()
    }

    /// Everything up to `seq` is committed: what it made ready may be given out.
    pub fn committed(&mut self, seq: Seq) {
        let _ = seq;
        todo!()
    }

    /// Queues in which [`Core::take`] would find something for some worker, since the last call.
    pub fn awakened(&mut self, queues: &mut Vec<QueueId>) {
        let _ = queues;
        todo!()
    }

    /// A queue's numbers.
    pub fn stats(&self, queue: QueueId, now: Now) -> QueueStats {
        let _ = (queue, now);
        todo!()
    }

    /// What the core knows of an unfinished task.
    pub fn ask(&self, task: TaskId, now: Now) -> Option<Asked> {
        let _ = (task, now);
        todo!()
    }

    /// Tasks and lease time that an instance still holds: the longest time until its last lease ends, by how long tasks take.
    pub fn held_by(&self, instance: u64, now: Now) -> (u32, std::time::Duration) {
        let _ = (instance, now);
        todo!()
    }
}

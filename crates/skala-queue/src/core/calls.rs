//! What the core is asked, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skala_types::{Text, Time};
use thiserror::Error;

use crate::{Cause, Change, Death, Durability, Fence, Phase, QueueId, Seq, TaskId};

/// An answer, and what must be committed before it counts.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "its changes must be committed"]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Changes of this call; may be empty.
    pub changes: Vec<Change>,
    /// Their number; the one of the call before when there are none, so that waiting for it is always right.
    pub seq: Seq,
    /// The strongest durability among the queues concerned.
    pub durability: Durability,
}

/// A task that was taken in, or was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Its id.
    pub id: TaskId,
    /// Whether this call made it; else its key belongs to an earlier one.
    pub is_new: bool,
    /// Where it is; none: it has ended, and the store knows how.
    pub phase: Option<Phase>,
}

/// Why a task is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No such queue.
    #[error("there is no such queue")]
    NoQueue,
    /// The queue is at its bound.
    #[error("queue {queue} is full: it holds {most} tasks")]
    Full {
        /// Its name.
        queue: Text,
        /// Its bound.
        most: usize,
        /// When there is likely room for one, by the rate at which tasks end; at least a second.
        retry_after: Duration,
    },
    /// The body is too long.
    #[error("the body has {bytes} bytes, queue {queue} takes {most}; put it elsewhere and enqueue where it is")]
    TooLong {
        /// Its queue's name.
        queue: Text,
        /// Its length.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// More than [`crate::MOST_AT_ONCE`] at once, or none.
    #[error("{0} tasks at once; at least 1 and at most 128 are taken")]
    Count(usize),
    /// A value is out of its range.
    #[error("{field}: {reason}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// A task to wait for is unknown.
    #[error("the task {0} that it is to run after is unknown")]
    NoParent(String),
    /// The keys of the queue are at their bound.
    #[error("queue {queue} remembers {most} keys, as many as it may")]
    Keys {
        /// Its name.
        queue: Text,
        /// The bound.
        most: usize,
    },
}

/// What a worker wants.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// From these queues, those named first first where priorities are equal.
    pub queues: &'a [QueueId],
    /// The worker's name; its leases can be voided by it.
    pub worker: &'a str,
    /// The instance (replica) that it runs on, for limits per instance; none: it counts as an instance of its own.
    pub instance: Option<u64>,
    /// At most so many.
    pub most: usize,
    /// Lease time, instead of the queue's.
    pub lease: Option<Duration>,
}

/// A task that a worker got.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// Which.
    pub id: TaskId,
    /// Its queue.
    pub queue: QueueId,
    /// The lease's number.
    pub fence: Fence,
    /// The lease holds until then, on the monotonic clock.
    pub until: Time,
    /// The attempt should be over by then, on the monotonic clock.
    pub deadline: Time,
    /// Attempts that ended before.
    pub attempts: u32,
    /// Leases that were lost before.
    pub losses: u32,
    /// Its tenant.
    pub tenant: Text,
    /// Its priority, without aging.
    pub priority: u8,
    /// When it was due first, by the wall clock.
    pub due: Time,
    /// When it was enqueued, by the wall clock.
    pub created: Time,
    /// Tasks that it waited for, whose results it may want.
    pub parents: Vec<TaskId>,
}

/// The lease holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    /// Until then.
    pub until: Time,
    /// The attempt should stop: it was called off, or its timeout has passed.
    pub stop: Option<Stop>,
}

/// Why an attempt should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stop {
    /// Somebody called it off.
    Cancelled,
    /// Its timeout has passed.
    Timeout,
}

/// Why a worker's call is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// No such task, or it has ended long ago.
    #[error("task {0} is unknown")]
    Unknown(TaskId),
    /// The lease was lost: the task is another worker's, waits again, or has ended.
    #[error("the lease {} of task {task} is void: {now}", fence.0)]
    Stale {
        /// Which task.
        task: TaskId,
        /// The fence of the call.
        fence: Fence,
        /// What became of the lease, in words.
        now: String,
    },
    /// The result is too long.
    #[error("the result has {bytes} bytes; {most} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        most: usize,
    },
}

/// No unfinished task has the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no unfinished task is called {0}")]
pub struct NotFound(pub TaskId);

/// A worker's success.
#[derive(Clone, Debug, PartialEq)]
pub struct Ack {
    /// Which task.
    pub id: TaskId,
    /// Which lease.
    pub fence: Fence,
    /// What it answers.
    pub result: Option<Bytes>,
    /// What the attempt cost in micros; none: as estimated.
    pub cost: Option<u64>,
}

/// A worker's failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Nack {
    /// Which task.
    pub id: TaskId,
    /// Which lease.
    pub fence: Fence,
    /// How it failed; none: handed back unbegun, which counts as no attempt.
    pub death: Option<Death>,
    /// No sooner than after this, such as a provider says.
    pub retry_after: Option<Duration>,
    /// What the attempt cost in micros; none: as estimated when the task was begun, nothing when handed back.
    pub cost: Option<u64>,
}

/// Something that happened by time alone, or that people want to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum CoreEvent {
    /// A lease ran out.
    LeaseLost {
        /// Whose.
        task: TaskId,
        /// The queue.
        queue: QueueId,
        /// The worker's name.
        worker: Text,
    },
    /// An attempt is past timeout and grace: whatever works on it must be killed.
    Overdue {
        /// Which task.
        task: TaskId,
        /// Which lease.
        fence: Fence,
        /// The queue.
        queue: QueueId,
    },
    /// A task became a dead letter.
    Died {
        /// Which.
        task: TaskId,
        /// The queue.
        queue: QueueId,
        /// What of.
        cause: Cause,
    },
    /// A threshold of the queue's alarm was passed, or is kept again.
    Alarm {
        /// The queue.
        queue: QueueId,
        /// Whether it is passed.
        raised: bool,
        /// In words, with the numbers.
        text: String,
    },
    /// A ceiling on money parks tasks, or no longer does.
    Parked {
        /// The queue.
        queue: QueueId,
        /// Whether it parks.
        parked: bool,
        /// In words, with the numbers and when the window ends.
        text: String,
    },
}

/// A queue's numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueStats {
    /// Tasks by phase.
    pub ready: u64,
    /// Not due yet, or in a pause before the next attempt.
    pub delayed: u64,
    /// Wait for other tasks.
    pub held: u64,
    /// Wait for money.
    pub parked: u64,
    /// Worked on.
    pub leased: u64,
    /// Of the delayed: due within the start-up time of a worker (see `due_within`), by the minute.
    pub due_soon: u64,
    /// Age of the oldest ready task.
    pub oldest_age: Option<Duration>,
    /// Whether the queue pauses.
    pub paused: bool,
    /// Share of its speed that a slowed queue keeps, 1 for all.
    pub speed: f64,
    /// Since the core began: taken in.
    pub enqueued: u64,
    /// Known by their key, and not taken in again.
    pub duplicates: u64,
    /// Refused at a bound.
    pub refused: u64,
    /// Ended well.
    pub done: u64,
    /// Became dead letters.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
    /// Attempts that began.
    pub attempts: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Leases lost.
    pub lost: u64,
    /// Stale calls refused.
    pub stale: u64,
    /// Arrivals per second over the last minute.
    pub arrival_rate: Option<f64>,
    /// Ends per second over the last minute.
    pub completion_rate: Option<f64>,
    /// Mean time of an attempt, recent ones first.
    pub mean_attempt: Option<Duration>,
    /// Micros spent since the core began.
    pub spent: u64,
    /// Whether an alarm is raised.
    pub alarm: bool,
}

/// What the core knows of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its queue.
    pub queue: QueueId,
    /// Where it is.
    pub phase: Phase,
    /// Attempts that ended.
    pub attempts: u32,
    /// Leases lost.
    pub losses: u32,
    /// The worker's last word.
    pub progress: Option<Text>,
    /// Who works on it, since when, and the lease's end.
    pub lease: Option<(Text, Time, Time)>,
    /// Why it does not run.
    pub why: Option<Why>,
}

/// Why a task waits, the first reason that applies, and what it would take.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The reason.
    pub waiting: Waiting,
    /// Ready tasks that come before it, at most a thousand are counted.
    pub ahead: usize,
    /// Expected time until it begins, by the rate at which tasks begin; none: cannot be said.
    pub expected: Option<Duration>,
}

/// Why a task waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Waiting {
    /// Not due before this time of the wall clock.
    Due {
        /// When.
        at: Time,
    },
    /// Its last attempt failed; the next is made then.
    Retry {
        /// When.
        at: Time,
        /// How the last one ended.
        last: Death,
    },
    /// For other tasks.
    Parents {
        /// Those that have not ended.
        tasks: Vec<TaskId>,
    },
    /// A ceiling on money.
    Ceiling {
        /// Which, with its numbers.
        text: String,
        /// The window's end, by the wall clock.
        until: Time,
    },
    /// The queue pauses.
    Paused,
    /// The queue's, tenant's or instances' places are all taken.
    Concurrency {
        /// Whose limit, with its numbers.
        text: String,
    },
    /// The rate of the queue or tenant.
    Rate {
        /// Whose, with its numbers.
        text: String,
        /// The next may begin then, on the monotonic clock.
        at: Time,
    },
    /// The queue is slowed because what it calls refuses.
    Slowed {
        /// In words.
        text: String,
    },
    /// No worker asks for tasks of the queue.
    NoWorker {
        /// When one asked last, on the monotonic clock.
        last: Option<Time>,
    },
    /// Others are before it.
    Turn,
    /// It is not on disk yet.
    Commit,
}

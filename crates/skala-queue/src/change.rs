//! What must be written down: the only way in which decisions reach a store.
//!
//! Method: the core decides in memory and says what changed; a store commits the changes of one call together, in the order of
//!   their [`crate::Seq`]. Leases are not among them: after a crash every lease is void, and its task is ready again.
//! Invariants: a task is dispatched only after the change that made it ready is committed ([`crate::Core::committed`]).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skala_types::{Text, Time};

use crate::{After, Death, Holds, Label, Occurrence, Per, Phase, TaskId};

/// A durable change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new task.
    Insert(Box<Row>, Bytes),
    /// What the row of a task that has not ended says now.
    Update(TaskId, Progressed),
    /// A task has ended. Its row, body and result are kept until then.
    Finish(Box<Ended>),
    /// A dead or cancelled task begins anew: back from the ended ones, with this much done before. Its row says from then on that it is
    /// due when [`Progressed::due`] says, and does not expire.
    Revive(TaskId, Progressed),
    /// A task is forgotten, ended or not.
    Delete(TaskId),
    /// A key no longer holds.
    Unkey {
        /// The task that it belonged to.
        task: TaskId,
        /// The queue's name.
        queue: Text,
        /// Tenant.
        tenant: Text,
        /// Its text.
        key: Text,
    },
    /// An effect took place; the same key is refused from then on. Unique: committing a second one fails as
    /// `Conflict`, which cannot happen while one leader writes.
    Effect {
        /// The worker's key.
        key: Text,
        /// In which task.
        task: TaskId,
        /// Kept until.
        until: Time,
    },
    /// A queue, by name, was paused or resumed.
    Paused(Text, bool),
    /// Money spent in a window so far.
    Spent(Account, u64),
    /// A schedule fired; unique by name and nominal time.
    Fired(Firing),
    /// What is remembered of a schedule.
    Schedule(Text, ScheduleRow),
}

/// A task as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Which.
    pub id: TaskId,
    /// Name of its queue.
    pub queue: Text,
    /// When it was enqueued, by the wall clock.
    pub created: Time,
    /// Not before this time, by the wall clock.
    pub due: Time,
    /// Not begun after this time.
    pub expires: Option<Time>,
    /// Tenant; empty: none.
    pub tenant: Text,
    /// Its key, and until when it holds.
    pub key: Option<StoredKey>,
    /// 0 to 10.
    pub priority: u8,
    /// Longest attempt.
    pub timeout: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// Estimated cost in micros.
    pub cost: u64,
    /// What it waits for; by id.
    pub after: Vec<After>,
    /// The schedule that made it.
    pub occurrence: Option<Occurrence>,
    /// The rest.
    pub label: Label,
    /// Length of the body.
    pub body_len: u32,
    /// How far it is.
    pub progressed: Progressed,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredKey {
    /// The producer's text.
    pub text: Text,
    /// While it keeps others out.
    pub holds: Holds,
    /// For [`Holds::Window`]: until then.
    pub until: Time,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progressed {
    /// Ready, delayed or held; never leased. Cancelled: it was running when somebody called it off, and has not ended yet.
    pub phase: Phase,
    /// Ready from this time of the wall clock on.
    pub due: Time,
    /// Attempts that ended.
    pub attempts: u32,
    /// Leases that were lost.
    pub losses: u32,
    /// Micros that its attempts cost so far.
    pub spent: u64,
    /// How the last attempt ended.
    pub death: Option<Death>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Which.
    pub id: TaskId,
    /// Its queue's name.
    pub queue: Text,
    /// Done, dead or cancelled.
    pub phase: Phase,
    /// When, by the wall clock.
    pub at: Time,
    /// Kept until, by the wall clock; at `at` when nothing is kept.
    pub until: Time,
    /// What its worker answered.
    pub result: Option<Bytes>,
    /// Attempts and losses, cost, and how it died.
    pub progressed: Progressed,
}

/// Whose money in which window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The queue's name.
    pub queue: Text,
    /// Tenant or schedule; none: the queue itself.
    pub of: Option<Owner>,
    /// The window's length.
    pub per: Per,
    /// The window's beginning.
    pub from: Time,
}

/// Tenant or schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// A tenant.
    Tenant(Text),
    /// A schedule.
    Schedule(Text),
}

/// A schedule's occurrence that came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Firing {
    /// Which, and when it should.
    pub occurrence: Occurrence,
    /// When it did, by the wall clock.
    pub at: Time,
    /// What came of it.
    pub outcome: FiringOutcome,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
}

/// What came of an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FiringOutcome {
    /// Tasks were made.
    Fired,
    /// The one before it had not ended.
    Overlapped,
    /// It waits for the one before it.
    Buffered,
    /// It was missed, and is not made up for.
    Missed,
    /// The queue was full.
    Refused,
    /// By hand, at once.
    Manual,
}

/// What is remembered of a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRow {
    /// Occurrences up to this time are dealt with.
    pub through: Time,
    /// Whether it pauses.
    pub paused: bool,
    /// An occurrence that waits until the one before it has ended.
    #[serde(default)]
    pub buffered: Option<Time>,
    /// What tells its timetable from others: a changed one begins when it is first seen, and makes up for nothing.
    #[serde(default)]
    pub timetable: u64,
}

/// What a store gives back when it is opened, before any task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Queues that pause, by name.
    pub paused: Vec<Text>,
    /// Money spent in windows that may still run.
    pub spent: BTreeMap<Account, u64>,
    /// Schedules, by name.
    pub schedules: BTreeMap<Text, ScheduleRow>,
    /// The highest task id that was ever stored; zero for none.
    pub last_id: u64,
}

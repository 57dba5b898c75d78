//! A task, from what its producer says to how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skala_types::{Text, Time};

use crate::{QueueId, TaskId};

/// What a producer hands in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Where it waits.
    pub queue: QueueId,
    /// What its worker gets.
    pub body: Bytes,
    /// Everything else that the core does not decide by, or that most tasks lack.
    pub label: Label,
    /// Whose it is, for fair shares, limits and ceilings; empty: nobody's in particular.
    pub tenant: Text,
    /// A second task of the same key, queue and tenant is the first one, while the key holds.
    pub key: Option<Key>,
    /// 0 to 10, 10 first; none: the queue's.
    pub priority: Option<u8>,
    /// Not before this time of the wall clock.
    pub due: Option<Time>,
    /// Not begun after this time of the wall clock: it is a dead letter then.
    pub expires: Option<Time>,
    /// Longest attempt, instead of the queue's; at most a day.
    pub timeout: Option<Duration>,
    /// Attempts in all, instead of the queue's.
    pub attempts: Option<u32>,
    /// Estimated cost in micros, instead of the queue's.
    pub cost: Option<u64>,
    /// It waits until these have ended.
    pub after: Vec<After>,
    /// Its schedule and nominal time, when a schedule made it.
    pub occurrence: Option<Occurrence>,
}

impl NewTask {
    /// A task with nothing but a body.
    pub fn new(queue: QueueId, body: impl Into<Bytes>) -> NewTask {
        NewTask {
            queue,
            body: body.into(),
            label: Label::default(),
            tenant: Text::default(),
            key: None,
            priority: None,
            due: None,
            expires: None,
            timeout: None,
            attempts: None,
            cost: None,
            after: Vec::new(),
            occurrence: None,
        }
    }
}

/// What is stored with a task and given to its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Label {
    /// What kind of task it is, such as `ingest`; empty: none.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub name: Text,
    /// Media type of the body; empty: `application/json`.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub content_type: Text,
    /// Headers that its worker gets, such as `traceparent`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Its worker gets the results of the tasks that it waited for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_results: bool,
    /// Method of the HTTP request that a push makes; empty: POST.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub method: Text,
    /// Path of the HTTP request, instead of the queue's.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub path: Text,
}

fn str_is_empty(text: &Text) -> bool {
    text.is_empty()
}

/// A key, and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The producer's text.
    pub text: Text,
    /// While it keeps others out.
    pub holds: Holds,
}

/// While a key keeps others out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holds {
    /// For the queue's idempotency window, whatever becomes of the task.
    Window,
    /// Until the task's first attempt begins.
    Waiting,
    /// Until the task has ended.
    Unfinished,
}

/// One that a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct After {
    /// Which.
    pub task: Parent,
    /// How it must end. When it ends otherwise, the waiting task is cancelled.
    pub when: When,
}

/// A task that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Parent {
    /// One that is in the queue or has ended and is still kept.
    Id(TaskId),
    /// One of the same batch, by its place before this one.
    Place(u16),
}

/// How a parent must end for its child to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// All such parents are done.
    Done,
    /// The first of such parents is dead or cancelled; then the child runs once. When all are done the child is cancelled.
    Failed,
    /// All such parents have ended, however.
    Ended,
}

/// One time at which a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// The schedule's name.
    pub schedule: Text,
    /// The time that the calendar says, not the one at which it came about.
    pub nominal: Time,
}

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Waits for a worker.
    Ready,
    /// Not due yet, or pauses before its next attempt.
    Delayed,
    /// Waits for other tasks.
    Held,
    /// A ceiling on money does not allow it now.
    Parked,
    /// A worker has it.
    Leased,
    /// It succeeded.
    Done,
    /// It will not be tried again: a dead letter.
    Dead,
    /// Somebody called it off.
    Cancelled,
}

impl Phase {
    /// Whether nothing more will happen to it.
    pub fn has_ended(self) -> bool {
        matches!(self, Phase::Done | Phase::Dead | Phase::Cancelled)
    }
}

/// What an attempt, or a task, died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Its worker said that it failed.
    Failed,
    /// The attempt took longer than its timeout and grace.
    Timeout,
    /// The lease ran out or the worker was seen to die.
    Lost,
    /// What it called had no capacity or quota left (429, 503).
    Limited,
    /// It was not begun, or not ended, in time.
    Expired,
    /// Its worker cannot ever do it (a 4xx that a repetition does not cure, an unknown kind of task).
    Rejected,
    /// A task that it waited for did not end as it must.
    Parent,
}

/// How an attempt or a task ended badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Death {
    /// What of.
    pub cause: Cause,
    /// In words: the worker's error, `exit code 137 (SIGKILL)`, the status of an answer.
    pub message: String,
    /// Last lines of the worker's log, where skala sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// Bytes of an error's message that are kept.
pub const LONGEST_MESSAGE: usize = 4096;
/// Log lines that are kept with a death.
pub const MOST_LOG_LINES: usize = 20;

//! What a store of tasks must do; [`SqliteStore`] is the one built in.
//!
//! Decides: nothing. A store keeps what [`skala_queue::Change`]s say, all of a commit or none of it, and refuses to write for a leader
//!   that has been replaced.
//! Invariants: a change of a task that is not there does nothing; an id, an effect in another task, or an occurrence that is there already
//!   is a [`StoreError::Conflict`] (an occurrence that was only buffered may fire once). Of an ended task whose time is over a key with a
//!   window keeps the row, without body and result, until the window ends; a task that an unfinished one waits for is kept whole.
//! Tested: `tests/it/conformance`, the same suite for every store.

mod layered;
mod memory;
mod rules;
mod sqlite;

#[cfg(feature = "fuzzing")]
pub use sqlite::fuzzing;

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skala_queue::{Change, Durability, Firing, Keep, Phase, Restored, Row, TaskId};
use skala_types::{Text, Time};
use thiserror::Error;

pub use layered::LayeredStore;
pub use memory::MemoryStore;
pub use rules::{AWAITED_AGAIN, FIRINGS_KEPT, MOST_FIRINGS, SWEEP_PIECE};
pub use sqlite::{Recovered, SqliteSettings, SqliteStore, recover};

/// Why a store did not do it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process leads now. Nothing was written.
    #[error("another skala process ({leader}) leads these tasks")]
    Fenced {
        /// Who, as it named itself.
        leader: String,
    },
    /// There is no room. Nothing was written; the same commit may succeed later.
    #[error("there is no room left to store tasks: {0}")]
    Full(String),
    /// The store cannot be written now, for instance because another process holds it. Nothing was written; the same commit may succeed
    /// later.
    #[error("the store of tasks cannot be written now: {0}")]
    Busy(String),
    /// A change contradicts what is stored: an id, effect or occurrence that is there already. Nothing was written.
    #[error("a change contradicts what is stored: {0}")]
    Conflict(String),
    /// What is stored cannot be read. The text says how to recover.
    #[error("{0}")]
    Corrupt(String),
    /// Reading or writing failed, and what is on the disk is uncertain: the process must end.
    #[error("{0}")]
    Broken(String),
}

/// Who wants to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Names the process among people: host, process id, and the address of its API.
    pub name: String,
    /// Where its API answers, for those that ask another process.
    pub url: String,
}

/// Whether one leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Yes, with this epoch, above all before.
    Leads {
        /// The epoch.
        epoch: u32,
    },
    /// Somebody else does.
    Follows {
        /// Its epoch.
        epoch: u32,
        /// Who.
        leader: Candidate,
        /// Changes with each beat of the leader. When it has not changed for the time to live by the watcher's own monotonic clock,
        /// the leader may be replaced.
        beat: u64,
    },
}

/// A task as it lies in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Everything but body and result.
    pub row: Row,
    /// For one that has ended: when, by the wall clock.
    pub ended: Option<Time>,
    /// Until when it is kept after its end.
    pub until: Option<Time>,
}

/// Which tasks to list; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this queue.
    pub queue: Option<Text>,
    /// In one of these phases as stored (a leased task lies there as ready); empty: any.
    pub phases: Vec<Phase>,
    /// Of this tenant.
    pub tenant: Option<Text>,
    /// With this name.
    pub name: Option<Text>,
    /// Of this schedule.
    pub schedule: Option<Text>,
    /// Older than this one.
    pub before: Option<TaskId>,
    /// At most so many.
    pub most: usize,
}

/// A task or a remembered end, while a store is loaded.
#[derive(Clone, Copy, Debug)]
pub enum Loaded<'a> {
    /// A task that has not ended; in the order of ids.
    Live(&'a Row),
    /// One that has ended and whose key still holds, or that an unfinished task waits for. All of these come before live ones.
    Ended(&'a Row),
}

/// The writing half of a store. One thread owns it.
pub trait Store: Send {
    /// Asks who leads, and takes the lead when nobody does, or when the leader is still the one of `expected` (epoch and beat), which the
    /// caller has watched for the time to live.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError>;

    /// Says that the leader lives. Every commit says so too.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when it was replaced.
    fn beat(&mut self) -> Result<(), StoreError>;

    /// Gives the lead up, so that the next one need not wait.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn resign(&mut self) -> Result<(), StoreError>;

    /// What is remembered beside tasks: what [`Store::load`] gives, without the tasks.
    ///
    /// # Errors
    /// When it cannot be read.
    fn restored(&mut self, now: Time) -> Result<Restored, StoreError> {
        self.load(now, &mut |_| {})
    }

    /// Reads everything that a core must know.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError>;

    /// Writes changes, all or none, in order. Returns once they survive what `durability` names.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::Full`], [`StoreError::Busy`], [`StoreError::Conflict`] with nothing written;
    /// [`StoreError::Broken`] when that is not sure.
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError>;

    /// Forgets ended tasks whose time is over, or that are more than their queue keeps, effects and firings that are too old. Bounded
    /// work per call; `true` when there is more.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError>;

    /// Bytes that the next start would have to read again, such as those of a write-ahead log.
    fn log_bytes(&self) -> u64 {
        0
    }

    /// A reading half, for another thread. It sees what is committed.
    ///
    /// # Errors
    /// When the store cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

/// The reading half of a store.
pub trait Reader: Send {
    /// Labels and bodies, in the order asked; none for those that are not there.
    ///
    /// # Errors
    /// When they cannot be read.
    fn bodies(&mut self, ids: &[TaskId]) -> Result<Vec<Option<(skala_queue::Label, Bytes)>>, StoreError>;

    /// One task.
    ///
    /// # Errors
    /// When it cannot be read.
    fn task(&mut self, id: TaskId) -> Result<Option<Stored>, StoreError>;

    /// What a task that is done answered; none: nothing, or it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn result(&mut self, id: TaskId) -> Result<Option<Bytes>, StoreError>;

    /// Tasks, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(&mut self, filter: &Filter) -> Result<Vec<Stored>, StoreError>;

    /// Occurrences of a schedule that came about, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn firings(&mut self, schedule: &str, most: usize) -> Result<Vec<Firing>, StoreError>;

    /// Whether an effect of this key took place, and in which task.
    ///
    /// # Errors
    /// When it cannot be read.
    fn effect(&mut self, key: &str) -> Result<Option<TaskId>, StoreError>;
}

/// How long a leader may be silent before another takes over.
pub const LEADER_TTL: Duration = Duration::from_secs(5);

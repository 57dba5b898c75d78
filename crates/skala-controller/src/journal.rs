//! The journal: every decision with its inputs, every event, and what must survive a crash.
//!
//! Method: SQLite in WAL mode with `synchronous=FULL`. One writer thread takes operations from a bounded channel and commits
//!   them in groups; readers have their own connection. Decisions older than a few minutes are packed into compressed blocks
//!   (rows of one service resemble each other, so a day of one-second decisions takes some ten megabytes).
//! Bounds: 4,096 operations may be under way, more are dropped and counted; blocks are deleted by age and total size.
//! At the limit: when the disk is full or SQLite fails, skala goes on without its journal, says so in `status` and
//!   `/metrics`, and writes again as soon as that works.
//! Tested: `tests/journal.rs`.

mod blocks;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, ServiceName, Time};
use thiserror::Error;

pub use reader::{Reader, Saved};

/// Operations that may wait for the writer.
const MAX_PENDING: usize = 4096;

/// A failure of the journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The state folder cannot be made or the file in it not opened.
    #[error("open the journal {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A query failed.
    #[error("read the journal")]
    Read(#[from] rusqlite::Error),
    /// A record cannot be understood.
    #[error("understand a record of the journal: {0}")]
    Corrupt(String),
}

/// Something that happened, in words for people and a kind for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: Time,
    /// Whose, unless skala's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service: Option<ServiceName>,
    /// Which replica's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replica: Option<ReplicaId>,
    /// A stable word: `scaled`, `started`, `ready`, `unready`, `exited`, `crashLoop`, `stopped`, `drained`, `paused`, ...
    pub kind: String,
    /// A sentence.
    pub text: String,
}

/// One decision with everything needed to take it again. The JSON texts are kept as they are, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The `now` of the decision.
    pub at: Time,
    /// Whose.
    pub service: ServiceName,
    /// The number of the policy, see [`Reader::policy`].
    pub policy: i64,
    /// Whether it started or drained anything.
    pub acted: bool,
    /// The state before the decision; only where it does not follow from the previous decision.
    pub state: Option<String>,
    /// What was observed.
    pub observation: String,
    /// What was decided: desired count, actions and report.
    pub plan: String,
}

/// What must survive a crash, per service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose.
    pub service: ServiceName,
    /// The autoscaler's state after the last decision (JSON).
    pub state: String,
    /// The count wanted by the last decision; `None` after an orderly end.
    pub desired: Option<u32>,
    /// The user's standing order (JSON), if any.
    pub directive: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Op {
    Event(Event),
    Tick { decisions: Vec<Decision>, checkpoints: Vec<Checkpoint> },
    Keep { key: String, value: String },
    Policy { id: i64, service: ServiceName, at: Time, policy: String },
    Flush(SyncSender<()>),
    Upkeep(Time),
}

/// How long records are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Decisions and events older than this are deleted.
    pub age: Duration,
    /// When compressed decisions take more bytes than this, the oldest go first.
    pub max_bytes: u64,
    /// Decisions older than this are packed into blocks.
    pub pack_after: Duration,
}

impl Default for Retention {
    /// Fourteen days, 512 MiB, packed after five minutes.
    fn default() -> Retention {
        Retention { age: Duration::from_secs(14 * 86_400), max_bytes: 512 << 20, pack_after: Duration::from_secs(300) }
    }
}

/// What the journal knows of its own health.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) failure: Mutex<Option<String>>,
    pub(crate) written: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// The journal's own numbers.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalStatus {
    /// Why the last write failed; `None` when it worked.
    pub failure: Option<String>,
    /// Records written.
    pub written: u64,
    /// Records lost because writing failed or could not keep up.
    pub lost: u64,
}

/// The writing side; cheap to share behind an `Arc`.
pub struct Journal {
    path: PathBuf,
    ops: Option<SyncSender<Op>>,
    writer: Option<JoinHandle<()>>,
    health: Arc<Health>,
    next_policy: AtomicU64,
}

impl Journal {
    /// Packs and deletes now what is due at `now`; the writer does it by itself once a minute.
    pub fn upkeep(&self, now: Time) {
        self.send(Op::Upkeep(now));
    }

    /// Opens or makes the journal file and starts its writer.
    ///
    /// # Errors
    /// [`JournalError::Open`] when the file cannot be opened or is not a journal.
    pub fn open(path: &Path, retention: Retention) -> Result<Journal, JournalError> {
        let opened = |source| JournalError::Open { path: path.to_owned(), source };
        let connection = schema::open(path).map_err(opened)?;
        let next_policy = schema::next_policy(&connection).map_err(opened)?;
        let health = Arc::new(Health::default());
        let (ops, receiver) = std::sync::mpsc::sync_channel(MAX_PENDING);
        let shared = Arc::clone(&health);
        let writer = std::thread::Builder::new()
            .name("skala-journal".into())
            .spawn(move || writer::run(connection, &receiver, retention, &shared))
            .map_err(|e| opened(rusqlite::Error::ToSqlConversionFailure(Box::new(e))))?;
        Ok(Journal { path: path.to_owned(), ops: Some(ops), writer: Some(writer), health, next_policy: next_policy.into() })
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// [`JournalError::Open`] when the file is gone.
    pub fn reader(&self) -> Result<Reader, JournalError> {
        Reader::open(&self.path)
    }

    /// Notes an event. Never blocks.
    pub fn event(&self, event: Event) {
        self.send(Op::Event(event));
    }

    /// Notes a tick's decisions and what must survive a crash after it. Never blocks.
    pub fn tick(&self, decisions: Vec<Decision>, checkpoints: Vec<Checkpoint>) {
        self.send(Op::Tick { decisions, checkpoints });
    }

    /// Notes a policy and gives it the number that decisions refer to. Never blocks.
    pub fn policy(&self, service: ServiceName, at: Time, policy: String) -> i64 {
        let id = i64::try_from(self.next_policy.fetch_add(1, Ordering::Relaxed)).unwrap_or(i64::MAX);
        self.send(Op::Policy { id, service, at, policy });
        id
    }

    /// Keeps a value under a key, in place of the one before, for the next start. Never blocks.
    pub fn keep(&self, key: String, value: String) {
        self.send(Op::Keep { key, value });
    }

    /// Waits until everything noted so far is on disk, at most `timeout`. `false` when it took longer.
    pub fn flush(&self, timeout: Duration) -> bool {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let Some(ops) = &self.ops else { return false };
        ops.send(Op::Flush(done)).is_ok() && wait.recv_timeout(timeout).is_ok()
    }

    fn send(&self, op: Op) {
        if let Some(ops) = &self.ops
            && let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = ops.try_send(op)
        {
            self.health.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Health and counts.
    pub fn status(&self) -> JournalStatus {
        JournalStatus {
            failure: self.health.failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            written: self.health.written.load(Ordering::Relaxed),
            lost: self.health.lost.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.ops = None;
        if let Some(writer) = self.writer.take() {
            // The writer ends by itself once the channel is closed; a panic in it was already reported on stderr.
            let _ = writer.join();
        }
    }
}

//! The store that is built in: one SQLite file.
//!
//! Decides: nothing about tasks.
//! Method: one connection writes, in IMMEDIATE transactions that first read the leader's epoch, so that a replaced leader writes nothing;
//!   readers have connections of their own; a thread copies the write-ahead log back into the file. `Fsync` flushes the log with each
//!   commit (`synchronous=FULL`), `Os` leaves that to the kernel (`NORMAL`); a commit of `Fsync` flushes all before it, too.
//! Invariants: those of [`super`]; several processes on one file never corrupt it, and one of them leads.
//! Tested: `tests/it/conformance`, `tests/it/crash.rs`, `tests/it/damage.rs`, `tests/it/full.rs`; speed: `bench/tasks/store`.

mod checkpoint;
mod codec;
mod errors;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod leader;
mod ledger;
mod load;
mod reader;
mod recover;
mod schema;
mod sweep;
mod words;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use skala_queue::{Change, Durability, Keep, Restored, TaskId};
use skala_types::{Text, Time};

use self::checkpoint::Checkpointer;
use self::leader::Lead;
use self::ledger::Ledger;
use self::reader::SqliteReader;
pub use self::recover::{Recovered, recover};
use super::{Candidate, Leadership, Loaded, Reader, Store, StoreError};

/// How a file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// How long to wait for another process that writes, before the commit counts as [`StoreError::Busy`].
    pub busy: Duration,
    /// Memory for pages of the writing connection, in KiB; readers take a quarter each.
    pub cache_kib: u32,
    /// Largest size of the file in pages of 4 KiB; none: as the disk allows. A commit beyond is [`StoreError::Full`].
    pub max_pages: Option<u32>,
}

impl Default for SqliteSettings {
    fn default() -> SqliteSettings {
        SqliteSettings { busy: Duration::from_secs(2), cache_kib: 16 << 10, max_pages: None }
    }
}

/// Tasks in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    settings: SqliteSettings,
    connection: Connection,
    lead: Option<Lead>,
    ledger: Ledger,
    checkpointer: Checkpointer,
    /// Whether commits flush the log now.
    flushes: bool,
}

/// What went wrong inside a transaction.
#[derive(Debug)]
enum Fault {
    Sql(rusqlite::Error),
    Store(StoreError),
    /// The row of this task is damaged.
    Row(TaskId),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Fault {
        Fault::Sql(e)
    }
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Fault {
        Fault::Store(e)
    }
}

impl Fault {
    fn of_writing(self, path: &Path) -> StoreError {
        match self {
            Fault::Sql(e) => errors::writing(path, &e),
            other => other.of_reading(path),
        }
    }

    fn of_reading(self, path: &Path) -> StoreError {
        match self {
            Fault::Sql(e) => errors::reading(path, &e),
            Fault::Store(e) => e,
            Fault::Row(id) => errors::damaged_row(path, id),
        }
    }
}

impl SqliteStore {
    /// Opens a file, and makes it and its folder when there is none, readable for their owner alone. Leads nothing yet.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, no store of tasks, or a newer skala's; the text says what to do.
    pub fn open(path: impl Into<PathBuf>, settings: SqliteSettings) -> Result<SqliteStore, StoreError> {
        let path = path.into();
        let mut connection = schema::open(&path, settings.busy, settings.cache_kib)?;
        if let Some(pages) = settings.max_pages {
            let limited = connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            limited.map_err(|e| errors::writing(&path, &e))?;
        }
        let checkpointer = Checkpointer::new(&path, &settings);
        checkpointer.watch(&mut connection).map_err(|e| errors::opening(&path, &e))?;
        Ok(SqliteStore { path, settings, connection, lead: None, ledger: Ledger::default(), checkpointer, flushes: true })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets what the next commit survives.
    fn flush(&mut self, flushes: bool) -> Result<(), rusqlite::Error> {
        if self.flushes != flushes {
            let mode = if flushes { "PRAGMA synchronous=FULL" } else { "PRAGMA synchronous=NORMAL" };
            // This pragma acts when it is compiled, so it cannot be a cached statement.
            self.connection.execute_batch(mode)?;
            self.flushes = flushes;
        }
        Ok(())
    }

    /// Runs `work` in a transaction, if this process leads.
    fn transaction<T>(
        &mut self,
        flushes: bool,
        work: impl FnOnce(&Connection, &mut Ledger) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let result = self.try_transaction(flushes, work);
        match result {
            Ok(value) => {
                self.ledger.confirm();
                if let Some(lead) = &mut self.lead {
                    lead.confirm();
                }
                self.checkpointer.after_commit(&self.connection);
                Ok(value)
            }
            Err(fault) => {
                self.ledger.revert();
                self.roll_back();
                let error = fault.of_writing(&self.path);
                if matches!(error, StoreError::Fenced { .. }) {
                    self.lead = None;
                }
                Err(error)
            }
        }
    }

    fn try_transaction<T>(
        &mut self,
        flushes: bool,
        work: impl FnOnce(&Connection, &mut Ledger) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.flush(flushes)?;
        let c = &self.connection;
        c.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        leader::check(c, self.lead.as_ref())?;
        if flushes {
            self.checkpointer.make_room();
        }
        let value = work(c, &mut self.ledger)?;
        self.ledger.save_last_id(c)?;
        if let Some(lead) = &mut self.lead {
            lead.beat_in(c)?;
        }
        c.prepare_cached("COMMIT")?.execute([])?;
        Ok(value)
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // When it fails, the next BEGIN fails and says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Store for SqliteStore {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        let held = self.lead.take().and_then(Lead::into_lock);
        self.flush(true).map_err(|e| errors::writing(&self.path, &e))?;
        let result = leader::lead(&self.connection, &self.path, held, me, expected);
        self.roll_back();
        let (leadership, lead) = result.map_err(|fault| fault.of_writing(&self.path))?;
        self.lead = lead;
        if self.lead.is_some() {
            self.ledger = Ledger::read(&self.connection).map_err(|e| errors::reading(&self.path, &e))?;
            self.checkpointer.start();
        }
        Ok(leadership)
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        if let Some(lead) = &mut self.lead {
            lead.must_beat(&path);
        }
        self.transaction(false, |_, _| Ok(()))
    }

    fn resign(&mut self) -> Result<(), StoreError> {
        let Some(lead) = self.lead.take() else { return Ok(()) };
        lead.resign(&self.connection).map_err(|e| errors::writing(&self.path, &e))
    }

    fn restored(&mut self, _: Time) -> Result<Restored, StoreError> {
        load::restored(&self.connection).map_err(|fault| fault.of_reading(&self.path))
    }

    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        load::load(&self.connection, now, each).map_err(|fault| fault.of_reading(&self.path))
    }

    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        self.transaction(durability == Durability::Fsync, |c, ledger| write::apply(c, ledger, changes))
    }

    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        // What was forgotten may come back after a crash: nothing depends on it, so nothing is flushed.
        self.transaction(false, |c, ledger| sweep::piece(c, ledger, now, keep))
    }

    fn log_bytes(&self) -> u64 {
        self.checkpointer.log_bytes()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(reader::SqliteReader::open(&self.path, &self.settings)?))
    }
}

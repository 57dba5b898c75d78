//! The database file: how it is opened, what lies in it, and whether it is whole.
//!
//! Method: write-ahead log, page by page checksums there; every row carries its own, since SQLite has none for pages of the database.
//!   A task moves from `task` to `ended` when it ends, so that a start reads live tasks alone. Bodies longer than [`BODY_APART`] lie in a
//!   table of their own, so that moving and updating a task does not copy them.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::errors::{damaged, opening, reading};
use crate::store::StoreError;

/// Bodies longer than this, in bytes, lie in a table of their own.
pub(super) const BODY_APART: usize = 2048;
/// What `PRAGMA application_id` says of a store of tasks: `skTQ`.
const APPLICATION: i32 = 0x736b_5451;
/// The schema's version. A store of a newer one is refused.
const VERSION: i32 = 1;
/// A file up to this size is checked wholly when it is opened; beyond, rows are as they are read.
const CHECKED_WHOLLY: u64 = 128 << 20;

const SCHEMA: &str = "
CREATE TABLE leader(
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, beat INTEGER NOT NULL, leads INTEGER NOT NULL, locked INTEGER NOT NULL,
  name TEXT NOT NULL, url TEXT NOT NULL, last_id INTEGER NOT NULL);
INSERT INTO leader VALUES (1, 0, 0, 0, 0, '', '', 0);
CREATE TABLE queue(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INTEGER NOT NULL DEFAULT 0);
CREATE TABLE task(
  id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, phase INTEGER NOT NULL, flags INTEGER NOT NULL, key_until INTEGER,
  fixed BLOB NOT NULL, progress BLOB, body BLOB);
CREATE TABLE body(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE ended(
  id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, phase INTEGER NOT NULL, flags INTEGER NOT NULL, key_until INTEGER,
  bare INTEGER NOT NULL, until INTEGER NOT NULL, at INTEGER NOT NULL, fixed BLOB NOT NULL, progress BLOB, body BLOB, result BLOB);
CREATE INDEX ended_until ON ended(queue, bare, until);
CREATE INDEX ended_key ON ended(key_until) WHERE key_until IS NOT NULL;
CREATE INDEX ended_dead ON ended(id) WHERE phase = 6;
CREATE TABLE waits(parent INTEGER NOT NULL, child INTEGER NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID;
CREATE TABLE effect(key TEXT PRIMARY KEY, task INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX effect_until ON effect(until);
CREATE TABLE firing(
  schedule TEXT NOT NULL, nominal INTEGER NOT NULL, at INTEGER NOT NULL, buffered INTEGER NOT NULL, firing TEXT NOT NULL,
  PRIMARY KEY (schedule, nominal))
  WITHOUT ROWID;
CREATE TABLE schedule(name TEXT PRIMARY KEY, through INTEGER NOT NULL, paused INTEGER NOT NULL, buffered INTEGER,
  timetable INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE spent(account TEXT PRIMARY KEY, until INTEGER NOT NULL, micros INTEGER NOT NULL) WITHOUT ROWID;
";

/// Opens the file to write, and makes it when there is none: for the owner alone to read.
pub(super) fn open(path: &Path, busy: Duration, cache_kib: u32) -> Result<Connection, StoreError> {
    create(path)?;
    let connection = connect(path, busy, cache_kib)?;
    prepare(&connection, path)?;
    Ok(connection)
}

/// Another connection to a file that [`open`] has opened.
pub(super) fn connect(path: &Path, busy: Duration, cache_kib: u32) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| opening(path, &e))?;
    connection.busy_timeout(busy).map_err(|e| opening(path, &e))?;
    connection.set_prepared_statement_cache_capacity(64);
    let pragmas = format!("PRAGMA cache_size=-{cache_kib}; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=memory;");
    connection.execute_batch(&pragmas).map_err(|e| opening(path, &e))?;
    Ok(connection)
}

fn create(path: &Path) -> Result<(), StoreError> {
    let refused = |e: std::io::Error| StoreError::Broken(format!("{}: {e}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(refused)?;
    Ok(())
}

/// Refuses what is not ours, newer or damaged; fills what is empty.
fn prepare(c: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| opening(path, &e);
    let is_empty = |c: &Connection| c.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)", [], |r| r.get::<_, bool>(0));
    if is_empty(c).map_err(failed)? {
        c.execute_batch("PRAGMA journal_mode=WAL; BEGIN IMMEDIATE").map_err(failed)?;
        // Another process may have been faster.
        if is_empty(c).map_err(failed)? {
            c.execute_batch(SCHEMA).map_err(failed)?;
            c.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            c.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        c.execute_batch("COMMIT").map_err(failed)?;
    }
    refuse_foreign(c, path)?;
    c.execute_batch("PRAGMA journal_mode=WAL").map_err(failed)?;
    check(c, path)
}

fn refuse_foreign(c: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name| c.pragma_query_value(None, name, |r| r.get::<_, i32>(0)).map_err(|e| opening(path, &e));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION {
        let file = path.display();
        return Err(StoreError::Corrupt(format!("{file} is not a store of tasks: name another file as tasks.store")));
    }
    if version > VERSION {
        return Err(StoreError::Corrupt(format!(
            "{} was written by a newer skala (version {version} of the store, this one knows {VERSION}): use that skala, or move the file \
             away to begin with no tasks",
            path.display()
        )));
    }
    Ok(())
}

/// Looks for damage. A great file takes too long: there the rows' own checksums tell when they are read.
fn check(c: &Connection, path: &Path) -> Result<(), StoreError> {
    let length = std::fs::metadata(path).map_or(0, |m| m.len());
    if length > CHECKED_WHOLLY {
        return Ok(());
    }
    let verdict = c.query_row("PRAGMA quick_check(1)", [], |r| r.get::<_, String>(0)).map_err(|e| reading(path, &e))?;
    let what = verdict.lines().find(|line| !line.starts_with("***"));
    if verdict == "ok" { Ok(()) } else { Err(damaged(path, what.unwrap_or_default())) }
}

//! The journal's tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use skala_runtime::private;

/// Raised when a table changes in a way that older versions cannot read.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS events(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, service TEXT, replica INTEGER, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_at ON events(at);
CREATE TABLE IF NOT EXISTS policies(id INTEGER PRIMARY KEY, service TEXT NOT NULL, at INTEGER NOT NULL, policy TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decisions(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, service TEXT NOT NULL, policy INTEGER NOT NULL, acted INTEGER NOT NULL,
    state TEXT, observation TEXT NOT NULL, plan TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS decisions_at ON decisions(service, at);
CREATE TABLE IF NOT EXISTS blocks(
    id INTEGER PRIMARY KEY, service TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, decisions BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS blocks_at ON blocks(service, last);
CREATE TABLE IF NOT EXISTS checkpoints(service TEXT PRIMARY KEY, state TEXT NOT NULL, desired INTEGER, directive TEXT);
CREATE TABLE IF NOT EXISTS kept(key TEXT PRIMARY KEY, value TEXT NOT NULL);
";

/// Opens the file for writing and makes the tables.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite would make the file readable by all, and gives its log files the same permissions. What is wrong, it says itself.
    let _ = private::to_append().open(path);
    let c = Connection::open(path)?;
    c.busy_timeout(Duration::from_secs(5))?;
    c.pragma_update(None, "journal_mode", "WAL")?;
    c.pragma_update(None, "synchronous", "FULL")?;
    c.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let version: i64 = c.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if version > VERSION {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA),
            Some(format!("written by a newer skala: journal version {version}, this one reads up to {VERSION}")),
        ));
    }
    c.execute_batch(TABLES)?;
    c.pragma_update(None, "user_version", VERSION)?;
    Ok(c)
}

/// The first free policy number.
pub(super) fn next_policy(c: &Connection) -> rusqlite::Result<u64> {
    let last: i64 = c.query_row("SELECT coalesce(max(id), 0) FROM policies", [], |r| r.get(0))?;
    Ok(u64::try_from(last).unwrap_or(0) + 1)
}

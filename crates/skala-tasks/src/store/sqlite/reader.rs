//! Reading tasks beside the writer.
//!
//! Invariants: each call sees one state of the file, so that a task that moves meanwhile is neither missed nor seen twice.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use skala_queue::{Firing, Label, Phase, TaskId};

use super::load::{COLUMNS, Rows, text_damaged};
use super::write::{APART, time};
use super::{Fault, SqliteSettings, codec, schema};
use crate::store::{Filter, Reader, StoreError, Stored};

/// Most tasks of one answer.
const MOST: usize = 10_000;

/// A connection that only reads.
#[derive(Debug)]
pub(super) struct SqliteReader {
    path: PathBuf,
    connection: Connection,
    rows: Rows,
}

impl SqliteReader {
    pub(super) fn open(path: &Path, settings: &SqliteSettings) -> Result<SqliteReader, StoreError> {
        let connection = schema::connect(path, settings.busy, settings.cache_kib / 4)?;
        connection.execute_batch("PRAGMA query_only=1").map_err(|e| super::errors::opening(path, &e))?;
        Ok(SqliteReader { path: path.to_owned(), connection, rows: Rows::default() })
    }

    /// Runs `read` on one state of the file.
    fn read<T>(&mut self, read: impl FnOnce(&Connection, &mut Rows) -> Result<T, Fault>) -> Result<T, StoreError> {
        let result = Self::begin(&self.connection).map_err(Fault::from).and_then(|()| read(&self.connection, &mut self.rows));
        if !self.connection.is_autocommit() {
            let _ = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        }
        result.map_err(|fault| fault.of_reading(&self.path))
    }

    fn begin(c: &Connection) -> Result<(), rusqlite::Error> {
        c.prepare_cached("BEGIN")?.execute([]).map(|_| ())
    }
}

impl Reader for SqliteReader {
    fn bodies(&mut self, ids: &[TaskId]) -> Result<Vec<Option<(Label, Bytes)>>, StoreError> {
        self.read(|c, rows| ids.iter().map(|id| body(c, rows, *id)).collect())
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Stored>, StoreError> {
        self.read(|c, rows| {
            rows.learn(c)?;
            let live = one(c, rows, &format!("SELECT {COLUMNS}, NULL, NULL FROM task WHERE id = ?1"), id)?;
            if live.is_some() {
                return Ok(live);
            }
            one(c, rows, &format!("SELECT {COLUMNS}, at, until FROM ended WHERE id = ?1"), id)
        })
    }

    fn result(&mut self, id: TaskId) -> Result<Option<Bytes>, StoreError> {
        self.read(|c, _| {
            let mut select = c.prepare_cached("SELECT result FROM ended WHERE id = ?1")?;
            let found: Option<Option<Vec<u8>>> = select.query_row([id.0 as i64], |r| r.get(0)).optional()?;
            found.flatten().map(|bytes| codec::unpack_bytes(id, bytes).map_err(|_| Fault::Row(id))).transpose()
        })
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        self.read(|c, rows| list(c, rows, filter))
    }

    fn firings(&mut self, schedule: &str, most: usize) -> Result<Vec<Firing>, StoreError> {
        self.read(|c, _| {
            let sql = "SELECT firing FROM firing WHERE schedule = ?1 ORDER BY nominal DESC LIMIT ?2";
            let mut select = c.prepare_cached(sql)?;
            let texts = select.query_map((schedule, most.min(MOST) as i64), |r| r.get::<_, String>(0))?;
            let parse =
                |text: Result<String, rusqlite::Error>| serde_json::from_str(&text?).map_err(|e| Fault::from(text_damaged(0, e)));
            texts.map(parse).collect()
        })
    }

    fn effect(&mut self, key: &str) -> Result<Option<TaskId>, StoreError> {
        self.read(|c, _| {
            let mut select = c.prepare_cached("SELECT task FROM effect WHERE key = ?1")?;
            Ok(select.query_row([key], |r| r.get::<_, i64>(0)).optional()?.map(|id| TaskId(id as u64)))
        })
    }
}

/// Label and body of a task, live or ended.
fn body(c: &Connection, rows: &mut Rows, id: TaskId) -> Result<Option<(Label, Bytes)>, Fault> {
    let live = body_in(c, rows, id, "SELECT flags, fixed, body FROM task WHERE id = ?1")?;
    if live.is_some() {
        return Ok(live);
    }
    body_in(c, rows, id, "SELECT flags, fixed, body FROM ended WHERE id = ?1 AND bare = 0")
}

fn body_in(c: &Connection, rows: &mut Rows, id: TaskId, sql: &str) -> Result<Option<(Label, Bytes)>, Fault> {
    let damaged = |_| Fault::Row(id);
    let mut select = c.prepare_cached(sql)?;
    let mut found = select.query([id.0 as i64])?;
    let Some(r) = found.next()? else { return Ok(None) };
    let fixed = r.get_ref(1)?.as_blob().map_err(|_| Fault::Row(id))?;
    let label = codec::unpack_row_label(id, fixed, &mut rows.words).map_err(damaged)?;
    let bytes: Vec<u8> = if r.get::<_, i64>(0)? & APART == 0 {
        r.get::<_, Option<Vec<u8>>>(2)?.ok_or(Fault::Row(id))?
    } else {
        let mut apart = c.prepare_cached("SELECT body FROM body WHERE id = ?1")?;
        apart.query_row([id.0 as i64], |r| r.get(0)).optional()?.ok_or(Fault::Row(id))?
    };
    Ok(Some((label, codec::unpack_bytes(id, bytes).map_err(damaged)?)))
}

fn one(c: &Connection, rows: &mut Rows, sql: &str, id: TaskId) -> Result<Option<Stored>, Fault> {
    let mut select = c.prepare_cached(sql)?;
    let mut found = select.query([id.0 as i64])?;
    found.next()?.map(|r| stored(r, rows)).transpose()
}

fn stored(r: &rusqlite::Row<'_>, rows: &mut Rows) -> Result<Stored, Fault> {
    let at = |column| Ok::<_, Fault>(r.get::<_, Option<i64>>(column)?.map(time));
    Ok(Stored { row: rows.row(r)?, ended: at(6)?, until: at(7)? })
}

/// Newest first, from both tables.
fn list(c: &Connection, rows: &mut Rows, filter: &Filter) -> Result<Vec<Stored>, Fault> {
    rows.learn(c)?;
    let queue = match &filter.queue {
        Some(name) => match rows.number(name) {
            Some(number) => Some(number),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let wants = |phases: &[Phase]| filter.phases.is_empty() || filter.phases.iter().any(|p| phases.contains(p));
    let mut all = Vec::new();
    // A running task that was called off lies among the live ones as cancelled.
    if wants(&[Phase::Ready, Phase::Delayed, Phase::Held, Phase::Parked, Phase::Leased, Phase::Cancelled]) {
        some(c, rows, filter, queue, "NULL, NULL FROM task", &mut all)?;
    }
    if filter.phases == [Phase::Dead] {
        some(c, rows, filter, queue, "at, until FROM ended INDEXED BY ended_dead", &mut all)?;
    } else if wants(&[Phase::Done, Phase::Dead, Phase::Cancelled]) {
        some(c, rows, filter, queue, "at, until FROM ended", &mut all)?;
    }
    all.sort_by_key(|stored| std::cmp::Reverse(stored.row.id));
    all.truncate(filter.most.min(MOST));
    Ok(all)
}

/// The newest that a filter takes, from one table.
fn some(
    c: &Connection,
    rows: &mut Rows,
    filter: &Filter,
    queue: Option<i64>,
    from: &str,
    to: &mut Vec<Stored>,
) -> Result<(), Fault> {
    // The index of dead letters is used only where the statement itself says so.
    let dead = if filter.phases == [Phase::Dead] { "AND phase = 6" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS}, {from} WHERE id < ?1 {dead} AND (?2 IS NULL OR queue = ?2) AND (?3 = 0 OR (?3 >> phase) & 1) ORDER BY id DESC"
    );
    let before = filter.before.map_or(i64::MAX, |id| id.0 as i64);
    let phases = filter.phases.iter().fold(0_i64, |mask, phase| mask | 1 << *phase as i64);
    let mut select = c.prepare_cached(&sql)?;
    let mut found = select.query(params![before, queue, phases])?;
    let most = to.len() + filter.most.min(MOST);
    while to.len() < most
        && let Some(r) = found.next()?
    {
        let stored = stored(r, rows)?;
        if filter.takes(&stored.row) {
            to.push(stored);
        }
    }
    Ok(())
}

//! Takes what can be read of a damaged file into a new one, and puts that in its place.
//!
//! Decides: which rows are whole: those that SQLite can reach and whose checksums are right.
//! Method: each table is read from both ends up to the damage; between, tables with numbers as keys are asked at ever more places (at most
//!   [`MOST_SEEKS`]), since whole pages may lie between damaged ones. What was read is then held against its checksums.
//! Invariants: the damaged file is moved aside as it was, never written; nobody leads it meanwhile.
//! Tested: `tests/it/damage.rs`.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use skala_queue::TaskId;

use super::errors::{opening, reading, writing};
use super::{SqliteReader, SqliteSettings, leader, schema};
use crate::store::{Reader as _, StoreError};

/// Places at which a table is asked between damaged pages.
const MOST_SEEKS: usize = 4096;
/// An epoch above those of any process before, when the leader's row is lost: leases of then must not be taken for leases of now.
const LATE_EPOCH: i64 = 1 << 20;
/// Tables with a number as key.
const NUMBERED: [&str; 4] = ["queue", "task", "body", "ended"];
/// The others, with the order of their keys, both ways.
const OTHERS: [(&str, &str, &str); 6] = [
    ("leader", "one", "one DESC"),
    ("waits", "parent, child", "parent DESC, child DESC"),
    ("effect", "key", "key DESC"),
    ("firing", "schedule, nominal", "schedule DESC, nominal DESC"),
    ("schedule", "name", "name DESC"),
    ("spent", "account", "account DESC"),
];

/// What became of a damaged file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Unfinished tasks that are whole.
    pub tasks: u64,
    /// Ended ones.
    pub ended: u64,
    /// Tasks that could be reached and were not whole.
    pub refused: u64,
    /// Tables of which a part could not be reached.
    pub torn: Vec<String>,
    /// Where the damaged file lies now.
    pub kept: PathBuf,
}

/// Puts a new store with everything that can be read into the place of a damaged one, which is kept beside it as `.damaged`.
///
/// # Errors
/// When a process leads the store, an earlier damaged file is in the way, or not even the list of tables can be read.
pub fn recover(path: &Path) -> Result<Recovered, StoreError> {
    let broken = |e: std::io::Error| StoreError::Broken(format!("{}: {e}", path.display()));
    let (kept, made) = (beside(path, ".damaged"), beside(path, ".new"));
    if kept.exists() {
        return Err(StoreError::Busy(format!("{} is there already: move it away first", kept.display())));
    }
    std::fs::metadata(path).map_err(broken)?;
    let Some(_lock) = leader::try_lock(path) else {
        return Err(StoreError::Busy(format!("a skala process leads {}: stop it first", path.display())));
    };
    remove(&made).map_err(broken)?;
    let mut recovered = copy(path, &made)?;
    prune(&made, &mut recovered)?;
    for end in ["", "-wal", "-shm"] {
        match std::fs::rename(beside(path, end), beside(&kept, end)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(broken(e)),
            _ => {}
        }
    }
    std::fs::rename(&made, path).map_err(broken)?;
    recovered.kept = kept;
    Ok(recovered)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// What a recovery that was cut left.
fn remove(made: &Path) -> std::io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        match std::fs::remove_file(beside(made, end)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn copy(path: &Path, made: &Path) -> Result<Recovered, StoreError> {
    let settings = SqliteSettings::default();
    let old = schema::connect(path, settings.busy, settings.cache_kib)?;
    // The file stays as it is, and so does its log.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(|e| opening(path, &e))?;
    old.execute_batch("PRAGMA query_only=1").map_err(|e| opening(path, &e))?;
    old.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).map_err(|e| reading(path, &e))?;
    let new = schema::open(made, Duration::ZERO, settings.cache_kib)?;
    let mut recovered = Recovered::default();
    new.execute_batch("BEGIN").map_err(|e| writing(made, &e))?;
    let mut torn = |table: &str, whole: bool| recovered.torn.extend((!whole).then(|| table.to_owned()));
    for table in NUMBERED {
        torn(table, numbered(&old, &new, table).map_err(|e| writing(made, &e))?);
    }
    for (table, up, down) in OTHERS {
        let scan =
            |order| Scan { old: &old, new: &new, sql: format!("SELECT * FROM {table} ORDER BY {order}"), table, steps: None };
        let whole = scan(up).run().map_err(|e| writing(made, &e))?.1;
        if !whole {
            scan(down).run().map_err(|e| writing(made, &e))?;
        }
        torn(table, whole);
    }
    let lost = recovered.torn.iter().any(|table| table == "leader");
    let epoch = if lost { LATE_EPOCH } else { 0 };
    let leader = format!(
        "UPDATE leader SET leads = 0, locked = 0, epoch = max(epoch, {epoch}), last_id = max(last_id, \
         (SELECT ifnull(max(id), 0) FROM task), (SELECT ifnull(max(id), 0) FROM ended)); COMMIT"
    );
    new.execute_batch(&leader).map_err(|e| writing(made, &e))?;
    Ok(recovered)
}

/// Copies a table by its numbers, around what cannot be read. Whether all of it could.
fn numbered(old: &Connection, new: &Connection, table: &str) -> Result<bool, rusqlite::Error> {
    let (mut gaps, mut whole) = (vec![(i64::MIN, i64::MAX)], true);
    for _ in 0..MOST_SEEKS {
        let Some((low, high)) = gaps.pop() else { break };
        let scan = |steps: Ordering, low: i64, high: i64| {
            let order = if steps == Ordering::Greater { "ASC" } else { "DESC" };
            let sql = format!("SELECT * FROM {table} WHERE id > {low} AND id < {high} ORDER BY id {order}");
            Scan { old, new, sql, table, steps: Some(steps) }.run()
        };
        let (last, is_whole) = scan(Ordering::Greater, low, high)?;
        if is_whole {
            continue;
        }
        whole = false;
        let low = last.unwrap_or(low);
        let (first, _) = scan(Ordering::Less, low, high)?;
        let high = first.unwrap_or(high);
        let middle = low.midpoint(high);
        if middle > low && middle < high {
            // The lower end of the upper half is its middle, so that it is read up to the damage there, too.
            gaps.insert(0, (low, middle + 1));
            gaps.insert(0, (middle, high));
        }
    }
    Ok(whole)
}

/// A copy of rows in one order.
struct Scan<'a> {
    old: &'a Connection,
    new: &'a Connection,
    sql: String,
    table: &'a str,
    /// How numbers follow one another. Others are damage, and might go round in circles.
    steps: Option<Ordering>,
}

impl Scan<'_> {
    /// Copies up to the first that cannot be read: its last row's first column, where that is a number, and whether it came to the end.
    fn run(&self) -> Result<(Option<i64>, bool), rusqlite::Error> {
        let (Ok(mut select), mut last) = (self.old.prepare(&self.sql), None) else { return Ok((None, false)) };
        let columns = select.column_count();
        let places = vec!["?"; columns].join(", ");
        let mut insert = self.new.prepare_cached(&format!("INSERT OR REPLACE INTO {} VALUES ({places})", self.table))?;
        let Ok(mut rows) = select.query([]) else { return Ok((None, false)) };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok((last, true)),
                Err(_) => return Ok((last, false)),
            };
            let Ok(values) = (0..columns).map(|n| row.get(n)).collect::<Result<Vec<Value>, _>>() else {
                return Ok((last, false));
            };
            if let Some(Value::Integer(number)) = values.first() {
                if self.steps.is_some_and(|steps| last.is_some_and(|last| number.cmp(&last) != steps)) {
                    return Ok((last, false));
                }
                last = Some(*number);
            }
            match insert.execute(params_from_iter(values)) {
                // A row that no skala wrote.
                Err(e) if matches!(e.sqlite_error_code(), Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)) => {}
                other => _ = other?,
            }
        }
    }
}

/// Forgets what does not match its checksums, and counts the rest.
fn prune(made: &Path, recovered: &mut Recovered) -> Result<(), StoreError> {
    let settings = SqliteSettings::default();
    let new = schema::connect(made, settings.busy, settings.cache_kib)?;
    let mut reader = SqliteReader::open(made, &settings)?;
    let failed = |e: rusqlite::Error| writing(made, &e);
    for (table, is_live) in [("task", true), ("ended", false)] {
        let mut ids = new.prepare(&format!("SELECT id FROM {table} ORDER BY id")).map_err(failed)?;
        let ids = ids.query_map([], |r| r.get::<_, i64>(0)).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
        for number in ids {
            let id = TaskId(number.cast_unsigned());
            let has_body = reader.bodies(&[id]).is_ok_and(|bodies| !is_live || bodies.iter().all(Option::is_some));
            if has_body && reader.result(id).is_ok() && matches!(reader.task(id), Ok(Some(_))) {
                *(if is_live { &mut recovered.tasks } else { &mut recovered.ended }) += 1;
            } else {
                recovered.refused += 1;
                let forget = format!("DELETE FROM {table} WHERE id = {number}; DELETE FROM body WHERE id = {number}");
                new.execute_batch(&forget).map_err(failed)?;
            }
        }
    }
    drop(reader);
    // One file without a log, so that it can be moved.
    new.execute_batch("DELETE FROM spent WHERE NOT json_valid(account); PRAGMA journal_mode=DELETE").map_err(failed)
}

//! Reading everything that a core must know.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use skala_queue::{Progressed, Restored, Row, ScheduleRow, TaskId};
use skala_types::{Text, Time};

use super::write::{KEYED, stamp, time};
use super::{Fault, codec, ledger, words::Words};
use crate::store::Loaded;

/// Columns of a task, live or ended, in the order that [`Rows::row`] wants.
pub(super) const COLUMNS: &str = "id, queue, phase, flags, fixed, progress";

pub(super) fn load(c: &Connection, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, Fault> {
    let mut rows = Rows::read(c)?;
    // A key that still holds, or a task that waits.
    let sql = format!(
        "SELECT {COLUMNS} FROM ended WHERE id IN (SELECT id FROM ended WHERE key_until > ?1 UNION SELECT parent FROM waits) ORDER BY id"
    );
    let mut select = c.prepare(&sql)?;
    let mut found = select.query([stamp(now)])?;
    while let Some(row) = found.next()? {
        each(Loaded::Ended(&rows.row(row)?));
    }
    let mut select = c.prepare(&format!("SELECT {COLUMNS} FROM task ORDER BY id"))?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        each(Loaded::Live(&rows.row(row)?));
    }
    restored(c)
}

/// What is remembered beside tasks.
pub(super) fn restored(c: &Connection) -> Result<Restored, Fault> {
    Ok(Restored { paused: paused(c)?, spent: spent(c)?, schedules: schedules(c)?, last_id: ledger::last_id(c)? })
}

/// Makes rows of what is stored.
#[derive(Debug, Default)]
pub(super) struct Rows {
    queues: HashMap<i64, Text>,
    pub(super) words: Words,
}

impl Rows {
    pub(super) fn read(c: &Connection) -> Result<Rows, rusqlite::Error> {
        let mut rows = Rows::default();
        rows.learn(c)?;
        Ok(rows)
    }

    /// Reads the queues' names again.
    pub(super) fn learn(&mut self, c: &Connection) -> Result<(), rusqlite::Error> {
        let mut select = c.prepare_cached("SELECT id, name FROM queue")?;
        let names = select.query_map([], |r| Ok((r.get(0)?, r.get::<_, String>(1)?.into())))?;
        self.queues = names.collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(super) fn number(&self, queue: &str) -> Option<i64> {
        self.queues.iter().find(|(_, name)| ***name == *queue).map(|(number, _)| *number)
    }

    /// The row of a task; columns as [`COLUMNS`] says.
    pub(super) fn row(&mut self, r: &rusqlite::Row<'_>) -> Result<Row, Fault> {
        let id = TaskId(r.get::<_, i64>(0)? as u64);
        let damaged = |_| Fault::Row(id);
        let queue = self.queues.get(&r.get(1)?).cloned().ok_or(Fault::Row(id))?;
        let phase = codec::phase(r.get(2)?).map_err(damaged)?;
        let fixed = r.get_ref(4)?.as_blob().map_err(|_| Fault::Row(id))?;
        let mut row = codec::unpack_row(id, fixed, queue, &mut self.words).map_err(damaged)?;
        row.progressed = match r.get_ref(5)?.as_blob_or_null().map_err(|_| Fault::Row(id))? {
            Some(progress) => codec::unpack_progressed(id, progress, phase).map_err(damaged)?,
            None => Progressed { phase, ..row.progressed },
        };
        if r.get::<_, i64>(3)? & KEYED == 0 {
            row.key = None;
        }
        Ok(row)
    }
}

fn paused(c: &Connection) -> Result<Vec<Text>, rusqlite::Error> {
    let mut select = c.prepare("SELECT name FROM queue WHERE paused ORDER BY name")?;
    select.query_map([], |r| Ok(r.get::<_, String>(0)?.into()))?.collect()
}

fn spent(c: &Connection) -> Result<BTreeMap<skala_queue::Account, u64>, Fault> {
    let mut select = c.prepare("SELECT account, micros FROM spent")?;
    let mut found = select.query([])?;
    let mut all = BTreeMap::new();
    while let Some(r) = found.next()? {
        let account: String = r.get(0)?;
        let account = serde_json::from_str(&account).map_err(|e| text_damaged(0, e))?;
        all.insert(account, r.get::<_, i64>(1)? as u64);
    }
    Ok(all)
}

fn schedules(c: &Connection) -> Result<BTreeMap<Text, ScheduleRow>, rusqlite::Error> {
    let mut select = c.prepare("SELECT name, through, paused, buffered, timetable FROM schedule")?;
    let row = |r: &rusqlite::Row<'_>| {
        let (through, buffered) = (time(r.get(1)?), r.get::<_, Option<i64>>(3)?.map(time));
        let timetable = r.get::<_, i64>(4)?.cast_unsigned();
        Ok((r.get::<_, String>(0)?.into(), ScheduleRow { through, paused: r.get(2)?, buffered, timetable }))
    };
    select.query_map([], row)?.collect()
}

/// A text column that is no JSON of ours.
pub(super) fn text_damaged(column: usize, e: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e))
}

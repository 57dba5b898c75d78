//! Changes, as rows.
//!
//! Invariants: a change of a task that is not there does nothing; one that contradicts what is there fails.

use rusqlite::{CachedStatement, Connection, OptionalExtension};
use skala_queue::{Change, Ended, Firing, FiringOutcome, Holds, Progressed, Row, TaskId};
use skala_types::{Text, Time};

use super::schema::BODY_APART;
use super::{Fault, codec, ledger::Ledger, words::Words};
use crate::store::rules::spent_until;
use crate::store::{StoreError, memory::parents};

/// Flags of a row: it waits for others.
pub(super) const PARENTS: i64 = 1;
/// Its key holds.
pub(super) const KEYED: i64 = 2;
/// Its body lies apart.
pub(super) const APART: i64 = 4;

/// Writes changes in their order.
pub(super) fn apply(c: &Connection, ledger: &mut Ledger, changes: &[Change]) -> Result<(), Fault> {
    let mut write = Write { c, ledger, buffers: Buffers::default(), insert: None };
    changes.iter().try_for_each(|change| write.apply(change))
}

struct Write<'c, 'l> {
    c: &'c Connection,
    ledger: &'l mut Ledger,
    buffers: Buffers,
    insert: Option<CachedStatement<'c>>,
}

#[derive(Default)]
struct Buffers {
    fixed: Vec<u8>,
    progress: Vec<u8>,
    body: Vec<u8>,
}

/// What must be known of a row before it moves.
pub(super) struct Head {
    pub(super) queue: i64,
    pub(super) flags: i64,
    pub(super) key_until: Option<i64>,
}

impl Write<'_, '_> {
    fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        match change {
            Change::Insert(row, body) => self.insert(row, body),
            Change::Update(id, progressed) => self.update(*id, progressed),
            Change::Finish(ended) => self.finish(ended),
            Change::Revive(id, progressed) => self.revive(*id, progressed),
            Change::Delete(id) => self.delete(*id),
            Change::Unkey { task, .. } => self.unkey(*task),
            Change::Effect { key, task, until } => self.effect(key, *task, *until),
            Change::Paused(queue, paused) => {
                let number = self.ledger.queue(self.c, queue)?;
                self.c.execute("UPDATE queue SET paused = ?2 WHERE id = ?1", (number, paused))?;
                Ok(())
            }
            Change::Spent(account, micros) => {
                let sql = "INSERT INTO spent VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE SET micros = excluded.micros";
                let (text, until) = (json(account), stamp(spent_until(account)));
                self.c.prepare_cached(sql)?.execute((text, until, *micros as i64))?;
                Ok(())
            }
            Change::Fired(firing) => self.fired(firing),
            Change::Schedule(name, row) => {
                let sql = "INSERT OR REPLACE INTO schedule VALUES (?1, ?2, ?3, ?4, ?5)";
                let (buffered, timetable) = (row.buffered.map(stamp), row.timetable.cast_signed());
                self.c.prepare_cached(sql)?.execute((&**name, stamp(row.through), row.paused, buffered, timetable))?;
                Ok(())
            }
        }
    }

    fn insert(&mut self, row: &Row, body: &[u8]) -> Result<(), Fault> {
        let queue = self.ledger.queue(self.c, &row.queue)?;
        let Buffers { fixed, progress, body: packed } = &mut self.buffers;
        codec::pack_row(row, fixed);
        codec::pack_bytes(row.id, body, packed);
        let is_apart = body.len() > BODY_APART;
        let mut flags = if is_apart { APART } else { 0 };
        if row.key.is_some() {
            flags |= KEYED;
        }
        if parents(row).next().is_some() {
            flags |= PARENTS;
        }
        let key_until = row.key.as_ref().filter(|key| key.holds == Holds::Window).map(|key| stamp(key.until));
        let progress = (!is_fresh(row)).then(|| {
            codec::pack_progressed(row.id, &row.progressed, progress);
            &progress[..]
        });
        let (id, phase) = (row.id.0 as i64, row.progressed.phase as i64);
        let inline = (!is_apart).then_some(&packed[..]);
        if self.insert.is_none() {
            self.insert = Some(self.c.prepare_cached("INSERT INTO task VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?);
        }
        if let Some(insert) = &mut self.insert {
            insert.execute((id, queue, phase, flags, key_until, &fixed[..], progress, inline)).map_err(|e| taken(row.id, e))?;
        }
        if is_apart {
            self.c.prepare_cached("INSERT INTO body VALUES (?1, ?2)")?.execute((id, &packed[..]))?;
        }
        self.await_parents(row)?;
        self.ledger.inserted(row.id);
        Ok(())
    }

    fn update(&mut self, id: TaskId, progressed: &Progressed) -> Result<(), Fault> {
        codec::pack_progressed(id, progressed, &mut self.buffers.progress);
        let mut update = self.c.prepare_cached("UPDATE task SET phase = ?2, progress = ?3 WHERE id = ?1")?;
        update.execute((id.0 as i64, progressed.phase as i64, &self.buffers.progress[..]))?;
        Ok(())
    }

    fn finish(&mut self, ended: &Ended) -> Result<(), Fault> {
        let id = ended.id.0 as i64;
        let Some(head) = self.head(TASK, id)? else { return Ok(()) };
        self.leave_parents(&head, ended.id)?;
        let is_whole = ended.until > ended.at || (self.ledger.waits && is_awaited(self.c, id)?);
        let keyed = head.key_until.filter(|until| *until > stamp(ended.at));
        if is_whole || keyed.is_some() {
            self.move_to_ended(ended, &head, is_whole)?;
        } else {
            self.ledger.forgotten(ended.id);
        }
        if head.flags & APART != 0 && !is_whole {
            self.c.prepare_cached("DELETE FROM body WHERE id = ?1")?.execute([id])?;
        }
        self.c.prepare_cached("DELETE FROM task WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    fn move_to_ended(&mut self, ended: &Ended, head: &Head, is_whole: bool) -> Result<(), Fault> {
        let Buffers { progress, body: packed, .. } = &mut self.buffers;
        codec::pack_progressed(ended.id, &ended.progressed, progress);
        let result = ended.result.as_ref().filter(|_| is_whole).map(|result| {
            codec::pack_bytes(ended.id, result, packed);
            &packed[..]
        });
        // Only keys with a window outlive their task.
        let mut flags = if head.key_until.is_none() { head.flags & !KEYED } else { head.flags };
        if !is_whole {
            flags &= !APART;
        }
        let until = if is_whole { stamp(ended.until) } else { head.key_until.unwrap_or_default() };
        let sql = "INSERT OR REPLACE INTO ended SELECT id, queue, ?2, ?3, key_until, ?4, ?5, ?6, fixed, ?7, iif(?4, NULL, body), ?8 \
                   FROM task WHERE id = ?1";
        let (id, phase, at) = (ended.id.0 as i64, ended.phase as i64, stamp(ended.at));
        self.c.prepare_cached(sql)?.execute((id, phase, flags, !is_whole, until, at, &progress[..], result))?;
        if is_whole {
            self.ledger.count_whole(head.queue, 1);
        }
        Ok(())
    }

    fn revive(&mut self, id: TaskId, progressed: &Progressed) -> Result<(), Fault> {
        let number = id.0 as i64;
        let Some(head) = self.head("SELECT queue, flags, key_until FROM ended WHERE id = ?1 AND bare = 0", number)? else {
            return Ok(());
        };
        let row = Row { due: progressed.due, expires: None, ..self.row(id, "SELECT fixed FROM ended WHERE id = ?1")? };
        codec::pack_row(&row, &mut self.buffers.fixed);
        codec::pack_progressed(id, progressed, &mut self.buffers.progress);
        let sql = "INSERT INTO task SELECT id, queue, ?2, flags, key_until, ?3, ?4, body FROM ended WHERE id = ?1";
        let Buffers { fixed, progress, .. } = &self.buffers;
        self.c.prepare_cached(sql)?.execute((number, progressed.phase as i64, &fixed[..], &progress[..]))?;
        if head.flags & PARENTS != 0 {
            self.await_parents(&row)?;
        }
        self.c.prepare_cached("DELETE FROM ended WHERE id = ?1")?.execute([number])?;
        self.ledger.count_whole(head.queue, -1);
        Ok(())
    }

    fn delete(&mut self, id: TaskId) -> Result<(), Fault> {
        let number = id.0 as i64;
        if let Some(head) = self.head(TASK, number)? {
            self.leave_parents(&head, id)?;
            self.c.prepare_cached("DELETE FROM body WHERE id = ?1")?.execute([number])?;
            self.c.prepare_cached("DELETE FROM task WHERE id = ?1")?.execute([number])?;
        }
        forget(self.c, self.ledger, id)?;
        self.ledger.forgotten(id);
        Ok(())
    }

    fn unkey(&mut self, id: TaskId) -> Result<(), Fault> {
        let mut live = self.c.prepare_cached("UPDATE task SET flags = flags & ~2, key_until = NULL WHERE id = ?1")?;
        if live.execute([id.0 as i64])? == 0 {
            let mut ended = self.c.prepare_cached("UPDATE ended SET flags = flags & ~2, key_until = NULL WHERE id = ?1")?;
            ended.execute([id.0 as i64])?;
        }
        Ok(())
    }

    fn effect(&mut self, key: &Text, task: TaskId, until: Time) -> Result<(), Fault> {
        let sql = "INSERT INTO effect VALUES (?1, ?2, ?3) \
                   ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE task = excluded.task";
        if self.c.prepare_cached(sql)?.execute((&**key, task.0 as i64, stamp(until)))? == 0 {
            return Err(StoreError::Conflict(format!("effect {key} took place in another task")).into());
        }
        Ok(())
    }

    fn fired(&mut self, firing: &Firing) -> Result<(), Fault> {
        let sql = "INSERT INTO firing VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (schedule, nominal) \
                   DO UPDATE SET at = excluded.at, buffered = excluded.buffered, firing = excluded.firing WHERE buffered";
        let (name, nominal) = (&firing.occurrence.schedule, firing.occurrence.nominal);
        let is_buffered = firing.outcome == FiringOutcome::Buffered;
        let row = (&**name, stamp(nominal), stamp(firing.at), is_buffered, json(firing));
        if self.c.prepare_cached(sql)?.execute(row)? == 0 {
            return Err(StoreError::Conflict(format!("schedule {name} fired for {nominal} already")).into());
        }
        self.ledger.fired = true;
        Ok(())
    }

    fn head(&self, sql: &str, id: i64) -> Result<Option<Head>, rusqlite::Error> {
        let head = |r: &rusqlite::Row<'_>| Ok(Head { queue: r.get(0)?, flags: r.get(1)?, key_until: r.get(2)? });
        self.c.prepare_cached(sql)?.query_row([id], head).optional()
    }

    fn row(&self, id: TaskId, sql: &str) -> Result<Row, Fault> {
        let fixed: Vec<u8> = self.c.prepare_cached(sql)?.query_row([id.0 as i64], |r| r.get(0))?;
        codec::unpack_row(id, &fixed, Text::default(), &mut Words::default()).map_err(|_| Fault::Row(id))
    }

    fn await_parents(&mut self, row: &Row) -> Result<(), rusqlite::Error> {
        for parent in parents(row) {
            self.ledger.waits = true;
            let mut wait = self.c.prepare_cached("INSERT OR IGNORE INTO waits VALUES (?1, ?2)")?;
            wait.execute((parent.0 as i64, row.id.0 as i64))?;
        }
        Ok(())
    }

    /// A live task no longer waits.
    fn leave_parents(&self, head: &Head, id: TaskId) -> Result<(), Fault> {
        if head.flags & PARENTS == 0 {
            return Ok(());
        }
        for parent in parents(&self.row(id, "SELECT fixed FROM task WHERE id = ?1")?) {
            let mut leave = self.c.prepare_cached("DELETE FROM waits WHERE parent = ?1 AND child = ?2")?;
            leave.execute((parent.0 as i64, id.0 as i64))?;
        }
        Ok(())
    }
}

const TASK: &str = "SELECT queue, flags, key_until FROM task WHERE id = ?1";

/// Forgets an ended task wholly.
pub(super) fn forget(c: &Connection, ledger: &mut Ledger, id: TaskId) -> Result<(), rusqlite::Error> {
    let sql = "DELETE FROM ended WHERE id = ?1 RETURNING queue, flags, bare";
    let gone = c.prepare_cached(sql)?.query_row([id.0 as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let Some((queue, flags, bare)): Option<(i64, i64, bool)> = gone else { return Ok(()) };
    if flags & APART != 0 {
        c.prepare_cached("DELETE FROM body WHERE id = ?1")?.execute([id.0 as i64])?;
    }
    if !bare {
        ledger.count_whole(queue, -1);
    }
    ledger.forgotten(id);
    Ok(())
}

/// Whether an unfinished task waits for this one.
pub(super) fn is_awaited(c: &Connection, id: i64) -> Result<bool, rusqlite::Error> {
    c.prepare_cached("SELECT EXISTS (SELECT 1 FROM waits WHERE parent = ?1)")?.query_row([id], |r| r.get(0))
}

/// Whether nothing has happened to the task yet.
fn is_fresh(row: &Row) -> bool {
    let p = &row.progressed;
    p.due == row.due && p.attempts == 0 && p.losses == 0 && p.spent == 0 && p.death.is_none()
}

fn taken(id: TaskId, error: rusqlite::Error) -> Fault {
    match error {
        rusqlite::Error::SqliteFailure(e, _) if e.code == rusqlite::ErrorCode::ConstraintViolation => {
            StoreError::Conflict(format!("task {id} is there already")).into()
        }
        other => other.into(),
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("accounts and occurrences have only texts and numbers")
}

/// A time as SQLite stores it; beyond the year 2262: for ever.
pub(super) fn stamp(time: Time) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The reverse of [`stamp`].
pub(super) fn time(stamp: i64) -> Time {
    if stamp == i64::MAX { Time::MAX } else { Time::from_nanos(stamp.max(0) as u64) }
}

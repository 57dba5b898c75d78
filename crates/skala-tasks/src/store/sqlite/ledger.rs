//! What the writing connection knows of its file without asking: queues' numbers, how many ended tasks each keeps, the highest id.
//!
//! Invariants: says what is committed; what a transaction adds is dropped when it fails.

use std::collections::HashMap;

use rusqlite::Connection;
use skala_queue::TaskId;
use skala_types::Text;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    queues: HashMap<Text, i64>,
    /// Ended tasks that are kept whole, by queue.
    whole: HashMap<i64, i64>,
    last_id: u64,
    /// The highest id that the file remembers even when no task has it any more.
    saved_id: u64,
    /// Some task may wait for another.
    pub(super) waits: bool,
    /// Occurrences were added since the last sweep of them.
    pub(super) fired: bool,
    change: Uncommitted,
}

/// What the transaction under way adds.
#[derive(Debug, Default)]
struct Uncommitted {
    queues: Vec<Text>,
    whole: HashMap<i64, i64>,
    last_id: u64,
    saved_id: u64,
    /// A task of this id, the highest such, is forgotten.
    forgotten: u64,
}

impl Ledger {
    /// As the file says.
    pub(super) fn read(c: &Connection) -> Result<Ledger, rusqlite::Error> {
        let mut queues = c.prepare("SELECT name, id FROM queue")?;
        let queues = queues.query_map([], |r| Ok((r.get::<_, String>(0)?.into(), r.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut whole = c.prepare("SELECT queue, count(*) FROM ended WHERE bare = 0 GROUP BY queue")?;
        let whole = whole.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
        let saved_id = c.query_row("SELECT last_id FROM leader", [], |r| r.get::<_, i64>(0))? as u64;
        let last_id = last_id(c)?;
        let waits = c.query_row("SELECT EXISTS (SELECT 1 FROM waits)", [], |r| r.get(0))?;
        Ok(Ledger { queues, whole, last_id, saved_id, waits, fired: true, change: Uncommitted::default() })
    }

    /// A queue's number; made when it has none.
    pub(super) fn queue(&mut self, c: &Connection, name: &Text) -> Result<i64, rusqlite::Error> {
        if let Some(number) = self.queues.get(name) {
            return Ok(*number);
        }
        c.execute("INSERT INTO queue(name) VALUES (?1)", [&**name])?;
        let number = c.last_insert_rowid();
        self.queues.insert(name.clone(), number);
        self.change.queues.push(name.clone());
        Ok(number)
    }

    /// All queues.
    pub(super) fn queues(&self) -> Vec<(Text, i64)> {
        self.queues.iter().map(|(name, number)| (name.clone(), *number)).collect()
    }

    pub(super) fn count_whole(&mut self, queue: i64, by: i64) {
        *self.change.whole.entry(queue).or_default() += by;
    }

    /// Ended tasks that the queue keeps whole.
    pub(super) fn whole(&self, queue: i64) -> i64 {
        let committed = self.whole.get(&queue).copied().unwrap_or(0);
        committed + self.change.whole.get(&queue).copied().unwrap_or(0)
    }

    pub(super) fn inserted(&mut self, id: TaskId) {
        self.change.last_id = self.change.last_id.max(id.0);
    }

    pub(super) fn forgotten(&mut self, id: TaskId) {
        self.change.forgotten = self.change.forgotten.max(id.0);
    }

    /// Writes the highest id down, when no row may say it any more.
    pub(super) fn save_last_id(&mut self, c: &Connection) -> Result<(), rusqlite::Error> {
        if self.change.forgotten <= self.saved_id {
            return Ok(());
        }
        let last = self.last_id.max(self.change.last_id);
        c.prepare_cached("UPDATE leader SET last_id = ?1")?.execute([last as i64])?;
        self.change.saved_id = last;
        Ok(())
    }

    pub(super) fn confirm(&mut self) {
        let change = &mut self.change;
        change.queues.clear();
        for (queue, by) in change.whole.drain() {
            *self.whole.entry(queue).or_default() += by;
        }
        self.last_id = self.last_id.max(change.last_id);
        self.saved_id = self.saved_id.max(change.saved_id);
        (change.last_id, change.saved_id, change.forgotten) = (0, 0, 0);
    }

    pub(super) fn revert(&mut self) {
        let change = std::mem::take(&mut self.change);
        for name in change.queues {
            self.queues.remove(&name);
        }
    }
}

/// The highest id ever stored.
pub(super) fn last_id(c: &Connection) -> Result<u64, rusqlite::Error> {
    let sql = "SELECT max((SELECT last_id FROM leader), coalesce((SELECT max(id) FROM task), 0), coalesce((SELECT max(id) FROM ended), 0))";
    Ok(c.query_row(sql, [], |r| r.get::<_, i64>(0))? as u64)
}

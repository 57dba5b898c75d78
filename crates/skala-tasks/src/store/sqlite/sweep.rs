//! Forgetting, a piece at a time.

use rusqlite::Connection;
use skala_queue::{Keep, TaskId};
use skala_types::{Text, Time};

use super::Fault;
use super::ledger::Ledger;
use super::write::{APART, forget, is_awaited, stamp};
use crate::store::rules::{AWAITED_AGAIN, FIRINGS_KEPT, MOST_FIRINGS, SWEEP_PIECE};

/// One piece; whether there is more.
pub(super) fn piece(c: &Connection, ledger: &mut Ledger, now: Time, keep: &[(Text, Keep)]) -> Result<bool, Fault> {
    let mut more = false;
    for (name, queue) in ledger.queues() {
        let mut sweep = Sweep { c, ledger, queue, now };
        more |= sweep.due(false)?;
        more |= sweep.due(true)?;
        if let Some((_, keep)) = keep.iter().find(|(of, _)| *of == name) {
            more |= sweep.beyond(keep.most)?;
        }
        if more {
            // The others come with the next piece.
            return Ok(true);
        }
    }
    let sql = "DELETE FROM effect WHERE key IN (SELECT key FROM effect WHERE until <= ?1 LIMIT ?2)";
    more |= c.prepare_cached(sql)?.execute((stamp(now), SWEEP_PIECE as i64))? == SWEEP_PIECE;
    c.prepare_cached("DELETE FROM spent WHERE until <= ?1")?.execute([stamp(now)])?;
    if std::mem::take(&mut ledger.fired) {
        firings(c, now)?;
    }
    Ok(more)
}

struct Sweep<'a> {
    c: &'a Connection,
    ledger: &'a mut Ledger,
    queue: i64,
    now: Time,
}

impl Sweep<'_> {
    /// Those whose time is over.
    fn due(&mut self, bare: bool) -> Result<bool, Fault> {
        let sql = "SELECT id FROM ended WHERE queue = ?1 AND bare = ?2 AND until <= ?3 ORDER BY until, id LIMIT ?4";
        let mut select = self.c.prepare_cached(sql)?;
        let due: Vec<i64> =
            select.query_map((self.queue, bare, stamp(self.now), SWEEP_PIECE as i64), |r| r.get(0))?.collect::<Result<_, _>>()?;
        for id in &due {
            self.let_go(*id)?;
        }
        Ok(due.len() == SWEEP_PIECE)
    }

    /// Those that are more than the queue keeps; first those whose time is over first.
    fn beyond(&mut self, most: usize) -> Result<bool, Fault> {
        let beyond = usize::try_from(self.ledger.whole(self.queue)).unwrap_or(0).saturating_sub(most);
        if beyond == 0 {
            return Ok(false);
        }
        let sql = "SELECT id FROM ended WHERE queue = ?1 AND bare = 0 ORDER BY until, id LIMIT ?2";
        let mut select = self.c.prepare_cached(sql)?;
        let first: Vec<i64> =
            select.query_map((self.queue, beyond.min(SWEEP_PIECE) as i64), |r| r.get(0))?.collect::<Result<_, _>>()?;
        let mut gone = 0;
        for id in first {
            gone += usize::from(self.let_go(id)?);
        }
        Ok(beyond > SWEEP_PIECE && gone > 0)
    }

    /// Forgets an ended task, or as much of it as may be; whether that is something.
    fn let_go(&mut self, id: i64) -> Result<bool, Fault> {
        let mut select = self.c.prepare_cached("SELECT flags, key_until, until FROM ended WHERE id = ?1")?;
        let (flags, key_until, until): (i64, Option<i64>, i64) =
            select.query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        if is_awaited(self.c, id)? {
            let again = stamp(self.now + AWAITED_AGAIN).max(until);
            self.c.prepare_cached("UPDATE ended SET until = ?2 WHERE id = ?1")?.execute((id, again))?;
            return Ok(false);
        }
        match key_until.filter(|until| *until > stamp(self.now)) {
            Some(until) => self.strip(id, flags, until)?,
            None => forget(self.c, self.ledger, TaskId(id as u64))?,
        }
        Ok(true)
    }

    /// Keeps what the key needs.
    fn strip(&mut self, id: i64, flags: i64, until: i64) -> Result<(), Fault> {
        let sql = "UPDATE ended SET bare = 1, until = ?2, flags = ?3, body = NULL, result = NULL WHERE id = ?1";
        self.c.prepare_cached(sql)?.execute((id, until, flags & !APART))?;
        if flags & APART != 0 {
            self.c.prepare_cached("DELETE FROM body WHERE id = ?1")?.execute([id])?;
        }
        self.ledger.count_whole(self.queue, -1);
        Ok(())
    }
}

/// Occurrences beyond the bound or too old, as far as their schedules cover them.
fn firings(c: &Connection, now: Time) -> Result<(), Fault> {
    let sql = "DELETE FROM firing AS f WHERE nominal <= (SELECT through FROM schedule WHERE name = f.schedule) AND (at <= ?1 OR nominal < \
               (SELECT nominal FROM firing AS n WHERE n.schedule = f.schedule ORDER BY nominal DESC LIMIT 1 OFFSET ?2))";
    c.prepare_cached(sql)?.execute((stamp(now.minus(FIRINGS_KEPT)), MOST_FIRINGS as i64 - 1))?;
    Ok(())
}

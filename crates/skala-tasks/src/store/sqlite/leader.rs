//! Who leads a file, and how a leader that was replaced is kept from writing.
//!
//! Method: one row holds the epoch, which grows with each leader; every transaction reads it first, so that what an earlier leader writes
//!   is refused (fencing). A leader also holds a lock on a file beside; the kernel drops it when the process dies, so the next one leads at
//!   once. One that is alive and silent (stopped, or its disk hangs) is replaced when its beat stands still.
//! Invariants: safety depends on the epoch alone; the lock only saves waiting. It counts only while the row says that the leader holds it,
//!   since a stopped leader takes it along when it is replaced.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, OptionalExtension};

use super::Fault;
use crate::store::{Candidate, Leadership, StoreError};

/// Commits say that the leader lives, at most so often.
const BEAT: Duration = Duration::from_millis(500);

/// The lead of a file.
#[derive(Debug)]
pub(super) struct Lead {
    epoch: u32,
    lock: Option<Flock<File>>,
    beaten: Instant,
    /// The next transaction beats in any case.
    is_due: bool,
    /// The transaction under way beats.
    beats: bool,
}

struct LeaderRow {
    epoch: u32,
    beat: i64,
    leads: bool,
    locked: bool,
    who: Candidate,
}

/// Takes the lead, or says who has it.
pub(super) fn lead(
    c: &Connection,
    path: &Path,
    held: Option<Flock<File>>,
    me: &Candidate,
    expected: Option<(u32, u64)>,
) -> Result<(Leadership, Option<Lead>), Fault> {
    let lock = held.or_else(|| try_lock(path));
    c.execute_batch("BEGIN IMMEDIATE")?;
    let row = read(c)?;
    let is_dead = row.locked && lock.is_some();
    let is_silent = expected == Some((row.epoch, row.beat as u64));
    if row.leads && !is_dead && !is_silent {
        let leadership = Leadership::Follows { epoch: row.epoch, leader: row.who, beat: row.beat as u64 };
        return Ok((leadership, None));
    }
    let epoch = row.epoch + 1;
    let sql = "UPDATE leader SET epoch = ?1, beat = beat + 1, leads = 1, locked = ?2, name = ?3, url = ?4";
    c.execute(sql, (epoch, lock.is_some(), &me.name, &me.url))?;
    c.execute_batch("COMMIT")?;
    Ok((Leadership::Leads { epoch }, Some(Lead { epoch, lock, beaten: Instant::now(), is_due: false, beats: false })))
}

/// Refuses to go on unless this process leads.
pub(super) fn check(c: &Connection, lead: Option<&Lead>) -> Result<(), Fault> {
    let (epoch, leads): (u32, bool) =
        c.prepare_cached("SELECT epoch, leads FROM leader")?.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    if leads && lead.is_some_and(|lead| lead.epoch == epoch) {
        return Ok(());
    }
    let leader = if leads { read(c)?.who.name } else { "none".to_owned() };
    Err(Fault::Store(StoreError::Fenced { leader }))
}

impl Lead {
    /// The next transaction beats, and says that the lock is held if it can be had by now.
    pub(super) fn must_beat(&mut self, path: &Path) {
        self.is_due = true;
        if self.lock.is_none() {
            self.lock = try_lock(path);
        }
    }

    /// Says in a transaction that the leader lives, when that is due.
    pub(super) fn beat_in(&mut self, c: &Connection) -> Result<(), rusqlite::Error> {
        self.beats = self.is_due || self.beaten.elapsed() >= BEAT;
        if self.beats {
            c.prepare_cached("UPDATE leader SET beat = beat + 1, locked = ?1")?.execute([self.lock.is_some()])?;
        }
        Ok(())
    }

    /// The transaction is committed.
    pub(super) fn confirm(&mut self) {
        if std::mem::take(&mut self.beats) {
            self.beaten = Instant::now();
            self.is_due = false;
        }
    }

    pub(super) fn resign(self, c: &Connection) -> Result<(), rusqlite::Error> {
        c.execute("UPDATE leader SET leads = 0, locked = 0, beat = beat + 1 WHERE epoch = ?1", [self.epoch])?;
        Ok(())
    }

    pub(super) fn into_lock(self) -> Option<Flock<File>> {
        self.lock
    }
}

fn read(c: &Connection) -> Result<LeaderRow, rusqlite::Error> {
    let row = c.query_row("SELECT epoch, beat, leads, locked, name, url FROM leader", [], |r| {
        let who = Candidate { name: r.get(4)?, url: r.get(5)? };
        Ok(LeaderRow { epoch: r.get(0)?, beat: r.get(1)?, leads: r.get(2)?, locked: r.get(3)?, who })
    });
    row.optional()?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The lock's file: beside the store.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-leader");
    name.into()
}

pub(super) fn try_lock(path: &Path) -> Option<Flock<File>> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(lock_path(path)).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

//! Reading the journal: for `why`, `events`, `replay`, and for starting again after a crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};
use skala_types::{ReplicaId, ServiceName, Time};

use super::writer::stamp;
use super::{Checkpoint, Decision, Event, JournalError, blocks};

/// What [`decision`] reads, in its order.
pub(super) const COLUMNS: &str = "at, service, policy, acted, state, observation, plan";

/// What an earlier run left for a service.
pub type Saved = Checkpoint;

/// A read-only connection; it also works beside a running skala and after its end.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens an existing journal.
    ///
    /// # Errors
    /// [`JournalError::Open`] when there is none.
    pub fn open(path: &Path) -> Result<Reader, JournalError> {
        // Read-write without create: a reader of a WAL file needs its shared-memory file.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = |source| JournalError::Open { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, flags).map_err(opened)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(opened)?;
        Ok(Reader { connection })
    }

    /// What an earlier run left, per service.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn checkpoints(&self) -> Result<Vec<Saved>, JournalError> {
        let mut select = self.connection.prepare("SELECT service, state, desired, directive FROM checkpoints")?;
        let rows = select.query_map([], |r| {
            Ok(Checkpoint { service: r.get::<_, String>(0)?.into(), state: r.get(1)?, desired: r.get(2)?, directive: r.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What an earlier run kept, by key.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn kept(&self) -> Result<BTreeMap<String, String>, JournalError> {
        let mut select = self.connection.prepare("SELECT key, value FROM kept")?;
        let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A policy's JSON by its number.
    ///
    /// # Errors
    /// [`JournalError::Read`]; in particular when there is no such policy.
    pub fn policy(&self, id: i64) -> Result<String, JournalError> {
        Ok(self.connection.query_row("SELECT policy FROM policies WHERE id = ?1", [id], |r| r.get(0))?)
    }

    /// The last decision about a service at or before `at`.
    ///
    /// # Errors
    /// [`JournalError::Read`] or [`JournalError::Corrupt`].
    pub fn decision_at(&self, service: &ServiceName, at: Time) -> Result<Option<Decision>, JournalError> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM decisions WHERE service = ?1 AND at <= ?2 ORDER BY at DESC, id DESC LIMIT 1"
        ))?;
        let mut rows = select.query(params![service.as_str(), stamp(at)])?;
        if let Some(row) = rows.next()? {
            return Ok(Some(decision(row)?));
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT decisions FROM blocks WHERE service = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1")?;
        let mut rows = select.query(params![service.as_str(), stamp(at)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let packed = blocks::unpack(&row.get::<_, Vec<u8>>(0)?)?;
        Ok(packed.into_iter().rfind(|d| d.at <= at))
    }

    /// Feeds every decision since `from` to `visit`, per service in order of time. Memory is bounded by one block.
    ///
    /// # Errors
    /// [`JournalError::Read`] or [`JournalError::Corrupt`], or what `visit` returns.
    pub fn decisions(
        &self,
        service: &ServiceName,
        from: Time,
        mut visit: impl FnMut(Decision) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let read = self.connection.unchecked_transaction()?;
        let mut select = read.prepare("SELECT decisions FROM blocks WHERE service = ?1 AND last >= ?2 ORDER BY first")?;
        let mut rows = select.query(params![service.as_str(), stamp(from)])?;
        while let Some(row) = rows.next()? {
            let packed = blocks::unpack(&row.get::<_, Vec<u8>>(0)?)?;
            packed.into_iter().filter(|d| d.at >= from).try_for_each(&mut visit)?;
        }
        let mut select =
            read.prepare(&format!("SELECT {COLUMNS} FROM decisions WHERE service = ?1 AND at >= ?2 ORDER BY at, id"))?;
        let mut rows = select.query(params![service.as_str(), stamp(from)])?;
        while let Some(row) = rows.next()? {
            visit(decision(row)?)?;
        }
        Ok(())
    }

    /// The services that decisions were taken about.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn services(&self) -> Result<Vec<ServiceName>, JournalError> {
        let mut select = self.connection.prepare("SELECT DISTINCT service FROM policies ORDER BY service")?;
        let rows = select.query_map([], |r| Ok(ServiceName::from(r.get::<_, String>(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest `limit` events, oldest first, of one service or of all, since `from`.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn events(&self, service: Option<&ServiceName>, from: Time, limit: u32) -> Result<Vec<Event>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT at, service, replica, kind, text FROM events
             WHERE at >= ?1 AND (?2 IS NULL OR service = ?2) ORDER BY id DESC LIMIT ?3",
        )?;
        let rows = select.query_map(params![stamp(from), service.map(ServiceName::as_str), limit], |r| {
            Ok(Event {
                at: time(r.get(0)?),
                service: r.get::<_, Option<String>>(1)?.map(ServiceName::from),
                replica: r.get::<_, Option<i64>>(2)?.map(|n| ReplicaId(n.unsigned_abs())),
                kind: r.get(3)?,
                text: r.get(4)?,
            })
        })?;
        let mut events: Vec<Event> = rows.collect::<Result<_, _>>()?;
        events.reverse();
        Ok(events)
    }
}

fn time(nanos: i64) -> Time {
    Time::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

pub(super) fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    Ok(Decision {
        at: time(row.get(0)?),
        service: row.get::<_, String>(1)?.into(),
        policy: row.get(2)?,
        acted: row.get(3)?,
        state: row.get(4)?,
        observation: row.get(5)?,
        plan: row.get(6)?,
    })
}

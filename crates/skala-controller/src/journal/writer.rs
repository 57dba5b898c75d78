//! The journal's writer thread: group commit, packing, retention.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use skala_types::Time;

use super::{Health, JournalError, Op, Retention, blocks, reader};

/// Most operations in one transaction.
const MAX_GROUP: usize = 512;
/// How often old records are packed and deleted.
const UPKEEP: Duration = Duration::from_secs(60);
/// Decisions per block.
const BLOCK: i64 = 300;

/// Writes until the channel closes.
pub(super) fn run(mut connection: Connection, ops: &Receiver<Op>, retention: Retention, health: &Health) {
    let mut next_upkeep = Instant::now() + UPKEEP;
    let mut newest = Time::ZERO;
    while let Ok(first) = ops.recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(op) = ops.try_recv()
        {
            group.push(op);
        }
        let records = group.len() as u64;
        let mut flushed: Vec<SyncSender<()>> = Vec::new();
        let mut due = (Instant::now() >= next_upkeep).then_some(newest);
        for op in &group {
            match op {
                Op::Flush(done) => flushed.push(done.clone()),
                Op::Upkeep(now) => due = Some(*now),
                _ => {}
            }
        }
        let mut result = write(&mut connection, group, &mut newest);
        if let (Ok(()), Some(now)) = (&result, due) {
            next_upkeep = Instant::now() + UPKEEP;
            result = upkeep(&mut connection, now, retention);
        }
        note(health, records, result.err());
        for done in flushed {
            // The one who waited may have given up.
            let _ = done.send(());
        }
    }
}

fn note(health: &Health, records: u64, failure: Option<JournalError>) {
    let counter = if failure.is_none() { &health.written } else { &health.lost };
    counter.fetch_add(records, Ordering::Relaxed);
    let mut known = health.failure.lock().unwrap_or_else(PoisonError::into_inner);
    let text = failure.map(|e| match std::error::Error::source(&e) {
        Some(source) => format!("{e}: {source}"),
        None => e.to_string(),
    });
    match (&*known, &text) {
        (None, Some(text)) => tracing::error!("the journal cannot be written, decisions go on unrecorded: {text}"),
        (Some(_), None) => tracing::info!("the journal is written again"),
        _ => {}
    }
    *known = text;
}

fn write(connection: &mut Connection, group: Vec<Op>, newest: &mut Time) -> Result<(), JournalError> {
    let tx = connection.transaction()?;
    for op in group {
        match op {
            Op::Flush(_) | Op::Upkeep(_) => {}
            Op::Event(e) => {
                *newest = (*newest).max(e.at);
                tx.prepare_cached("INSERT INTO events(at, service, replica, kind, text) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
                    params![
                        stamp(e.at),
                        e.service.as_ref().map(|s| s.as_str()),
                        e.replica.map(|r| i64::try_from(r.0).unwrap_or(i64::MAX)),
                        e.kind,
                        e.text
                    ],
                )?;
            }
            Op::Keep { key, value } => {
                tx.prepare_cached("INSERT OR REPLACE INTO kept(key, value) VALUES (?1, ?2)")?.execute(params![key, value])?;
            }
            Op::Policy { id, service, at, policy } => {
                tx.prepare_cached("INSERT INTO policies(id, service, at, policy) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                    id,
                    service.as_str(),
                    stamp(at),
                    policy
                ])?;
            }
            Op::Tick { decisions, checkpoints } => {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO decisions(at, service, policy, acted, state, observation, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?;
                for d in decisions {
                    *newest = (*newest).max(d.at);
                    insert.execute(params![
                        stamp(d.at),
                        d.service.as_str(),
                        d.policy,
                        d.acted,
                        d.state,
                        d.observation,
                        d.plan
                    ])?;
                }
                let mut replace = tx.prepare_cached(
                    "INSERT OR REPLACE INTO checkpoints(service, state, desired, directive) VALUES (?1, ?2, ?3, ?4)",
                )?;
                for c in checkpoints {
                    replace.execute(params![c.service.as_str(), c.state, c.desired, c.directive])?;
                }
            }
        }
    }
    Ok(tx.commit()?)
}

/// Nanoseconds as SQLite's signed integer; good until the year 2262.
pub(super) fn stamp(t: Time) -> i64 {
    i64::try_from(t.as_nanos()).unwrap_or(i64::MAX)
}

/// Packs old decisions and deletes what is past its retention.
fn upkeep(connection: &mut Connection, now: Time, retention: Retention) -> Result<(), JournalError> {
    while pack_one(connection, now.minus(retention.pack_after))? {}
    let oldest = stamp(now.minus(retention.age));
    connection.execute("DELETE FROM events WHERE at < ?1", [oldest])?;
    connection.execute("DELETE FROM blocks WHERE last < ?1", [oldest])?;
    loop {
        let bytes: i64 = connection.query_row("SELECT coalesce(sum(length(decisions)), 0) FROM blocks", [], |r| r.get(0))?;
        if u64::try_from(bytes).unwrap_or(0) <= retention.max_bytes {
            break;
        }
        connection.execute("DELETE FROM blocks WHERE id IN (SELECT id FROM blocks ORDER BY last LIMIT 16)", [])?;
    }
    connection.execute(
        "DELETE FROM policies WHERE at < ?1 AND id NOT IN (SELECT max(id) FROM policies GROUP BY service)
         AND id NOT IN (SELECT DISTINCT policy FROM decisions)",
        [oldest],
    )?;
    connection.execute_batch("PRAGMA incremental_vacuum(256)")?;
    Ok(())
}

/// Packs one service's oldest full block of decisions before `before`; `false` when there is none.
fn pack_one(connection: &mut Connection, before: Time) -> Result<bool, JournalError> {
    let tx = connection.transaction()?;
    let service: Option<String> = tx
        .query_row(
            "SELECT service FROM decisions WHERE at < ?1 GROUP BY service HAVING count(*) >= ?2 LIMIT 1",
            params![stamp(before), BLOCK],
            |r| r.get(0),
        )
        .map(Some)
        .or_else(|e| if e == rusqlite::Error::QueryReturnedNoRows { Ok(None) } else { Err(e) })?;
    let Some(service) = service else { return Ok(false) };
    let mut ids = Vec::new();
    let mut decisions = Vec::new();
    {
        let mut select = tx.prepare_cached(&format!(
            "SELECT {}, id FROM decisions WHERE service = ?1 AND at < ?2 ORDER BY at, id LIMIT ?3",
            reader::COLUMNS
        ))?;
        let mut rows = select.query(params![service, stamp(before), BLOCK])?;
        while let Some(row) = rows.next()? {
            decisions.push(reader::decision(row)?);
            ids.push(row.get::<_, i64>("id")?);
        }
    }
    let (Some(first), Some(last)) = (decisions.first(), decisions.last()) else { return Ok(false) };
    let block = blocks::pack(&decisions)?;
    tx.execute(
        "INSERT INTO blocks(service, first, last, decisions) VALUES (?1, ?2, ?3, ?4)",
        params![service, stamp(first.at), stamp(last.at), block],
    )?;
    for id in ids {
        tx.prepare_cached("DELETE FROM decisions WHERE id = ?1")?.execute([id])?;
    }
    tx.commit()?;
    Ok(true)
}

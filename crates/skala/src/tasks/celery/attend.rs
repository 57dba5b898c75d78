//! What skala does about Celery's queues and workers beyond their leases: pauses, pools, alarms, and words about them.
//!
//! Method: once a second, what was seen is held against what is wanted. A queue that pauses is taken from every worker that takes from it,
//!   also from those that start meanwhile, and given back to them and to the replicas of its service at the end. A pool grows while
//!   tasks wait and it is busy, before the autoscaler hears of them.
//! Invariants: orders go to workers by name, never to all; no order is waited for by anybody else.
//! Tested: `tests` below; `tests/e2e/examples/fastapi_celery.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use skala_celery::pool::{self, Pool};
use skala_celery::{CeleryQueueStats, Error, LeaseCounts, WorkerView};
use skala_queue::Alarm;

use super::{Brokers, Queue, Watched};
use crate::tasks::Noted;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(1);
/// Between two questions who takes from a queue that pauses.
const ASK: Duration = Duration::from_secs(3);
/// How long a pool that was changed is left alone; its new size is known after that.
const SETTLE: Duration = Duration::from_secs(5);
/// An alarm ends at this share of its thresholds.
const LOWERED: f64 = 0.8;
/// No CPU figure keeps a pool from growing: `max` does.
const CPU_TARGET: f64 = 1.0;

/// What is remembered from round to round.
#[derive(Default)]
struct Memory {
    /// By queue that pauses: who took from it, and when that was asked last.
    paused: BTreeMap<String, (BTreeSet<String>, Instant)>,
    /// Pools that were changed lately.
    resized: BTreeMap<String, Instant>,
    /// By broker.
    leases: Vec<LeaseCounts>,
}

impl Brokers {
    /// Attends until it is dropped. `pauses` says whether a queue does now; none: nobody knows.
    pub async fn attend(&self, pauses: impl Fn(&str) -> Option<bool>, note: impl Fn(Noted)) {
        let mut memory = Memory { leases: vec![LeaseCounts::default(); self.watched.len()], ..Memory::default() };
        loop {
            tokio::time::sleep(ROUND).await;
            for (at, watched) in self.watched.iter().enumerate() {
                tell_leases(watched, &mut memory.leases[at], &note);
                for queue in watched.queues.iter().filter(|queue| !queue.bridged) {
                    self.tell_alarm(watched, queue, &note);
                    let Some(paused) = pauses(&queue.name) else { continue };
                    if let Err(error) = self.pause(watched, queue, paused, &mut memory).await {
                        tracing::warn!(queue = queue.name, %error, "the workers could not be told whether the queue pauses");
                    }
                    if !paused && let Err(error) = self.resize(watched, queue, &mut memory).await {
                        tracing::warn!(queue = queue.name, %error, "the pools of workers could not be changed");
                    }
                }
            }
        }
    }

    /// Takes the queue from workers, or gives it back.
    async fn pause(&self, watched: &Watched, queue: &Queue, paused: bool, memory: &mut Memory) -> Result<(), Error> {
        let remote = watched.watcher.remote();
        if !paused {
            let Some((mut takers, _)) = memory.paused.remove(&queue.name) else { return Ok(()) };
            takers.extend(self.workers(watched, queue).into_iter().map(|worker| worker.name));
            let takers: Vec<String> = takers.into_iter().collect();
            tracing::info!(queue = queue.name, workers = takers.len(), "a Celery queue goes on");
            let told = remote.add_consumer(&queue.there, Some(&takers)).await;
            if told.is_err() {
                memory.paused.insert(queue.name.clone(), (takers.into_iter().collect(), Instant::now()));
            }
            return told.map(|_| ());
        }
        let asked = memory.paused.get(&queue.name).is_some_and(|(_, at)| at.elapsed() < ASK);
        if asked {
            return Ok(());
        }
        let found = remote.active_queues().await?;
        let takes = |queues: &Value| queues.as_array().into_iter().flatten().any(|q| q["name"] == queue.there.as_str());
        let takers: Vec<String> = found.by_worker.into_iter().filter(|(_, queues)| takes(queues)).map(|(name, _)| name).collect();
        let known = memory.paused.entry(queue.name.clone()).or_insert_with(|| (BTreeSet::new(), Instant::now()));
        known.1 = Instant::now();
        if !takers.is_empty() {
            tracing::info!(queue = queue.name, workers = takers.len(), "a Celery queue pauses");
            known.0.extend(takers.iter().cloned());
            remote.cancel_consumer(&queue.there, Some(&takers)).await?;
        }
        Ok(())
    }

    /// Grows and shrinks pools.
    async fn resize(&self, watched: &Watched, queue: &Queue, memory: &mut Memory) -> Result<(), Error> {
        let Some((min, max)) = queue.pool else { return Ok(()) };
        memory.resized.retain(|_, at| at.elapsed() < SETTLE);
        let workers = self.workers(watched, queue);
        let ready = watched.watcher.stats(&queue.there).map_or(0, |stats| stats.ready);
        let mut changed = false;
        for worker in &workers {
            let settles = !worker.answers || memory.resized.contains_key(&worker.name);
            let Some(size) = worker.pool.filter(|_| !settles) else { continue };
            let part = ready.div_ceil(workers.len() as u64) + worker.prefetched;
            let running = u32::try_from(worker.running).unwrap_or(u32::MAX);
            let wanted =
                pool::size(&Pool { size, running, waiting: part, cpu: None }, &pool::Limits { min, max, cpu_target: CPU_TARGET });
            let one = std::slice::from_ref(&worker.name);
            match wanted.cmp(&size) {
                std::cmp::Ordering::Equal => continue,
                std::cmp::Ordering::Greater => watched.watcher.remote().pool_grow(wanted - size, one).await?,
                std::cmp::Ordering::Less => watched.watcher.remote().pool_shrink(size - wanted, one).await?,
            };
            tracing::info!(worker = worker.name, from = size, to = wanted, "changed a Celery worker's pool");
            memory.resized.insert(worker.name.clone(), Instant::now());
            changed = true;
        }
        if changed {
            watched.watcher.pools_changed();
        }
        Ok(())
    }

    /// Raises or lowers a queue's alarm.
    fn tell_alarm(&self, watched: &Watched, queue: &Queue, note: &impl Fn(Noted)) {
        let Some(stats) = watched.watcher.stats(&queue.there) else { return };
        let mut alarms = self.alarms.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let was = alarms.contains(&queue.name);
        let Some(text) = turned(&queue.alarm, &stats, was) else { return };
        let kind = if was { "alarmOver" } else { "alarm" };
        if was {
            alarms.remove(&queue.name)
        } else {
            alarms.insert(queue.name.clone())
        };
        drop(alarms);
        note(Noted { service: Some(queue.service.to_string()), kind, text: format!("{}: {text}", queue.name) });
    }

    /// Workers that are replicas of the queue's service and do not drain.
    pub(super) fn workers(&self, watched: &Watched, queue: &Queue) -> Vec<WorkerView> {
        let pids = self.pids(&queue.service);
        let view = watched.watcher.view();
        view.workers.iter().filter(|w| w.pid.is_some_and(|pid| pids.contains(&pid))).cloned().collect()
    }

    /// Slots by which the pools of a queue's workers may still grow: tasks for which no replica is needed.
    pub(super) fn room(&self, watched: &Watched, queue: &Queue) -> u64 {
        let Some((_, max)) = queue.pool else { return 0 };
        let workers = self.workers(watched, queue);
        workers.iter().filter_map(|w| Some(u64::from(max.saturating_sub(w.pool?)))).sum()
    }
}

/// What was given back since the last round.
fn tell_leases(watched: &Watched, before: &mut LeaseCounts, note: &impl Fn(Noted)) {
    let view = watched.watcher.view();
    let [back, dead] = [view.leases.restored - before.restored, view.leases.dead - before.dead];
    *before = view.leases;
    let names: Vec<&str> = watched.queues.iter().map(|queue| queue.name.as_str()).collect();
    if back > 0 {
        let text = format!("{}: the worker of {back} tasks is dead; they are back in their Celery queues", names.join(", "));
        note(Noted { service: None, kind: "leaseLost", text });
    }
    if dead > 0 {
        let text = format!("{}: {dead} tasks lost their workers too often; they are in the dead-letter lists", names.join(", "));
        note(Noted { service: None, kind: "deadLetter", text });
    }
}

/// The text of an alarm that is raised now, or that was and is over.
fn turned(alarm: &Alarm, stats: &CeleryQueueStats, raised: bool) -> Option<String> {
    let share = if raised { LOWERED } else { 1.0 };
    let (length, age) = (stats.ready + stats.leased, stats.oldest_age.unwrap_or_default());
    let long = alarm.length.is_some_and(|most| length as f64 > most as f64 * share);
    let old = alarm.age.is_some_and(|most| age > most.mul_f64(share));
    let lengths = alarm.length.map(|most| format!("{length} tasks are ready or worked on (threshold {most})"));
    let ages = alarm.age.map(|most| {
        format!("the oldest ready task waits for {:.0} s (threshold {:.0} s)", age.as_secs_f64(), most.as_secs_f64())
    });
    ((long || old) != raised).then(|| [lengths, ages].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_raised_above_its_threshold_and_lowered_well_below() {
        let alarm = Alarm { length: Some(10), age: Some(Duration::from_secs(60)) };
        let of = |ready, leased, age, raised| {
            let oldest_age = Some(Duration::from_secs(age));
            turned(&alarm, &CeleryQueueStats { ready, leased, oldest_age, ..CeleryQueueStats::default() }, raised).is_some()
        };
        assert!(!of(8, 2, 60, false));
        assert!(of(8, 3, 0, false) && of(0, 0, 61, false));
        assert!(!of(9, 0, 0, true) && !of(0, 0, 49, true));
        assert!(of(8, 0, 48, true));
        assert!(turned(&Alarm::default(), &CeleryQueueStats { ready: 1 << 40, ..CeleryQueueStats::default() }, false).is_none());
    }
}

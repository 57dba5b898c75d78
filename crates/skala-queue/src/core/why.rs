//! Why a task does not run.
//!
//! Decides: nothing; names the first reason that applies, in the order in which the core asks them.
//! Tested: `tests/it/limits.rs`.

use std::time::Duration;

use skala_types::Time;

use super::flows::parent_id;
use super::queue::Queue;
use super::slab::Task;
use super::{Asked, Core, Now, TaskId, Waiting, Why};
use crate::Phase;

/// Tasks ahead that are counted.
const MOST_AHEAD: usize = 1000;
/// Nobody works on a queue from which no worker has taken for so long.
const NO_WORKER: Duration = Duration::from_secs(60);

impl Core {
    /// What the core knows of an unfinished task.
    pub fn ask(&self, task: TaskId, now: Now) -> Option<Asked> {
        let slot = self.tasks.find(task)?;
        let task = &self.tasks[slot];
        let lease = self.leases.get(task.place).filter(|_| task.phase == Phase::Leased);
        Some(Asked {
            queue: task.queue,
            phase: task.phase,
            attempts: task.attempts,
            losses: u32::from(task.losses),
            progress: lease.and_then(|l| l.progress.clone()),
            lease: lease.map(|l| (l.worker.clone(), l.began, l.until)),
            why: (task.phase != Phase::Leased).then(|| self.why(task, now)),
        })
    }

    fn why(&self, task: &Task, now: Now) -> Why {
        let queue = &self.queues[usize::from(task.queue.0)];
        let waiting = match task.phase {
            Phase::Delayed => match task.death() {
                Some(last) if task.attempts > 0 => Waiting::Retry { at: task.next, last: last.clone() },
                _ => Waiting::Due { at: task.next },
            },
            Phase::Held => Waiting::Parents { tasks: self.open_parents(task) },
            Phase::Parked => match self.lots.get(task.place) {
                Some(lot) => Waiting::Ceiling { text: lot.text.clone(), until: lot.until },
                None => Waiting::Turn,
            },
            _ => self.why_ready(queue, task, now),
        };
        let ahead = if task.queued { queue.ready.ahead(task.place, now.at, MOST_AHEAD) } else { 0 };
        let rate = queue.totals.begins.rate(now.at).filter(|rate| *rate > 0.0 && task.queued && !queue.stands());
        let expected = rate.map(|rate| Duration::from_secs_f64((ahead + 1) as f64 / rate));
        Why { waiting, ahead, expected }
    }

    fn open_parents(&self, task: &Task) -> Vec<TaskId> {
        task.parents().iter().filter_map(parent_id).filter(|id| self.tasks.find(*id).is_some()).collect()
    }

    fn why_ready(&self, queue: &Queue, task: &Task, now: Now) -> Waiting {
        if queue.stands() {
            return Waiting::Paused;
        }
        if !task.queued {
            return Waiting::Commit;
        }
        self.why_limited(queue, task)
            .or_else(|| self.why_rated(queue, task, now.at))
            .or_else(|| no_worker(queue, now.at))
            .or_else(|| instances_full(queue))
            .unwrap_or(Waiting::Turn)
    }

    fn why_limited(&self, queue: &Queue, task: &Task) -> Option<Waiting> {
        let name = &queue.settings.name;
        let leased = queue.count(Phase::Leased);
        if queue.is_busy() {
            return Some(Waiting::Concurrency { text: format!("queue {name}: {leased} are worked on, as many as may be") });
        }
        let held = queue.limits.tenants.get(&task.tenant).copied().unwrap_or(0);
        let most = queue.settings.per_tenant.filter(|most| held >= *most)?;
        let tenant = self.tenants.name(task.tenant);
        Some(Waiting::Concurrency { text: format!("tenant '{tenant}' in queue {name}: {held} of {most} are worked on") })
    }

    fn why_rated(&self, queue: &Queue, task: &Task, now: Time) -> Option<Waiting> {
        if let Some(text) = queue.limits.slow.text(now) {
            return Some(Waiting::Slowed { text });
        }
        let name = &queue.settings.name;
        if let (Some(rate), Some(Err(at))) = (queue.settings.rate, queue.limits.rate.as_ref().map(|r| r.peek(now))) {
            return Some(Waiting::Rate { text: format!("queue {name}: {} per second begin", rate.per_second), at });
        }
        let tenant = crate::ready::TenantIndex(task.tenant);
        if let (Some(rate), Some(Err(at))) =
            (queue.settings.tenant_rate, queue.limits.tenant_rates.as_ref().map(|r| r.peek(tenant, now)))
        {
            let whose = self.tenants.name(task.tenant);
            return Some(Waiting::Rate {
                text: format!("tenant '{whose}' in queue {name}: {} per second begin", rate.per_second),
                at,
            });
        }
        None
    }
}

fn no_worker(queue: &Queue, now: Time) -> Option<Waiting> {
    let is_new = queue.asked.is_none_or(|at| now.since(at) > NO_WORKER);
    (is_new && queue.count(Phase::Leased) == 0).then_some(Waiting::NoWorker { last: queue.asked })
}

/// Each instance that works on the queue has all that it may.
fn instances_full(queue: &Queue) -> Option<Waiting> {
    let most = queue.settings.per_instance?;
    let instances = &queue.limits.instances;
    let full = !instances.is_empty() && instances.values().all(|held| *held >= most);
    let text =
        || format!("queue {}: {} instances work on {most} each, as many as they may", queue.settings.name, instances.len());
    full.then(|| Waiting::Concurrency { text: text() })
}

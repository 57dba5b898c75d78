//! A schedule in a run.
//!
//! Decides: nothing: the live scheduler says which occurrences come about, and what overlaps.
//! Invariants: while the controller of its queue's service is away nobody asks; afterwards the scheduler makes up for what was missed.
//! Tested: `tests/it/stations.rs`, `tests/it/limits.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use skala_queue::schedule::{Overlap, Scheduler, Step};
use skala_queue::{NewTask, Now, QueueId, TaskId};
use skala_types::Time;

use super::{Host, Next, Stations};
use crate::{Schedule, SimError};

/// The least time until a schedule is asked again.
const SOONEST: Duration = Duration::from_millis(1);

/// A schedule in a run.
#[derive(Clone, Debug)]
pub(super) struct Timer {
    spec: Schedule,
    scheduler: Scheduler,
    /// Tasks of earlier occurrences that may not have ended, where it matters.
    open: Vec<TaskId>,
}

impl Timer {
    pub(super) fn try_new(spec: &Schedule, begins: Time) -> Result<Timer, SimError> {
        // An occurrence at the very beginning belongs to the run.
        let before = begins.minus(Duration::from_nanos(1));
        let scheduler = Scheduler::new(vec![spec.settings.clone()], &BTreeMap::new(), before);
        let refuse = |error: skala_queue::schedule::ScheduleError| SimError::Setting {
            field: format!("schedules.{}", spec.settings.name),
            reason: error.to_string(),
        };
        Ok(Timer { spec: spec.clone(), scheduler: scheduler.map_err(refuse)?, open: Vec::new() })
    }
}

impl Stations {
    /// Plans when a schedule is asked next, no sooner than after `pause`.
    pub(super) fn plan_timer(&self, i: usize, pause: Duration, host: &mut dyn Host) {
        let now = host.now();
        if let Some(at) = self.timers[i].scheduler.next_wake(now) {
            host.plan(at.max(now + pause), Next::Fires(i as u32));
        }
    }

    /// A schedule may fire.
    pub(super) fn fires(&mut self, i: usize, away: &dyn Fn(usize) -> Option<Time>, host: &mut dyn Host) {
        let service = self.queues[self.timers[i].spec.queue].spec.service;
        if let Some(until) = away(service).filter(|until| *until > host.now()) {
            return host.plan(until, Next::Fires(i as u32));
        }
        while let Some(step) = self.due(i, host.now()) {
            self.does(i, step, host);
        }
        self.settle(host);
        self.plan_timer(i, SOONEST, host);
    }

    fn due(&mut self, i: usize, now: Time) -> Option<Step> {
        let Timer { scheduler, open, .. } = &mut self.timers[i];
        open.retain(|task| self.core.is_unfinished(*task));
        scheduler.due(now, 1, |_| !open.is_empty()).pop()
    }

    fn does(&mut self, i: usize, step: Step, host: &mut dyn Host) {
        let now = Now::both(host.now());
        if step.cancel {
            for task in std::mem::take(&mut self.timers[i].open) {
                if let Ok(answer) = self.core.cancel(task, now) {
                    self.commit(answer);
                }
            }
        }
        let Some(fire) = step.fire else { return };
        let Schedule { queue, tasks, tenant, settings } = &self.timers[i].spec;
        let (queue, keeps) = (*queue, settings.overlap != Overlap::Allow);
        let new = NewTask::new(QueueId(queue as u16), Bytes::new());
        let new = NewTask { tenant: tenant.clone(), occurrence: Some(fire.occurrence), ..new };
        let taken = self.enqueue(queue, vec![new; *tasks as usize], host);
        if keeps {
            self.timers[i].open.extend(taken);
        }
    }
}

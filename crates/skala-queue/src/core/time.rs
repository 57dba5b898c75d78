//! What time alone brings about.
//!
//! Method: four heaps of times; entries that no longer hold are passed over. Bounded work per call.
//! Tested: `tests/it/leases.rs`, `tests/it/time.rs`, and by the model.

use std::time::Duration;

use skala_types::Time;

use super::{Answer, Core, CoreEvent, Now, QueueId, TaskId};
use crate::Phase;

/// Entries of each kind that one tick looks at.
const AT_ONCE: usize = 1024;
/// The wall clock may step: what waits for it is looked at so often at least.
const STEP: Duration = Duration::from_secs(1);

impl Core {
    /// What time alone brings about: tasks fall due, leases and timeouts run out, windows of money begin anew. Bounded work per call:
    /// [`Core::next_wake`] is in the past while there is more.
    pub fn tick(&mut self, now: Now) -> Answer<Vec<CoreEvent>> {
        self.clock = self.clock.max(now.at);
        self.end_leases(now);
        self.end_pauses(now);
        self.fall_due(now);
        self.bury_expired(now);
        self.end_windows(AT_ONCE, now);
        self.wake_rated(now);
        for queue in 0..self.queues() {
            self.keys.expire(QueueId(queue), now.wall, AT_ONCE);
            self.check_alarm(QueueId(queue), now);
        }
        let mut answer = self.answer(Vec::new(), now);
        answer.value = std::mem::take(&mut self.events);
        self.tidy();
        answer
    }

    fn end_leases(&mut self, now: Now) {
        for _ in 0..AT_ONCE {
            let Some((_, (place, fence))) = self.lease_ends.pop(now.at) else { return };
            let Some(lease) = self.leases.get(place).filter(|l| l.fence == fence) else { continue };
            let (slot, until, hard) = (lease.task, lease.until, lease.hard);
            if now.at >= hard {
                self.overrun(slot, now);
            } else if now.at >= until {
                let worker = lease.worker.clone();
                self.lose(slot, &format!("worker {worker} did not extend its lease"), &[], now);
            } else {
                self.lease_ends.push(until, (place, fence));
            }
        }
    }

    fn end_pauses(&mut self, now: Now) {
        for _ in 0..AT_ONCE {
            let Some((_, (id, turn))) = self.retries.pop(now.at) else { return };
            let Some(slot) = self.tasks.find(TaskId(id)) else { continue };
            if self.tasks[slot].phase == Phase::Delayed && self.tasks[slot].place == turn {
                self.leave(slot);
                self.enter_ready(slot, now.at);
                self.note_move(slot);
            }
        }
    }

    fn fall_due(&mut self, now: Now) {
        for _ in 0..AT_ONCE {
            let Some((due, id)) = self.dues.pop(now.wall) else { return };
            if let Some(slot) = self.waits_until(due, id) {
                self.leave(slot);
                self.enter_ready(slot, now.at);
                self.note_move(slot);
            }
        }
    }

    /// The slot of a task that is delayed until then by the wall clock.
    fn waits_until(&self, due: Time, id: u64) -> Option<u32> {
        let slot = self.tasks.find(TaskId(id))?;
        let task = &self.tasks[slot];
        (task.phase == Phase::Delayed && task.next == due && task.place == super::slab::NONE).then_some(slot)
    }

    fn bury_expired(&mut self, now: Now) {
        for _ in 0..AT_ONCE {
            let Some((_, id)) = self.expiries.pop(now.wall) else { return };
            let Some(slot) = self.tasks.find(TaskId(id)) else { continue };
            let task = &self.tasks[slot];
            match self.deadline(task).filter(|_| task.phase != Phase::Leased) {
                Some(at) if at <= now.wall => self.expire(slot, now),
                Some(at) => self.expiries.push(at, id),
                None => {}
            }
        }
    }

    /// Queues that a rate held back.
    fn wake_rated(&mut self, now: Now) {
        for queue in 0..self.queues() {
            let limits = &mut self.of(QueueId(queue)).limits;
            if limits.wake_at.take_if(|at| *at <= now.at).is_some() {
                self.wake(QueueId(queue));
            }
        }
    }

    fn tidy(&mut self) {
        let delayed: u64 = self.queues.iter().map(|q| q.count(Phase::Delayed)).sum();
        let tasks = &self.tasks;
        let task = |id: u64| tasks.find(TaskId(id)).map(|slot| &tasks[slot]);
        self.dues.tidy(delayed as usize, |due, id| task(id).is_some_and(|t| t.phase == Phase::Delayed && t.next == due));
        self.retries
            .tidy(delayed as usize, |_, (id, turn)| task(id).is_some_and(|t| t.phase == Phase::Delayed && t.place == turn));
        self.expiries.tidy(tasks.len(), |_, id| task(id).is_some());
        let leases = &self.leases;
        self.lease_ends.tidy(leases.len(), |_, (place, fence)| leases.get(place).is_some_and(|l| l.fence == fence));
    }

    /// When [`Core::tick`] has something to do, on the monotonic clock; `None`: not before another call.
    pub fn next_wake(&self, now: Now) -> Option<Time> {
        if !self.settling.is_empty() || !self.events.is_empty() {
            return Some(now.at);
        }
        let wall = [self.dues.next(), self.expiries.next(), self.lots.next_end(), self.keys.next_end()];
        let wall = wall.into_iter().flatten().min().map(|at| now.at + at.since(now.wall).min(STEP));
        let rated = self.queues.iter().filter(|q| q.has_work()).filter_map(|q| q.limits.wake_at).min();
        let alarm = self.next_alarm(now);
        [self.lease_ends.next(), self.retries.next(), wall, rated, alarm].into_iter().flatten().min()
    }
}

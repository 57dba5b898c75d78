//! Calling off, beginning anew, forgetting.
//!
//! Invariants: a cancelled task that runs ends when its worker says so, or after the grace, or with its lease; that it was called off is
//!   durable at once.
//! Tested: `tests/it/time.rs`.

use super::recent::Said;
use super::slab::NONE;
use super::{Answer, Core, Now, QueueId, Refusal, Row, TaskId};
use crate::{Change, Death, Phase, Progressed};

/// Slots that one call of a purge looks at for each task that it may forget.
const LOOKS: usize = 64;

impl super::NotFound {
    fn or(slot: Option<u32>, task: TaskId) -> Result<u32, super::NotFound> {
        slot.ok_or(super::NotFound(task))
    }
}

impl Core {
    /// Calls a task off, and those that wait for it. A running one is told at its next extension, and is void after the grace. How many
    /// were called off: those that wait for a running one follow when it ends.
    ///
    /// # Errors
    /// When no unfinished task has the id.
    pub fn cancel(&mut self, task: TaskId, now: Now) -> Result<Answer<usize>, super::NotFound> {
        self.clock = self.clock.max(now.at);
        let slot = super::NotFound::or(self.tasks.find(task), task)?;
        self.concern(self.tasks[slot].queue);
        if self.tasks[slot].phase == Phase::Leased {
            self.cancel_running(slot, now);
            return Ok(self.answer(1, now));
        }
        let before = self.out.len();
        self.leave(slot);
        self.finish(slot, Phase::Cancelled, None, None, now);
        let mut answer = self.answer(0, now);
        answer.value =
            answer.changes[before..].iter().filter(|c| matches!(c, Change::Finish(e) if e.phase == Phase::Cancelled)).count();
        Ok(answer)
    }

    fn cancel_running(&mut self, slot: u32, now: Now) {
        let grace = self.of_slot(slot).settings.grace;
        let place = self.tasks[slot].place;
        let lease = self.leases.get_mut(place).expect("a leased task has a lease");
        if std::mem::replace(&mut lease.cancelled, true) {
            return;
        }
        lease.hard = lease.hard.min(now.at + grace);
        lease.until = lease.until.min(lease.hard);
        let (until, fence) = (lease.until, lease.fence);
        self.lease_ends.push(until, (place, fence));
        self.note(slot, Phase::Cancelled);
    }

    /// A dead or cancelled task begins anew, with all its attempts. `row` is what the store has of it. Its key is its own again if
    /// nobody has taken it since.
    ///
    /// # Errors
    /// When the queue is full or gone, or the task has not ended.
    pub fn revive(&mut self, row: &Row, now: Now) -> Result<Answer<()>, Refusal> {
        self.clock = self.clock.max(now.at);
        let queue = self.queue(&row.queue).filter(|q| !self.queues[usize::from(q.0)].gone).ok_or(Refusal::NoQueue)?;
        if self.tasks.find(row.id).is_some() {
            return Err(Refusal::Value { field: "id", reason: format!("task {} has not ended", row.id) });
        }
        // What the caller looked at may be out of date: it began anew since, and came to an end.
        if self.recent.get(row.id).is_some_and(|last| last.ended == Some(Phase::Done)) {
            return Err(Refusal::Value { field: "id", reason: format!("task {} is done", row.id) });
        }
        let most = self.of(queue).settings.max_tasks;
        if self.of(queue).unfinished() >= most as u64 {
            let name = self.of(queue).settings.name.clone();
            return Err(Refusal::Full { queue: name, most, retry_after: self.room_after(queue, now) });
        }
        let progressed = Progressed {
            phase: Phase::Ready,
            due: now.wall,
            attempts: 0,
            losses: 0,
            spent: row.progressed.spent,
            death: None::<Death>,
        };
        let anew = Row { due: now.wall, expires: None, after: row.after.clone(), progressed: progressed.clone(), ..row.clone() };
        let hash = self.key_anew(row, queue, now);
        let slot = self.put_in(&anew, hash);
        self.recent.forget(row.id);
        self.tasks[slot].seq = self.coming();
        self.of(queue).totals.enqueued += 1;
        self.record(queue, Change::Revive(row.id, progressed));
        self.enter_waiting(slot, now);
        Ok(self.answer((), now))
    }

    /// The key of a task that begins anew, if nobody else has it.
    fn key_anew(&mut self, row: &Row, queue: QueueId, now: Now) -> Option<u128> {
        let key = row.key.as_ref()?;
        let hash = self.keys.hash(queue, &row.tenant, &key.text);
        if self.keys.holder(hash, now.wall).is_some_and(|holder| holder != row.id) {
            return None;
        }
        let has_passed = key.holds == crate::Holds::Window && key.until <= now.wall;
        if !has_passed {
            self.keys.hold(hash, row.id, queue, key.holds, key.until);
        }
        Some(hash)
    }

    /// Pauses or resumes a queue: nothing is given out while it pauses.
    pub fn pause(&mut self, queue: QueueId, paused: bool, now: Now) -> Answer<()> {
        self.clock = self.clock.max(now.at);
        if usize::from(queue.0) < self.queues.len() && self.of(queue).paused != paused {
            self.of(queue).paused = paused;
            let name = self.of(queue).settings.name.clone();
            self.record(queue, Change::Paused(name, paused));
            self.wake(queue);
        }
        self.answer((), now)
    }

    /// Forgets up to `most` of the queue's tasks that nobody works on. How many; zero when there are none.
    pub fn purge(&mut self, queue: QueueId, most: usize, now: Now) -> Answer<usize> {
        self.clock = self.clock.max(now.at);
        let mut forgotten = 0;
        let mut looked = 0;
        while forgotten < most && self.has_purgeable(queue) && (looked < most.saturating_mul(LOOKS) || forgotten == 0) {
            let at = self.of(queue).purge_at;
            let slot = if at < self.tasks.slots() { at } else { 0 };
            self.of(queue).purge_at = slot + 1;
            looked += 1;
            if self.tasks.occupied(slot).is_some_and(|t| t.queue == queue && t.phase != Phase::Leased) {
                self.purge_one(slot, now);
                forgotten += 1;
            }
        }
        self.answer(forgotten, now)
    }

    fn has_purgeable(&mut self, queue: QueueId) -> bool {
        self.queues.get(usize::from(queue.0)).is_some_and(|q| q.unfinished() > q.count(Phase::Leased))
    }

    fn purge_one(&mut self, slot: u32, now: Now) {
        self.leave(slot);
        let (id, queue) = (self.tasks[slot].id(), self.tasks[slot].queue);
        // What is forgotten holds its key no longer, whatever its window.
        if let Some(key) = self.tasks[slot].more.as_mut().and_then(|m| m.key.take()) {
            self.keys.release(key.hash, Some(id));
        }
        self.of(queue).totals.cancelled += 1;
        self.of(queue).totals.ends.count(1, now.at);
        self.record(queue, Change::Delete(id));
        self.forget(slot, Phase::Cancelled);
        debug_assert_eq!(self.tasks.find(id).unwrap_or(NONE), NONE);
    }

    /// The attempt is past timeout and grace, or past the grace after it was called off.
    pub(super) fn overrun(&mut self, slot: u32, now: Now) {
        let task = &self.tasks[slot];
        let (id, queue, timeout) = (task.id(), task.queue, task.timeout());
        let lease = self.end_lease(slot, None, now);
        self.tell(super::CoreEvent::Overdue { task: id, fence: lease.fence, queue });
        if lease.cancelled {
            return self.finish(slot, Phase::Cancelled, None, Some((lease.fence, Said::Nothing)), now);
        }
        let message = format!("the attempt took longer than {} s and its grace", timeout.as_secs_f64());
        let death = Death { cause: crate::Cause::Timeout, message, log: Vec::new() };
        self.fail(slot, death, None, (lease.fence, Said::Nothing), now);
    }
}

//! What workers say, and what becomes of their tasks.
//!
//! Decides: whether a call is obeyed; whether a failed or lost attempt is made again, and when.
//! Method: attempts that failed and leases that were lost count apart: the first is the task's fault or its provider's and is tried
//!   again after a pause; the second may be the machine's, is tried again at once, but few times, for the task may be what kills.
//! Invariants: a fence is obeyed once; a repeated answer of the same fence changes nothing.
//! Tested: `tests/it/leases.rs`, `tests/it/retries.rs`, and by the model.

use std::time::Duration;

use bytes::Bytes;
use skala_types::Time;

use super::leases::Lease;
use super::recent::{Last, Said};
use super::{Ack, Answer, Core, CoreEvent, Extended, LeaseError, Nack, Now, siphash};
use crate::backoff;
use crate::{Cause, Change, Death, Ended, Fence, Holds, LONGEST_MESSAGE, LONGEST_NAME, MOST_LOG_LINES, Phase, TaskId};

impl Core {
    /// Extends a lease by the queue's lease time and notes progress.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn extend(&mut self, task: TaskId, fence: Fence, progress: Option<&str>, now: Now) -> Result<Extended, LeaseError> {
        self.clock = self.clock.max(now.at);
        let Some(slot) = self.held_under(task, fence) else { return Err(self.stale(task, fence, now)) };
        let lease = self.leases.get_mut(self.tasks[slot].place).expect("a leased task has a lease");
        lease.until = (now.at + lease.time).min(lease.hard);
        if let Some(text) = progress {
            lease.progress = Some(clipped(text, LONGEST_NAME).into());
        }
        Ok(Extended { until: lease.until, stop: lease.stop(now.at) })
    }

    /// A worker has succeeded. A repeated call of the same fence gets the same answer for some minutes.
    ///
    /// # Errors
    /// When the fence is stale, or the result is too long.
    pub fn ack(&mut self, ack: Ack, now: Now) -> Result<Answer<()>, LeaseError> {
        self.clock = self.clock.max(now.at);
        let Some(slot) = self.held_under(ack.id, ack.fence) else { return self.repeated(ack.id, ack.fence, Said::Ack, now) };
        let most = self.of_slot(slot).settings.max_body;
        if let Some(bytes) = ack.result.as_ref().map(Bytes::len).filter(|bytes| *bytes > most) {
            return Err(LeaseError::TooLong { bytes, most });
        }
        self.end_lease(slot, ack.cost, now);
        let task = &mut self.tasks[slot];
        task.attempts += 1;
        if let Some(more) = &mut task.more {
            more.death = None;
        }
        self.finish(slot, Phase::Done, ack.result, Some((ack.fence, Said::Ack)), now);
        Ok(self.answer((), now))
    }

    /// An attempt has failed, or is handed back unbegun. One of [`Cause::Lost`] is a lost lease: its worker was seen to die.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn nack(&mut self, nack: Nack, now: Now) -> Result<Answer<()>, LeaseError> {
        self.clock = self.clock.max(now.at);
        let Some(slot) = self.held_under(nack.id, nack.fence) else { return self.repeated(nack.id, nack.fence, Said::Nack, now) };
        let free_of_charge = nack.death.is_none().then_some(0);
        let lease = self.end_lease(slot, nack.cost.or(free_of_charge), now);
        let said = (nack.fence, Said::Nack);
        match nack.death {
            _ if lease.cancelled => self.finish(slot, Phase::Cancelled, None, Some(said), now),
            Some(death) if death.cause == Cause::Lost => self.lost(slot, lease, death, said, now),
            Some(death) => self.fail(slot, death, nack.retry_after, said, now),
            None => self.hand_back(slot, nack.retry_after, said, now),
        }
        Ok(self.answer((), now))
    }

    /// Whether an effect of this key may take place in this task: `true` the first time, which is remembered. Effects of earlier leaders
    /// and old ones are in the store alone: ask it first.
    ///
    /// # Errors
    /// When the fence is stale.
    pub fn once(&mut self, task: TaskId, fence: Fence, key: &str, now: Now) -> Result<Answer<bool>, LeaseError> {
        self.clock = self.clock.max(now.at);
        let Some(slot) = self.held_under(task, fence) else { return Err(self.stale(task, fence, now)) };
        let queue = self.tasks[slot].queue;
        self.concern(queue);
        let hash = siphash::hash(self.tenants.secret(), key.as_bytes());
        let is_first = self.effects.take_place(hash, task);
        if is_first {
            let until = now.wall + self.of(queue).settings.idempotency;
            self.record(queue, Change::Effect { key: key.into(), task, until });
        }
        Ok(self.answer(is_first, now))
    }

    /// All leases of a worker that was seen to die are void at once; counted as losses.
    pub fn worker_died(&mut self, worker: &str, message: &str, log: &[String], now: Now) -> Answer<usize> {
        self.clock = self.clock.max(now.at);
        let slots: Vec<u32> = self.leases.iter().filter(|l| l.worker.as_str() == worker).map(|l| l.task).collect();
        for slot in &slots {
            self.lose(*slot, message, log, now);
        }
        self.answer(slots.len(), now)
    }

    /// The slot of a task that is leased under this fence.
    fn held_under(&self, id: TaskId, fence: Fence) -> Option<u32> {
        let slot = self.tasks.find(id)?;
        let task = &self.tasks[slot];
        let lease = self.leases.get(task.place).filter(|_| task.phase == Phase::Leased)?;
        (lease.fence == fence).then_some(slot)
    }

    fn repeated(&mut self, id: TaskId, fence: Fence, said: Said, now: Now) -> Result<Answer<()>, LeaseError> {
        if self.recent.get(id).is_none_or(|last| last.fence != fence || last.said != said) {
            return Err(self.stale(id, fence, now));
        }
        // The first answer may not be committed yet: whoever waits for this one must wait as long.
        self.strongest = crate::Durability::Fsync;
        Ok(self.answer((), now))
    }

    /// Why a fence is not obeyed.
    fn stale(&mut self, id: TaskId, fence: Fence, now: Now) -> LeaseError {
        let Some(slot) = self.tasks.find(id) else {
            let Some(ended) = self.recent.get(id).and_then(|last| last.ended) else { return LeaseError::Unknown(id) };
            return LeaseError::Stale { task: id, fence, now: format!("the task has ended ({})", word(ended)) };
        };
        self.of_slot(slot).totals.stale += 1;
        let task = &self.tasks[slot];
        let words = match (task.phase, self.leases.get(task.place)) {
            (Phase::Leased, Some(lease)) if fence > lease.fence => "no such lease was ever given".into(),
            (Phase::Leased, Some(lease)) => {
                format!("{} works on it since {} s", lease.worker, now.at.since(lease.began).as_secs())
            }
            (phase, _) => format!("the task is {} again", word(phase)),
        };
        LeaseError::Stale { task: id, fence, now: words }
    }

    pub(super) fn of_slot(&mut self, slot: u32) -> &mut super::queue::Queue {
        let queue = self.tasks[slot].queue;
        self.of(queue)
    }

    /// The lease ends; what the attempt cost is settled. The task is in no phase until it enters one.
    pub(super) fn end_lease(&mut self, slot: u32, cost: Option<u64>, now: Now) -> Lease {
        let place = self.tasks[slot].place;
        let mut lease = self.leases.remove(place).expect("a leased task has a lease");
        self.leave(slot);
        let estimate = self.tasks[slot].cost;
        let task = &self.tasks[slot];
        let (id, tenant) = (task.queue, task.tenant);
        let queue = self.of(id);
        queue.limits.end(tenant, lease.instance);
        queue.set_aside(tenant, now.at);
        queue.totals.attempt.add(now.at.since(lease.began));
        self.settle(slot, std::mem::take(&mut lease.reserved), cost.unwrap_or(estimate), now);
        self.wake(id);
        lease
    }

    /// Back among those that wait, as if it had never been given out.
    fn hand_back(&mut self, slot: u32, retry_after: Option<Duration>, said: (Fence, Said), now: Now) {
        self.said(slot, said);
        let Some(pause) = retry_after.filter(|pause| !pause.is_zero()) else {
            self.arm_expiry(slot);
            return self.enter_ready(slot, now.at);
        };
        let pause = pause.min(backoff::LONGEST_RETRY_AFTER);
        self.tasks[slot].next = now.wall + pause;
        self.note(slot, Phase::Delayed);
        self.arm_expiry(slot);
        self.enter_pause(slot, now.at + pause);
    }

    /// An attempt has failed.
    pub(super) fn fail(&mut self, slot: u32, death: Death, retry_after: Option<Duration>, said: (Fence, Said), now: Now) {
        let death = bounded(death);
        let retry = self.of_slot(slot).settings.retry;
        self.of_slot(slot).totals.failed += 1;
        let task = &mut self.tasks[slot];
        task.attempts += 1;
        let is_last = task.attempts >= u32::from(task.limit) || matches!(death.cause, Cause::Rejected | Cause::Expired);
        let attempts = task.attempts;
        task.more().death = Some(Box::new(death));
        if is_last {
            return self.finish(slot, Phase::Dead, None, Some(said), now);
        }
        self.said(slot, said);
        let pause = backoff::pause(attempts, &retry, retry_after, &mut self.rng);
        self.tasks[slot].next = now.wall + pause;
        self.note(slot, Phase::Delayed);
        self.arm_expiry(slot);
        self.enter_pause(slot, now.at + pause);
    }

    /// A leased task has lost its worker.
    pub(super) fn lose(&mut self, slot: u32, message: &str, log: &[String], now: Now) {
        let lease = self.end_lease(slot, None, now);
        let death = Death { cause: Cause::Lost, message: message.into(), log: log.to_vec() };
        let said = (lease.fence, Said::Nothing);
        self.lost(slot, lease, death, said, now);
    }

    /// The same, by the word of whoever saw the worker die.
    fn lost(&mut self, slot: u32, lease: Lease, death: Death, said: (Fence, Said), now: Now) {
        self.of_slot(slot).totals.lost += 1;
        let most = self.of_slot(slot).settings.retry.losses;
        let task = &mut self.tasks[slot];
        let (id, queue) = (task.id(), task.queue);
        task.losses = task.losses.saturating_add(1);
        let is_last = u32::from(task.losses) > most;
        task.more().death = Some(Box::new(bounded(death)));
        task.next = now.wall;
        self.tell(CoreEvent::LeaseLost { task: id, queue, worker: lease.worker });
        if lease.cancelled || is_last {
            let phase = if lease.cancelled { Phase::Cancelled } else { Phase::Dead };
            return self.finish(slot, phase, None, Some(said), now);
        }
        if said.1 != Said::Nothing {
            self.said(slot, said);
        }
        self.note(slot, Phase::Ready);
        self.arm_expiry(slot);
        self.enter_ready(slot, now.at);
    }

    /// A task that has not begun or ended in time. It is in its phase still.
    pub(super) fn expire(&mut self, slot: u32, now: Now) {
        let task = &mut self.tasks[slot];
        let message = if task.unbegun() { "it was not begun in time" } else { "it was not ended in time" };
        let before = task.death().map(|d| format!("; before: {}", d.message)).unwrap_or_default();
        let death = Death { cause: Cause::Expired, message: format!("{message}{before}"), log: Vec::new() };
        task.more().death = Some(Box::new(bounded(death)));
        self.leave(slot);
        self.finish(slot, Phase::Dead, None, None, now);
    }

    /// Remembers what was said under a lease that has ended, of a task that has not.
    fn said(&mut self, slot: u32, (fence, said): (Fence, Said)) {
        if said != Said::Nothing {
            self.recent.put(self.tasks[slot].id(), Last { fence, said, ended: None });
        }
    }

    /// The task has ended, under this lease or none. It has left its phase before.
    pub(super) fn finish(&mut self, slot: u32, phase: Phase, result: Option<Bytes>, lease: Option<(Fence, Said)>, now: Now) {
        let task = &self.tasks[slot];
        let (id, queue) = (task.id(), task.queue);
        let cause = task.death().map_or(Cause::Failed, |d| d.cause);
        let state = &mut self.queues[usize::from(queue.0)];
        let keep = if phase == Phase::Dead { state.settings.results.dead } else { state.settings.results.done };
        let ended = Ended {
            id,
            queue: state.settings.name.clone(),
            phase,
            at: now.wall,
            until: now.wall + keep,
            result,
            progressed: task.progressed(phase),
        };
        state.count_end(phase, now.at);
        if phase == Phase::Dead {
            self.tell(CoreEvent::Died { task: id, queue, cause });
        }
        self.record(queue, Change::Finish(Box::new(ended)));
        self.forget(slot, phase);
        let before = || self.recent.get(id).map_or((Fence(0), Said::Nothing), |last| (last.fence, last.said));
        let (fence, said) = lease.filter(|lease| lease.1 != Said::Nothing).unwrap_or_else(before);
        self.recent.put(id, Last { fence, said, ended: Some(phase) });
        self.check_alarm(queue, now);
    }

    /// Takes a task that has left its phase out of memory; those that wait for it are told.
    pub(super) fn forget(&mut self, slot: u32, phase: Phase) {
        let task = &self.tasks[slot];
        let (id, tenant) = (task.id(), task.tenant);
        let more = self.tasks.remove(slot);
        if let Some(mut more) = more {
            if let Some(key) = more.key.filter(|key| key.holds != Holds::Window) {
                self.keys.release(key.hash, Some(id));
            }
            let children = more.flow.take().map(|flow| flow.children).unwrap_or_default();
            self.has_ended(id, phase, children);
        }
        if let Some(forgotten) = self.tenants.leave(tenant) {
            for queue in &mut self.queues {
                queue.forget_tenant(forgotten);
            }
        }
    }
}

impl super::queue::Queue {
    fn count_end(&mut self, phase: Phase, now: Time) {
        self.totals.ends.count(1, now);
        match phase {
            Phase::Done => self.totals.done += 1,
            Phase::Dead => self.totals.dead += 1,
            _ => self.totals.cancelled += 1,
        }
    }
}

/// At most so many bytes of a text, whole characters.
pub(super) fn clipped(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

fn bounded(mut death: Death) -> Death {
    if death.message.len() > LONGEST_MESSAGE {
        death.message = clipped(&death.message, LONGEST_MESSAGE).to_owned();
    }
    let more = death.log.len().saturating_sub(MOST_LOG_LINES);
    death.log.drain(..more);
    for line in death.log.iter_mut().filter(|line| line.len() > LONGEST_MESSAGE) {
        *line = clipped(line, LONGEST_MESSAGE).to_owned();
    }
    death
}

/// A phase in words.
pub(super) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Ready => "ready",
        Phase::Delayed => "delayed",
        Phase::Held => "held",
        Phase::Parked => "parked",
        Phase::Leased => "leased",
        Phase::Done => "done",
        Phase::Dead => "dead",
        Phase::Cancelled => "cancelled",
    }
}

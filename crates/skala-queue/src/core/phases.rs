//! From phase to phase.
//!
//! Decides: nothing; keeps counters, the ready set and timers in step with a task's phase.
//! Invariants: [`Core::leave`] and one of the `enter_..` alternate for each task; `next` changes only in between.

use skala_types::Time;

use super::slab::{NONE, Task};
use super::{Core, Pending};
use crate::{Change, Now, Phase};

impl Core {
    /// The task leaves its phase; its lease, if any, has ended before.
    pub(super) fn leave(&mut self, slot: u32) {
        let task = &mut self.tasks[slot];
        let queue = &mut self.queues[usize::from(task.queue.0)];
        if std::mem::take(&mut task.queued) {
            queue.ready.remove(task.place, self.clock);
        }
        task.place = NONE;
        queue.leave(task.phase, task.next);
    }

    fn enter(&mut self, slot: u32, phase: Phase) -> &mut Task {
        let task = &mut self.tasks[slot];
        task.phase = phase;
        self.queues[usize::from(task.queue.0)].enter(phase, task.next);
        task
    }

    /// Ready from now on, waiting since then.
    pub(super) fn enter_ready(&mut self, slot: u32, since: Time) {
        let task = self.enter(slot, Phase::Ready);
        let pending = Pending { seq: task.seq, id: task.id, since };
        if pending.seq <= self.committed {
            self.line_up(pending);
        } else {
            // Nearly always the last place.
            let place = self.pending.partition_point(|p| p.seq <= pending.seq);
            self.pending.insert(place, pending);
        }
    }

    /// A ready task is committed: it may be given out.
    pub(super) fn line_up(&mut self, pending: Pending) {
        let Some(slot) = self.tasks.find(crate::TaskId(pending.id)) else { return };
        let task = &mut self.tasks[slot];
        if task.phase != Phase::Ready || task.queued || task.seq > self.committed {
            return;
        }
        let queue = &mut self.queues[usize::from(task.queue.0)];
        task.place = queue.ready.push(slot, task.tenant, task.priority, pending.since, self.clock);
        task.queued = true;
        let id = task.queue;
        self.wake(id);
    }

    /// Delayed until `next` of the wall clock.
    pub(super) fn enter_delayed(&mut self, slot: u32) {
        let task = self.enter(slot, Phase::Delayed);
        let (next, id) = (task.next, task.id);
        self.dues.push(next, id);
    }

    /// Delayed until a time of the monotonic clock, which is about `next` of the wall clock.
    pub(super) fn enter_pause(&mut self, slot: u32, until: Time) {
        self.turn = self.turn.wrapping_add(1) & 0x7fff_ffff;
        let turn = self.turn;
        let task = self.enter(slot, Phase::Delayed);
        task.place = turn;
        let id = task.id;
        self.retries.push(until, (id, turn));
    }

    /// Waits for other tasks.
    pub(super) fn enter_held(&mut self, slot: u32) {
        self.enter(slot, Phase::Held);
    }

    /// Waits for money, in this lot.
    pub(super) fn enter_parked(&mut self, slot: u32, lot: u32) {
        self.enter(slot, Phase::Parked).place = lot;
    }

    /// Is worked on under this lease.
    pub(super) fn enter_leased(&mut self, slot: u32, lease: u32) {
        self.enter(slot, Phase::Leased).place = lease;
    }

    /// Ready, or delayed if it is not due yet.
    pub(super) fn enter_waiting(&mut self, slot: u32, now: Now) {
        self.arm_expiry(slot);
        if self.tasks[slot].next > now.wall {
            self.enter_delayed(slot);
        } else {
            self.enter_ready(slot, now.at);
        }
    }

    /// Has what the row of a task says written down.
    pub(super) fn note(&mut self, slot: u32, phase: Phase) {
        let coming = self.coming();
        let task = &mut self.tasks[slot];
        task.seq = coming;
        let (queue, change) = (task.queue, Change::Update(task.id(), task.progressed(phase)));
        self.record(queue, change);
    }

    /// When the task expires as it stands now, by the wall clock.
    pub(super) fn deadline(&self, task: &Task) -> Option<Time> {
        let settings = &self.queues[usize::from(task.queue.0)].settings;
        let begins = if task.unbegun() {
            let start = settings.start_within.filter(|_| task.phase != Phase::Held).map(|within| task.next + within);
            let expires = task.more.as_ref().and_then(|m| m.expires);
            [start, expires].into_iter().flatten().min()
        } else {
            None
        };
        let ends = settings.finish_within.map(|within| task.due + within);
        [begins, ends].into_iter().flatten().min()
    }

    /// Has the task looked at when it expires.
    pub(super) fn arm_expiry(&mut self, slot: u32) {
        let task = &self.tasks[slot];
        if let Some(at) = self.deadline(task) {
            self.expiries.push(at, task.id);
        }
    }
}

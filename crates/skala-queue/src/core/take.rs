//! Giving tasks out.
//!
//! Decides: which tasks a worker gets.
//! Method: of the queues asked for, the one whose next task has the highest class goes first, at equal classes the one named first; a
//!   queue is passed over when it pauses, is at a limit of its own, of the instance or of a rate; tenants at theirs are passed over in
//!   the ready set; what a ceiling on money does not allow is parked.
//! Invariants: no limit is ever exceeded; at most [`MOST_PARKED`] tasks are parked by a call.
//! Tested: `tests/it/limits.rs`, `tests/it/money.rs`, and by the model.

use std::time::Duration;

use skala_types::{Text, Time};

use super::flows::parent_id;
use super::leases::Lease;
use super::line::Line;
use super::queue::{Limits, Queue};
use super::{Answer, Change, Core, Fence, Leased, Now, QueueId, Take, siphash};
use crate::ledger::Reservation;
use crate::ready::TenantIndex;
use crate::{Holds, LONGEST_TIMEOUT, MOST_AT_ONCE};

/// Tasks that one call parks or buries at most; the next one goes on.
const MOST_PASSED: usize = 256;
/// The shortest lease, so that a worker can extend it.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Who asks.
struct Asker<'a> {
    ask: &'a Take<'a>,
    worker: Text,
    instance: u64,
    /// Tasks that this call parked or buried.
    passed: usize,
}

impl Core {
    /// Gives out ready tasks, at most [`crate::MOST_AT_ONCE`]. Their bodies are the store's business. Changes nothing durable, except
    /// keys that hold only while a task waits, and tasks that have expired.
    pub fn take(&mut self, ask: &Take<'_>, now: Now) -> Answer<Vec<Leased>> {
        self.clock = self.clock.max(now.at);
        let mut asker = Asker { ask, worker: ask.worker.into(), instance: self.instance(ask), passed: 0 };
        let mut queues: Vec<QueueId> = ask.queues.iter().copied().filter(|q| usize::from(q.0) < self.queues.len()).collect();
        for queue in &queues {
            self.of(*queue).asked = Some(now.at);
        }
        let mut leased = Vec::new();
        while leased.len() < ask.most.min(MOST_AT_ONCE) {
            let Some(at) = self.best(&mut queues, asker.instance, now) else { break };
            match self.begin_one(queues[at], &mut asker, now) {
                Some(one) => leased.push(one),
                None => {
                    queues.remove(at);
                }
            }
        }
        self.answer(leased, now)
    }

    /// A worker without an instance counts as one of its own.
    fn instance(&self, ask: &Take<'_>) -> u64 {
        ask.instance.unwrap_or_else(|| siphash::hash(self.tenants.secret(), ask.worker.as_bytes()) as u64 | 1 << 63)
    }

    /// The place of the queue to take from; those that give nothing are left out from then on.
    fn best(&mut self, queues: &mut Vec<QueueId>, instance: u64, now: Now) -> Option<usize> {
        queues.retain(|queue| self.queues[usize::from(queue.0)].may_begin(instance, now.at));
        if queues.len() < 2 {
            return (!queues.is_empty()).then_some(0);
        }
        let mut best = None;
        for (at, queue) in queues.iter().enumerate() {
            let class = self.queues[usize::from(queue.0)].top_class(now.at);
            if class.is_some() && class > best.map(|(class, _)| class).unwrap_or_default() {
                best = Some((class, at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// Begins the next task of a queue.
    fn begin_one(&mut self, queue: QueueId, asker: &mut Asker<'_>, now: Now) -> Option<Leased> {
        while asker.passed < MOST_PASSED {
            let slot = self.of(queue).pop(now.at)?;
            self.tasks[slot].queued = false;
            if self.deadline(&self.tasks[slot]).is_some_and(|at| at <= now.wall) {
                asker.passed += 1;
                self.expire(slot, now);
                continue;
            }
            match self.reserve(slot, now.wall) {
                Ok(reserved) => return Some(self.begin(slot, reserved, asker, now)),
                Err(exceeded) => {
                    asker.passed += 1;
                    self.park(slot, exceeded);
                }
            }
        }
        self.wake(queue);
        None
    }

    /// An attempt begins.
    fn begin(&mut self, slot: u32, reserved: Reservation, asker: &Asker<'_>, now: Now) -> Leased {
        self.leased += 1;
        let fence = Fence(self.epoch << 40 | self.leased);
        self.free_waiting_key(slot);
        self.leave(slot);
        let task = &self.tasks[slot];
        let queue = &mut self.queues[usize::from(task.queue.0)];
        queue.limits.begin(task.tenant, asker.instance, now.at);
        queue.set_aside(task.tenant, now.at);
        queue.totals.attempts += 1;
        queue.totals.begins.count(1, now.at);
        let settings = &queue.settings;
        let time = asker.ask.lease.unwrap_or(settings.lease).clamp(SHORTEST_LEASE, LONGEST_TIMEOUT);
        let left = settings.finish_within.map(|within| (task.due + within).since(now.wall));
        let soft = now.at + left.map_or(task.timeout(), |left| left.min(task.timeout()));
        let hard = soft + settings.grace;
        let lease = Lease {
            task: slot,
            fence,
            until: (now.at + time).min(hard),
            soft,
            hard,
            began: now.at,
            time,
            worker: asker.worker.clone(),
            instance: asker.instance,
            progress: None,
            reserved,
            cancelled: false,
        };
        let leased = self.leased(slot, &lease);
        let until = lease.until;
        let place = self.leases.insert(lease);
        self.lease_ends.push(until, (place, fence));
        self.enter_leased(slot, place);
        leased
    }

    fn leased(&self, slot: u32, lease: &Lease) -> Leased {
        let task = &self.tasks[slot];
        Leased {
            id: task.id(),
            queue: task.queue,
            fence: lease.fence,
            until: lease.until,
            deadline: lease.soft,
            attempts: task.attempts,
            losses: u32::from(task.losses),
            tenant: self.tenants.name(task.tenant).clone(),
            priority: task.priority,
            due: task.due,
            created: task.created,
            parents: task.parents().iter().filter_map(parent_id).collect(),
        }
    }

    /// A key that holds only while its task waits no longer does.
    fn free_waiting_key(&mut self, slot: u32) {
        let task = &mut self.tasks[slot];
        let Some(more) = &mut task.more else { return };
        let Some(key) = more.key.take_if(|key| key.holds == Holds::Waiting) else { return };
        let (queue, tenant, id) = (task.queue, task.tenant, task.id());
        self.keys.release(key.hash, Some(id));
        let name = self.queues[usize::from(queue.0)].settings.name.clone();
        let tenant = self.tenants.name(tenant).clone();
        self.record(queue, Change::Unkey { task: id, queue: name, tenant, key: key.text.unwrap_or_default() });
    }
}

impl Queue {
    /// Whether one more may begin on this instance now, as far as the queue itself is concerned.
    fn may_begin(&mut self, instance: u64, now: Time) -> bool {
        if self.ready.is_empty() || self.stands() || self.is_busy() {
            return false;
        }
        let held = self.limits.instances.get(&instance).copied().unwrap_or(0);
        if self.settings.per_instance.is_some_and(|most| held >= most) {
            return false;
        }
        match self.limits.allow(now) {
            Ok(()) => true,
            Err(at) => {
                self.limits.wait_until(at);
                false
            }
        }
    }

    /// Takes the next task out whose tenant may begin one.
    fn pop(&mut self, now: Time) -> Option<u32> {
        self.look(now, |ready, now, may| ready.pop(now, may))
    }

    /// The class of that task.
    fn top_class(&mut self, now: Time) -> Option<u8> {
        self.look(now, |ready, now, may| ready.top_class(now, may))
    }

    /// Looks for a task whose tenant may begin one; without any, the queue is looked at again when a tenant's rate allows it.
    fn look<T>(&mut self, now: Time, find: impl FnOnce(&mut Line, Time, &mut dyn FnMut(u32) -> bool) -> Option<T>) -> Option<T> {
        let Queue { ready, limits, settings, .. } = self;
        let mut wait: Option<Time> = None;
        let found = find(ready, now, &mut |tenant| match limits.tenant_may(tenant, settings.per_tenant, now) {
            Ok(may) => may,
            Err(at) => {
                wait = Some(wait.map_or(at, |before| before.min(at)));
                false
            }
        });
        if let (None, Some(at)) = (&found, wait) {
            limits.wait_until(at);
        }
        found
    }
}

impl Limits {
    /// Whether a tenant may begin one more.
    ///
    /// # Errors
    /// When its rate allows the next.
    fn tenant_may(&self, tenant: u32, most: Option<u32>, now: Time) -> Result<bool, Time> {
        if most.is_some_and(|most| self.tenants.get(&tenant).copied().unwrap_or(0) >= most) {
            return Ok(false);
        }
        self.tenant_rates.as_ref().map_or(Ok(()), |rates| rates.peek(TenantIndex(tenant), now)).map(|()| true)
    }
}

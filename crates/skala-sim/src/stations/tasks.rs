//! The life of a task: it comes, is given out, worked on, and ends or comes again.
//!
//! Decides: nothing about tasks: the live [`Core`] does, every change of which counts as committed at once.
//! Method: a worker of a simulation is one that is alive until its replica dies: it holds its lease until it answers, and an attempt that
//!   takes too long is ended by the core, at its timeout and grace. A replica's death is told at once.
//! Invariants: a running attempt is the one of its task's lease.
//! Tested: `tests/it/stations.rs`, `tests/it/limits.rs`.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use skala_balance::Outcome as Served;
use skala_queue::{
    Ack, Answer, Cause, Change, CoreEvent, Death, Ended, Fence, LONGEST_TIMEOUT, Leased, Nack, NewTask, Now, Phase, QueueId,
    Take, TaskId,
};
use skala_types::{ReplicaId, Time};

use super::journey::{Journey, Owner};
use super::{Host, Next, Place, Stations};

/// Name of all workers: who works is told by the instance.
const WORKER: &str = "";

/// An attempt that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    queue: usize,
    task: TaskId,
    fence: Fence,
    /// When the task was due first.
    due: Time,
    began: Time,
    replica: ReplicaId,
    journey: u32,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// By itself, or what it called answered with an error.
    Error,
    /// The provider had no quota left; with the time after which there is some.
    Limited(Option<Duration>),
    /// Its replica is gone.
    Lost,
}

impl Failure {
    fn cause(self) -> Cause {
        match self {
            Failure::Error => Cause::Failed,
            Failure::Limited(_) => Cause::Limited,
            Failure::Lost => Cause::Lost,
        }
    }

    /// As the replica's station sees it.
    fn served(self) -> Served {
        match self {
            Failure::Error => Served::Status(500),
            Failure::Limited(_) => Served::Status(429),
            Failure::Lost => Served::Broken,
        }
    }
}

/// The number of a queue in the core.
fn number(queue: usize) -> QueueId {
    QueueId(queue as u16)
}

impl Stations {
    /// A task comes to a queue.
    pub(crate) fn comes(&mut self, queue: usize, tokens: (u32, u32), host: &mut dyn Host) {
        let delay = self.queues[queue].spec.delay;
        let due = (!delay.is_zero()).then(|| host.now() + delay);
        let tasks = self.enqueue(queue, vec![NewTask { due, ..NewTask::new(number(queue), Bytes::new()) }], host);
        if tokens != (0, 0) {
            self.tokens.extend(tasks.into_iter().map(|task| (task, tokens)));
        }
        self.settle(host);
    }

    /// Tasks that were taken in: all of them, or none when the queue is full.
    pub(super) fn enqueue(&mut self, queue: usize, tasks: Vec<NewTask>, host: &dyn Host) -> Vec<TaskId> {
        let now = host.now();
        let Ok(answer) = self.core.enqueue(tasks, Now::both(now)) else { return Vec::new() };
        let taken = self.commit(answer).into_iter().map(|task| task.id).collect();
        self.note(queue, now);
        taken
    }

    /// An answer counts at once.
    pub(super) fn commit<T>(&mut self, answer: Answer<T>) -> T {
        for change in &answer.changes {
            if let Change::Finish(ended) = change {
                self.ended(ended);
            }
        }
        self.core.committed(answer.seq);
        answer.value
    }

    fn ended(&mut self, ended: &Ended) {
        self.tokens.remove(&ended.id);
        if ended.progressed.death.as_ref().is_some_and(|death| death.cause == Cause::Expired)
            && let Some(queue) = self.core.queue(&ended.queue)
        {
            self.queues[usize::from(queue.0)].expired += 1;
        }
    }

    fn note(&mut self, queue: usize, now: Time) {
        self.queues[queue].note(&self.core, number(queue), now);
    }

    /// Gives out what may begin, and plans when the core is called again.
    pub(super) fn settle(&mut self, host: &mut dyn Host) {
        let mut woken = std::mem::take(&mut self.woken);
        self.core.awakened(&mut woken);
        while !woken.is_empty() {
            for queue in woken.drain(..) {
                self.feed(usize::from(queue.0), host);
            }
            self.core.awakened(&mut woken);
        }
        self.woken = woken;
        let now = host.now();
        if let Some(at) = self.core.next_wake(Now::both(now)).map(|at| at.max(now)).filter(|at| *at < self.wakes) {
            self.wakes = at;
            host.plan(at, Next::Wake);
        }
    }

    /// Time alone changes something.
    pub(super) fn wake(&mut self, host: &mut dyn Host) {
        let now = host.now();
        if now < self.wakes {
            return;
        }
        self.wakes = Time::MAX;
        let answer = self.core.tick(Now::both(now));
        let ends = |c: &Change| if let Change::Finish(ended) = c { Some((ended.id, ended.phase)) } else { None };
        let ended: Vec<(TaskId, Phase)> = answer.changes.iter().filter_map(ends).collect();
        for event in self.commit(answer) {
            if let CoreEvent::Overdue { task, .. } = event {
                let phase = ended.iter().find(|(id, _)| *id == task).map(|(_, phase)| *phase);
                self.overdue(task, phase, host);
            }
        }
        (0..self.queues.len()).for_each(|queue| self.note(queue, now));
        self.settle(host);
    }

    /// The core has ended an attempt; what it called goes on.
    fn overdue(&mut self, task: TaskId, ended: Option<Phase>, host: &mut dyn Host) {
        let Some(slot) = self.running.remove(&task) else { return };
        let attempt = self.attempts.remove(slot);
        self.journeys.get_mut(attempt.journey).gone = true;
        self.queues[attempt.queue].timeouts += u64::from(ended != Some(Phase::Cancelled));
        self.leaves(slot, &attempt, ended.is_some(), Served::Broken, host);
    }

    /// Gives ready tasks of a queue, and of those that are asked with it, to free places.
    fn feed(&mut self, queue: usize, host: &mut dyn Host) {
        while self.core.count(number(queue), Phase::Ready) > 0 {
            let Some(place) = self.place(queue, host) else { return };
            let now = Now::both(host.now());
            self.queues[queue].note_age(self.core.oldest_age(number(queue), now));
            let queues = self.queues[queue].mates.clone();
            let lease = Some(LONGEST_TIMEOUT);
            let ask = Take { queues: &queues, worker: WORKER, instance: Some(place.replica.0), most: 1, lease };
            let answer = self.core.take(&ask, now);
            match self.commit(answer).pop() {
                Some(leased) => self.begins(&leased, place, host),
                None => {
                    if place.holds_server {
                        host.unreserve(place.service, place.replica);
                    }
                    return;
                }
            }
        }
    }

    /// A free place, with its server.
    fn place(&self, queue: usize, host: &mut dyn Host) -> Option<Place> {
        let queue = &self.queues[queue];
        let (service, holds_server) = (queue.spec.service, queue.spec.holds_server);
        let replica = queue.free().find(|replica| !holds_server || host.reserve(service, *replica))?;
        Some(Place { service, replica, holds_server })
    }

    fn begins(&mut self, leased: &Leased, place: Place, host: &mut dyn Host) {
        let (now, at) = (host.now(), usize::from(leased.queue.0));
        let tokens = self.tokens.get(&leased.id).copied().unwrap_or_default();
        let queue = &mut self.queues[at];
        if leased.attempts + leased.losses == 0 {
            queue.waited(now.since(leased.due));
        }
        let own = Duration::from_nanos(queue.draw.nanos(&mut queue.rng, tokens.0, tokens.1));
        let attempt = Attempt {
            queue: at,
            task: leased.id,
            fence: leased.fence,
            due: leased.due,
            began: now,
            replica: place.replica,
            journey: 0,
        };
        let slot = self.attempts.insert(attempt);
        queue.begin(slot, place.replica);
        let journey = self.journeys.insert(Journey::new(Owner::Task(slot), place.service, tokens, own));
        self.attempts.get_mut(slot).journey = journey;
        self.running.insert(leased.id, slot);
        self.note(at, now);
        host.take(place);
        self.go_on(journey, host);
    }

    /// An attempt's work is over.
    pub(super) fn worked(&mut self, journey: u32, slot: u32, host: &mut dyn Host) {
        self.forget(journey);
        let queue = &mut self.queues[self.attempts.get(slot).queue];
        let fails = queue.spec.failures > 0.0 && queue.rng.random::<f64>() < queue.spec.failures;
        self.attempt_over(slot, if fails { Err(Failure::Error) } else { Ok(()) }, host);
    }

    /// A worker says how an attempt ended.
    pub(super) fn attempt_over(&mut self, slot: u32, how: Result<(), Failure>, host: &mut dyn Host) {
        let now = Now::both(host.now());
        let attempt = self.attempts.remove(slot);
        let Attempt { task: id, fence, queue, .. } = attempt;
        self.running.remove(&id);
        let answer = match how {
            Ok(()) => self.core.ack(Ack { id, fence, result: None, cost: None }, now),
            Err(why) => {
                let retry_after = self.limited(queue, why, now);
                let death = Some(Death { cause: why.cause(), message: String::new(), log: Vec::new() });
                self.core.nack(Nack { id, fence, death, retry_after, cost: None }, now)
            }
        };
        let answer = answer.expect("an attempt runs only while its lease holds");
        let has_ended = answer.changes.iter().any(|c| matches!(c, Change::Finish(ended) if ended.id == id));
        self.commit(answer);
        self.leaves(slot, &attempt, has_ended, how.map_or_else(Failure::served, |()| Served::Status(200)), host);
        self.settle(host);
    }

    /// A refusal for want of quota slows a queue that pushes; none sooner than then.
    fn limited(&mut self, queue: usize, why: Failure, now: Now) -> Option<Duration> {
        let Failure::Limited(after) = why else { return None };
        self.queues[queue].limited += 1;
        if self.queues[queue].spec.holds_server {
            self.core.slow(number(queue), after, now);
        }
        after
    }

    /// An attempt leaves its place.
    fn leaves(&mut self, slot: u32, attempt: &Attempt, has_ended: bool, how: Served, host: &mut dyn Host) {
        let (now, Attempt { queue: at, replica, began, .. }) = (host.now(), *attempt);
        let queue = &mut self.queues[at];
        if has_ended {
            queue.ended(now.since(attempt.due));
        }
        queue.release(slot, replica);
        let place = Place { service: queue.spec.service, replica, holds_server: queue.spec.holds_server };
        self.note(at, now);
        host.give(place, began, how);
        self.feed(at, host);
    }

    /// A replica takes tasks.
    pub(crate) fn joined(&mut self, service: usize, replica: ReplicaId, host: &mut dyn Host) {
        for queue in 0..self.queues.len() {
            if self.queues[queue].spec.service == service {
                self.queues[queue].joined(replica, host.now());
            }
        }
        self.freed(service, host);
    }

    /// A replica may have a place for a task.
    pub(crate) fn freed(&mut self, service: usize, host: &mut dyn Host) {
        for queue in 0..self.queues.len() {
            if self.queues[queue].spec.service == service && self.core.count(number(queue), Phase::Ready) > 0 {
                self.feed(queue, host);
                self.settle(host);
            }
        }
    }

    /// A replica takes no more tasks.
    pub(crate) fn drains(&mut self, service: usize, replica: ReplicaId, now: Time) {
        self.queues.iter_mut().filter(|q| q.spec.service == service).for_each(|q| q.drains(replica, now));
    }

    /// A replica is gone; the attempts on it have lost their worker.
    pub(crate) fn lost(&mut self, service: usize, replica: ReplicaId, host: &mut dyn Host) {
        let now = host.now();
        let of = self.queues.iter_mut().filter(|q| q.spec.service == service);
        let lost: Vec<u32> = of.flat_map(|q| q.lost(replica, now)).collect();
        for slot in lost {
            let journey = self.attempts.get(slot).journey;
            self.journeys.get_mut(journey).gone = true;
            self.attempt_over(slot, Err(Failure::Lost), host);
        }
    }
}

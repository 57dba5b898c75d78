//! The life of a task: it comes, falls due, is worked on, and ends or comes again.

use std::time::Duration;

use rand::RngExt;
use skala_types::{ReplicaId, Time};

use super::journey::{Journey, Owner};
use super::queue::{Failure, Task};
use super::{Host, Next, Stations};

impl Stations {
    /// A task comes to a queue.
    pub(crate) fn comes(&mut self, queue: usize, tokens: (u32, u32), host: &mut dyn Host) {
        if !self.queues[queue].admit() {
            return;
        }
        let delay = self.queues[queue].spec.delay;
        let due = host.now() + delay;
        let id = self.tasks.insert(Task {
            queue: queue as u32,
            tokens,
            due,
            ready: due,
            begun: Time::ZERO,
            attempts: 0,
            replica: ReplicaId(0),
            journey: 0,
        });
        self.put_off(id, due, host);
        if delay.is_zero() {
            self.due(id, host);
        }
    }

    fn put_off(&mut self, id: u32, until: Time, host: &mut dyn Host) {
        let task = self.tasks.get_mut(id);
        task.ready = until;
        self.queues[task.queue as usize].put_off(id, until);
        if until > host.now() {
            host.plan(until, Next::Due(id));
        }
    }

    /// A task is due: it waits for a place.
    pub(super) fn due(&mut self, id: u32, host: &mut dyn Host) {
        let task = self.tasks.get(id);
        let queue = task.queue as usize;
        self.queues[queue].due(id, task.ready, host.now());
        self.feed(queue, host);
    }

    /// Gives ready tasks to free places.
    fn feed(&mut self, queue: usize, host: &mut dyn Host) {
        while let Some((id, replica)) = self.queues[queue].lease(host.now()) {
            self.attempt(id, replica, host);
        }
    }

    fn attempt(&mut self, id: u32, replica: ReplicaId, host: &mut dyn Host) {
        let now = host.now();
        let task = self.tasks.get_mut(id);
        let queue = &mut self.queues[task.queue as usize];
        if task.attempts == 0 {
            queue.waited(now.since(task.due));
        }
        queue.note_age(now.since(task.ready));
        task.attempts += 1;
        (task.begun, task.replica) = (now, replica);
        let own = Duration::from_nanos(queue.draw.nanos(&mut queue.rng, task.tokens.0, task.tokens.1));
        let (service, deadline) = (queue.spec.service, now + queue.spec.timeout);
        let journey = Journey::new(Owner::Task(id), service, task.tokens, own, deadline);
        task.journey = self.journeys.insert(journey);
        let journey = task.journey;
        host.take(service, replica);
        host.plan(deadline, Next::Deadline(journey));
        self.go_on(journey, host);
    }

    /// An attempt's work is over.
    pub(super) fn worked(&mut self, journey: u32, id: u32, host: &mut dyn Host) {
        self.forget(journey);
        let queue = &mut self.queues[self.tasks.get(id).queue as usize];
        let fails = queue.spec.failures > 0.0 && queue.rng.random::<f64>() < queue.spec.failures;
        self.attempt_over(id, if fails { Err(Failure::Error) } else { Ok(()) }, host);
    }

    /// An attempt has ended: the task is done, comes again, or is a dead letter.
    pub(super) fn attempt_over(&mut self, id: u32, how: Result<(), Failure>, host: &mut dyn Host) {
        let (now, task) = (host.now(), *self.tasks.get(id));
        let at = task.queue as usize;
        let queue = &mut self.queues[at];
        queue.release(id, task.replica, now);
        host.give(queue.spec.service, task.replica);
        let since_due = now.since(task.due);
        match how {
            Ok(()) => {
                queue.succeeded(since_due);
                self.tasks.remove(id);
            }
            Err(why) if queue.failed(why, task.attempts, since_due) => {
                let pause = queue.spec.backoff.pause(task.attempts, &mut queue.rng);
                self.put_off(id, now + pause, host);
            }
            Err(_) => {
                self.tasks.remove(id);
            }
        }
        self.feed(at, host);
    }

    /// A replica takes tasks.
    pub(crate) fn joined(&mut self, service: usize, replica: ReplicaId, host: &mut dyn Host) {
        for queue in 0..self.queues.len() {
            if self.queues[queue].spec.service == service {
                self.queues[queue].joined(replica, host.now());
                self.feed(queue, host);
            }
        }
    }

    /// A replica takes no more tasks.
    pub(crate) fn drains(&mut self, service: usize, replica: ReplicaId, now: Time) {
        self.queues.iter_mut().filter(|q| q.spec.service == service).for_each(|q| q.drains(replica, now));
    }

    /// A replica is gone; the attempts on it have failed.
    pub(crate) fn lost(&mut self, service: usize, replica: ReplicaId, host: &mut dyn Host) {
        for queue in 0..self.queues.len() {
            if self.queues[queue].spec.service != service {
                continue;
            }
            for id in self.queues[queue].lost(replica, host.now()) {
                let journey = self.tasks.get(id).journey;
                self.journeys.get_mut(journey).gone = true;
                self.attempt_over(id, Err(Failure::Lost), host);
            }
        }
    }
}

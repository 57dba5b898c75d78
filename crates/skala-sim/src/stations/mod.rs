//! Queues, providers and databases in exact mode.
//!
//! Decides: nothing by itself; it leads each request and each attempt of a task through what it calls.
//! Inputs: requests that begin on a server, tasks, replicas, the clock; through [`Host`] it plans events and ends requests.
//! Method: a journey per request or attempt: connections first, then providers, then the rest of its own time. Whoever waits holds its
//!   server, and the connection of a caller that is gone is free when the database notices, at the end of the query.
//! Invariants: deterministic; nothing here runs for a platform without these stations.
//! Tested: `tests/it/stations.rs`.

mod backoff;
mod journey;
mod level;
mod pool;
mod provider;
mod queue;
mod schedule;
mod slab;
mod tasks;

use std::time::Duration;

use rand::RngExt;
use skala_autoscaler::SignalObservation;
use skala_types::{ReplicaId, Stream, Streams, Time};

pub(crate) use schedule::Clock;

use crate::draw::Draw;
use crate::{Misfire, Outcome, Scenario, SimError};
use journey::{Called, Journey};
use pool::Pool;
use provider::Provider;
use queue::{Queue, Task};
use slab::Slab;

/// Something planned for a station; the number is a journey's, a task's or a schedule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A journey's step ends.
    Step(u32),
    /// A task falls due.
    Due(u32),
    /// An attempt may have taken too long.
    Deadline(u32),
    /// A schedule fires.
    Fires(u32),
    /// A schedule makes up for a missed time.
    MakesUp(u32),
}

/// What the stations need of the engine.
pub(crate) trait Host {
    fn now(&self) -> Time;
    /// Plans something.
    fn plan(&mut self, at: Time, next: Next);
    /// A request ends, well or not, when so much more of its own time has passed.
    fn ends(&mut self, request: u32, after: Duration, failed: bool);
    /// Whether a request's replica is gone.
    fn is_lost(&self, request: u32) -> bool;
    /// A lost request's slot is needed no more.
    fn forget(&mut self, request: u32);
    /// A task begins on a replica.
    fn take(&mut self, service: usize, replica: ReplicaId);
    /// A task ends on a replica.
    fn give(&mut self, service: usize, replica: ReplicaId);
}

/// A schedule in a run.
#[derive(Clone, Debug)]
struct Timer {
    clock: Clock,
    queue: usize,
    tasks: u32,
    misfire: Misfire,
    pending: bool,
}

/// Everything beside the services.
#[derive(Clone, Debug)]
pub(crate) struct Stations {
    begins: Time,
    queues: Vec<Queue>,
    tasks: Slab<Task>,
    timers: Vec<Timer>,
    providers: Vec<Provider>,
    pools: Vec<Pool>,
    calls: Vec<Called>,
    journeys: Slab<Journey>,
    rng: Stream,
}

impl Stations {
    /// The stations of a scenario; `None` when there are none.
    pub(crate) fn try_new(scenario: &Scenario) -> Result<Option<Box<Stations>>, SimError> {
        let (network, streams, now) = (&scenario.network, Streams::new(scenario.seed), scenario.begins);
        if network.is_empty() {
            return Ok(None);
        }
        let queue = |q: &crate::TaskQueue| {
            let start_up = scenario.services[q.service].start_up.mean();
            Queue::try_new(q, streams.stream(&format!("queue {}", q.name)), start_up, now)
        };
        let timer = |s: &crate::Schedule| {
            let clock = Clock::try_new(s)?;
            Ok(Timer { clock, queue: s.queue, tasks: s.tasks, misfire: s.misfire, pending: false })
        };
        let provider = |p: &crate::Provider| Provider::try_new(p, streams.stream(&format!("provider {}", p.name)), now);
        let called = |calls: &crate::Calls| {
            let times = calls.pools.iter().map(|c| Draw::try_new(&c.time, "calls.databases.time")).collect::<Result<_, _>>()?;
            Ok::<_, SimError>(Called { spec: calls.clone(), times })
        };
        Ok(Some(Box::new(Stations {
            begins: now,
            queues: network.queues.iter().map(queue).collect::<Result<_, _>>()?,
            tasks: Slab::default(),
            timers: network.schedules.iter().map(timer).collect::<Result<_, SimError>>()?,
            providers: network.providers.iter().map(provider).collect::<Result<_, _>>()?,
            pools: network.pools.iter().map(|p| Pool::new(p, now)).collect(),
            calls: network.calls.iter().map(called).collect::<Result<_, _>>()?,
            journeys: Slab::default(),
            rng: streams.stream("stations"),
        })))
    }

    /// Plans the first time of every schedule.
    pub(crate) fn begin(&mut self, host: &mut dyn Host) {
        // A schedule that fires at the very beginning belongs to the run.
        let before = self.begins.minus(Duration::from_nanos(1));
        for (i, timer) in self.timers.iter().enumerate() {
            if let Some(at) = timer.clock.after(before) {
                host.plan(at, Next::Fires(i as u32));
            }
        }
    }

    /// Something that was planned happens. `away` tells until when the controller of a service is away.
    pub(crate) fn happens(&mut self, next: Next, away: &dyn Fn(usize) -> Option<Time>, host: &mut dyn Host) {
        match next {
            Next::Step(journey) => self.step(journey, host),
            Next::Due(task) => self.due(task, host),
            Next::Deadline(journey) => self.deadline(journey, host),
            Next::Fires(i) => self.fires(i as usize, away, host),
            Next::MakesUp(i) => {
                self.timers[i as usize].pending = false;
                self.scheduled(i as usize, host);
            }
        }
    }

    fn fires(&mut self, i: usize, away: &dyn Fn(usize) -> Option<Time>, host: &mut dyn Host) {
        if let Some(at) = self.timers[i].clock.after(host.now()) {
            host.plan(at, Next::Fires(i as u32));
        }
        let timer = &mut self.timers[i];
        match (away(self.queues[timer.queue].spec.service), timer.misfire) {
            (None, _) => self.scheduled(i, host),
            (Some(_), Misfire::Skip) => {}
            (Some(_), Misfire::Once) if timer.pending => {}
            (Some(until), Misfire::Once | Misfire::All) => {
                timer.pending = true;
                host.plan(until, Next::MakesUp(i as u32));
            }
        }
    }

    fn scheduled(&mut self, i: usize, host: &mut dyn Host) {
        let (queue, tasks) = (self.timers[i].queue, self.timers[i].tasks);
        (0..tasks).for_each(|_| self.comes(queue, (0, 0), host));
    }

    /// A request of a service was answered: it may have made tasks.
    pub(crate) fn answered(&mut self, service: usize, host: &mut dyn Host) {
        for queue in 0..self.queues.len() {
            let each = self.queues[queue].spec.produced_by.iter().find(|(s, _)| *s == service).map_or(0.0, |(_, n)| *n);
            let more = each.fract() > 0.0 && self.queues[queue].rng.random::<f64>() < each.fract();
            let tasks = each.trunc() as u64 + u64::from(more);
            (0..tasks).for_each(|_| self.comes(queue, (0, 0), host));
        }
    }

    /// Whether requests of a service call anything.
    pub(crate) fn calls(&self, service: usize) -> bool {
        self.calls.get(service).is_some_and(|c| !c.spec.is_empty())
    }

    /// The providers that a service calls are out. Whether there is any.
    pub(crate) fn outage(&mut self, service: usize, until: Time) -> bool {
        let calls = self.calls.get(service).map_or(&[][..], |c| &c.spec.providers);
        calls.iter().for_each(|c| self.providers[c.provider].out_until(until));
        !calls.is_empty()
    }

    /// The controller's second has passed.
    pub(crate) fn tick(&mut self, now: Time) {
        for queue in &mut self.queues {
            if let Some(id) = queue.first() {
                queue.note_age(now.since(self.tasks.get(id).ready));
            }
            queue.tick(now);
        }
    }

    /// What the autoscaler sees of the queues that a service works on.
    pub(crate) fn signals(&self, service: usize, now: Time) -> Vec<SignalObservation> {
        let oldest = |q: &Queue| q.first().map(|id| now.since(self.tasks.get(id).ready));
        self.queues.iter().filter(|q| q.spec.service == service).map(|q| q.signal(now, oldest(q))).collect()
    }

    /// Writes what came of the stations.
    pub(crate) fn finish(self, end: Time, outcome: &mut Outcome) {
        debug_assert!(self.queues.iter().all(Queue::conserves_work), "every task is done, dead or in the queue");
        let lasted = end.since(self.begins);
        outcome.queues = self.queues.into_iter().map(|q| q.finish(end, lasted)).collect();
        outcome.providers = self.providers.into_iter().map(|p| p.finish(end, lasted)).collect();
        outcome.pools = self.pools.into_iter().map(|p| p.finish(end, lasted)).collect();
    }
}

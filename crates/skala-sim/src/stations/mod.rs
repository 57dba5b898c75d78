//! Queues, providers and databases in exact mode.
//!
//! Decides: nothing by itself; it leads each request and each attempt of a task through what it calls. Tasks are given out by the
//!   live [`Core`], schedules fire by the live scheduler.
//! Inputs: requests that begin on a server, tasks, replicas, the clock; through [`Host`] it plans events and ends requests.
//! Method: a journey per request or attempt: connections first, then providers, then the rest of its own time. Whoever waits holds its
//!   server, and the connection of a caller that is gone is free when the database notices, at the end of the query.
//! Invariants: deterministic; nothing here runs for a platform without these stations.
//! Tested: `tests/it/stations.rs`.

mod journey;
mod level;
mod pool;
mod provider;
mod queue;
mod slab;
mod tasks;
mod timer;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use skala_autoscaler::SignalObservation;
use skala_queue::{Core, Now, QueueId, Restored, TaskId};
use skala_types::{ReplicaId, Stream, Streams, Time};

use crate::draw::Draw;
use crate::{Outcome, PoolOutcome, ProviderOutcome, QueueOutcome, Scenario, SimError};
use journey::{Called, Journey};
use pool::Pool;
use provider::Provider;
use queue::Queue;
use slab::Slab;
use tasks::Attempt;
use timer::Timer;

/// Something planned for a station; the number is a journey's or a schedule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A journey's step ends.
    Step(u32),
    /// Time alone changes something in the queues: a task falls due, an attempt has taken too long.
    Wake,
    /// A schedule may fire.
    Fires(u32),
}

/// Where a task is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) service: usize,
    pub(crate) replica: ReplicaId,
    /// Whether one of the replica's servers is held for it.
    pub(crate) holds_server: bool,
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
    /// Holds a server of a replica, if one is free and no request waits for it.
    fn reserve(&mut self, service: usize, replica: ReplicaId) -> bool;
    /// Gives it back unused.
    fn unreserve(&mut self, service: usize, replica: ReplicaId);
    /// A task begins, on the server that was reserved for it if it holds one.
    fn take(&mut self, place: Place);
    /// A task that began then has ended like this.
    fn give(&mut self, place: Place, began: Time, how: skala_balance::Outcome);
}

/// Everything beside the services.
#[derive(Debug)]
pub(crate) struct Stations {
    begins: Time,
    /// All queues, numbered as in the scenario.
    core: Core,
    /// When the core is called next because of the time alone.
    wakes: Time,
    woken: Vec<QueueId>,
    queues: Vec<Queue>,
    attempts: Slab<Attempt>,
    /// The attempt of each task that is worked on.
    running: BTreeMap<TaskId, u32>,
    /// Tokens of tasks that have any.
    tokens: BTreeMap<TaskId, (u32, u32)>,
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
        let settings = network.queues.iter().map(|q| q.settings.clone()).collect();
        let queue = |i: usize, q: &crate::TaskQueue| {
            let start_up = scenario.services[q.service].start_up.mean();
            let mate = |o: &crate::TaskQueue| q.holds_server && o.holds_server && o.service == q.service;
            let mates = network.queues.iter().enumerate().filter(|(o, of)| *o == i || mate(of));
            let mates = mates.map(|(o, _)| QueueId(o as u16)).collect();
            Queue::try_new(q, mates, streams.stream(&format!("queue {}", q.settings.name)), start_up, now)
        };
        let provider = |p: &crate::Provider| Provider::try_new(p, streams.stream(&format!("provider {}", p.name)), now);
        let called = |calls: &crate::Calls| {
            let times = calls.pools.iter().map(|c| Draw::try_new(&c.time, "calls.databases.time")).collect::<Result<_, _>>()?;
            Ok::<_, SimError>(Called { spec: calls.clone(), times })
        };
        Ok(Some(Box::new(Stations {
            begins: now,
            core: Core::new(settings, 1, Restored::default(), streams.stream("queues")),
            wakes: Time::MAX,
            woken: Vec::new(),
            queues: network.queues.iter().enumerate().map(|(i, q)| queue(i, q)).collect::<Result<_, _>>()?,
            attempts: Slab::default(),
            running: BTreeMap::new(),
            tokens: BTreeMap::new(),
            timers: network.schedules.iter().map(|s| Timer::try_new(s, now)).collect::<Result<_, _>>()?,
            providers: network.providers.iter().map(provider).collect::<Result<_, _>>()?,
            pools: network.pools.iter().map(|p| Pool::new(p, now)).collect(),
            calls: network.calls.iter().map(called).collect::<Result<_, _>>()?,
            journeys: Slab::default(),
            rng: streams.stream("stations"),
        })))
    }

    /// Plans the first time of every schedule.
    pub(crate) fn begin(&mut self, host: &mut dyn Host) {
        (0..self.timers.len()).for_each(|i| self.plan_timer(i, Duration::ZERO, host));
    }

    /// Something that was planned happens. `away` tells until when the controller of a service is away.
    pub(crate) fn happens(&mut self, next: Next, away: &dyn Fn(usize) -> Option<Time>, host: &mut dyn Host) {
        match next {
            Next::Step(journey) => self.step(journey, host),
            Next::Wake => self.wake(host),
            Next::Fires(i) => self.fires(i as usize, away, host),
        }
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
        for (id, queue) in self.queues.iter_mut().enumerate() {
            queue.note_age(self.core.oldest_age(QueueId(id as u16), Now::both(now)));
        }
    }

    /// What the autoscaler sees of the queues that a service works on.
    pub(crate) fn signals(&self, service: usize, now: Time) -> Vec<SignalObservation> {
        let of = self.queues.iter().enumerate().filter(|(_, q)| q.spec.service == service);
        of.map(|(id, q)| q.signal(&self.core, QueueId(id as u16), now)).collect()
    }

    /// What came of the stations so far.
    pub(crate) fn report(&self, now: Time) -> Report {
        let lasted = now.since(self.begins);
        let queue = |(id, q): (usize, &Queue)| q.report(&self.core.stats(QueueId(id as u16), Now::both(now)), now, lasted);
        Report {
            queues: self.queues.iter().enumerate().map(queue).collect(),
            providers: self.providers.iter().map(|p| p.clone().finish(now, lasted)).collect(),
            pools: self.pools.iter().map(|p| p.clone().finish(now, lasted)).collect(),
        }
    }
}

/// What came of the stations.
#[derive(Debug, Default)]
pub(crate) struct Report {
    queues: Vec<QueueOutcome>,
    providers: Vec<ProviderOutcome>,
    pools: Vec<PoolOutcome>,
}

impl Report {
    /// Writes it down.
    pub(crate) fn write(self, outcome: &mut Outcome) {
        (outcome.queues, outcome.providers, outcome.pools) = (self.queues, self.providers, self.pools);
    }
}

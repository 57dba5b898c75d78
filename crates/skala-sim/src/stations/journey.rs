//! The way of one request or attempt through what it calls.
//!
//! Decides: nothing; pools and providers say who goes on, and when.
//! Inputs: what its service calls, its tokens, its own time.
//! Invariants: what is held is given back exactly once; a journey has one planned step, or stands in one line.

use std::time::Duration;

use rand::RngExt;
use skala_queue::backoff;

use super::pool::Next as InLine;
use super::provider::Answer;
use super::tasks::Failure;
use super::{Host, Next, Stations};
use crate::Calls;
use crate::draw::Draw;

/// What a service calls, ready to be drawn from.
#[derive(Clone, Debug, Default)]
pub(super) struct Called {
    pub(super) spec: Calls,
    pub(super) times: Vec<Draw>,
}

/// Whose journey it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Request(u32),
    Task(u32),
}

/// What a journey holds beside its server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    Nothing,
    Connection(usize),
    Call { provider: usize, reserved: f64, used: f64 },
}

/// The stage after all calls: its own time.
const OWN_TIME: usize = usize::MAX;

/// One request or attempt on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Journey {
    owner: Owner,
    service: usize,
    tokens: (u32, u32),
    /// Own time that is left.
    left: Duration,
    /// The next thing that it calls: connections, then providers.
    stage: usize,
    /// Calls of this stage's provider that are left; none before the first.
    calls_left: Option<u32>,
    tries: u32,
    held: Held,
    /// It fails at its planned step: not at once, for a failure lets others begin, which may fail in turn.
    failed: Option<Failure>,
    /// Nobody waits for its end any more.
    pub(super) gone: bool,
}

impl Journey {
    pub(super) fn new(owner: Owner, service: usize, tokens: (u32, u32), left: Duration) -> Journey {
        Journey {
            owner,
            service,
            tokens,
            left,
            stage: 0,
            calls_left: None,
            tries: 0,
            held: Held::Nothing,
            failed: None,
            gone: false,
        }
    }

    fn is_gone(&self, host: &dyn Host) -> bool {
        self.gone || matches!(self.owner, Owner::Request(slot) if host.is_lost(slot))
    }
}

impl Stations {
    /// A request begins on its server.
    pub(crate) fn request(&mut self, slot: u32, service: usize, tokens: (u32, u32), own: Duration, host: &mut dyn Host) {
        let journey = self.journeys.insert(Journey::new(Owner::Request(slot), service, tokens, own));
        self.go_on(journey, host);
    }

    /// A planned step ends.
    pub(super) fn step(&mut self, id: u32, host: &mut dyn Host) {
        self.let_go(id, host);
        let journey = *self.journeys.get(id);
        if journey.is_gone(host) {
            return self.bury(id, host);
        }
        match (journey.failed, journey.stage, journey.owner) {
            (Some(why), ..) => self.fails(id, why, host),
            (None, OWN_TIME, Owner::Task(task)) => self.worked(id, task, host),
            _ => self.go_on(id, host),
        }
    }

    /// Calls what is next, until something takes time.
    pub(super) fn go_on(&mut self, id: u32, host: &mut dyn Host) {
        loop {
            let journey = *self.journeys.get(id);
            let (pools, providers) =
                self.calls.get(journey.service).map_or((0, 0), |c| (c.spec.pools.len(), c.spec.providers.len()));
            if journey.stage < pools {
                return self.connect(id, host);
            }
            if journey.stage - pools >= providers {
                return self.own_time(id, host);
            }
            if self.calls_left(id, journey.stage - pools) > 0 {
                return self.call(id, journey.stage - pools, host);
            }
            let journey = self.journeys.get_mut(id);
            (journey.stage, journey.calls_left) = (journey.stage + 1, None);
        }
    }

    fn connect(&mut self, id: u32, host: &mut dyn Host) {
        let journey = self.journeys.get(id);
        let pool = self.calls[journey.service].spec.pools[journey.stage].pool;
        if self.pools[pool].take(id, host.now()) {
            self.connected(id, host);
        }
    }

    /// A journey has its connection.
    fn connected(&mut self, id: u32, host: &mut dyn Host) {
        let journey = self.journeys.get_mut(id);
        let calls = &self.calls[journey.service];
        let drawn = calls.times[journey.stage].nanos(&mut self.rng, journey.tokens.0, journey.tokens.1);
        let held = Duration::from_nanos(drawn).min(journey.left);
        journey.left -= held;
        journey.held = Held::Connection(calls.spec.pools[journey.stage].pool);
        journey.stage += 1;
        host.plan(host.now() + held, Next::Step(id));
    }

    /// Calls of a provider that a journey still has to make.
    fn calls_left(&mut self, id: u32, n: usize) -> u32 {
        let journey = self.journeys.get_mut(id);
        if let Some(left) = journey.calls_left {
            return left;
        }
        let each = self.calls[journey.service].spec.providers[n].per_request;
        let more = each.fract() > 0.0 && self.rng.random::<f64>() < each.fract();
        let calls = each.trunc() as u32 + u32::from(more);
        (journey.calls_left, journey.tries) = (Some(calls), 0);
        calls
    }

    fn call(&mut self, id: u32, n: usize, host: &mut dyn Host) {
        let journey = self.journeys.get_mut(id);
        let spec = &self.calls[journey.service].spec.providers[n];
        let tokens = if journey.tokens == (0, 0) { spec.tokens } else { journey.tokens };
        let reserved = f64::from(tokens.0) + f64::from(spec.max_output.max(tokens.1));
        let answer = self.providers[spec.provider].call(tokens, reserved, host.now());
        let (after, why) = match answer {
            Answer::Taken(nanos) => {
                let used = f64::from(tokens.0) + f64::from(tokens.1);
                journey.held = Held::Call { provider: spec.provider, reserved, used };
                (journey.calls_left, journey.tries) = (journey.calls_left.map(|n| n - 1), 0);
                return host.plan(host.now() + Duration::from_nanos(nanos), Next::Step(id));
            }
            Answer::Limited(after) => (Some(after), Failure::Limited(Some(after))),
            Answer::TooLarge => (None, Failure::Limited(None)),
            Answer::Out => (Some(Duration::ZERO), Failure::Error),
        };
        journey.tries += 1;
        match after.filter(|_| journey.tries < spec.retry.attempts) {
            Some(after) => {
                let pause = backoff::pause(journey.tries, &spec.retry, Some(after), &mut self.rng);
                host.plan(host.now() + pause, Next::Step(id));
            }
            None => {
                journey.failed = Some(why);
                host.plan(host.now(), Next::Step(id));
            }
        }
    }

    fn own_time(&mut self, id: u32, host: &mut dyn Host) {
        let journey = self.journeys.get_mut(id);
        journey.stage = OWN_TIME;
        let left = journey.left;
        match journey.owner {
            Owner::Request(slot) => {
                host.ends(slot, left, false);
                self.forget(id);
            }
            Owner::Task(_) => host.plan(host.now() + left, Next::Step(id)),
        }
    }

    fn fails(&mut self, id: u32, why: Failure, host: &mut dyn Host) {
        let owner = self.journeys.get(id).owner;
        self.forget(id);
        match owner {
            Owner::Request(slot) => host.ends(slot, Duration::ZERO, true),
            Owner::Task(task) => self.attempt_over(task, Err(why), host),
        }
    }

    /// Gives back what the last step held, and lets the next in line have it.
    fn let_go(&mut self, id: u32, host: &mut dyn Host) {
        let journey = self.journeys.get_mut(id);
        match std::mem::replace(&mut journey.held, Held::Nothing) {
            Held::Nothing => {}
            Held::Call { provider, reserved, used } => self.providers[provider].finish_call(reserved, used, host.now()),
            Held::Connection(pool) => {
                self.pools[pool].give(host.now());
                self.next_in_line(pool, host);
            }
        }
    }

    fn next_in_line(&mut self, pool: usize, host: &mut dyn Host) {
        loop {
            let journeys = &self.journeys;
            let gone = |id: u32| journeys.get(id).is_gone(host);
            match self.pools[pool].next(host.now(), gone) {
                Some(InLine::Gets(id)) => self.connected(id, host),
                Some(InLine::Gone(id)) => self.bury(id, host),
                None => return,
            }
        }
    }

    /// The end of a journey that nobody waits for.
    fn bury(&mut self, id: u32, host: &mut dyn Host) {
        if let Owner::Request(slot) = self.journeys.get(id).owner {
            host.forget(slot);
        }
        self.forget(id);
    }

    /// Frees a journey's slot.
    pub(super) fn forget(&mut self, id: u32) {
        self.journeys.remove(id);
    }
}

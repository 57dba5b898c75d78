//! The connections of one database, shared by all services.
//!
//! Decides: who gets a connection; first come, first served.
//! Invariants: never more in use than there are; nobody waits while one is free.
//! Tested: `tests/it/stations.rs`: M/M/c, Little's law.

use std::collections::VecDeque;
use std::time::Duration;

use skala_types::{Distribution, Sketch, Time};

use super::level::Level;
use crate::{Pool as Spec, PoolOutcome};

/// One database in a run.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    spec: Spec,
    used: Level,
    line: VecDeque<(Time, u32)>,
    waiting: Level,
    waits: Sketch,
    uses: u64,
}

impl Pool {
    pub(super) fn new(spec: &Spec, now: Time) -> Pool {
        Pool {
            spec: spec.clone(),
            used: Level::new(0.0, now),
            line: VecDeque::new(),
            waiting: Level::new(0.0, now),
            waits: Sketch::new(),
            uses: 0,
        }
    }

    /// Takes a connection, or joins the line. Whether it was taken.
    pub(super) fn take(&mut self, journey: u32, now: Time) -> bool {
        if self.used.value() < f64::from(self.spec.connections) {
            self.used.add(1.0, now);
            self.taken(Duration::ZERO);
            return true;
        }
        self.line.push_back((now, journey));
        self.waiting.add(1.0, now);
        false
    }

    /// Gives a connection back.
    pub(super) fn give(&mut self, now: Time) {
        self.used.add(-1.0, now);
    }

    /// The next in line who gets a free connection. `gone` tells who has left meanwhile.
    pub(super) fn next(&mut self, now: Time, gone: impl Fn(u32) -> bool) -> Option<Next> {
        if self.used.value() >= f64::from(self.spec.connections) {
            return None;
        }
        let (since, journey) = self.line.pop_front()?;
        self.waiting.add(-1.0, now);
        if gone(journey) {
            return Some(Next::Gone(journey));
        }
        self.used.add(1.0, now);
        self.taken(now.since(since));
        Some(Next::Gets(journey))
    }

    fn taken(&mut self, waited: Duration) {
        self.uses += 1;
        self.waits.record(waited);
    }

    pub(super) fn finish(self, end: Time, lasted: Duration) -> PoolOutcome {
        PoolOutcome {
            name: self.spec.name,
            connections: self.spec.connections,
            uses: self.uses as f64,
            utilisation: self.used.mean(end, lasted) / f64::from(self.spec.connections),
            most_used: self.used.most(),
            wait: Distribution::of(&self.waits),
            mean_waiting: self.waiting.mean(end, lasted),
        }
    }
}

/// Who is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This one has a connection now.
    Gets(u32),
    /// This one has left the line.
    Gone(u32),
}

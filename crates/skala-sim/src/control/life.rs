//! The replicas of one service from their start to their end.
//!
//! Decides: nothing; starts and drains are the plan's, restarts are `skala_balance::replica::Failures`'.
//! Inputs: a drawn start-up time per start, deaths, emptied replicas, `now`.
//! Method: as the live platform: starting until the drawn time is over, ready, draining until empty or its bound, dead and started
//!   again after a backoff. A replica is paid from its start until it is gone, backoff and draining included.
//! Invariants: replicas are in order of their numbers; a phase that ends by itself has a moment at which it does.

use std::time::Duration;

use skala_autoscaler::Phase;
use skala_balance::replica::{Backoff, Failures, Life, Prospect};
use skala_types::{ReplicaId, Stream, Time};

use super::meter::Meter;
use crate::draw::Draw;

/// Something that happened to a replica; who serves requests follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was started and serves nothing yet.
    Started(ReplicaId),
    /// It may be given requests.
    Ready(ReplicaId),
    /// It is given no more requests; call `emptied` once it has none.
    Drains(ReplicaId),
    /// It died with all that it had; it is started again by itself.
    Died(ReplicaId),
    /// It is gone; what it still had is lost.
    Ended(ReplicaId),
}

/// How many replicas are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that serve.
    pub ready: u32,
    /// Those that are on their way, and those that are started again.
    pub starting: u32,
    /// Those that finish what they have.
    pub draining: u32,
}

impl Counts {
    /// All that are paid.
    pub fn paid(self) -> u32 {
        self.ready + self.starting + self.draining
    }

    /// All that stay: the observed size.
    pub fn staying(self) -> u32 {
        self.ready + self.starting
    }
}

/// One replica.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    pub(crate) phase: Phase,
    pub(crate) phase_since: Time,
    pub(crate) started_at: Time,
    pub(crate) meter: Meter,
    /// When its phase ends by itself.
    due: Option<Time>,
    failures: Failures,
}

/// The replicas of one service.
#[derive(Debug)]
pub(crate) struct Replicas {
    all: Vec<Replica>,
    start_up: Draw,
    rng: Stream,
    counts: Counts,
    next_due: Option<Time>,
}

impl Replicas {
    pub(crate) fn new(start_up: Draw, rng: Stream) -> Replicas {
        Replicas { all: Vec::new(), start_up, rng, counts: Counts::default(), next_due: None }
    }

    /// In order of their numbers.
    pub(crate) fn all(&self) -> &[Replica] {
        &self.all
    }

    pub(crate) fn all_mut(&mut self) -> &mut [Replica] {
        &mut self.all
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next moment at which some phase ends by itself.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.next_due
    }

    fn position(&self, id: ReplicaId) -> Option<usize> {
        self.all.binary_search_by_key(&id, |r| r.id).ok()
    }

    /// A replica that was there before; gives the time that its start-up took.
    pub(crate) fn add_ready(&mut self, id: ReplicaId, now: Time) -> Duration {
        self.add(id, Phase::Ready, None, now);
        self.draw_ready(now).since(now)
    }

    /// Starts a replica.
    pub(crate) fn start(&mut self, id: ReplicaId, now: Time) {
        let due = self.draw_ready(now);
        self.add(id, Phase::Starting, Some(due), now);
    }

    fn draw_ready(&mut self, now: Time) -> Time {
        now + Duration::from_nanos(self.start_up.nanos(&mut self.rng, 0, 0))
    }

    fn add(&mut self, id: ReplicaId, phase: Phase, due: Option<Time>, now: Time) {
        let replica =
            Replica { id, phase, phase_since: now, started_at: now, meter: Meter::new(now), due, failures: Failures::default() };
        let at = self.all.partition_point(|r| r.id < id);
        self.all.insert(at, replica);
        self.settle();
    }

    /// A replica is given no more; it ends at the latest when `bound` has passed.
    pub(crate) fn drain(&mut self, id: ReplicaId, now: Time, bound: Duration) -> Option<Change> {
        let at = self.position(id)?;
        // One that never served has nothing to finish.
        if self.all[at].phase != Phase::Ready {
            return self.end(id);
        }
        self.turn(at, Phase::Draining, Some(now + bound), now);
        Some(Change::Drains(id))
    }

    /// A draining replica has nothing left.
    pub(crate) fn emptied(&mut self, id: ReplicaId) -> Option<Change> {
        let at = self.position(id)?;
        if self.all[at].phase == Phase::Draining { self.end(id) } else { None }
    }

    /// A replica dies and is started again after a backoff; a draining one is not.
    pub(crate) fn die(&mut self, id: ReplicaId, now: Time) -> Option<Change> {
        let at = self.position(id)?;
        if self.all[at].phase == Phase::Draining {
            return self.end(id);
        }
        let replica = &mut self.all[at];
        let ready_for = if replica.phase == Phase::Ready { now.since(replica.phase_since) } else { Duration::ZERO };
        let restart = replica.failures.after(&Backoff::default(), Life::Ran { ready_for });
        let phase = if restart.looping { Phase::CrashLooping } else { Phase::Backoff };
        self.turn(at, phase, Some(now + restart.delay), now);
        Some(Change::Died(id))
    }

    fn end(&mut self, id: ReplicaId) -> Option<Change> {
        let at = self.position(id)?;
        self.all.remove(at);
        self.settle();
        Some(Change::Ended(id))
    }

    fn turn(&mut self, at: usize, phase: Phase, due: Option<Time>, now: Time) {
        let replica = &mut self.all[at];
        (replica.phase, replica.phase_since, replica.due) = (phase, now, due);
        self.settle();
    }

    /// Ends the phases whose time is over; `learn` hears of each start-up that succeeded.
    pub(crate) fn advance(&mut self, now: Time, changes: &mut Vec<Change>, mut learn: impl FnMut(Duration)) {
        while self.next_due.is_some_and(|due| due <= now) {
            let Some(at) = self.all.iter().position(|r| r.due.is_some_and(|due| due <= now)) else { return };
            let id = self.all[at].id;
            match self.all[at].phase {
                Phase::Starting => {
                    learn(now.since(self.all[at].started_at));
                    self.turn(at, Phase::Ready, None, now);
                    changes.push(Change::Ready(id));
                }
                Phase::Backoff | Phase::CrashLooping => {
                    let due = self.draw_ready(now);
                    self.all[at].started_at = now;
                    self.all[at].meter = Meter::new(now);
                    self.turn(at, Phase::Starting, Some(due), now);
                    changes.push(Change::Started(id));
                }
                Phase::Ready | Phase::NotReady | Phase::Draining => changes.extend(self.end(id)),
            }
        }
    }

    /// What can be hoped for from each replica that stays.
    pub(crate) fn prospects(&self) -> impl Iterator<Item = Prospect> + '_ {
        self.all.iter().filter(|r| r.phase != Phase::Draining).map(|r| match r.phase {
            Phase::Starting => Prospect::Starting { since: r.started_at },
            Phase::Backoff => Prospect::Backoff { until: r.due.unwrap_or(r.phase_since) },
            Phase::CrashLooping => Prospect::CrashLooping,
            Phase::Ready | Phase::NotReady | Phase::Draining => Prospect::None,
        })
    }

    /// Counts again, and finds what ends next.
    fn settle(&mut self) {
        let mut counts = Counts::default();
        for replica in &self.all {
            match replica.phase {
                Phase::Ready | Phase::NotReady => counts.ready += 1,
                Phase::Starting | Phase::Backoff | Phase::CrashLooping => counts.starting += 1,
                Phase::Draining => counts.draining += 1,
            }
        }
        self.counts = counts;
        self.next_due = self.all.iter().filter_map(|r| r.due).min();
    }
}

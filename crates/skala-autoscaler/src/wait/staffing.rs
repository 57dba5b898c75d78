//! How many replicas keep the objective at a given rate.
//!
//! Decides: the fewest replicas with which the share of late answers is small enough.
//! Inputs: arrivals per second, the service time's mean, spread and shape, burstiness, servers per replica, the objective.
//! Method: G/G/c by Allen and Cunneen: Erlang C's chance of waiting, and an exponential wait with the mean multiplied by
//!   (ca^2 + cs^2) / 2; the response is that wait plus a service time of the learned shape. The chance is `skala_capacity`'s.
//! Invariants: more load never needs fewer; the answer is at least 1 and its servers are more than the erlangs.
//! Tested: `wait::tests`.

use skala_capacity::erlang_c;

use super::work::{SHARES, Work};
use crate::REPLICAS_CEILING;

/// Share of the allowed late answers that waiting may cause. Answers are late in clusters, and a minute is judged by itself: what
/// is allowed on average must be well below what is allowed in a minute.
const MARGIN: f64 = 0.15;
/// When the service times alone miss the objective: so few may wait for more than a tenth of the service time.
const NEGLIGIBLE: f64 = 0.05;

/// The objective, as the formulas want it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Seconds, from arrival to answer.
    pub(crate) bound: f64,
    /// Share of the answers that may be later.
    pub(crate) allowed: f64,
    /// Servers of a replica.
    pub(crate) concurrency: u32,
}

/// What is to be served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) work: &'a Work,
    /// Variance of arrival counts over their mean.
    pub(crate) dispersion: f64,
}

/// The share of late answers as a function of the number of servers.
struct Lateness {
    points: [f64; 12],
    /// Late whatever the wait.
    floor: f64,
    bound: f64,
    mean: f64,
    /// (ca^2 + cs^2) / 2
    variability: f64,
}

impl Lateness {
    /// Share that is late because it waited, when all of `servers` serve `erlangs` and `busy` is the chance of waiting.
    fn of(&self, servers: f64, erlangs: f64, busy: f64) -> f64 {
        let rate = (servers - erlangs) / self.mean / self.variability;
        let late = |(point, (share, _)): (&f64, &(f64, f64))| {
            let slack = self.bound - point;
            if slack < 0.0 { 0.0 } else { share * (-rate * slack).exp() }
        };
        busy * self.points.iter().zip(&SHARES).map(late).sum::<f64>()
    }
}

/// The fewest replicas that keep the objective at `rate`, and whether the service times leave room for it at all.
pub(crate) fn replicas(rate: f64, demand: Demand<'_>, goal: Goal) -> (u32, bool) {
    let (work, per_replica) = (demand.work, f64::from(goal.concurrency));
    let erlangs = rate * work.mean;
    if erlangs <= 0.0 {
        return (0, true);
    }
    let (lateness, allowed, feasible) = lateness(demand, goal);
    let mut replicas = (erlangs / per_replica).floor() + 1.0;
    let ceiling = f64::from(REPLICAS_CEILING.0);
    while replicas < ceiling {
        let servers = replicas * per_replica;
        if lateness.of(servers, erlangs, erlang_c(erlangs, servers)) <= allowed {
            break;
        }
        replicas += 1.0;
    }
    (replicas.min(ceiling) as u32, feasible)
}

fn lateness(demand: Demand<'_>, goal: Goal) -> (Lateness, f64, bool) {
    let work = demand.work;
    let points = work.points();
    let floor: f64 = points.iter().zip(&SHARES).filter(|(point, _)| **point > goal.bound).map(|(_, (share, _))| share).sum();
    let variability = f64::midpoint(demand.dispersion, work.scv).max(0.1);
    let lateness = Lateness { points, floor, bound: goal.bound, mean: work.mean, variability };
    if lateness.floor < goal.allowed {
        let allowed = (goal.allowed - lateness.floor) * MARGIN;
        return (lateness, allowed, true);
    }
    // Then what counts is only that nobody waits for long.
    let wait = Lateness { points: [0.0; 12], floor: 0.0, bound: work.mean / 10.0, ..lateness };
    (wait, NEGLIGIBLE, false)
}

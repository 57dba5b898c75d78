//! The minutes of a run, each judged by the objective when its last request has ended.
//!
//! Method: a minute stays open until all that arrived in it has ended, so memory is bounded by the longest request, not by the run.
//!   In steps a request is not whole; there a minute is missed with the probability that its late ones, Poisson around their
//!   expected number, are more than allowed, and the sum over minutes is rounded at the end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::Objective;
use crate::quantile::share;

/// Seconds in the unit of judgement.
const MINUTE: u64 = 60;
/// Requests that must have failed before a minute's availability counts as missed.
const EVIDENCE: f64 = 2.0;

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    arrivals: f64,
    ended: f64,
    late: f64,
    lost: f64,
}

/// Open minutes and the verdicts so far.
#[derive(Clone, Debug)]
pub(super) struct Minutes {
    objective: Option<Objective>,
    open: BTreeMap<u64, Minute>,
    current: u64,
    /// First and last minute of each hole that may still touch an open one.
    holes: VecDeque<(u64, u64)>,
    counted: u64,
    missed: f64,
    fractional: bool,
}

impl Minutes {
    pub(super) fn new(objective: Option<Objective>) -> Minutes {
        Minutes {
            objective,
            open: BTreeMap::new(),
            current: 0,
            holes: VecDeque::new(),
            counted: 0,
            missed: 0.0,
            fractional: false,
        }
    }

    pub(super) fn arrived(&mut self, at: Duration, requests: f64) {
        let minute = at.as_secs() / MINUTE;
        if minute > self.current {
            self.current = minute;
            self.close(false);
        }
        self.open.entry(minute).or_default().arrivals += requests;
    }

    pub(super) fn ended(&mut self, arrived: Duration, requests: f64, late: f64, lost: f64) {
        let minute = self.open.entry(arrived.as_secs() / MINUTE).or_default();
        minute.ended += requests;
        minute.late += late;
        minute.lost += lost;
    }

    /// Steps tell expected numbers, not counts.
    pub(super) fn in_expectation(&mut self) {
        self.fractional = true;
    }

    pub(super) fn mask(&mut self, from: Duration, to: Duration) {
        if to > from {
            let last = (to - Duration::from_nanos(1)).as_secs() / MINUTE;
            self.holes.push_back((from.as_secs() / MINUTE, last));
        }
    }

    /// Judges what is over; at the end, everything: what has not ended by `now` is late when the bound has passed.
    fn close(&mut self, all: bool) {
        let (current, fractional) = (self.current, self.fractional);
        let slack = if fractional { 1e-6 } else { 0.0 };
        let over = |(&at, m): (&u64, &Minute)| all || at < current && m.ended >= m.arrivals * (1.0 - 1e-9) - slack;
        let done: Vec<u64> = self.open.iter().filter(|e| over((e.0, e.1))).map(|(at, _)| *at).collect();
        for at in done {
            let Some(minute) = self.open.remove(&at) else { continue };
            if minute.arrivals > 0.0 && !self.holes.iter().any(|(first, last)| (*first..=*last).contains(&at)) {
                self.counted += 1;
                self.missed += self.objective.map_or(0.0, |o| missed(&o, &minute, fractional));
            }
        }
        let oldest = self.open.first_key_value().map_or(current, |(at, _)| (*at).min(current));
        while self.holes.front().is_some_and(|(_, last)| *last < oldest) {
            self.holes.pop_front();
        }
    }

    /// Minutes judged, and missed ones among them; none without an objective.
    pub(super) fn finish(mut self, end: Duration) -> (u64, Option<u64>) {
        for (at, minute) in &mut self.open {
            let overdue = self.objective.is_some_and(|o| Duration::from_secs((at + 1) * MINUTE).saturating_add(o.latency) < end);
            if overdue {
                minute.late += (minute.arrivals - minute.ended).max(0.0);
            }
        }
        self.close(true);
        let missed = self.objective.map(|_| (self.missed.round() as u64).min(self.counted));
        (self.counted, missed)
    }
}

/// Whether a minute was missed: 0 or 1, or a probability in between for expected numbers.
fn missed(objective: &Objective, m: &Minute, fractional: bool) -> f64 {
    let slow = beyond(m.arrivals, 1.0 - share(objective.quantile), m.late, 0.0, fractional);
    let lost = objective.availability.map_or(0.0, |a| beyond(m.arrivals, 1.0 - a, m.lost, EVIDENCE - 1.0, fractional));
    slow.max(lost)
}

/// Whether more of `n` requests than `allowed` (and than `least`) are bad.
fn beyond(n: f64, allowed: f64, bad: f64, least: f64, fractional: bool) -> f64 {
    let limit = (n * allowed * (1.0 + 1e-9)).max(least);
    if fractional { poisson_above(bad, limit.floor()) } else { f64::from(u8::from(bad > limit)) }
}

/// P(N > k) for a Poisson count N of mean `mean`; by the normal approximation above 200.
fn poisson_above(mean: f64, k: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    if mean > 200.0 || k > 400.0 {
        return crate::normal::survival((k + 0.5 - mean) / mean.sqrt());
    }
    let mut term = (-mean).exp();
    let mut at_most = term;
    for i in 1..=(k as u32) {
        term *= mean / f64::from(i);
        at_most += term;
    }
    (1.0 - at_most).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poisson_tail_is_known() {
        // 1 - 2.5/e, and 1 - P(N <= 3) at mean 3.
        assert!((poisson_above(1.0, 2.0) - 0.080_301).abs() < 1e-6);
        assert!((poisson_above(3.0, 3.0) - 0.352_768).abs() < 1e-6);
        assert!((poisson_above(250.0, 250.0) - 0.487).abs() < 0.01);
        assert!(poisson_above(0.0, 0.0) == 0.0 && poisson_above(1e9, 0.0) > 0.999);
    }
}

//! What was spent in the running window.
//!
//! Decides: nothing; [`super::allow`] reads it, the controller feeds and stores it.
//! Inputs: the rate of what runs, what was refused, `now`.
//! Method: the integral of replicas x price: a rate holds until the next one is recorded. Whole numbers down to
//!   the nanosecond, so that a million small steps lose nothing. While nobody looked (a restart) the last rate is taken to have
//!   gone on, because machines cost money unwatched as well.
//! Invariants: two windows are kept, the running one and the one before; a clock that steps back over a border finds it again.
//!   No moment is charged twice, unless the clock steps back by more than an hour and it is lived through again.
//! Tested: `super::tests` rows `state`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::{Budget, HOUR_NS, Period, Verdict, Want, window};

/// A clock that steps back further than this is believed.
const CLOCK_STEP: Duration = Duration::from_secs(3600);

/// An exact sum of rates per hour times nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integral {
    /// Whole units.
    pub whole: u64,
    /// What is not a whole unit yet: units per hour times nanoseconds, less than an hour has.
    pub rest: u64,
}

impl Integral {
    fn plus(self, rate: u64, ns: u128) -> Integral {
        let sum = (u128::from(rate) * ns).saturating_add(u128::from(self.rest));
        let whole = u64::try_from(sum / HOUR_NS).unwrap_or(u64::MAX);
        Integral { whole: self.whole.saturating_add(whole), rest: (sum % HOUR_NS) as u64 }
    }
}

/// Sums of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spent {
    /// When the window began.
    pub start: Time,
    /// Micro-units.
    pub amount: Integral,
    /// Replica-hours that the ceiling refused.
    pub refused: Integral,
    /// Micro-units that they would have cost.
    pub forgone: Integral,
}

impl Spent {
    /// Spent, in micro-units.
    pub fn micros(&self) -> u128 {
        u128::from(self.amount.whole)
    }

    /// Not spent because the ceiling refused it, in micro-units.
    pub fn forgone_micros(&self) -> u128 {
        u128::from(self.forgone.whole)
    }

    /// Replica-hours that the ceiling refused.
    pub fn refused_replica_hours(&self) -> f64 {
        self.refused.whole as f64 + self.refused.rest as f64 / HOUR_NS as f64
    }
}

/// What must survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetState {
    /// The running window.
    pub running: Spent,
    /// The window before.
    pub before: Spent,
    /// Until when everything is charged; none before the first record.
    pub at: Option<Time>,
    /// Micro-units per hour of what runs since then.
    pub rate: u64,
    /// Refused replicas since then.
    pub refused: u64,
    /// Their micro-units per hour.
    pub forgone_rate: u64,
}

impl BudgetState {
    /// Charges up to `now` what ran since the last call, and goes on with what runs now: `current` replicas at `price` each.
    pub fn record(&mut self, budget: &Budget, now: Time, running: &[Want]) {
        self.charge(budget.spec().per, now);
        let rate = running.iter().fold(0u64, |sum, w| sum.saturating_add(w.price.saturating_mul(u64::from(w.current.0))));
        self.rate = rate;
    }

    /// Goes on with what a verdict refused.
    pub fn note(&mut self, verdict: &Verdict) {
        self.refused = verdict.refused;
        self.forgone_rate = verdict.wanted_per_hour.micros.saturating_sub(verdict.allowed_per_hour.micros);
    }

    /// The sums of the window that holds `now`, charged up to `now`.
    pub fn in_window(&self, per: Period, now: Time) -> Spent {
        let mut charged = self.clone();
        charged.charge(per, now);
        charged.running
    }

    fn charge(&mut self, per: Period, now: Time) {
        let start = window::of(per, now).start;
        if let Some(at) = self.at.filter(|at| now < *at) {
            // A little back: time stands still until it is caught up. Far back: the clock was wrong before.
            if at.since(now) > CLOCK_STEP {
                self.at = Some(now);
                self.turn_to(start);
            }
            return;
        }
        if start > self.running.start {
            // What ran until the border still belongs to the old window.
            self.add(window::of(per, self.running.start).end.min(start));
            self.at = self.at.map(|at| at.max(start));
        }
        self.turn_to(start);
        self.add(now);
        self.at = Some(now);
    }

    /// Makes the window that begins at `start` the running one.
    fn turn_to(&mut self, start: Time) {
        if start != self.running.start {
            let known = if self.before.start == start { self.before } else { Spent { start, ..Spent::default() } };
            self.before = std::mem::replace(&mut self.running, known);
        }
    }

    fn add(&mut self, until: Time) {
        let Some(at) = self.at else { return };
        let ns = until.since(at).as_nanos();
        let sums = &mut self.running;
        sums.amount = sums.amount.plus(self.rate, ns);
        sums.refused = sums.refused.plus(self.refused, ns);
        sums.forgone = sums.forgone.plus(self.forgone_rate, ns);
    }
}

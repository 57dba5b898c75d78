//! Which of two outcomes is better.
//!
//! Decides: the order of outcomes under a goal, and whether what was found on one part of a trace holds on the other.
//! Units: minutes, the currency of the platform file (or replica-hours where there is no price), shares between 0 and 1.
//! Method: first by how far the limit is exceeded, then by what the goal is about, then by misses, price and calm. Both sides of a
//!   comparison ran on the same load; limits are relative to the file as it is.
//! Invariants: a total order; outcomes without an objective do not get here.
//! Tested: `tests` below.

use std::cmp::Ordering;

use serde::Serialize;

use crate::ServiceOutcome;

/// Seconds in an hour.
const HOUR: f64 = 3600.0;
/// With [`Goal::Balanced`]: minutes that count as missed even when none is, as a share of all; keeps the product from being 0.
const FLOOR: f64 = 0.001;
/// With [`Goal::Balanced`], how much more than now may be paid where nothing is said.
const BALANCED_COST: f64 = 1.0;

/// A change for which no setting is changed, share of what is paid.
const TRIFLE: f64 = 0.003;

/// What better means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// Least cost, with no more missed minutes than allowed.
    Cost,
    /// Fewest missed minutes, at no more cost than allowed.
    Objective,
    /// Least product of cost and missed minutes, within both limits.
    Balanced,
}

/// What is allowed, against the file as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Share of minutes that may be missed, where that is more than what the file misses now.
    pub missed_share: Option<f64>,
    /// Share of its cost now by which it may become dearer; without one nothing, and as much again with [`Goal::Balanced`].
    pub extra_cost: Option<f64>,
}

/// What a policy came to, as far as goals look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// Minutes with arrivals.
    pub minutes: u64,
    /// Of them, minutes that missed the objective.
    pub missed_minutes: u64,
    /// Share of requests beyond the objective.
    pub missed_requests: f64,
    /// Price; `None` without one.
    pub cost: Option<f64>,
    /// Replicas x hours.
    pub replica_hours: f64,
    /// Changes of size.
    pub scale_actions: u64,
}

impl Effect {
    /// Reads it off an outcome; `None` without an objective.
    pub fn of(outcome: &ServiceOutcome) -> Option<Effect> {
        let missed_requests = if outcome.arrivals > 0.0 { outcome.late? / outcome.arrivals } else { 0.0 };
        Some(Effect {
            minutes: outcome.minutes,
            missed_minutes: outcome.missed_minutes?,
            missed_requests,
            cost: outcome.cost,
            replica_hours: outcome.replica_seconds / HOUR,
            scale_actions: outcome.scale_actions,
        })
    }

    /// What is paid: the price, or replica-hours where there is none.
    pub fn paid(&self) -> f64 {
        self.cost.unwrap_or(self.replica_hours)
    }
}

impl Goal {
    /// The order of two outcomes on the same load; `Less` is better. `now` is what the file comes to.
    pub fn order(self, a: &Effect, b: &Effect, now: &Effect, limits: &Limits) -> Ordering {
        let keys = [self.key(a, now, limits), self.key(b, now, limits)];
        let each = keys[0].iter().zip(&keys[1]).map(|(a, b)| a.total_cmp(b));
        each.fold(Ordering::Equal, Ordering::then)
    }

    /// What is compared, in turn; smaller is better.
    fn key(self, e: &Effect, now: &Effect, limits: &Limits) -> [f64; 5] {
        let (missed, paid) = (e.missed_minutes as f64, e.paid());
        let beyond_missed = (missed - self.most_missed(now, limits)).max(0.0) / (e.minutes as f64).max(1.0);
        let beyond_paid = (paid - self.most_paid(now, limits)).max(0.0) / now.paid().max(f64::MIN_POSITIVE);
        let calm = e.scale_actions as f64;
        match self {
            Goal::Cost => [beyond_missed, paid, missed, e.missed_requests, calm],
            Goal::Objective => [beyond_paid, missed, e.missed_requests, paid, calm],
            Goal::Balanced => {
                let product = paid * (missed + FLOOR * e.minutes as f64);
                [beyond_missed + beyond_paid, product, paid, e.missed_requests, calm]
            }
        }
    }

    /// Whether `a` is as good as `b` but for a trifle of what is paid.
    pub fn nearly(self, a: &Effect, b: &Effect, now: &Effect, limits: &Limits) -> bool {
        let beyond = |e: &Effect| self.key(e, now, limits)[0];
        beyond(a) <= beyond(b) && a.missed_minutes <= b.missed_minutes && a.paid() <= b.paid() * (1.0 + TRIFLE)
    }

    /// Minutes that may be missed.
    pub fn most_missed(self, now: &Effect, limits: &Limits) -> f64 {
        let share = limits.missed_share.unwrap_or(0.0) * now.minutes as f64;
        share.max(now.missed_minutes as f64)
    }

    /// What may be paid.
    pub fn most_paid(self, now: &Effect, limits: &Limits) -> f64 {
        let usual = if self == Goal::Balanced { BALANCED_COST } else { 0.0 };
        now.paid() * (1.0 + limits.extra_cost.unwrap_or(usual))
    }
}

/// Whether what was found is to be recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It is better than the file on the part of the trace that it was not searched on, too.
    Better,
    /// It is better on the part that it was searched on, and not on the other: it fits that part and nothing else.
    Overfitted,
    /// Nothing better was found.
    NothingBetter,
}

/// The verdict on what was found: the file (`now`) and the finding on the part that was held back.
pub fn verdict(goal: Goal, limits: &Limits, changed: bool, now: &Effect, found: &Effect) -> Verdict {
    match (changed, goal.order(found, now, now, limits)) {
        (false, _) => Verdict::NothingBetter,
        (true, Ordering::Less) => Verdict::Better,
        (true, _) => Verdict::Overfitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(missed_minutes: u64, cost: f64) -> Effect {
        Effect { minutes: 1000, missed_minutes, cost: Some(cost), replica_hours: cost * 2.0, ..Effect::default() }
    }

    #[test]
    fn goals_order_outcomes() {
        let now = effect(10, 100.0);
        let none = Limits::default();
        let some = Limits { missed_share: Some(0.02), extra_cost: Some(0.5) };
        // Better one first.
        let rows = [
            (Goal::Cost, none, effect(10, 90.0), effect(0, 95.0)),
            (Goal::Cost, none, effect(10, 99.0), effect(11, 10.0)),
            (Goal::Cost, some, effect(20, 10.0), effect(10, 90.0)),
            (Goal::Cost, some, effect(20, 90.0), effect(21, 10.0)),
            (Goal::Cost, none, effect(9, 90.0), effect(10, 90.0)),
            (Goal::Objective, none, effect(9, 100.0), effect(10, 10.0)),
            (Goal::Objective, none, effect(9, 100.0), effect(0, 100.1)),
            (Goal::Objective, some, effect(0, 150.0), effect(1, 100.0)),
            (Goal::Balanced, none, effect(5, 100.0), effect(10, 60.0)),
            (Goal::Balanced, none, effect(0, 190.0), effect(9, 100.0)),
            (Goal::Balanced, none, effect(9, 100.0), effect(11, 10.0)),
            (Goal::Balanced, none, effect(9, 100.0), effect(0, 201.0)),
        ];
        for (goal, limits, better, worse) in rows {
            let order = |a, b| goal.order(a, b, &now, &limits);
            assert_eq!(order(&better, &worse), Ordering::Less, "{goal:?} {better:?} {worse:?}");
            assert_eq!(order(&worse, &better), Ordering::Greater, "{goal:?} {better:?} {worse:?}");
        }
    }

    #[test]
    fn without_a_price_replica_hours_are_what_is_paid() {
        let hours = |replica_hours| Effect { cost: None, replica_hours, minutes: 10, ..Effect::default() };
        assert_eq!(Goal::Cost.order(&hours(1.0), &hours(2.0), &hours(2.0), &Limits::default()), Ordering::Less);
    }

    #[test]
    fn what_only_fits_the_part_it_was_found_on_is_refused() {
        let now = effect(10, 100.0);
        let rows = [
            (true, effect(10, 90.0), Verdict::Better),
            (true, effect(11, 50.0), Verdict::Overfitted),
            (true, effect(10, 100.0), Verdict::Overfitted),
            (false, effect(10, 100.0), Verdict::NothingBetter),
        ];
        for (changed, found, wanted) in rows {
            assert_eq!(verdict(Goal::Cost, &Limits::default(), changed, &now, &found), wanted, "{found:?}");
        }
    }
}

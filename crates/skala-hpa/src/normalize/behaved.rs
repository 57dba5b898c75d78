//! The rules of an HPA with `behavior`.
//!
//! Decides: the size, moved from where it is only as far as the windows of both directions want, then by rates and bounds.
//! Method: `autoscaling/v2`: the lowest recommendation of the scale-up window and the highest of the scale-down window bound
//!   the size; entries count while strictly newer than the window. The comment upstream names another order; its code does this.
//! Tested: `tests/rows/behavior.rs`.

use super::rate::furthest;
use super::{Case, Extreme, tell_able, tell_limited};
use crate::behavior::Rules;
use crate::history::{newer, older};
use crate::{Behavior, Direction, History, Outcome, Recommendation, Rule, Step};

pub(super) fn normalize(case: &Case<'_>, behavior: &Behavior, history: &mut History, outcome: &mut Outcome) -> i32 {
    let (up, down) = (behavior.up(), behavior.down(case.window_seconds()));
    let stabilized = stabilize(case, &up, &down, history, outcome);
    let current = case.current;
    let (min, max) = (case.spec.min(), case.spec.max_replicas);
    let (rule, limit, size) = if stabilized > current {
        // A limit below the size means that nothing more may be added before old additions expire.
        let rate = furthest(case, &up, Direction::Up, history, outcome).max(current);
        let (limit, rule) = if max > rate { (rate, Rule::ScaleUpLimit) } else { (max, Rule::TooManyReplicas) };
        if stabilized > limit { (rule, limit, limit) } else { (Rule::DesiredWithinRange, limit, stabilized) }
    } else if stabilized < current {
        let rate = furthest(case, &down, Direction::Down, history, outcome).min(current);
        let (limit, rule) = if min < rate { (rate, Rule::ScaleDownLimit) } else { (min, Rule::TooFewReplicas) };
        if stabilized < limit { (rule, limit, limit) } else { (Rule::DesiredWithinRange, limit, stabilized) }
    } else {
        (Rule::DesiredWithinRange, current, stabilized)
    };
    tell_limited(outcome, rule, limit, stabilized, size);
    size
}

fn stabilize(case: &Case<'_>, up: &Rules<'_>, down: &Rules<'_>, history: &mut History, outcome: &mut Outcome) -> i32 {
    let (now, new) = (case.now, case.recommended);
    let (mut lowest, mut highest) = (Extreme::new(new), Extreme::new(new));
    for r in &history.recommendations {
        if newer(r.at, now, up.window_seconds) {
            lowest.lower(r.at, r.replicas);
        }
        if newer(r.at, now, down.window_seconds) {
            highest.raise(r.at, r.replicas);
        }
    }
    let longest = up.window_seconds.max(down.window_seconds);
    history.recommend(Recommendation { at: now, replicas: new }, |at| older(at, now, longest));
    // Not `clamp`, which wants ordered bounds: they are, since both started from the new recommendation, and so is `max` first.
    let stabilized = case.current.max(lowest.replicas).min(highest.replicas);
    tell_able(
        outcome,
        match stabilized {
            s if s == new => "ReadyForNewScale",
            _ if new >= case.current => "ScaleUpStabilized",
            _ => "ScaleDownStabilized",
        },
    );
    outcome.trace.steps.push(Step::Stabilized {
        up: Some(lowest.bound(up.window_seconds)),
        down: highest.bound(down.window_seconds),
        before: new,
        after: stabilized,
    });
    stabilized
}

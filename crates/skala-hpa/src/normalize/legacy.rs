//! The rules of an HPA without `behavior`.
//!
//! Decides: the size, from one shared window, a doubling per step, and the bounds.
//! Method: `autoscaling/v2`: shrinking waits for the largest recommendation of the window, whose far edge is still in it;
//!   growing stops at max(2 x size, 4). What is logged is what metrics asked for, before any rule.
//! Tested: `tests/rows/legacy.rs`.

use super::{Case, Extreme, tell_able, tell_limited};
use crate::history::older;
use crate::{History, Outcome, Recommendation, Rule, Step};

pub(super) fn normalize(case: &Case<'_>, history: &mut History, outcome: &mut Outcome) -> i32 {
    let stabilized = stabilize(case, history, outcome);
    let (limit, rule) = upper(case);
    let min = case.spec.min();
    let (rule, limit, size) = match stabilized {
        s if s < min => (Rule::TooFewReplicas, min, min),
        s if s > limit => (rule, limit, limit),
        s => (Rule::DesiredWithinRange, limit, s),
    };
    tell_limited(outcome, rule, limit, stabilized, size);
    size
}

fn stabilize(case: &Case<'_>, history: &mut History, outcome: &mut Outcome) -> i32 {
    let window = case.window_seconds();
    let is_old = |at| older(at, case.now, window);
    let mut highest = Extreme::new(case.recommended);
    for r in history.recommendations.iter().filter(|r| !is_old(r.at)) {
        highest.raise(r.at, r.replicas);
    }
    history.recommend(Recommendation { at: case.now, replicas: case.recommended }, is_old);
    let stabilized = highest.replicas;
    let held = stabilized != case.recommended;
    tell_able(outcome, if held { "ScaleDownStabilized" } else { "ReadyForNewScale" });
    outcome.trace.steps.push(Step::Stabilized {
        up: None,
        down: highest.bound(window),
        before: case.recommended,
        after: stabilized,
    });
    stabilized
}

/// The most that one step may reach, and who says so.
fn upper(case: &Case<'_>) -> (i32, Rule) {
    let settings = case.settings;
    // Computed as a float, then cut off, as upstream does; 2 x size may exceed 32 bits.
    let limit = (settings.scale_up_limit_factor * f64::from(case.current)).max(settings.scale_up_limit_minimum) as i32;
    if case.spec.max_replicas > limit { (limit, Rule::ScaleUpLimit) } else { (case.spec.max_replicas, Rule::TooManyReplicas) }
}

//! From what metrics ask for to what is allowed: past recommendations, rates, bounds.
//!
//! Decides: the size to have, and the conditions `AbleToScale` and `ScalingLimited`.
//! Inputs: the recommendation, the size, the bounds, the history.
//! Method: `autoscaling/v2`: stabilise first, then rate and bounds; without `behavior` the older, simpler rules.
//! Invariants: with `minReplicas <= maxReplicas` and a size within them, so is the result; except from zero, see `reconcile`.
//! Tested: `tests/rows/behavior.rs`, `tests/rows/legacy.rs`, `tests/oracle`.

mod behaved;
mod legacy;
mod rate;

use skala_types::Time;

use crate::{Bound, ConditionStatus, ConditionType, History, Outcome, Rule, Settings, Spec, Step};

/// What the rules work on.
pub(crate) struct Case<'a> {
    pub(crate) now: Time,
    pub(crate) settings: &'a Settings,
    pub(crate) spec: &'a Spec,
    pub(crate) current: i32,
    pub(crate) recommended: i32,
}

/// The size that the rules allow; logs the recommendation.
pub(crate) fn normalize(case: &Case<'_>, history: &mut History, outcome: &mut Outcome) -> i32 {
    match &case.spec.behavior {
        None => legacy::normalize(case, history, outcome),
        Some(behavior) => behaved::normalize(case, behavior, history, outcome),
    }
}

impl Case<'_> {
    /// The cluster's scale-down window in whole seconds, as upstream cuts it.
    fn window_seconds(&self) -> i64 {
        i64::try_from(self.settings.downscale_stabilization.as_secs()).unwrap_or(i64::MAX)
    }
}

/// The extreme of a window: starts from the new recommendation, takes in past ones.
struct Extreme {
    replicas: i32,
    since: Option<Time>,
}

impl Extreme {
    fn new(replicas: i32) -> Extreme {
        Extreme { replicas, since: None }
    }

    fn lower(&mut self, at: Time, replicas: i32) {
        if replicas < self.replicas {
            *self = Extreme { replicas, since: Some(at) };
        }
    }

    fn raise(&mut self, at: Time, replicas: i32) {
        if replicas > self.replicas {
            *self = Extreme { replicas, since: Some(at) };
        }
    }

    fn bound(&self, window_seconds: i64) -> Bound {
        let until = self.since.map(|at| crate::history::expires(at, window_seconds));
        Bound { replicas: self.replicas, window_seconds, since: self.since, until }
    }
}

fn tell_able(outcome: &mut Outcome, reason: &'static str) {
    let message = match reason {
        "ScaleUpStabilized" => "recent recommendations were lower than current one, applying the lowest recent recommendation",
        "ScaleDownStabilized" => {
            "recent recommendations were higher than current one, applying the highest recent recommendation"
        }
        _ => "recommended size matches current size",
    };
    outcome.set(ConditionType::AbleToScale, ConditionStatus::True, reason, message.to_owned());
}

fn tell_limited(outcome: &mut Outcome, rule: Rule, limit: i32, before: i32, after: i32) {
    let status = if before == after { ConditionStatus::False } else { ConditionStatus::True };
    outcome.set(ConditionType::ScalingLimited, status, rule.reason(), rule.message().to_owned());
    outcome.trace.steps.push(Step::Clamped { rule, limit, before, after });
}

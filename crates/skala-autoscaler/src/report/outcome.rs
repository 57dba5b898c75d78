//! What came of a plan, in one word.
//!
//! Decides: which rule is named as the one that held the size.
//! Method: a person's word first; else the last rule that brought the number back to the current size; else what the winning
//!   metric said about itself.
//! Tested: `tests/decisions` rows.

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Replicas, Time};

use super::{Clamp, Detail, Rule};
use crate::rules::Case;
use crate::{Direction, Directive, MetricName, MetricReport, MetricResult, Text, Why};

/// What came of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The size changes.
    Acted(Change),
    /// The size stays.
    Held(Held),
}

/// A change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Growing or shrinking.
    pub direction: Direction,
    /// By how many replicas.
    pub by: Replicas,
}

/// Why the size stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Held {
    /// The metrics want exactly this size.
    AtTarget,
    /// The metrics are close enough to their targets.
    WithinTolerance,
    /// Above the target, but not by more than chance explains.
    WithinNoise,
    /// Replicas that are starting will take the load.
    StillStarting,
    /// The samples are from before the last change of size.
    Settling,
    /// Needed a short while ago: keeping it costs less than starting it again.
    Kept,
    /// The service has one size, and has it.
    Fixed,
    /// At zero, and nobody asks.
    ScaledToZero,
    /// The metrics want more than `maxReplicas`.
    AtMax,
    /// The metrics want fewer than `minReplicas`.
    AtMin,
    /// There are requests, or nobody knows: not to zero.
    Busy,
    /// At the lower target, this size is needed.
    AboveScaleDownTarget,
    /// A metric's source fails, and its fallback is this size.
    FallenBack {
        /// The metric.
        metric: MetricName,
    },
    /// Something was active a short while ago: not idle yet.
    Cooldown {
        /// Until then.
        until: Option<Time>,
    },
    /// The budget, or something further down, allows no more.
    Ceiling {
        /// What it is.
        by: Text,
    },
    /// The size swings: shrinking waits.
    Flapping {
        /// Until then.
        until: Option<Time>,
    },
    /// A metric failed, and the others would shrink.
    MetricFailed {
        /// The first one that failed.
        metric: MetricName,
    },
    /// The change must have been wanted for a while.
    Stabilizing {
        /// The change's direction.
        direction: Direction,
        /// When the change comes if the metrics go on like this.
        until: Option<Time>,
    },
    /// The policies allow no further change for now.
    RateLimited {
        /// The change's direction.
        direction: Direction,
        /// When the next earlier change leaves its period; none when the direction is disabled.
        until: Option<Time>,
    },
    /// The newest replicas keep dying.
    CrashLooping {
        /// The newest of them.
        replica: ReplicaId,
    },
    /// The controller has just come back.
    Restarted {
        /// Until then nothing shrinks.
        until: Option<Time>,
    },
    /// Knative panics: no shrinking.
    Panicking,
    /// Another mode than skala's own looks at its own pace.
    NextLook {
        /// When it looks again.
        until: Option<Time>,
    },
    /// A person paused it.
    Paused {
        /// Until then, or until resumed.
        until: Option<Time>,
    },
    /// A person set the size.
    ManualHold {
        /// Until then, or until resumed.
        until: Option<Time>,
    },
}

/// Names what came of a case.
pub(crate) fn outcome(
    case: &Case<'_>,
    desired: u32,
    winner: Option<&MetricName>,
    metrics: &[MetricReport],
    clamps: &[Clamp],
) -> Outcome {
    let current = case.current;
    if desired != current {
        let direction = if desired > current { Direction::Up } else { Direction::Down };
        return Outcome::Acted(Change { direction, by: Replicas(desired.abs_diff(current)) });
    }
    Outcome::Held(match case.directive {
        Some(Directive::Hold { until, .. }) => Held::ManualHold { until },
        Some(Directive::Pause { until }) => Held::Paused { until },
        None => match clamps.iter().rev().find(|c| c.to.0 == current) {
            Some(clamp) => by_rule(clamp, current),
            None if metrics.is_empty() => Held::Fixed,
            None if current == 0 => Held::ScaledToZero,
            None => match winner {
                Some(winner) => by_metric(metrics.iter().find(|m| m.name == *winner)),
                None => Held::MetricFailed { metric: metrics[0].name.clone() },
            },
        },
    })
}

pub(crate) fn by_rule(clamp: &Clamp, current: u32) -> Held {
    let until = clamp.detail.until();
    match clamp.rule {
        Rule::MetricFailure => match &clamp.detail {
            Detail::Metric { name } => Held::MetricFailed { metric: name.clone() },
            _ => Held::AtTarget,
        },
        Rule::CrashLoop => match clamp.detail {
            Detail::Replica { id } => Held::CrashLooping { replica: id },
            _ => Held::AtTarget,
        },
        Rule::Cooldown => Held::Cooldown { until },
        Rule::Flapping => Held::Flapping { until },
        Rule::Budget | Rule::Downstream => match &clamp.detail {
            Detail::Ceiling { by } => Held::Ceiling { by: by.clone() },
            _ => Held::AtMax,
        },
        Rule::Idle | Rule::JumpToIdle if current == 0 => Held::ScaledToZero,
        Rule::Activation | Rule::Busy | Rule::Idle | Rule::JumpToIdle => Held::Busy,
        Rule::ScaleUpStabilization => Held::Stabilizing { direction: Direction::Up, until },
        Rule::ScaleDownStabilization => Held::Stabilizing { direction: Direction::Down, until },
        Rule::ScaleUpPolicies => Held::RateLimited { direction: Direction::Up, until },
        Rule::ScaleDownPolicies => Held::RateLimited { direction: Direction::Down, until },
        Rule::MaxReplicas => Held::AtMax,
        Rule::MinReplicas => Held::AtMin,
        Rule::Restart => Held::Restarted { until },
        Rule::Panic => Held::Panicking,
        Rule::Pause => Held::Paused { until },
        Rule::Hold => Held::ManualHold { until },
    }
}

pub(crate) fn by_metric(winner: Option<&MetricReport>) -> Held {
    let Some(winner) = winner else { return Held::AtTarget };
    match &winner.result {
        MetricResult::FallsBack { .. } => Held::FallenBack { metric: winner.name.clone() },
        MetricResult::Proposes { why, .. } => match why {
            Why::AboveScaleDownTarget => Held::AboveScaleDownTarget,
            Why::WithinTolerance => Held::WithinTolerance,
            Why::WithinNoise => Held::WithinNoise,
            Why::StillStarting => Held::StillStarting,
            Why::Kept => Held::Kept,
            Why::Settling => Held::Settling,
            Why::AboveTarget | Why::BelowTarget | Why::FewRequests { .. } | Why::FromZero => Held::AtTarget,
        },
        MetricResult::Failed { .. } => Held::AtTarget,
    }
}

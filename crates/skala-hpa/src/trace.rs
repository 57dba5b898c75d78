//! The typed account of a reconcile: what each step saw and did.
//!
//! Decides: nothing; it is written along the way, and read by people through [`crate::Outcome::explain`] and by tests.
//! Units: milli, whole percents, replicas, ratios (1 is on target).
//! Invariants: one [`MetricTrace`] per metric outcome; the steps are in the order in which they happened; one byte per pod.
//! Tested: `tests/rows/explain.rs`.

use serde::Serialize;
use skala_types::Time;

use crate::PolicyKind;

/// Everything that one reconcile saw and did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// Per metric, in the spec's order.
    pub metrics: Vec<MetricTrace>,
    /// What happened to the size, in order.
    pub steps: Vec<Step>,
}

/// How one metric came to its proposal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricTrace {
    /// The phrase by which conditions and reasons call the metric.
    pub title: String,
    /// Per pod of the input; empty where the metric does not look at pods one by one.
    pub pods: Vec<PodClass>,
    /// How many pods of each class.
    pub counts: Counts,
    /// The tolerances applied.
    pub tolerance: Tolerance,
    /// What the ratio was taken against, in milli or percent.
    pub target: i64,
    /// The `status.replicas` that one value was compared per; absent where it is compared as a total, or as a mean over pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_replicas: Option<i32>,
    /// From the samples as they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Pass>,
    /// With missing and unready pods filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Pass>,
    /// What was concluded.
    pub verdict: Verdict,
}

/// What a pod counts as for one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PodClass {
    /// Its sample counts.
    Ready,
    /// Its sample is doubted: it is starting, or never became ready.
    Unready,
    /// It should have a sample.
    Missing,
    /// It is going or gone.
    Ignored,
}

/// How many pods of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Samples that count. For Object and External values: pods Running with Ready=True.
    pub ready: usize,
    /// Doubted.
    pub unready: usize,
    /// Without a sample.
    pub missing: usize,
    /// Going or gone.
    pub ignored: usize,
    /// Samples of pods that the selector does not match.
    pub strangers: usize,
}

/// How far a ratio may be from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tolerance {
    /// Below 1.
    pub down: f64,
    /// Above 1.
    pub up: f64,
}

/// One computation of a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// How many samples went in.
    pub samples: usize,
    /// Percent, mean in milli, or total in milli: what was compared with the target.
    pub value: i64,
    /// Value by target.
    pub ratio: f64,
}

/// What a metric concluded from its ratios.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It failed.
    #[default]
    Failed,
    /// The ratio is within tolerance: the size stays.
    WithinTolerance,
    /// The ratio times the pods, or the value by the target, rounded up.
    Scaled,
    /// With missing and unready pods filled in, the ratio is within tolerance.
    WithinToleranceWhenFilled,
    /// Filling in turned the direction round: the size stays.
    DirectionTurned,
    /// The count of samples would turn the direction round: the size stays.
    CountTurned,
    /// From zero: the ratio itself, rounded up.
    FromZero,
}

/// Growing or shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Growing.
    Up,
    /// Shrinking.
    Down,
}

/// Something that happened to the size.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step", rename_all_fields = "camelCase")]
pub enum Step {
    /// The scale could not be read.
    NoScale,
    /// Size zero is an off switch.
    Disabled,
    /// The size is outside the bounds; metrics were not looked at.
    OutOfBounds {
        /// The size before.
        before: i32,
        /// The bound.
        after: i32,
    },
    /// The selector cannot be used.
    NoSelector,
    /// No metric gave a size, or some failed and the others want less.
    Blocked {
        /// How many failed.
        failed: usize,
        /// What the others want.
        best: Option<i32>,
    },
    /// The largest proposal.
    Recommended {
        /// Whose; an index into the metrics.
        metric: usize,
        /// The size.
        replicas: i32,
    },
    /// Past recommendations bounded the size.
    Stabilized {
        /// What growth is held down to; absent without `behavior`.
        #[serde(skip_serializing_if = "Option::is_none")]
        up: Option<Bound>,
        /// What shrinkage is held up to.
        down: Bound,
        /// The recommendation.
        before: i32,
        /// What is left of it.
        after: i32,
    },
    /// A policy's limit was computed.
    Limited(PolicyLimit),
    /// A rule set the size, or confirmed it.
    Clamped {
        /// Which rule.
        rule: Rule,
        /// The limit it enforces.
        limit: i32,
        /// The size before.
        before: i32,
        /// The size after.
        after: i32,
    },
}

/// What a window of past recommendations says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The smallest (up) or largest (down) recommendation in the window, the new one included.
    pub replicas: i32,
    /// The window in seconds.
    pub window_seconds: i64,
    /// Which past recommendation it is; `None`: the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When that one leaves the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// What one rate policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyLimit {
    /// The direction.
    pub direction: Direction,
    /// Which policy of the direction's list.
    pub policy: usize,
    /// Pods or percent.
    pub kind: PolicyKind,
    /// How many.
    pub value: i32,
    /// The period.
    pub period_seconds: i32,
    /// The size at the start of the period.
    pub base: i32,
    /// The furthest size it allows.
    pub limit: i32,
    /// When the first change of the period stops counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A rule that sets the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Rule {
    /// A rate: growing.
    ScaleUpLimit,
    /// A rate: shrinking.
    ScaleDownLimit,
    /// `maxReplicas`.
    TooManyReplicas,
    /// `minReplicas`.
    TooFewReplicas,
    /// None: the size is in range.
    DesiredWithinRange,
}

impl Rule {
    /// The condition's reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Rule::ScaleUpLimit => "ScaleUpLimit",
            Rule::ScaleDownLimit => "ScaleDownLimit",
            Rule::TooManyReplicas => "TooManyReplicas",
            Rule::TooFewReplicas => "TooFewReplicas",
            Rule::DesiredWithinRange => "DesiredWithinRange",
        }
    }

    /// The condition's message.
    pub const fn message(self) -> &'static str {
        match self {
            Rule::ScaleUpLimit => "the desired replica count is increasing faster than the maximum scale rate",
            Rule::ScaleDownLimit => "the desired replica count is decreasing faster than the maximum scale rate",
            Rule::TooManyReplicas => "the desired replica count is more than the maximum replica count",
            Rule::TooFewReplicas => "the desired replica count is less than the minimum replica count",
            Rule::DesiredWithinRange => "the desired count is within the acceptable range",
        }
    }
}

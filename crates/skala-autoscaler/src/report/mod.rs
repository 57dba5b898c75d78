//! The report of a plan: what was seen, what each metric wanted, which rules spoke, and what would have changed the answer.
//!
//! Decides: nothing. Typed, so that the journal can store it and a test can compare it; text is made on demand.
//! Invariants: every number in it is finite, so that it survives JSON.
//! Tested: `tests/decisions` rows.

mod counterfactual;
mod outcome;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Replicas, Time};

pub(crate) use counterfactual::counterfactuals;
pub use counterfactual::{Absent, Counterfactual};
pub(crate) use outcome::outcome;
pub use outcome::{Change, Held, Outcome};

use crate::{Direction, MetricName, MetricReport, Quantile};

/// Why the size is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was decided.
    pub at: Time,
    /// The size before.
    pub current: Replicas,
    /// The size that is wanted now.
    pub desired: Replicas,
    /// What the metrics wanted together, before any clamp but those of metric failure and scale to zero.
    pub recommended: Replicas,
    /// What was seen.
    pub inputs: Vec<Input>,
    /// What each metric made of it, in the policy's order.
    pub metrics: Vec<MetricReport>,
    /// The metric whose proposal was the largest.
    pub winner: Option<MetricName>,
    /// The rules that changed the number, in the order in which they spoke.
    pub clamps: Vec<Clamp>,
    /// What came of it.
    pub outcome: Outcome,
    /// What would have changed the answer.
    pub counterfactuals: Vec<Counterfactual>,
}

/// One number that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// What it is.
    pub name: InputName,
    /// Its value.
    pub value: f64,
    /// The value's unit.
    pub unit: Unit,
    /// How old it was; none for what was true at the moment.
    pub age: Option<Duration>,
    /// The window that it covers.
    pub window: Option<Duration>,
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InputName {
    /// Replicas that take requests.
    Ready,
    /// Replicas that have not been ready yet.
    Starting,
    /// Replicas that are not ready any more, or keep dying.
    Failing,
    /// Arrivals per second at the station.
    ArrivalRate,
    /// Requests in service and waiting.
    Demand,
    /// Answers that the latency is made of.
    Answers,
    /// A percentile of the time to the first byte.
    Latency(Quantile),
    /// Mean CPU per ready replica.
    CpuPerReplica,
    /// Mean memory per ready replica.
    MemoryPerReplica,
}

/// The unit of a number in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Replicas.
    Replicas,
    /// A share of the request; 0.7 is 70 %.
    Share,
    /// CPU cores.
    Cores,
    /// Bytes.
    Bytes,
    /// Per second.
    PerSecond,
    /// Requests.
    Requests,
    /// Seconds.
    Seconds,
}

/// A rule that changed the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clamp {
    /// The rule.
    pub rule: Rule,
    /// The number before it.
    pub from: Replicas,
    /// The number after it.
    pub to: Replicas,
    /// What the rule went by.
    pub detail: Detail,
}

/// The rules, in the order in which they speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// A metric failed: no shrinking.
    MetricFailure,
    /// From zero, any request gives a replica.
    Activation,
    /// Not to zero while there are requests, or while nobody knows.
    Busy,
    /// To zero, without any request.
    Idle,
    /// Growth must have been wanted for a while.
    ScaleUpStabilization,
    /// Shrinking must have been wanted for a while.
    ScaleDownStabilization,
    /// Growth per period.
    ScaleUpPolicies,
    /// Shrinking per period.
    ScaleDownPolicies,
    /// At most `maxReplicas`.
    MaxReplicas,
    /// At least `minReplicas`.
    MinReplicas,
    /// The newest replicas keep dying: no more of them.
    CrashLoop,
    /// The controller has just come back: no shrinking.
    Restart,
    /// A person paused it.
    Pause,
    /// A person set the size.
    Hold,
}

/// What a rule went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Detail {
    /// Nothing more to say.
    None,
    /// It lasts until then; none when nobody knows.
    Until {
        /// The time.
        time: Option<Time>,
    },
    /// The first metric that failed.
    Metric {
        /// Its name.
        name: MetricName,
    },
    /// The newest replica that keeps dying.
    Replica {
        /// Its number.
        id: ReplicaId,
    },
    /// The policy that set the limit.
    Policy {
        /// Its index in the direction's list; none when `selectPolicy` is `Disabled`.
        index: Option<usize>,
        /// When the next earlier change leaves the policy's period.
        until: Option<Time>,
    },
    /// A size set by hand.
    Hold {
        /// Until then, or until resumed.
        until: Option<Time>,
        /// Whether the size lies outside `minReplicas` to `maxReplicas`.
        outside_bounds: bool,
    },
}

impl Detail {
    /// When the rule is expected to let go, where that is known.
    pub fn until(&self) -> Option<Time> {
        match *self {
            Detail::Until { time } => time,
            Detail::Policy { until, .. } | Detail::Hold { until, .. } => until,
            _ => None,
        }
    }
}

impl Rule {
    /// The rule's name in the documentation, in `why` and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Rule::MetricFailure => "metricFailure",
            Rule::Activation => "activation",
            Rule::Busy => "busy",
            Rule::Idle => "idle",
            Rule::ScaleUpStabilization => "scaleUpStabilization",
            Rule::ScaleDownStabilization => "scaleDownStabilization",
            Rule::ScaleUpPolicies => "scaleUpPolicies",
            Rule::ScaleDownPolicies => "scaleDownPolicies",
            Rule::MaxReplicas => "maxReplicas",
            Rule::MinReplicas => "minReplicas",
            Rule::CrashLoop => "crashLoop",
            Rule::Restart => "restart",
            Rule::Pause => "pause",
            Rule::Hold => "hold",
        }
    }

    pub(crate) fn stabilization(direction: Direction) -> Rule {
        match direction {
            Direction::Up => Rule::ScaleUpStabilization,
            Direction::Down => Rule::ScaleDownStabilization,
        }
    }

    pub(crate) fn policies(direction: Direction) -> Rule {
        match direction {
            Direction::Up => Rule::ScaleUpPolicies,
            Direction::Down => Rule::ScaleDownPolicies,
        }
    }
}

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

use crate::{Direction, MetricName, MetricReport, Quantile, Text};

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
    /// The bounds, where they are not the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// That the size swings, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
}

/// Bounds that time windows have moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    /// Fewest replicas.
    pub min: Replicas,
    /// Most replicas.
    pub max: Replicas,
    /// The windows that are open.
    pub windows: Vec<Text>,
    /// When that may change.
    pub until: Option<Time>,
}

/// A swing between two sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flapping {
    /// The lower size.
    pub low: Replicas,
    /// The higher size.
    pub high: Replicas,
    /// How many of the last changes belong to it.
    pub changes: u32,
    /// Mean time from one growth to the next.
    pub period: Duration,
    /// The metric that made it grow the last time.
    pub metric: Option<MetricName>,
    /// How many replicas' worth of load that metric saw before it grew, not rounded.
    pub needed: Option<f64>,
    /// Value over target at the higher size, before it shrank the last time.
    pub ratio: Option<f64>,
    /// Until then shrinking waits; none when it is not damped.
    pub held_until: Option<Time>,
}

/// One number that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A number from outside, or a formula's result.
    Signal(Text),
    /// Waiting requests, or tasks, that replicas which are starting will work off.
    TakenOver,
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
    /// A number from outside.
    Number,
    /// A total from outside; its target is per replica.
    Total,
    /// Tasks of a queue.
    Tasks,
}

/// A rule that changed the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// To zero, or to `idleReplicas`: no request, no active trigger.
    Idle,
    /// Not idle yet: something was active a short while ago.
    Cooldown,
    /// Growth must have been wanted for a while.
    ScaleUpStabilization,
    /// Shrinking must have been wanted for a while.
    ScaleDownStabilization,
    /// Growth per period.
    ScaleUpPolicies,
    /// Shrinking per period.
    ScaleDownPolicies,
    /// More would cost more than the budget has.
    Budget,
    /// More would be more than something further down can take.
    Downstream,
    /// At most `maxReplicas`.
    MaxReplicas,
    /// At least `minReplicas`.
    MinReplicas,
    /// The newest replicas keep dying: no more of them.
    CrashLoop,
    /// The controller has just come back: no shrinking.
    Restart,
    /// The size swings: shrinking waits.
    Flapping,
    /// Idle at once, past stabilization and policies.
    JumpToIdle,
    /// A person paused it.
    Pause,
    /// A person set the size.
    Hold,
}

/// What a rule went by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What allows no more, in words.
    Ceiling {
        /// What it is.
        by: Text,
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
            Rule::Cooldown => "cooldown",
            Rule::Budget => "budget",
            Rule::Downstream => "downstream",
            Rule::Flapping => "flapping",
            Rule::JumpToIdle => "jumpToIdle",
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

//! What a service can be scaled on.
//!
//! Decides: nothing; names each metric, its unit and its target.
//! Inputs: the `metrics` list.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `tests/decisions` rows.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Bytes, Cores, Rps, Utilisation};

use super::{MetricBehavior, MetricOptions, PolicyKind, ScalingPolicy, ScalingRules};
use crate::Text;

/// An entry of the `metrics` list: what to scale on, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricEntry {
    /// What to scale on.
    #[serde(flatten)]
    pub what: MetricSpec,
    /// Where it differs from the others.
    #[serde(default, skip_serializing_if = "MetricOptions::is_default")]
    pub options: MetricOptions,
}

impl From<MetricSpec> for MetricEntry {
    fn from(what: MetricSpec) -> MetricEntry {
        MetricEntry { what, options: MetricOptions::default() }
    }
}

/// One thing to scale on, with its target per replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MetricSpec {
    /// CPU of the replicas.
    Cpu {
        /// Share of the request, or cores per replica.
        target: ResourceTarget<Cores>,
    },
    /// Memory of the replicas.
    Memory {
        /// Share of the request, or bytes per replica.
        target: ResourceTarget<Bytes>,
    },
    /// Arrivals at the station.
    RequestsPerSecond {
        /// Arrivals per second that one replica should see.
        target: Rps,
    },
    /// Requests in service and waiting.
    Concurrency {
        /// Requests that one replica should have at a time.
        target: f64,
    },
    /// Time to the first byte of the answer.
    Latency {
        /// Which percentile.
        quantile: Quantile,
        /// The percentile's goal.
        target: Duration,
    },
    /// How long a request will wait when replicas that are ordered now are ready.
    PredictedWait {
        /// The objective's percentile.
        quantile: Quantile,
        /// Its bound, from arrival to the first byte of the answer.
        latency: Duration,
        /// Requests that one replica works on at once.
        concurrency: u32,
        /// Longest time that a request waits before it is refused.
        patience: Duration,
        /// Most requests that wait.
        room: u32,
        /// Time over which the objective is judged.
        window: Duration,
    },
    /// A number from outside: a query, the length of a list, a lag.
    Signal {
        /// The signal's name in [`crate::Observation::signals`].
        name: Text,
        /// What the number should be.
        target: SignalTarget,
    },
    /// A queue that reports more than one number.
    Queue {
        /// The signal's name in [`crate::Observation::signals`].
        name: Text,
        /// Which of its numbers, and what it should be.
        target: QueueTarget,
    },
    /// A formula over several signals; see [`crate::Formula`].
    Formula {
        /// What the result is called in reports.
        name: Text,
        /// The formula.
        expression: String,
        /// What the result should be.
        target: SignalTarget,
    },
}

impl MetricSpec {
    /// The metric's name in reports.
    pub fn name(&self) -> MetricName {
        match self {
            MetricSpec::Cpu { .. } => MetricName::Cpu,
            MetricSpec::Memory { .. } => MetricName::Memory,
            MetricSpec::RequestsPerSecond { .. } => MetricName::RequestsPerSecond,
            MetricSpec::Concurrency { .. } => MetricName::Concurrency,
            MetricSpec::Latency { quantile, .. } => MetricName::Latency(*quantile),
            MetricSpec::PredictedWait { .. } => MetricName::PredictedWait,
            MetricSpec::Signal { name, .. } => MetricName::Signal(name.clone()),
            MetricSpec::Queue { name, target } => match target {
                QueueTarget::Length(_) => MetricName::QueueLength(name.clone()),
                QueueTarget::Age(_) => MetricName::QueueAge(name.clone()),
                QueueTarget::Wait(_) => MetricName::QueueWait(name.clone()),
            },
            MetricSpec::Formula { name, .. } => MetricName::Formula(name.clone()),
        }
    }

    /// The pace of a metric that looks ahead by itself: growth at once and without a limit, shrinking as soon as it asks for it,
    /// because what it asks for has its own patience. Empty for the others.
    pub fn own_pace(&self) -> MetricBehavior {
        let MetricSpec::PredictedWait { .. } = self else { return MetricBehavior::default() };
        let unlimited = |rules: ScalingRules| ScalingRules {
            stabilization_window: Duration::ZERO,
            policies: vec![ScalingPolicy {
                kind: PolicyKind::Pods,
                value: crate::REPLICAS_CEILING.0,
                period: Duration::from_secs(1),
            }],
            ..rules
        };
        MetricBehavior {
            scale_up: Some(unlimited(ScalingRules::default_up())),
            scale_down: Some(unlimited(ScalingRules::default_down())),
        }
    }

    /// Whether it is one of KEDA's triggers: a number that may lie at or below its activation, which makes the service idle.
    pub fn is_trigger(&self) -> bool {
        matches!(self, MetricSpec::Signal { .. } | MetricSpec::Queue { .. } | MetricSpec::Formula { .. })
    }

    /// Whether it is read off the gateway's station.
    pub fn is_station(&self) -> bool {
        use MetricSpec::{Concurrency, Latency, PredictedWait, RequestsPerSecond};
        matches!(self, RequestsPerSecond { .. } | Concurrency { .. } | Latency { .. } | PredictedWait { .. })
    }
}

/// The goal for a number from outside; `autoscaling/v2`'s External and Object metrics have the same two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalTarget {
    /// The number itself: ready replicas x value / target. For what does not grow with the work, such as a latency or a share.
    Value(f64),
    /// Its share per replica: value / target. For totals. A Pods metric is the sum over the pods, with this target.
    AverageValue(f64),
}

impl SignalTarget {
    /// The number.
    pub fn get(self) -> f64 {
        let (SignalTarget::Value(x) | SignalTarget::AverageValue(x)) = self;
        x
    }
}

/// The goal for a queue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QueueTarget {
    /// Tasks per replica: ready, leased and soon due ones.
    Length(f64),
    /// How old the oldest ready task may be.
    Age(Duration),
    /// How long a task that comes now may wait: the backlog over the measured drain rate.
    Wait(Duration),
}

/// The name of a metric in reports and in the journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricName {
    /// `cpu`
    Cpu,
    /// `memory`
    Memory,
    /// `requestsPerSecond`
    RequestsPerSecond,
    /// `concurrency`
    Concurrency,
    /// `latency.p95` and its sisters
    Latency(Quantile),
    /// `predictedWait`
    PredictedWait,
    /// A number from outside, by its own name.
    Signal(Text),
    /// `queueLength(NAME)`
    QueueLength(Text),
    /// `queueAge(NAME)`
    QueueAge(Text),
    /// `queueWait(NAME)`
    QueueWait(Text),
    /// A formula, by its own name.
    Formula(Text),
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricName::Cpu => f.pad("cpu"),
            MetricName::Memory => f.pad("memory"),
            MetricName::RequestsPerSecond => f.pad("requestsPerSecond"),
            MetricName::Concurrency => f.pad("concurrency"),
            MetricName::Latency(q) => f.pad(match q {
                Quantile::P50 => "latency.p50",
                Quantile::P90 => "latency.p90",
                Quantile::P95 => "latency.p95",
                Quantile::P99 => "latency.p99",
            }),
            MetricName::PredictedWait => f.pad("predictedWait"),
            MetricName::Signal(name) | MetricName::Formula(name) => f.pad(name),
            MetricName::QueueLength(name) => write!(f, "queueLength({name})"),
            MetricName::QueueAge(name) => write!(f, "queueAge({name})"),
            MetricName::QueueWait(name) => write!(f, "queueWait({name})"),
        }
    }
}

/// A percentile of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quantile {
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
}

impl Quantile {
    /// The share of requests that it is about: 0.95.
    pub fn share(self) -> f64 {
        match self {
            Quantile::P50 => 0.50,
            Quantile::P90 => 0.90,
            Quantile::P95 => 0.95,
            Quantile::P99 => 0.99,
        }
    }
}

/// The goal for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceTarget<T> {
    /// Share of the replica's request: 0.7 is 70 %.
    Utilisation(Utilisation),
    /// Mean amount per replica.
    AverageValue(T),
}

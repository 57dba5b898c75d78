//! A scaling policy as it is written: plain values, not yet checked.
//!
//! Decides: nothing; it names every setting, its unit and its default.
//! Inputs: the `autoscaling` section of a service, or an `autoscaling/v2` manifest, already parsed.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `tests/decisions` rows, which start from the defaults.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Bytes, Cores, Replicas, Rps, Utilisation};

/// Everything a policy can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Fewest replicas; 0 lets an idle service disappear. Default 1.
    pub min_replicas: Replicas,
    /// Most replicas, at least 1 and `min_replicas`. Default 1.
    pub max_replicas: Replicas,
    /// What to scale on; the largest proposal wins. May be empty only when the size is fixed.
    pub metrics: Vec<MetricSpec>,
    /// How fast the size may follow.
    pub behavior: Behavior,
    /// What one replica is promised; a utilisation target needs it.
    pub requests: ResourceRequests,
    /// Length of the window behind a replica's `cpu` sample. Default 10 s.
    pub metric_window: Duration,
    /// A replica's CPU counts only from a window after it became ready, during this time from its start. Default 300 s.
    pub cpu_initialization: Duration,
    /// A sample older than this counts as failed. Default 15 s.
    pub stale_after: Duration,
    /// Expected start-up time until one has been measured. Default 10 s.
    pub startup_guess: Duration,
    /// Answers that the slow window needs before its latency counts. Default 20 (and at least 1 / (1 - quantile)).
    pub latency_min_samples: u64,
}

impl Default for PolicySpec {
    fn default() -> PolicySpec {
        PolicySpec {
            min_replicas: Replicas(1),
            max_replicas: Replicas(1),
            metrics: Vec::new(),
            behavior: Behavior::default(),
            requests: ResourceRequests::default(),
            metric_window: Duration::from_secs(10),
            cpu_initialization: Duration::from_secs(300),
            stale_after: Duration::from_secs(15),
            startup_guess: Duration::from_secs(10),
            latency_min_samples: 20,
        }
    }
}

/// What one replica is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRequests {
    /// CPU cores.
    pub cpu: Option<Cores>,
    /// Bytes of memory.
    pub memory: Option<Bytes>,
}

/// One thing to scale on, with its target per replica.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
}

impl MetricSpec {
    /// The metric's name in reports.
    pub fn name(&self) -> MetricName {
        match *self {
            MetricSpec::Cpu { .. } => MetricName::Cpu,
            MetricSpec::Memory { .. } => MetricName::Memory,
            MetricSpec::RequestsPerSecond { .. } => MetricName::RequestsPerSecond,
            MetricSpec::Concurrency { .. } => MetricName::Concurrency,
            MetricSpec::Latency { quantile, .. } => MetricName::Latency(quantile),
        }
    }
}

/// The name of a metric in reports and in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// The goal for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceTarget<T> {
    /// Share of the replica's request: 0.7 is 70 %.
    Utilisation(Utilisation),
    /// Mean amount per replica.
    AverageValue(T),
}

/// Growing or shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

/// How fast the size may follow, per direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behavior {
    /// Rules for growing.
    pub scale_up: ScalingRules,
    /// Rules for shrinking.
    pub scale_down: ScalingRules,
}

impl Default for Behavior {
    fn default() -> Behavior {
        Behavior { scale_up: ScalingRules::default_up(), scale_down: ScalingRules::default_down() }
    }
}

/// The rules of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingRules {
    /// A size must have been wanted for this long before it is taken; 0 to 3600 s.
    pub stabilization_window: Duration,
    /// Which of several policies counts.
    pub select_policy: SelectPolicy,
    /// Limits on the change within a period; at least one.
    pub policies: Vec<ScalingPolicy>,
    /// How far the ratio of value to target may stray from 1 without effect; finite, at least 0.
    pub tolerance: f64,
}

impl ScalingRules {
    /// Growing: no stabilization; the larger of 4 replicas and 100 % every 15 s; tolerance 0.1.
    pub fn default_up() -> ScalingRules {
        let period = Duration::from_secs(15);
        ScalingRules {
            stabilization_window: Duration::ZERO,
            select_policy: SelectPolicy::Max,
            policies: vec![
                ScalingPolicy { kind: PolicyKind::Pods, value: 4, period },
                ScalingPolicy { kind: PolicyKind::Percent, value: 100, period },
            ],
            tolerance: 0.1,
        }
    }

    /// Shrinking: 300 s of stabilization; 100 % every 15 s; tolerance 0.1.
    pub fn default_down() -> ScalingRules {
        ScalingRules {
            stabilization_window: Duration::from_secs(300),
            select_policy: SelectPolicy::Max,
            policies: vec![ScalingPolicy { kind: PolicyKind::Percent, value: 100, period: Duration::from_secs(15) }],
            tolerance: 0.1,
        }
    }
}

/// Which of several rate policies counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SelectPolicy {
    /// The one that allows the biggest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// A limit on the change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingPolicy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// Replicas, or percent of the size at the start of the period; at least 1.
    pub value: u32,
    /// Length of the period; 1 to 1800 s.
    pub period: Duration,
}

/// What a rate policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PolicyKind {
    /// Replicas (Kubernetes' word).
    Pods,
    /// Percent of the size at the start of the period.
    Percent,
}

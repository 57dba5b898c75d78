//! One metric of a service: a short form, a number from outside, or an `autoscaling/v2` metric that means the same.
//!
//! Decides: which metric an entry stands for, or why it stands for none here.
//! Tested: `tests/it/problems.rs`; `tests/it/metrics.rs`; `tests/it/load.rs` (pasted manifests).

mod aim;
mod entry;
mod latency;
mod outside;
mod queue;
mod short;
mod v2;

use std::time::Duration;

pub use aim::{Aim, FullAim};
pub use entry::MetricEntry;
pub use latency::{LatencyMetric, LatencyTargets, Percentile};
pub use queue::{QueueGoal, QueueLength, QueueLengthAim, QueueMeasure, QueueTime, QueueTimeAim};

use super::{Behavior, Fallback, Source};
use crate::scalar::{CpuTarget, MemoryTarget};

/// What an entry measures, its target, and what else was said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric<'a> {
    /// What is measured, and its target.
    pub measure: Measure,
    /// A lower target for shrinking, in the target's unit: a share for percentages, cores, bytes, seconds, or a plain number.
    pub scale_down_target: Option<f64>,
    /// Pace of change of this metric alone.
    pub behavior: Option<&'a Behavior>,
    /// Age from which a sample counts as failed; `None`: as the service says.
    pub stale_after: Option<Duration>,
}

/// What is measured, and what it should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// CPU of the replicas.
    Cpu(CpuTarget),
    /// Memory of the replicas.
    Memory(MemoryTarget),
    /// Requests per second and replica.
    RequestsPerSecond(f64),
    /// A percentile of latency.
    Latency(Percentile, Duration),
    /// Requests in service and waiting, per replica.
    Concurrency(f64),
    /// A number of a queue, or of each queue that the service works on.
    Queue(QueueMeasure),
    /// A number from outside.
    Outside(Box<Outside>),
}

/// A number from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// Its name in decisions and formulas.
    pub name: String,
    /// Where it is read.
    pub source: Source,
    /// What it should be; `None`: it is there for the formula alone.
    pub target: Option<OutsideTarget>,
    /// It counts as activity while it is above this.
    pub activation: f64,
    /// Time between two looks.
    pub poll: Duration,
    /// What to ask for while it fails; `None`: as the service says.
    pub fallback: Option<Fallback>,
}

/// What a number should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutsideTarget {
    /// Each replica's share of it.
    PerReplica(f64),
    /// The number itself.
    Total(f64),
}

impl OutsideTarget {
    /// The number.
    pub fn get(self) -> f64 {
        match self {
            OutsideTarget::PerReplica(x) | OutsideTarget::Total(x) => x,
        }
    }
}

impl Measure {
    /// The short form's key, with the percentile for latency, or the name of a number from outside; two metrics of one service must
    /// differ in it.
    pub fn name(&self) -> String {
        match self {
            Measure::Cpu(_) => "cpu".to_owned(),
            Measure::Memory(_) => "memory".to_owned(),
            Measure::RequestsPerSecond(_) => "requestsPerSecond".to_owned(),
            Measure::Latency(percentile, _) => format!("latency.{percentile}"),
            Measure::Concurrency(_) => "concurrency".to_owned(),
            Measure::Queue(queue) => queue.name(),
            Measure::Outside(outside) => outside.name.clone(),
        }
    }

    /// The key of the short form, under which its options stand; empty for a number from outside.
    pub fn key(&self) -> String {
        match self {
            Measure::Outside(_) => String::new(),
            short => short.name().split(['.', '(']).next().unwrap_or_default().to_owned(),
        }
    }
}

/// Why an entry is no metric here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricProblem {
    /// The entry contradicts itself: what is wrong, and the fix.
    Invalid(String, String),
    /// A good v2 metric that this platform cannot measure: the reason, and what to use instead.
    Unserved(String, String),
}

fn invalid<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, MetricProblem> {
    Err(MetricProblem::Invalid(message.into(), help.into()))
}

fn unserved<T>(reason: impl Into<String>, help: &str) -> Result<T, MetricProblem> {
    Err(MetricProblem::Unserved(reason.into(), help.to_owned()))
}

impl MetricEntry {
    /// What the entry measures.
    ///
    /// # Errors
    /// When it is not exactly one metric, or one that cannot be measured here.
    pub fn metric(&self) -> Result<Metric<'_>, MetricProblem> {
        let mut short = self.short().into_iter();
        let (sources, options, outside) = (self.v2_sources(), self.outside_options(), self.has_outside());
        match (short.next(), short.next(), outside, self.kind) {
            (Some((key, metric)), None, false, None) if sources.is_empty() => match options.first() {
                None => metric,
                Some(option)
                    if matches!(*option, "scaleDownTarget" | "behavior" | "staleAfter")
                        && (key == "latency" || key.starts_with("queue")) =>
                {
                    invalid(
                        format!("`{option}` stands beside `{key}`"),
                        format!("put it inside: `{key}: {{..., {option}: ...}}`"),
                    )
                }
                Some(option) if matches!(*option, "target" | "scaleDownTarget" | "behavior" | "staleAfter") => invalid(
                    format!("`{option}` stands beside `{key}`"),
                    format!("put it inside: `{key}: {{target: ..., {option}: ...}}`"),
                ),
                Some(option) => {
                    invalid(format!("`{option}` is for numbers from outside, not for `{key}`"), format!("remove `{option}`"))
                }
            },
            (None, None, true, None) if sources.is_empty() => self.outside_metric(),
            (None, None, false, Some(kind)) => match options.first() {
                None => self.v2(kind),
                Some(option) => {
                    invalid(format!("`{option}` does not go with a v2 metric"), format!("remove `{option}`, or use a short form"))
                }
            },
            (None, None, false, None) if sources.is_empty() => match options.first() {
                None => invalid(
                    "this entry names no metric",
                    "write one of cpu, memory, requestsPerSecond, latency, concurrency, queueLength, queueAge, queueWait",
                ),
                Some(option) => invalid(
                    format!("this entry has `{option}` and names no metric"),
                    "add where the number is read: one of prometheus, redis, postgres, rabbitmq, nats, kafka, http",
                ),
            },
            (None, None, false, None) => {
                invalid("a v2 metric needs its `type`", format!("add `type: {}`", v2::type_of(sources[0])))
            }
            _ => invalid("this entry has more than one metric", "give each metric its own list item"),
        }
    }
}

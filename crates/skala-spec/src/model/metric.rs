//! One metric of a service: a short form, or an `autoscaling/v2` metric that means the same.
//!
//! Decides: which metric an entry stands for, or why it stands for none here.
//! Tested: `tests/it/problems.rs`; `tests/it/load.rs` (pasted manifests).

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::v2::{ContainerResourceMetric, ExternalMetric, MetricTarget, MetricType, ObjectMetric, PodsMetric, ResourceMetric};
use crate::scalar::{CpuTarget, Dur, MemoryTarget, Percent, Quantity};

/// A metric: exactly one of the short forms `cpu`, `memory`, `requestsPerSecond`, `latency` and `concurrency`, or a v2 metric
/// (`type` and the source it names).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricEntry {
    /// CPU of the replicas: `70%` of the request, or `300m` each. Right where replicas are busy with computing. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuTarget>,
    /// Memory of the replicas: `80%` of the request, or `400Mi` each. Most runtimes do not give memory back, so it rarely shrinks.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryTarget>,
    /// Requests per second that one replica should get. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// Latency from arrival to first byte, waiting included: one of `p50`, `p90`, `p95`, `p99`. Right as a second metric; on its own it
    /// also grows for slowness that replicas do not cure. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTargets>,
    /// Requests in service and waiting, per replica. Right where requests mostly wait for something else, such as an LLM. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub concurrency: Option<f64>,
    /// The source of a v2 metric.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MetricType>,
    /// With `type: Resource`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceMetric>,
    /// With `type: ContainerResource`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResourceMetric>,
    /// With `type: Pods`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsMetric>,
    /// With `type: Object`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectMetric>,
    /// With `type: External`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalMetric>,
}

/// Bounds on percentiles of latency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LatencyTargets {
    /// Median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<Dur>,
    /// 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<Dur>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Dur>,
    /// 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Dur>,
}

/// A percentile that skala reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Percentile {
    /// Median.
    P50,
    /// 90th.
    P90,
    /// 95th.
    P95,
    /// 99th.
    P99,
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Percentile::P50 => "p50",
            Percentile::P90 => "p90",
            Percentile::P95 => "p95",
            Percentile::P99 => "p99",
        })
    }
}

impl LatencyTargets {
    /// The bounds that are given, lowest percentile first.
    pub fn bounds(&self) -> impl Iterator<Item = (Percentile, Duration)> {
        let all =
            [(Percentile::P50, self.p50), (Percentile::P90, self.p90), (Percentile::P95, self.p95), (Percentile::P99, self.p99)];
        all.into_iter().filter_map(|(percentile, bound)| Some((percentile, bound?.get())))
    }
}

/// What an entry measures, and its target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
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
}

impl Metric {
    /// The short form's key, with the percentile for latency; two metrics of one service must differ in it.
    pub fn name(&self) -> String {
        match self {
            Metric::Cpu(_) => "cpu".to_owned(),
            Metric::Memory(_) => "memory".to_owned(),
            Metric::RequestsPerSecond(_) => "requestsPerSecond".to_owned(),
            Metric::Latency(percentile, _) => format!("latency.{percentile}"),
            Metric::Concurrency(_) => "concurrency".to_owned(),
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
    pub fn metric(&self) -> Result<Metric, MetricProblem> {
        let latency = self.latency.as_ref().map(latency);
        let short = [
            self.cpu.map(|t| Ok(Metric::Cpu(t))),
            self.memory.map(|t| Ok(Metric::Memory(t))),
            self.requests_per_second.map(|t| Ok(Metric::RequestsPerSecond(t))),
            latency,
            self.concurrency.map(|t| Ok(Metric::Concurrency(t))),
        ];
        let mut short = short.into_iter().flatten();
        match (short.next(), short.next(), self.kind) {
            (Some(metric), None, None) if self.sources().is_empty() => metric,
            (None, None, Some(kind)) => self.v2(kind),
            (None, None, None) if self.sources().is_empty() => {
                invalid("this entry names no metric", "write one of cpu, memory, requestsPerSecond, latency, concurrency")
            }
            (None, None, None) => invalid("a v2 metric needs its `type`", format!("add `type: {}`", type_of(self.sources()[0]))),
            _ => invalid("this entry has more than one metric", "give each metric its own list item"),
        }
    }

    /// Keys of the v2 sources that are given.
    fn sources(&self) -> Vec<&'static str> {
        let all = [
            ("resource", self.resource.is_some()),
            ("containerResource", self.container_resource.is_some()),
            ("pods", self.pods.is_some()),
            ("object", self.object.is_some()),
            ("external", self.external.is_some()),
        ];
        all.into_iter().filter_map(|(key, given)| given.then_some(key)).collect()
    }

    fn v2(&self, kind: MetricType) -> Result<Metric, MetricProblem> {
        let key = source_of(kind);
        if self.sources() != [key] {
            return invalid(format!("`type: {kind:?}` goes with `{key}:` alone"), format!("give it `{key}:`, and nothing else"));
        }
        match (&self.resource, &self.pods) {
            (Some(source), _) => resource(source),
            (None, Some(source)) => pods(source),
            (None, None) => match kind {
                MetricType::ContainerResource => {
                    unserved("a replica here is one group of processes, not containers", "use `cpu` or `memory`")
                }
                _ => {
                    unserved("it comes from the Kubernetes metrics API, which is not there on this platform", "use a short form")
                }
            },
        }
    }
}

fn source_of(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Resource => "resource",
        MetricType::ContainerResource => "containerResource",
        MetricType::Pods => "pods",
        MetricType::Object => "object",
        MetricType::External => "external",
    }
}

/// `containerResource` -> `ContainerResource`.
fn type_of(key: &str) -> String {
    key[..1].to_uppercase() + &key[1..]
}

fn latency(targets: &LatencyTargets) -> Result<Metric, MetricProblem> {
    let mut bounds = targets.bounds();
    match (bounds.next(), bounds.next()) {
        (Some((percentile, target)), None) if !target.is_zero() => Ok(Metric::Latency(percentile, target)),
        (Some(_), None) => invalid("a latency target of zero can never be met", "give a target such as `500ms`"),
        (None, _) => invalid("`latency` names no percentile", "write one, such as `latency: {p95: 500ms}`"),
        (Some(_), Some(_)) => invalid("`latency` has more than one percentile", "keep one; a second goes into its own list item"),
    }
}

/// The mean value that a target asks for, above zero.
fn average(target: &MetricTarget) -> Result<Quantity, MetricProblem> {
    match target.average_value {
        Some(value) if value.millis() > 0 => Ok(value),
        Some(_) => invalid("a target of zero asks for endless replicas", "give `averageValue` more than 0"),
        None => {
            invalid("this metric needs `averageValue` in its target", "write `target: {type: AverageValue, averageValue: 100}`")
        }
    }
}

fn resource(source: &ResourceMetric) -> Result<Metric, MetricProblem> {
    // As in Kubernetes, a mean value wins over a utilization when both are set.
    let utilization = source.target.average_utilization.filter(|_| source.target.average_value.is_none()).map(Percent::whole);
    match (source.name.as_str(), utilization) {
        ("cpu", Some(percent)) => Ok(Metric::Cpu(CpuTarget::Utilization(percent))),
        ("memory", Some(percent)) => Ok(Metric::Memory(MemoryTarget::Utilization(percent))),
        ("cpu", None) => average(&source.target).map(|v| Metric::Cpu(CpuTarget::AverageValue(v.into()))),
        ("memory", None) => average(&source.target).map(|v| Metric::Memory(MemoryTarget::AverageValue(v.into()))),
        _ => unserved("of a replica's resources, cpu and memory are measured", "use `cpu` or `memory`"),
    }
}

fn pods(source: &PodsMetric) -> Result<Metric, MetricProblem> {
    match source.metric.name.as_str() {
        "requests_per_second" | "http_requests_per_second" => {
            average(&source.target).map(|v| Metric::RequestsPerSecond(v.as_f64()))
        }
        "concurrency" => average(&source.target).map(|v| Metric::Concurrency(v.as_f64())),
        _ => unserved("this figure of a replica is not measured here", "use `requestsPerSecond`, `concurrency` or `latency`"),
    }
}

//! Metrics pasted from manifests.

use super::super::v2::{MetricTarget, MetricType, PodsMetric, ResourceMetric};
use super::{Measure, Metric, MetricEntry, MetricProblem, invalid, unserved};
use crate::scalar::{CpuTarget, MemoryTarget, Percent, Quantity};

impl MetricEntry {
    /// What a v2 metric measures.
    pub(super) fn v2(&self, kind: MetricType) -> Result<Metric<'_>, MetricProblem> {
        let key = source_of(kind);
        if self.v2_sources() != [key] {
            return invalid(format!("`type: {kind:?}` goes with `{key}:` alone"), format!("give it `{key}:`, and nothing else"));
        }
        let measure = match (&self.resource, &self.pods) {
            (Some(source), _) => resource(source)?,
            (None, Some(source)) => pods(source)?,
            (None, None) => match kind {
                MetricType::ContainerResource => {
                    return unserved("a replica here is one group of processes, not containers", "use `cpu` or `memory`");
                }
                _ => {
                    return unserved(
                        "it comes from the Kubernetes metrics API, which is not there on this platform",
                        "read the number itself: `{name: jobs, prometheus: {server: ..., query: ...}, target: 5}`, or redis, kafka, http and others",
                    );
                }
            },
        };
        Ok(Metric { measure, scale_down_target: None, behavior: None, stale_after: None })
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
pub(super) fn type_of(key: &str) -> String {
    key[..1].to_uppercase() + &key[1..]
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

fn resource(source: &ResourceMetric) -> Result<Measure, MetricProblem> {
    // As in Kubernetes, a mean value wins over a utilization when both are set.
    let utilization = source.target.average_utilization.filter(|_| source.target.average_value.is_none()).map(Percent::whole);
    match (source.name.as_str(), utilization) {
        ("cpu", Some(percent)) => Ok(Measure::Cpu(CpuTarget::Utilization(percent))),
        ("memory", Some(percent)) => Ok(Measure::Memory(MemoryTarget::Utilization(percent))),
        ("cpu", None) => average(&source.target).map(|v| Measure::Cpu(CpuTarget::AverageValue(v.into()))),
        ("memory", None) => average(&source.target).map(|v| Measure::Memory(MemoryTarget::AverageValue(v.into()))),
        _ => unserved("of a replica's resources, cpu and memory are measured", "use `cpu` or `memory`"),
    }
}

fn pods(source: &PodsMetric) -> Result<Measure, MetricProblem> {
    match source.metric.name.as_str() {
        "requests_per_second" | "http_requests_per_second" => {
            average(&source.target).map(|v| Measure::RequestsPerSecond(v.as_f64()))
        }
        "concurrency" => average(&source.target).map(|v| Measure::Concurrency(v.as_f64())),
        _ => unserved(
            "this figure of a replica is not measured here",
            "use `requestsPerSecond`, `concurrency` or `latency`, or read it from where it is kept, such as `prometheus`",
        ),
    }
}

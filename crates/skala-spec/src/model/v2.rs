//! The metric sources of `autoscaling/v2`, as they stand in manifests, so that a `metrics:` block pastes in unchanged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Quantity;

/// Which source a v2 metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricType {
    /// CPU or memory of the replicas.
    Resource,
    /// CPU or memory of one container of the replicas.
    ContainerResource,
    /// A figure that each replica has.
    Pods,
    /// A figure of another Kubernetes object.
    Object,
    /// A figure from outside.
    External,
}

/// `resource:` of a v2 metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceMetric {
    /// `cpu` or `memory`.
    pub name: String,
    /// What it should be.
    pub target: MetricTarget,
}

/// `containerResource:` of a v2 metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerResourceMetric {
    /// `cpu` or `memory`.
    pub name: String,
    /// Name of the container.
    pub container: String,
    /// What it should be.
    pub target: MetricTarget,
}

/// `pods:` of a v2 metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodsMetric {
    /// Which figure.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// `object:` of a v2 metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectMetric {
    /// Whose figure.
    pub described_object: ObjectReference,
    /// Which figure.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// `external:` of a v2 metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalMetric {
    /// Which figure.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// A Kubernetes object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectReference {
    /// API group and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// The name of a figure, and which of its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricIdentifier {
    /// Name.
    pub name: String,
    /// A Kubernetes label selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<serde_json::Value>,
}

/// What a figure should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricTarget {
    /// Which of the fields below counts.
    #[serde(rename = "type")]
    pub kind: TargetType,
    /// Mean over the replicas, in percent of what they request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub average_utilization: Option<u32>,
    /// Mean over the replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// The figure itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
}

/// Kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetType {
    /// `averageUtilization`.
    Utilization,
    /// `averageValue`.
    AverageValue,
    /// `value`.
    Value,
}

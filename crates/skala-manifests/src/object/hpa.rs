//! HorizontalPodAutoscaler, `autoscaling/v2`.
//!
//! Decides: nothing; types of metrics and targets stay text, so that an unknown one can be named instead of failing the object.
//! Method: the field names and defaults of the API; `older` converts v1, v2beta1 and v2beta2 to this form.
//! Tested: `tests/it/objects.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, LabelSelector, Meta, ObjectReference, nullable};
use crate::{Quantity, Stamp};

/// A HorizontalPodAutoscaler in the form of `autoscaling/v2`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HorizontalPodAutoscaler {
    /// Group and version.
    pub api_version: Box<str>,
    /// Kind.
    pub kind: Box<str>,
    /// Metadata.
    #[serde(deserialize_with = "nullable")]
    pub metadata: Meta,
    /// What is wanted.
    #[serde(deserialize_with = "nullable")]
    pub spec: HpaSpec,
    /// What was last decided.
    #[serde(deserialize_with = "nullable")]
    pub status: HpaStatus,
}

/// What is wanted of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaSpec {
    /// Whose replicas.
    #[serde(deserialize_with = "nullable")]
    pub scale_target_ref: ObjectReference,
    /// Fewest replicas [default: 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// Most replicas.
    #[serde(deserialize_with = "nullable")]
    pub max_replicas: i32,
    /// Metrics; cpu at 80 % when there are none.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// How fast it may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

/// One metric: its type, and the source of that type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricSpec {
    /// Resource, ContainerResource, Pods, Object or External.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: Box<str>,
    /// A resource of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceSource>,
    /// A resource of one container of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResourceSource>,
    /// A custom metric of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsSource>,
    /// A custom metric of one object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectSource>,
    /// A metric from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSource>,
}

/// A resource of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceSource {
    /// cpu or memory.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// Target.
    #[serde(deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A resource of one container of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerResourceSource {
    /// cpu or memory.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// The container.
    #[serde(deserialize_with = "nullable")]
    pub container: Box<str>,
    /// Target.
    #[serde(deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A custom metric of each pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodsSource {
    /// The metric.
    #[serde(deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// Target.
    #[serde(deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A custom metric of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectSource {
    /// The object.
    #[serde(deserialize_with = "nullable")]
    pub described_object: ObjectReference,
    /// The metric.
    #[serde(deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// Target.
    #[serde(deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A metric from outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalSource {
    /// The metric.
    #[serde(deserialize_with = "nullable")]
    pub metric: MetricIdentifier,
    /// Target.
    #[serde(deserialize_with = "nullable")]
    pub target: MetricTarget,
}

/// A metric's name and selector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricIdentifier {
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// Which of its series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// What a metric is compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricTarget {
    /// Utilization, Value or AverageValue.
    #[serde(rename = "type", deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub kind: Box<str>,
    /// Percent of the requests, over all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
    /// Per pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// As a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
}

/// How fast the size may change, by direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Behavior {
    /// Upwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Downwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// How fast the size may change in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingRules {
    /// For how long a change must have been wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<i32>,
    /// Max, Min or Disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<Box<str>>,
    /// Rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<ScalingPolicy>>,
    /// How far off the target the metric may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Quantity>,
}

/// A rate of change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingPolicy {
    /// Pods or Percent.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: Box<str>,
    /// How many.
    #[serde(deserialize_with = "nullable")]
    pub value: i32,
    /// In how long.
    #[serde(deserialize_with = "nullable")]
    pub period_seconds: i32,
}

/// What was last decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaStatus {
    /// Which version of the specification was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the size was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Stamp>,
    /// Size when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,
    /// Size that was wanted.
    #[serde(deserialize_with = "nullable")]
    pub desired_replicas: i32,
    /// Conditions.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

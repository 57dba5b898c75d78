//! A HorizontalPodAutoscaler's spec, lean: what decides, nothing about where it is stored.
//!
//! Decides: nothing; [`crate::reconcile()`] and [`Spec::validate`] read it.
//! Units: quantities are `i64` thousandths ("milli"), finer ones rounded up by whoever converts; utilization whole percents.
//! Method: field for field `autoscaling/v2`; what the API leaves unset is unset here.
//! Invariants: none are enforced by construction, as in Kubernetes: `validate` is a separate step.
//! Tested: `validate.rs`, `tests/rows`.

use serde::{Deserialize, Serialize};

use crate::Behavior;

/// What one HorizontalPodAutoscaler asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The least replicas; unset means 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// The most replicas.
    pub max_replicas: i32,
    /// The metrics, in the order of the manifest; the largest proposal wins.
    #[serde(default)]
    pub metrics: Vec<MetricSpec>,
    /// Rates and windows; unset selects the older rules (double at most, one shared window).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

impl Spec {
    /// The least replicas, with the API's default.
    pub fn min(&self) -> i32 {
        self.min_replicas.unwrap_or(1)
    }

    /// Fills what the API server fills: an HPA without metrics watches cpu at 80 % of its requests.
    #[must_use]
    pub fn with_defaults(mut self) -> Spec {
        if self.metrics.is_empty() {
            self.metrics.push(MetricSpec::Resource { name: "cpu".into(), target: Target::utilization(80) });
        }
        self
    }

    /// Whether some metric can be read while no pod runs.
    pub fn has_object_or_external(&self) -> bool {
        self.metrics.iter().any(|m| matches!(m, MetricSpec::Object { .. } | MetricSpec::External { .. }))
    }
}

/// One entry of `spec.metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum MetricSpec {
    /// A resource of all containers of a pod.
    Resource {
        /// `cpu`, `memory` or any other resource.
        name: String,
        /// Utilization or average value.
        target: Target,
    },
    /// A resource of one named container of each pod.
    ContainerResource {
        /// `cpu`, `memory` or any other resource.
        name: String,
        /// The container.
        container: String,
        /// Utilization or average value.
        target: Target,
    },
    /// A custom metric of each pod.
    Pods {
        /// Name and selector.
        metric: MetricId,
        /// Average value.
        target: Target,
    },
    /// One value that describes a Kubernetes object.
    Object {
        /// Name and selector.
        metric: MetricId,
        /// The object.
        described: ObjectRef,
        /// Value or average value.
        target: Target,
    },
    /// Values from outside the cluster.
    External {
        /// Name and selector.
        metric: MetricId,
        /// Value or average value.
        target: Target,
    },
    /// A type that `autoscaling/v2` does not know; fails as upstream does.
    Unknown {
        /// The type as written.
        kind: String,
    },
}

impl MetricSpec {
    /// The metric's type.
    pub fn kind(&self) -> MetricKind {
        match self {
            MetricSpec::Resource { .. } => MetricKind::Resource,
            MetricSpec::ContainerResource { .. } => MetricKind::ContainerResource,
            MetricSpec::Pods { .. } => MetricKind::Pods,
            MetricSpec::Object { .. } => MetricKind::Object,
            MetricSpec::External { .. } => MetricKind::External,
            MetricSpec::Unknown { .. } => MetricKind::Unknown,
        }
    }

    /// The resource's or the metric's name; for an unknown type, the type as written.
    pub fn name(&self) -> &str {
        match self {
            MetricSpec::Resource { name, .. } | MetricSpec::ContainerResource { name, .. } => name,
            MetricSpec::Pods { metric, .. } | MetricSpec::Object { metric, .. } | MetricSpec::External { metric, .. } => {
                &metric.name
            }
            MetricSpec::Unknown { kind } => kind,
        }
    }
}

/// The type of a metric, spelled as in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MetricKind {
    /// A resource of whole pods.
    Resource,
    /// A resource of one container per pod.
    ContainerResource,
    /// A custom metric of pods.
    Pods,
    /// A custom metric of an object.
    Object,
    /// A metric from outside the cluster.
    External,
    /// A type that `autoscaling/v2` does not know.
    Unknown,
}

/// Which series of a custom or external metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricId {
    /// The metric's name.
    pub name: String,
    /// The selector as Kubernetes prints it in messages; unset prints as `nil`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

impl MetricId {
    pub(crate) fn selector(&self) -> &str {
        self.selector.as_deref().unwrap_or("nil")
    }
}

/// The object that an Object metric describes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Such as `Ingress`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// Such as `networking.k8s.io/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
}

/// What a metric is steered to; several fields may be set, as in the API, and each metric type has its own precedence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The declared type; only Object metrics are decided by it.
    #[serde(rename = "type")]
    pub kind: TargetKind,
    /// The total, in milli.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// The mean over pods, in milli.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<i64>,
    /// The mean share of the requests, in whole percents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

impl Target {
    /// A mean share of the requests, in whole percents.
    pub const fn utilization(percent: i32) -> Target {
        Target { kind: TargetKind::Utilization, value: None, average_value: None, average_utilization: Some(percent) }
    }

    /// A mean over pods, in milli.
    pub const fn average_value(milli: i64) -> Target {
        Target { kind: TargetKind::AverageValue, value: None, average_value: Some(milli), average_utilization: None }
    }

    /// A total, in milli.
    pub const fn value(milli: i64) -> Target {
        Target { kind: TargetKind::Value, value: Some(milli), average_value: None, average_utilization: None }
    }
}

/// The declared type of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// Percent of requests.
    Utilization,
    /// A total.
    Value,
    /// A mean over pods.
    AverageValue,
}

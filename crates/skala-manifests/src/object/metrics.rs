//! What the three metrics APIs answer: metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io.
//!
//! Decides: nothing; values stay as they were served.
//! Tested: `tests/it/objects.rs`.

use serde::{Deserialize, Serialize};

use super::{LabelSelector, Labels, Meta, ObjectReference, Requests, nullable};
use crate::{Quantity, Span, Stamp};

/// What a pod's containers used, from metrics.k8s.io.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodMetrics {
    /// Namespace and name of the pod.
    #[serde(deserialize_with = "nullable")]
    pub metadata: Meta,
    /// The end of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Stamp>,
    /// Over how long the usage was averaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// By container.
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<ContainerUsage>,
}

/// What a container used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerUsage {
    /// Name of the container.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// By resource.
    #[serde(deserialize_with = "nullable")]
    pub usage: Requests,
}

/// A value that describes an object, from custom.metrics.k8s.io (v1beta1 and v1beta2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricValue {
    /// What it describes.
    #[serde(default, deserialize_with = "nullable")]
    pub described_object: ObjectReference,
    /// The metric, as v1beta2 names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// The metric, as v1beta1 names it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub metric_name: Box<str>,
    /// When it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Stamp>,
    /// Over how long, where it is a rate (v1beta2 and v1beta1 name it differently).
    #[serde(default, alias = "window", skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<i64>,
    /// The value.
    pub value: Quantity,
    /// The metric's selector, as v1beta1 carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

impl MetricValue {
    /// The metric's name in either version.
    pub fn name(&self) -> &str {
        self.metric.as_ref().map_or(&self.metric_name, |m| &m.name)
    }

    /// The metric's selector in either version.
    pub fn selector(&self) -> Option<&LabelSelector> {
        self.metric.as_ref().and_then(|m| m.selector.as_ref()).or(self.selector.as_ref())
    }
}

/// A metric's name with its selector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricName {
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// Selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// A value from outside, from external.metrics.k8s.io.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalMetricValue {
    /// Name.
    #[serde(default, deserialize_with = "nullable")]
    pub metric_name: Box<str>,
    /// Labels of this series.
    #[serde(default, deserialize_with = "nullable")]
    pub metric_labels: Labels,
    /// When it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Stamp>,
    /// Over how long, where it is a rate.
    #[serde(default, alias = "window", skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<i64>,
    /// The value.
    pub value: Quantity,
}

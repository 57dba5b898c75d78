//! Kubernetes' objects, as far as skala reads them.
//!
//! Decides: which fields are held, and that absent and `null` lists are empty.
//! Method: serde types without maps, so that a hundred thousand pods fit; texts are `Box<str>`.
//! Invariants: unknown fields are ignored; a wrong type is an error.
//! Tested: `tests/it/objects.rs`.

pub mod hpa;
mod meta;
pub mod metrics;
pub mod older;
mod pod;
mod scale;

pub use hpa::HorizontalPodAutoscaler;
pub use meta::{Labels, List, Meta, OwnerReference};
pub use metrics::{ExternalMetricValue, MetricValue, PodMetrics};
pub use pod::{Condition, Container, DELETION_COST, Pod, PodSpec, PodStatus, Requests, Resources};
pub use scale::{LabelSelector, ObjectReference, Requirement, Scale, ScaleSpec, ScaleStatus};

/// `null` reads as the default, as it does in Kubernetes.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + serde::Deserialize<'de>,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}

//! Which algorithm scales a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// `autoscaling/v2` with its known flaws repaired; see `repairs`.
    #[default]
    Default,
    /// `autoscaling/v2` exactly, flaws included: what a HorizontalPodAutoscaler would do.
    Hpa,
    /// Knative's autoscaler: stable and panic windows over concurrency or requests per second; see `knative`.
    Knative,
}

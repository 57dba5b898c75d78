//! The cluster-wide settings of kube-controller-manager.
//!
//! Decides: nothing; these are the numbers that a HorizontalPodAutoscaler cannot set itself.
//! Units: tolerance as a share of 1; periods as durations; the scale-up limit as a factor and a number of replicas.
//! Method: defaults are kube-controller-manager's flags, and the two constants in its source.
//! Tested: every row in `tests/rows` starts from these.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Compat;

/// What the cluster says, as opposed to the HPA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// How far a ratio may be from 1 before anything changes; `--horizontal-pod-autoscaler-tolerance`, 0.1.
    pub tolerance: f64,
    /// How long after its start a pod's cpu sample is doubted; `--horizontal-pod-autoscaler-cpu-initialization-period`, 300 s.
    pub cpu_initialization_period: Duration,
    /// How soon after its start a pod that turned not ready counts as never ready;
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`, 30 s.
    pub initial_readiness_delay: Duration,
    /// The scale-down window of an HPA that sets none; `--horizontal-pod-autoscaler-downscale-stabilization`, 300 s.
    pub downscale_stabilization: Duration,
    /// Without `behavior`, one step grows to at most this many times the size; 2.
    pub scale_up_limit_factor: f64,
    /// Without `behavior`, one step may always grow to this size; 4.
    pub scale_up_limit_minimum: f64,
    /// The release whose decisions are reproduced.
    pub compat: Compat,
    /// The feature gate `HPAScaleToZero`; unset means the release's default, and on where the HPA could not exist without it.
    pub scale_to_zero: Option<bool>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tolerance: 0.1,
            cpu_initialization_period: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
            downscale_stabilization: Duration::from_secs(300),
            scale_up_limit_factor: 2.0,
            scale_up_limit_minimum: 4.0,
            compat: Compat::default(),
            scale_to_zero: None,
        }
    }
}

//! `behavior` of `autoscaling/v2`, unchanged: how fast the number of replicas may change.
//!
//! Method: Kubernetes' HorizontalPodAutoscaler; defaults per direction and per field, a given list of policies replaces the
//!   default list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Ratio;

/// Pace of change, by direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behavior {
    /// Growing. Default: no stabilization window; at most 4 replicas or 100 percent per 15 s, whichever is more. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Shrinking. Default: a stabilization window of 300 s; at most 100 percent per 15 s. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// Rules of one direction, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScalingRules {
    /// Seconds, 0 to 3600, over which the most careful proposal counts. Default: 0 up, 300 down. Raise it against flapping.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 3600))]
    pub stabilization_window_seconds: Option<u32>,
    /// Which policy counts. Default: Max, the one that allows the largest change. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// Bounds on the change within a period. Default: see `scaleUp` and `scaleDown`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1))]
    pub policies: Option<Vec<Policy>>,
    /// Tolerance of this direction. Default: `autoscaling.tolerance`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Ratio>,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectPolicy {
    /// The largest change.
    #[default]
    Max,
    /// The smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// A bound on the change within a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Whether `value` counts replicas or percent of the replicas at the start of the period.
    #[serde(rename = "type")]
    pub kind: PolicyType,
    /// Largest change, above 0.
    #[schemars(range(min = 1))]
    pub value: u32,
    /// Length of the period in seconds, 1 to 1800.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: u32,
}

/// What a policy's value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// Replicas.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// Rules of one direction with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Stabilization window in seconds.
    pub stabilization_window_seconds: u32,
    /// Which policy counts.
    pub select_policy: SelectPolicy,
    /// The policies; at least one.
    pub policies: Vec<Policy>,
    /// Tolerance of this direction; `None`: that of the service.
    pub tolerance: Option<Ratio>,
}

impl Behavior {
    /// Rules for growing: Kubernetes' defaults where the file is silent.
    pub fn scale_up(&self) -> Rules {
        let policy = |kind, value| Policy { kind, value, period_seconds: 15 };
        rules(self.scale_up.as_ref(), 0, || vec![policy(PolicyType::Pods, 4), policy(PolicyType::Percent, 100)])
    }

    /// Rules for shrinking: Kubernetes' defaults where the file is silent.
    pub fn scale_down(&self) -> Rules {
        rules(self.scale_down.as_ref(), 300, || vec![Policy { kind: PolicyType::Percent, value: 100, period_seconds: 15 }])
    }
}

fn rules(written: Option<&ScalingRules>, window: u32, policies: impl FnOnce() -> Vec<Policy>) -> Rules {
    let written = written.cloned().unwrap_or_default();
    Rules {
        stabilization_window_seconds: written.stabilization_window_seconds.unwrap_or(window),
        select_policy: written.select_policy.unwrap_or_default(),
        policies: written.policies.unwrap_or_else(policies),
        tolerance: written.tolerance,
    }
}

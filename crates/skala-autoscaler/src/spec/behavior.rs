//! How fast the size may follow: stabilization and rate policies, per direction.
//!
//! Decides: nothing; the words and defaults of `autoscaling/v2`'s `behavior`.
//! Inputs: the `behavior` section.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `tests/decisions` rows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Growing or shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

/// How fast the size may follow, per direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behavior {
    /// Rules for growing.
    pub scale_up: ScalingRules,
    /// Rules for shrinking.
    pub scale_down: ScalingRules,
}

impl Default for Behavior {
    fn default() -> Behavior {
        Behavior { scale_up: ScalingRules::default_up(), scale_down: ScalingRules::default_down() }
    }
}

/// The rules of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingRules {
    /// A size must have been wanted for this long before it is taken; 0 to 3600 s.
    pub stabilization_window: Duration,
    /// Which of several policies counts.
    pub select_policy: SelectPolicy,
    /// Limits on the change within a period; at least one.
    pub policies: Vec<ScalingPolicy>,
    /// How far the ratio of value to target may stray from 1 without effect; finite, at least 0.
    pub tolerance: f64,
}

impl ScalingRules {
    /// Growing: no stabilization; the larger of 4 replicas and 100 % every 15 s; tolerance 0.1.
    pub fn default_up() -> ScalingRules {
        let period = Duration::from_secs(15);
        ScalingRules {
            stabilization_window: Duration::ZERO,
            select_policy: SelectPolicy::Max,
            policies: vec![
                ScalingPolicy { kind: PolicyKind::Pods, value: 4, period },
                ScalingPolicy { kind: PolicyKind::Percent, value: 100, period },
            ],
            tolerance: 0.1,
        }
    }

    /// Shrinking: 300 s of stabilization; 100 % every 15 s; tolerance 0.1.
    pub fn default_down() -> ScalingRules {
        ScalingRules {
            stabilization_window: Duration::from_secs(300),
            select_policy: SelectPolicy::Max,
            policies: vec![ScalingPolicy { kind: PolicyKind::Percent, value: 100, period: Duration::from_secs(15) }],
            tolerance: 0.1,
        }
    }
}

/// Which of several rate policies counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SelectPolicy {
    /// The one that allows the biggest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// A limit on the change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingPolicy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// Replicas, or percent of the size at the start of the period; at least 1.
    pub value: u32,
    /// Length of the period; 1 to 1800 s.
    pub period: Duration,
}

/// What a rate policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PolicyKind {
    /// Replicas (Kubernetes' word).
    Pods,
    /// Percent of the size at the start of the period.
    Percent,
}

//! What one metric may have of its own: targets, windows, policies, age, fallback.
//!
//! Decides: nothing; names every option, its unit and its default.
//! Inputs: an entry of the `metrics` list.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `tests/decisions` rows `options`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Replicas;

use super::ScalingRules;

/// Where a metric differs from the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricOptions {
    /// A lower target for shrinking, in the target's unit (seconds for durations, a share for utilisation): the service shrinks
    /// only to a size at which this one holds. Default: the target itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<f64>,
    /// Stabilization and policies of this metric alone; its proposal passes them before the largest is taken.
    #[serde(skip_serializing_if = "MetricBehavior::is_default")]
    pub behavior: MetricBehavior,
    /// A trigger is active while its value is above this. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<f64>,
    /// A sample older than this counts as failed. Default: the policy's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Duration>,
    /// What to ask for while a trigger's source fails. Default: nothing, which holds the size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

impl MetricOptions {
    /// Whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == MetricOptions::default()
    }
}

/// A metric's own rules; a direction that is not given follows the policy's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricBehavior {
    /// Rules for growing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Rules for shrinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

impl MetricBehavior {
    /// Whether neither direction is given.
    pub fn is_default(&self) -> bool {
        self.scale_up.is_none() && self.scale_down.is_none()
    }
}

/// What a trigger asks for while its source fails.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// Failures in a row that are waited out; it speaks from the next one on. Default 3.
    #[serde(default = "Fallback::failure_threshold")]
    pub failure_threshold: u32,
    /// The size.
    pub replicas: Replicas,
    /// How the size relates to the current one.
    #[serde(default)]
    pub behavior: FallbackBehavior,
}

impl Fallback {
    fn failure_threshold() -> u32 {
        3
    }
}

/// How a fallback's size relates to the current one; KEDA's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FallbackBehavior {
    /// Exactly the fallback's size.
    #[default]
    Static,
    /// The current size, and the fallback's from zero.
    CurrentReplicas,
    /// The current size if it is higher.
    CurrentReplicasIfHigher,
    /// The current size if it is lower, and the fallback's from zero.
    CurrentReplicasIfLower,
}

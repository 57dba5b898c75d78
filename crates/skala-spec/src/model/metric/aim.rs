//! A target, alone or with what else a metric may say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Behavior;
use crate::scalar::Dur;

/// `cpu: 70%`, or `cpu: {target: 70%, scaleDownTarget: 50%}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Aim<T> {
    /// The target alone.
    Target(T),
    /// The target and more.
    Full(FullAim<T>),
}

/// A target and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FullAim<T> {
    /// What the metric should be. Reload: live.
    pub target: T,
    /// A lower target for shrinking, in the same unit: the service shrinks only to a size at which this one holds. It ends flapping
    /// between two sizes. Default: the target. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<T>,
    /// Pace of change of this metric alone; its proposal passes it before the largest is taken. Default: none of its own. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Age from which a sample counts as failed, 1s to 1h. Default: `staleAfter` of the service. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
}

impl<T: Copy> Aim<T> {
    /// What the metric should be.
    pub fn target(&self) -> T {
        match self {
            Aim::Target(target) | Aim::Full(FullAim { target, .. }) => *target,
        }
    }

    /// What else was said.
    pub fn full(&self) -> Option<&FullAim<T>> {
        match self {
            Aim::Target(_) => None,
            Aim::Full(full) => Some(full),
        }
    }
}

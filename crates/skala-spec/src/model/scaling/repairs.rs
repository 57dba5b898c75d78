//! The switches of the repairs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the default mode does better than `autoscaling/v2`; each can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
pub struct Repairs {
    /// A sample that is too old fails instead of acting. Reload: live.
    pub sample_age: bool,
    /// Chance is told from load: a small excess must last before it buys a replica. Reload: live.
    pub noise: bool,
    /// `scaleDownTarget` counts; without, one target serves both directions. Reload: live.
    pub separate_targets: bool,
    /// A metric's own `behavior` counts; without, only that of the service. Reload: live.
    pub metric_behavior: bool,
    /// The extra replicas of a rolling update are no base for growth. Reload: live.
    pub rollouts: bool,
    /// CPU from a replica's start, and from before the last change of size, does not act. Reload: live.
    pub startup_cpu: bool,
    /// Replicas that are starting count with what they will take over, backlog included. Reload: live.
    pub starting_replicas: bool,
    /// Flapping is damped: shrinking waits longer and longer. It is detected and reported either way. Reload: live.
    pub flapping: bool,
    /// After a restart of skala nothing shrinks for one scale-down window. Reload: live.
    pub restart: bool,
    /// The end of a window goes down through the policies instead of at once. Reload: live.
    pub window_ends: bool,
    /// Fallback also from zero, and for a source that was never reached. Reload: live.
    pub fallback: bool,
}

impl Default for Repairs {
    fn default() -> Repairs {
        Repairs {
            sample_age: true,
            noise: true,
            separate_targets: true,
            metric_behavior: true,
            rollouts: true,
            startup_cpu: true,
            starting_replicas: true,
            flapping: true,
            restart: true,
            window_ends: true,
            fallback: true,
        }
    }
}

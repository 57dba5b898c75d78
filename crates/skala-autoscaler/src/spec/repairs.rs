//! The switches of the repairs: what the default mode does better than `autoscaling/v2`.
//!
//! Decides: nothing; `docs/autoscaling.md` names the complaint that each one answers.
//! Inputs: the `repairs` section.
//! Tested: `tests/decisions` rows `repairs`, on and off.

use serde::{Deserialize, Serialize};

/// Which flaws of `autoscaling/v2` are repaired; all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the policy")]
pub struct Repairs {
    /// A sample that is too old fails instead of acting.
    pub sample_age: bool,
    /// Chance is told from load: a small excess must last.
    pub noise: bool,
    /// `scale_down_target` counts; without, one target serves both directions.
    pub separate_targets: bool,
    /// A metric's own `behavior` counts; without, the policy's alone.
    pub metric_behavior: bool,
    /// The extra replicas of a rolling update are no base for growth.
    pub rollouts: bool,
    /// Start-up CPU, and CPU from before the last change of size, does not act.
    pub startup_cpu: bool,
    /// Replicas that are starting count with what they will take over, backlog included.
    pub starting_replicas: bool,
    /// Flapping is damped: shrinking waits longer and longer. It is detected and reported either way.
    pub flapping: bool,
    /// After a restart of the controller nothing shrinks for one scale-down window.
    pub restart: bool,
    /// The end of a time window goes down through the policies instead of at once.
    pub window_ends: bool,
    /// Fallback also from zero, and for a source that was never reached.
    pub fallback: bool,
}

impl Default for Repairs {
    fn default() -> Repairs {
        Repairs::all(true)
    }
}

impl Repairs {
    /// All of them on, or all off.
    pub const fn all(on: bool) -> Repairs {
        Repairs {
            sample_age: on,
            noise: on,
            separate_targets: on,
            metric_behavior: on,
            rollouts: on,
            startup_cpu: on,
            starting_replicas: on,
            flapping: on,
            restart: on,
            window_ends: on,
            fallback: on,
        }
    }
}

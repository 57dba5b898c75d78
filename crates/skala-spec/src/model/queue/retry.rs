//! When failed work is done again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Dur;

/// Pauses between tries of a call. They double from `initial` to `max`, with up to half on top by chance, never below `initial` or above `max`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// The first pause, above 0; the longest Retry-After of a provider is waited for anyway. Reload: live.
    pub initial: Dur,
    /// The longest pause, at least `initial`. Reload: live.
    pub max: Dur,
    /// Attempts in all, 1 to 100. Reload: live.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { initial: Dur::secs(1), max: Dur::secs(300), attempts: 5 }
    }
}

/// When a failed attempt of a task is made again. Pauses double from `initial` to `max`, with up to half on top by chance, never below
/// `initial` or above `max`; a worker's or provider's Retry-After may be longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskRetry {
    /// The first pause, above 0. Reload: live.
    pub initial: Dur,
    /// The longest pause, at least `initial`. Reload: live.
    pub max: Dur,
    /// Attempts in all, 1 to 100; after the last the task is a dead letter. Reload: live, for new tasks.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// Leases that may be lost by crashes and kills, 0 to 100; at one more the task is a dead letter, for it may be what kills. They
    /// are no attempts. Reload: live.
    #[schemars(range(max = 100))]
    pub losses: u32,
}

impl Default for TaskRetry {
    fn default() -> TaskRetry {
        TaskRetry { initial: Dur::secs(1), max: Dur::secs(300), attempts: 5, losses: 3 }
    }
}

//! Bounds of a queue that are more than one number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::{Dur, Positive};

/// At most so many in a time, evenly, with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// So many per second, above 0; below 1 for fewer, such as `0.5`. Reload: live.
    pub per_second: Positive,
    /// So many may come at once after a pause, 1 to 1000000. Default: those of one second, at least 1. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<u32>,
}

impl RateLimit {
    /// How many may come at once.
    pub fn burst(&self) -> u32 {
        // The cast saturates; the bound is that of `burst`.
        self.burst.unwrap_or((self.per_second.get().ceil() as u32).clamp(1, 1_000_000))
    }
}

/// How long finished tasks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResultsKept {
    /// Tasks that are done or cancelled, with their results, up to 365d; 0s keeps none. Reload: live.
    pub ttl: Dur,
    /// Dead letters, up to 365d. Reload: live.
    pub dead: Dur,
    /// Most finished tasks of the queue, 0 to 10000000; the oldest go first. Reload: live.
    #[schemars(range(max = 10_000_000))]
    pub max: u32,
}

impl Default for ResultsKept {
    fn default() -> ResultsKept {
        ResultsKept { ttl: Dur::secs(86_400), dead: Dur::secs(14 * 86_400), max: 1_000_000 }
    }
}

/// What an acknowledged task survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum QueueDurability {
    /// A crash of the machine: it is on the disk.
    #[default]
    Fsync,
    /// A crash of skala: it is with the operating system.
    Os,
    /// Nothing: it is in memory alone.
    Memory,
}

/// Sizes from which a queue is a matter for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueAlarm {
    /// Tasks that are ready or worked on, at least 1. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub length: Option<u32>,
    /// Age of the oldest ready task, above 0. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Dur>,
}

//! What is asked for while a metric's source fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of replicas to fall back to; KEDA's `fallback`. Without one, a failing metric holds the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// Failures in a row that are waited out; the next one counts. 0 falls back at once. Reload: live.
    #[serde(default = "three")]
    #[schemars(range(max = 1000))]
    pub failure_threshold: u32,
    /// How many replicas to ask for meanwhile, at most `maxReplicas`. Metrics that do not fail may ask for more. Reload: live.
    #[schemars(range(max = 1000))]
    pub replicas: u32,
    /// How `replicas` relates to the size at that moment. Reload: live.
    #[serde(default)]
    pub behavior: FallbackBehavior,
}

/// How a fallback relates to the size at that moment; KEDA's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FallbackBehavior {
    /// Exactly `replicas`.
    #[default]
    Static,
    /// The size as it is; `replicas` from zero.
    CurrentReplicas,
    /// The larger of the two.
    CurrentReplicasIfHigher,
    /// The smaller of the two; `replicas` from zero.
    CurrentReplicasIfLower,
}

fn three() -> u32 {
    3
}

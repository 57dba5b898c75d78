//! Autoscaling of one service: bounds, metrics, and the pace of change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Behavior, Metric, MetricEntry};
use crate::scalar::Ratio;

/// Grow and shrink with demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaling {
    /// Fewest replicas, at most `maxReplicas`. 0 stops the last one when idle; the next request then waits for a start. Use 2 or more
    /// where one failure must not be felt. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(max = 1000))]
    pub min_replicas: u32,
    /// Most replicas, 1 to 1000: what the machine, the database and the budget can bear. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: u32,
    /// What demand is measured by; each metric proposes a number of replicas and the largest wins. Short forms, or `autoscaling/v2`
    /// metrics pasted from a manifest. Reload: live.
    #[serde(default)]
    pub metrics: Vec<MetricEntry>,
    /// How fast the number may change: `autoscaling/v2` behavior, unchanged. Reload: live.
    #[serde(default)]
    pub behavior: Behavior,
    /// How far a metric may be off its target before anything changes. Raise it against changes that do not matter. Reload: live.
    #[serde(default = "ten_percent")]
    pub tolerance: Ratio,
    /// Keeps the number of replicas as it is; decisions are still computed and shown. Reload: live.
    #[serde(default)]
    pub paused: bool,
}

impl Autoscaling {
    /// The metrics that skala serves, in file order.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> + '_ {
        self.metrics.iter().filter_map(|entry| entry.metric().ok())
    }
}

fn one() -> u32 {
    1
}

fn ten_percent() -> Ratio {
    Ratio::percent(10)
}

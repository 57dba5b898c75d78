//! Autoscaling of one service: bounds, metrics, and the pace of change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Behavior, Fallback, Formula, Knative, Metric, MetricEntry, Mode, Repairs, TimeWindow, Vertical};
use crate::scalar::{Dur, HpaRelease, Ratio};

/// Grow and shrink with demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaling {
    /// Which algorithm decides. Reload: live; what was learned for another mode is set aside.
    #[serde(default)]
    pub mode: Mode,
    /// With `mode: hpa`: the release of Kubernetes whose decisions are made. Default: `hpa-1.37`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compat: Option<HpaRelease>,
    /// Fewest replicas, at most `maxReplicas`. 0 stops the last one when idle; the next request then waits for a start. Use 2 or more
    /// where one failure must not be felt. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(max = 1000))]
    pub min_replicas: u32,
    /// Most replicas, 1 to 1000: what the machine, the database and the budget can bear. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: u32,
    /// Size while nothing is active, below `minReplicas`. Default: none; with `minReplicas: 0` an idle service goes to 0. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub idle_replicas: Option<u32>,
    /// What demand is measured by; each metric proposes a number of replicas and the largest wins. Short forms, numbers from outside,
    /// or `autoscaling/v2` metrics pasted from a manifest: `- cpu: 70%`, `- cpu: {target: 70%, scaleDownTarget: 50%}`,
    /// `- {name: jobs, redis: {address: "cache:6379", list: jobs}, target: 5}`. Reload: live.
    #[serde(default)]
    pub metrics: Vec<MetricEntry>,
    /// One number made of several metrics from outside; it proposes like a metric: `{expression: "max(jobs, lag / 2)", target: 5}`.
    /// Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<Formula>,
    /// Times at which other bounds hold:
    /// `- {name: office, start: "0 8 * * MON-FRI", end: "0 18 * * MON-FRI", timezone: Europe/Berlin, minReplicas: 5}`. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<TimeWindow>,
    /// How fast the number may change: `autoscaling/v2` behavior, unchanged. Reload: live.
    #[serde(default)]
    pub behavior: Behavior,
    /// How far a metric may be off its target before anything changes. Raise it against changes that do not matter. Reload: live.
    #[serde(default = "ten_percent")]
    pub tolerance: Ratio,
    /// How long nothing must have been active before the service goes idle (to `idleReplicas`, or to 0 with `minReplicas: 0`).
    /// Default: 300s with a metric from outside or a formula, else 0s. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Dur>,
    /// The same for a service that was never active, from its first decision. Reload: live.
    #[serde(default)]
    pub initial_cooldown: Dur,
    /// Goes idle at once from any size, past `behavior`, as KEDA does. Reload: live.
    #[serde(default)]
    pub jump_to_idle: bool,
    /// Age from which a sample of skala's own counts as failed, 1s to 1h; a metric from outside has its own. Reload: live.
    #[serde(default = "fifteen_seconds")]
    pub stale_after: Dur,
    /// What to ask for while a metric from outside fails, unless the metric says otherwise: `{replicas: 4, failureThreshold: 3}`.
    /// Default: the size is held. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// With `mode: knative`: its settings. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knative: Option<Knative>,
    /// With `mode: default`: which flaws of `autoscaling/v2` are repaired. All are, by default. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<Repairs>,
    /// CPU and memory of each replica, recommended from what was used: `{mode: apply, resources: [memory], maxAllowed: {memory: 4Gi}}`.
    /// Default: nothing is recorded. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<Vertical>,
    /// Keeps the number of replicas as it is; decisions are still computed and shown. Reload: live.
    #[serde(default)]
    pub paused: bool,
}

impl Autoscaling {
    /// The metrics that skala serves, in file order, with their positions in the list.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, Metric<'_>)> + '_ {
        self.metrics.iter().enumerate().filter_map(|(i, entry)| Some((i, entry.metric().ok()?)))
    }
}

fn one() -> u32 {
    1
}

fn ten_percent() -> Ratio {
    Ratio::percent(10)
}

fn fifteen_seconds() -> Dur {
    Dur::secs(15)
}

//! `mode: knative`: the settings of Knative's autoscaler, with its defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::{Dur, Percent};

/// Knative's autoscaler. `minReplicas`, `maxReplicas` and the service's `concurrency` are its `min-scale`, `max-scale` and
/// `containerConcurrency`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Knative {
    /// What is counted. Reload: live.
    pub metric: KnativeMetric,
    /// What one replica can bear of it, 0.01 or more. Default: with `concurrency` the service's `concurrency`, else 100; with `rps` 200.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0.01))]
    pub target: Option<f64>,
    /// Share of `target` to aim at, 1% to 100%. Reload: live.
    pub utilization: Percent,
    /// Time over which the metric is averaged, 6s to 1h, whole seconds. Reload: live.
    pub stable_window: Dur,
    /// Share of `stableWindow` that panic looks at, 1% to 100%. Reload: live.
    pub panic_window: Percent,
    /// Panic begins when the panic window asks for this share of the ready replicas, 110% to 1000%. Reload: live.
    pub panic_threshold: Percent,
    /// Requests that the ready replicas should be able to take at once beside those in service; below, the gateway holds requests back.
    /// 0: only at zero replicas. -1: always. Reload: live.
    #[schemars(range(min = -1, max = 1_000_000))]
    pub burst_capacity: i64,
    /// Time that the gateway holds requests back before the last replica goes, above 0s, at most 1h. Reload: live.
    pub scale_to_zero_grace: Dur,
    /// Shortest time that the last replica stays after the service became idle, 0s to 1h. Reload: live.
    pub pod_retention: Dur,
    /// Replicas at the start of a service, until they were ready once; at most `maxReplicas`. Reload: live.
    #[schemars(range(max = 1000))]
    pub initial_scale: u32,
    /// Fewest replicas whenever there are any, 1 to 1000. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub activation_scale: u32,
    /// A smaller size is taken once it was wanted for this long, 0s to 1h. Reload: live.
    pub scale_down_delay: Dur,
    /// Most growth in one decision, as factor of the ready replicas, above 1. Reload: live.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub max_scale_up_rate: f64,
    /// Most shrinking in one decision, as divisor of the ready replicas, above 1. Reload: live.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub max_scale_down_rate: f64,
    /// What is done better than Knative does; off by default. Reload: live.
    pub repairs: KnativeRepairs,
}

impl Default for Knative {
    fn default() -> Knative {
        Knative {
            metric: KnativeMetric::default(),
            target: None,
            utilization: Percent::whole(70),
            stable_window: Dur::secs(60),
            panic_window: Percent::whole(10),
            panic_threshold: Percent::whole(200),
            burst_capacity: 211,
            scale_to_zero_grace: Dur::secs(30),
            pod_retention: Dur::secs(0),
            initial_scale: 1,
            activation_scale: 1,
            scale_down_delay: Dur::secs(0),
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            repairs: KnativeRepairs::default(),
        }
    }
}

/// What is done better than Knative does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KnativeRepairs {
    /// A queue that grew only because replicas were starting is not counted request by request. Reload: live.
    pub cold_start_queue: bool,
    /// Panic is not left while replicas are starting. Reload: live.
    pub keep_starting: bool,
}

/// What Knative's autoscaler counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KnativeMetric {
    /// Requests in service and waiting.
    #[default]
    Concurrency,
    /// Requests per second.
    Rps,
}

//! A scaling policy as it is written: plain values, not yet checked.
//!
//! Decides: nothing; it names every setting, its unit and its default.
//! Inputs: the `autoscaling` section of a service, or an `autoscaling/v2` manifest, already parsed.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `tests/decisions` rows, which start from the defaults.

mod behavior;
mod metric;
mod options;
mod repairs;
mod window;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Bytes, Cores, Replicas};

pub use behavior::{Behavior, Direction, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy};
pub use metric::{MetricEntry, MetricName, MetricSpec, Quantile, QueueTarget, ResourceTarget, SignalTarget};
pub use options::{Fallback, FallbackBehavior, MetricBehavior, MetricOptions};
pub use repairs::Repairs;
pub use window::CronWindow;

use crate::Mode;

/// Everything a policy can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Fewest replicas; 0 lets an idle service disappear. Default 1.
    pub min_replicas: Replicas,
    /// Most replicas, at least 1 and `min_replicas`. Default 1.
    pub max_replicas: Replicas,
    /// What to scale on; the largest proposal wins. May be empty only when the size is fixed.
    pub metrics: Vec<MetricEntry>,
    /// How fast the size may follow.
    pub behavior: Behavior,
    /// What one replica is promised; a utilisation target needs it.
    pub requests: ResourceRequests,
    /// Length of the window behind a replica's `cpu` sample. Default 10 s.
    pub metric_window: Duration,
    /// A replica's CPU counts only from a window after it became ready, during this time from its start. Default 300 s.
    pub cpu_initialization: Duration,
    /// A sample older than this counts as failed. Default 15 s.
    pub stale_after: Duration,
    /// Expected start-up time until one has been measured. Default 10 s.
    pub startup_guess: Duration,
    /// How long a request holds a server, on average, until that is measured; none when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_guess: Option<Duration>,
    /// Answers that the slow window needs before its latency counts. Default 20 (and at least 1 / (1 - quantile)).
    pub latency_min_samples: u64,
    /// Size while nothing is active, below `min_replicas`. Default: none, which means 0 when `min_replicas` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_replicas: Option<Replicas>,
    /// How long nothing must have been active before the service goes idle. Default 300 s with a trigger (a signal, queue or
    /// formula), else 0: stabilization alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
    /// The same for a service that was never active, from its first plan. Default 0.
    #[serde(default)]
    pub initial_cooldown: Duration,
    /// Go idle at once from any size, past stabilization and policies, as KEDA does. Default false.
    #[serde(default)]
    pub jump_to_idle: bool,
    /// Queues that keep the service awake while they hold a task, and wake it, although no metric is about them: their names in
    /// [`crate::Observation::signals`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wakes_by: Vec<crate::Text>,
    /// Times at which other bounds hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<CronWindow>,
    /// Who decides. Default: skala.
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// Which of `autoscaling/v2`'s flaws are repaired. Default all.
    #[serde(default)]
    pub repairs: Repairs,
}

impl Default for PolicySpec {
    fn default() -> PolicySpec {
        PolicySpec {
            min_replicas: Replicas(1),
            max_replicas: Replicas(1),
            metrics: Vec::new(),
            behavior: Behavior::default(),
            requests: ResourceRequests::default(),
            metric_window: Duration::from_secs(10),
            cpu_initialization: Duration::from_secs(300),
            stale_after: Duration::from_secs(15),
            startup_guess: Duration::from_secs(10),
            service_guess: None,
            latency_min_samples: 20,
            idle_replicas: None,
            cooldown: None,
            initial_cooldown: Duration::ZERO,
            jump_to_idle: false,
            wakes_by: Vec::new(),
            windows: Vec::new(),
            mode: Mode::Default,
            repairs: Repairs::default(),
        }
    }
}

/// What one replica is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRequests {
    /// CPU cores.
    pub cpu: Option<Cores>,
    /// Bytes of memory.
    pub memory: Option<Bytes>,
}

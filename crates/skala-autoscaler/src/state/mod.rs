//! What a service's autoscaler remembers from one plan to the next.
//!
//! Decides: nothing; [`crate::plan()`] returns the next state, and the controller stores it.
//! Invariants: its size is bounded whatever happens and however long; time never runs backwards inside it.
//! Tested: each part below; `tests/decisions` for the whole.

mod average;
mod events;
mod log;
mod startups;
mod turns;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Replicas, Time};

pub use average::Average;
pub use events::{ScaleEvent, ScaleEvents};
pub use log::{Recommendation, RecommendationLog};
pub use startups::Startups;
pub use turns::Turn;
pub(crate) use turns::{Swing, record, swing};

use crate::wait::WaitMemory;
use crate::{MetricName, Policy, knative};

/// Everything that must survive a restart of the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// What the metrics wanted, before any clamp.
    pub recommendations: RecommendationLog,
    /// Replicas added.
    pub scale_ups: ScaleEvents,
    /// Replicas removed.
    pub scale_downs: ScaleEvents,
    /// Slow averages of the station metrics, for loads too small to judge by ten seconds.
    pub averages: Vec<Average>,
    /// Measured start-up times.
    pub startups: Startups,
    /// The number that the next replica gets.
    pub next_replica: ReplicaId,
    /// When the controller last came back with this state.
    pub resumed_at: Option<Time>,
    /// The last change of size.
    pub last_scale: Option<LastScale>,
    /// A manual hold left the size above `maxReplicas`; it returns through the policies.
    pub above_max_by_hold: bool,
    /// What each metric with a `behavior` of its own wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metric_logs: Vec<MetricLog>,
    /// When the first plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When anything was last active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_active: Option<Time>,
    /// The last changes of size, to recognise flapping.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// The upper bound of the last plan, when time windows move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_max: Option<Replicas>,
    /// A time window's end left the size above `maxReplicas`; it returns through the policies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub above_max_by_window: bool,
    /// With `mode: hpa`: Kubernetes' memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hpa: Option<skala_hpa::History>,
    /// With `mode: knative`: Knative's memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knative: Option<Box<knative::State>>,
    /// Samples that wait for Knative's next tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knative_samples: Vec<knative::Sample>,
    /// When another mode than skala's own looks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Time>,
    /// How long a replica was last known to work on a request, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_seconds: Option<f64>,
    /// What predicted wait has learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Box<WaitMemory>>,
}

/// What one metric wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricLog {
    /// The metric.
    pub metric: MetricName,
    /// What it wanted, before any clamp.
    pub log: RecommendationLog,
}

/// A change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastScale {
    /// When it was decided.
    pub at: Time,
    /// The size before.
    pub from: Replicas,
    /// The size that was asked for.
    pub to: Replicas,
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}

impl State {
    /// The state of a service that never ran; its first replica is number 1.
    pub fn new() -> State {
        State {
            recommendations: RecommendationLog::default(),
            scale_ups: ScaleEvents::default(),
            scale_downs: ScaleEvents::default(),
            averages: Vec::new(),
            startups: Startups::default(),
            next_replica: ReplicaId(1),
            resumed_at: None,
            last_scale: None,
            above_max_by_hold: false,
            metric_logs: Vec::new(),
            since: None,
            last_active: None,
            turns: Vec::new(),
            last_max: None,
            above_max_by_window: false,
            service_seconds: None,
            hpa: None,
            knative: None,
            knative_samples: Vec::new(),
            next_look: None,
            wait: None,
        }
    }

    /// The state with which a restarted controller goes on: nothing shrinks for a full scale-down window from `now`.
    #[must_use]
    pub fn resume(mut self, now: Time) -> State {
        self.resumed_at = Some(now);
        self
    }

    /// Learns how long a replica took from its process start until it was ready.
    pub fn observe_startup(&mut self, took: Duration) {
        self.startups.observe(took);
    }

    /// How long a replica is expected to take until it is ready: the 90th percentile of what was measured, or the policy's guess.
    pub fn startup_estimate(&self, policy: &Policy) -> Duration {
        self.startups.p90().unwrap_or(policy.spec().startup_guess)
    }
}

//! What was seen of a service, and how old it is.
//!
//! Decides: nothing; missing data is a value here, not an error.
//! Units: as in `skala_types`; every sample carries its time.

use serde::{Deserialize, Serialize};
use skala_types::{Bytes, Cores, ReplicaId, Replicas, Sampled, StationSample, Time};

/// One look at a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Replicas that are not draining or stopping, whatever else their state.
    pub current: Replicas,
    /// The replicas, draining ones included, in any order.
    pub replicas: Vec<ReplicaObservation>,
    /// The service's station; none before the gateway has reported.
    pub station: Option<StationWindows>,
    /// What a person asked for.
    pub directive: Option<Directive>,
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaObservation {
    /// Its number.
    pub id: ReplicaId,
    /// Its state.
    pub phase: Phase,
    /// Since when it is in that state.
    pub phase_since: Time,
    /// When its process started.
    pub started_at: Time,
    /// Requests that it works on.
    pub in_flight: u32,
    /// CPU in use over the policy's `metric_window`.
    pub cpu: Option<Sampled<Cores>>,
    /// CPU in use over the last second.
    pub cpu_fast: Option<Sampled<Cores>>,
    /// Memory in use.
    pub memory: Option<Sampled<Bytes>>,
}

/// The state of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Started, never ready so far.
    Starting,
    /// Takes requests.
    Ready,
    /// Was ready and is not now.
    NotReady,
    /// Died and waits for its restart.
    Backoff,
    /// Died so often that a restart is not expected to help.
    CrashLooping,
    /// Finishes its last requests; no longer counted.
    Draining,
}

/// The same station over a short and a long window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StationWindows {
    /// The last second or so.
    pub fast: StationSample,
    /// The last ten seconds or so.
    pub slow: StationSample,
}

/// What a person asked for; it wins over the metrics while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Directive {
    /// Keep the size as it is, within the bounds.
    Pause {
        /// Until then, or until resumed.
        until: Option<Time>,
    },
    /// Keep exactly this size, outside the bounds too.
    Hold {
        /// The size.
        replicas: Replicas,
        /// Until then, or until resumed.
        until: Option<Time>,
    },
}

impl Directive {
    /// Whether it still lasts at `now`.
    pub fn is_active(&self, now: Time) -> bool {
        let (Directive::Pause { until } | Directive::Hold { until, .. }) = *self;
        until.is_none_or(|until| now < until)
    }
}

//! What was seen of a service, and how old it is.
//!
//! Decides: nothing; missing data is a value here, not an error.
//! Units: as in `skala_types`; every sample carries its time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Bytes, Cores, ReplicaId, Replicas, Sampled, StationSample, Time};

use crate::Text;

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
    /// Numbers from outside, in any order; the first of a name counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalObservation>,
    /// A rolling update that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Sizes that something beyond the service allows at most: a budget, a database's connections, a provider's quota.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<Ceiling>,
    /// What a forecast expects of the arrival rate; it only ever raises the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

/// A floor under the arrival rate to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Arrivals per second, the highest within the horizon.
    pub rate: f64,
    /// When it was made; older than its horizon, it says nothing.
    pub at: Time,
    /// How far it looks ahead.
    pub horizon: Duration,
    /// Which quantile of what may come it is.
    pub quantile: f64,
    /// Who made it, in a word or two: `seasonal naive, 1 day`.
    pub model: Text,
}

/// A number from outside, as it was last read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignalObservation {
    /// Its name, as metrics and formulas call it.
    pub name: Text,
    /// The last good value with its time; none when there never was one. For a queue: its backlog.
    pub value: Option<Sampled<f64>>,
    /// What its activation is compared with, where that is not the value: work that a rate or a capped lag does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<f64>,
    /// What a queue reports besides, true at `value.at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueObservation>,
    /// What the last attempt failed with; none when it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
    /// Attempts that failed in a row.
    #[serde(default)]
    pub failures: u32,
}

impl SignalObservation {
    /// A value that was read without a failure.
    pub fn read(name: impl Into<Text>, at: Time, value: f64) -> SignalObservation {
        let value = Some(Sampled::new(at, value));
        SignalObservation { name: name.into(), value, activity: None, queue: None, error: None, failures: 0 }
    }

    /// A source that has never been read.
    pub fn failed(name: impl Into<Text>, error: impl Into<Text>, failures: u32) -> SignalObservation {
        SignalObservation { name: name.into(), value: None, activity: None, queue: None, error: Some(error.into()), failures }
    }
}

/// What a queue reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueObservation {
    /// Tasks that wait for a worker.
    pub ready: f64,
    /// Tasks that a worker has.
    pub leased: f64,
    /// Tasks that fall due within a worker's start-up time.
    pub due_soon: f64,
    /// Age of the oldest ready task; none when there is none, or when the source cannot tell.
    pub oldest_age: Option<Duration>,
    /// Tasks that come, per second.
    pub arrival_rate: Option<f64>,
    /// Tasks that are done, per second.
    pub completion_rate: Option<f64>,
}

/// A rolling update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Replicas among the observed ones that exist only for the update.
    pub surge: Replicas,
}

/// A size that something beyond the service allows at most; `minReplicas` wins over it, unless it is a budget's stated floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ceiling {
    /// What kind of thing.
    pub kind: CeilingKind,
    /// The size.
    pub replicas: Replicas,
    /// What it is, and the sum behind it, in words: `postgres main: 80 connections / 10 per replica`.
    pub by: Text,
}

/// What limits a service from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CeilingKind {
    /// Money.
    Budget,
    /// Money, by an order of degradation that reaches below `minReplicas`.
    BudgetFloor,
    /// What a station further down can take.
    Downstream,
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
    /// Requests and tasks that it works on.
    pub in_flight: u32,
    /// How long that likely takes; none where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_left: Option<Duration>,
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

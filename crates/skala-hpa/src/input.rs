//! Everything that one reconcile reads.
//!
//! Decides: nothing; an adapter fills it from Kubernetes' objects, a simulator from its own.
//! Units: metric values in milli; times as [`Time`]; windows as durations; pods by their index in [`Input::pods`].
//! Invariants: none needed: a reading that does not fit its metric counts as a failed fetch, never as zero load.
//! Tested: `tests/rows`, and with arbitrary content in `tests/oracle/properties.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use crate::{History, Settings, Spec};

/// One reconcile's input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The moment of the decision.
    pub now: Time,
    /// The cluster's settings.
    pub settings: &'a Settings,
    /// The HPA's namespace; appears in messages.
    pub namespace: &'a str,
    /// The HPA's spec. Empty `metrics` are not defaulted here: see [`Spec::with_defaults`].
    pub spec: &'a Spec,
    /// The target's scale, or why it could not be read.
    pub scale: Result<Scale, &'a str>,
    /// Whether the target's selector can be used.
    pub selector: &'a Selector,
    /// The pods that the selector matches.
    pub pods: &'a [Pod],
    /// One reading per metric of the spec, in its order.
    pub readings: &'a [Reading],
    /// What earlier reconciles left; `None` when the controller just started or the HPA is new.
    pub history: Option<&'a History>,
    /// The incoming status' condition `ScaledToZero`: absent, false or true.
    pub scaled_to_zero: Option<bool>,
}

/// The target's `/scale`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// What was asked for: the *current* size of almost every rule.
    pub spec_replicas: i32,
    /// What was observed: the divisor of Object and External average values.
    pub status_replicas: i32,
}

/// The state of the target's selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// It selects pods, and no other HPA's pods.
    #[default]
    Usable,
    /// The scale has none.
    Empty,
    /// It cannot be parsed.
    Unparsable(
        /// The parser's message.
        String,
    ),
    /// Its pods are matched by more than one HPA.
    Ambiguous {
        /// The selector as text.
        selector: String,
        /// The HPAs as text.
        autoscalers: String,
    },
}

/// A pod, as far as decisions look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Whether it has a deletion timestamp.
    pub deleted: bool,
    /// `status.phase`.
    pub phase: Phase,
    /// The condition `Ready`, where present.
    pub ready: Option<ReadyCondition>,
    /// `status.startTime`, where present.
    pub started_at: Option<Time>,
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Not yet running.
    Pending,
    /// Running.
    #[default]
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Unknown, or not set.
    Unknown,
}

/// The condition `Ready` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadyCondition {
    /// True, False or Unknown; only False delays, only True counts as ready for Object and External values.
    pub status: ReadyStatus,
    /// When the status last changed.
    pub last_transition: Time,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadyStatus {
    /// Ready.
    True,
    /// Not ready.
    False,
    /// Not known.
    Unknown,
}

/// What was read for one metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Samples of pods: Resource, ContainerResource and Pods metrics.
    Pods(PodReadings),
    /// The one value of an Object metric, in milli.
    Object(i64),
    /// The values of an External metric, in milli, in the order of the answer.
    External(Vec<i64>),
    /// The fetch failed, or its answer was empty: the innermost message, such as
    /// `no metrics returned from resource metrics API`.
    Failed(String),
}

/// Samples and requests of the pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodReadings {
    /// By pod; a pod beyond the end has no sample.
    pub samples: Vec<Option<Sample>>,
    /// Values of pods that the selector does not match, in milli.
    pub strangers: Vec<i64>,
    /// By pod; only utilization reads them.
    pub requests: Requests,
}

/// Requests in milli by pod, or the message of the first pod that lacks one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requests {
    /// In milli, by pod; a pod beyond the end requests 0.
    Milli(Vec<i64>),
    /// Such as `missing request for cpu in container app of Pod api-1`.
    Missing(String),
}

impl Default for Requests {
    fn default() -> Requests {
        Requests::Milli(Vec::new())
    }
}

/// One pod's sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sample {
    /// In milli.
    pub value: i64,
    /// The end of the window.
    pub timestamp: Time,
    /// What the value was measured over.
    pub window: Duration,
}

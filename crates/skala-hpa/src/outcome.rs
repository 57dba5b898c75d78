//! What one reconcile decided: the size, the status to write, the events to tell, and the memory for the next one.
//!
//! Decides: nothing; [`crate::reconcile()`] fills it. [`Outcome::update_failed`] rewrites it for a write that failed.
//! Units: milli for values, whole percents for utilization.
//! Method: names and texts are kube-controller-manager's.
//! Tested: `tests/rows/status.rs`.

use std::fmt;

use serde::Serialize;

use crate::history::{Undo, unrecord};
use crate::{History, MetricKind, Trace};

/// The result of one reconcile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The size to have; equals `current_replicas` where nothing changes. `None`: the scale could not be read.
    pub desired_replicas: Option<i32>,
    /// The scale's `spec.replicas`. `None`: it could not be read.
    pub current_replicas: Option<i32>,
    /// Whether the size must be written.
    pub rescale: bool,
    /// Why, as events say it; empty where nothing changes.
    pub reason: String,
    /// One per metric of the spec; empty where metrics were not looked at.
    pub metrics: Vec<MetricOutcome>,
    /// The conditions that this reconcile sets; others stay as they are.
    pub conditions: Vec<Condition>,
    /// Whether the condition `ScaledToZero` is taken away.
    pub removes_scaled_to_zero: bool,
    /// The events to record, in order.
    pub events: Vec<Event>,
    /// What went wrong, as the controller logs it; the size may have been decided all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What looked odd in the input without changing the decision's rules.
    pub warnings: Vec<Warning>,
    /// The memory after this reconcile; where `rescale`, after a successful one. `None`: still none.
    pub history: Option<History>,
    /// Each step.
    pub trace: Trace,
    #[serde(skip)]
    pub(crate) undo: Option<(crate::Direction, Undo)>,
}

/// What one metric said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricOutcome {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: MetricKind,
    /// The resource's or the metric's name.
    pub name: String,
    /// The size it asks for; `None` where it failed.
    pub proposal: Option<i32>,
    /// What is reported as its current value.
    pub current: Current,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A metric's current value, in the fields that its type reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Current {
    /// Percent of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
    /// Mean over pods, in milli.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<i64>,
    /// Total, in milli.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
}

/// One condition of the HPA's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which one.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// True or False.
    pub status: ConditionStatus,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// The type of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConditionType {
    /// Whether the scale can be read and written, and whether past recommendations hold the size.
    AbleToScale,
    /// Whether metrics give a size.
    ScalingActive,
    /// Whether bounds or rates changed the size.
    ScalingLimited,
    /// Whether the autoscaler itself went to zero.
    ScaledToZero,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
}

/// A Kubernetes event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Normal or Warning.
    #[serde(rename = "type")]
    pub severity: Severity,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Severity {
    /// As planned.
    Normal,
    /// Something failed.
    Warning,
}

/// Something odd in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Warning {
    /// So many entries of the history lie in the future: the clock went back, or another one wrote them.
    HistoryFromTheFuture {
        /// How many.
        entries: usize,
    },
    /// `minReplicas` exceeds `maxReplicas`.
    BoundsCrossed,
    /// A tolerance is negative or not a number; 0 is used.
    ToleranceUnusable,
    /// There are more readings than metrics; the surplus is not looked at.
    SurplusReadings {
        /// How many.
        readings: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::HistoryFromTheFuture { entries } => {
                write!(f, "{entries} entries of the history lie in the future: the clock went back")
            }
            Warning::BoundsCrossed => f.write_str("minReplicas exceeds maxReplicas"),
            Warning::ToleranceUnusable => f.write_str("a tolerance is negative or not a number: 0 is used"),
            Warning::SurplusReadings { readings } => write!(f, "{readings} readings belong to no metric"),
        }
    }
}

impl Outcome {
    /// The condition of a type, where this reconcile sets it.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// The same reconcile after writing the size failed: nothing is recorded as a change, the condition and the event say so,
    /// and the status keeps its previous desired size.
    #[must_use]
    pub fn update_failed(mut self, error: &str) -> Outcome {
        if !self.rescale {
            return self;
        }
        if let (Some(history), Some((direction, undo))) = (self.history.as_mut(), self.undo.take()) {
            unrecord(history.log_mut(direction), undo);
        }
        let desired = self.desired_replicas.unwrap_or_default();
        self.conditions.retain(|c| c.kind != ConditionType::ScaledToZero);
        self.removes_scaled_to_zero = false;
        self.set(
            ConditionType::AbleToScale,
            ConditionStatus::False,
            "FailedUpdateScale",
            format!("the HPA controller was unable to update the target scale: {error}"),
        );
        self.events.retain(|e| e.reason != "SuccessfulRescale");
        let message = format!("New size: {desired}; reason: {}; error: {error}", self.reason);
        self.events.push(Event { severity: Severity::Warning, reason: "FailedRescale", message });
        self.error = Some(format!("failed to rescale: {error}"));
        self.rescale = false;
        self.desired_replicas = self.current_replicas;
        self
    }

    /// Sets a condition in its place, as upstream's list does.
    pub(crate) fn set(&mut self, kind: ConditionType, status: ConditionStatus, reason: &'static str, message: String) {
        let condition = Condition { kind, status, reason, message };
        match self.conditions.iter_mut().find(|c| c.kind == kind) {
            Some(slot) => *slot = condition,
            None => self.conditions.push(condition),
        }
    }

    pub(crate) fn warn(&mut self, reason: &'static str, message: String) {
        self.events.push(Event { severity: Severity::Warning, reason, message });
    }
}

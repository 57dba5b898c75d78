//! What is answered to a document.
//!
//! Decides: the answer's fields and their order; values are quantities and times texts, as in Kubernetes' status.
//! Invariants: an answer with an error never changes the size.
//! Tested: `tests/it/decide.rs`.

use serde::Serialize;
use skala_hpa::{Condition, ConditionStatus, ConditionType, Event, MetricKind, Outcome, Trace};

use super::{DocumentError, HistoryDoc};
use crate::Quantity;

/// Version of the answer's form.
pub const SCHEMA_VERSION: u32 = 1;

/// The answer to a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The size to have; null when the scale could not be read.
    pub desired_replicas: Option<i32>,
    /// The size that is asked for now.
    pub current_replicas: Option<i32>,
    /// Whether the size must be written.
    pub rescale: bool,
    /// Why, as the event says it.
    pub reason: String,
    /// What each metric said.
    pub metrics: Vec<MetricAnswer>,
    /// The conditions that are set.
    pub conditions: Vec<Condition>,
    /// The memory afterwards: the next document's `history`.
    pub history: Option<HistoryDoc>,
    /// How it came to this.
    pub report: Report,
    /// Why the document was not decided on; the size stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<DocumentError>,
    /// The report in words.
    #[serde(skip)]
    pub explanation: String,
}

/// What one metric said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricAnswer {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource's or the metric's name.
    pub name: String,
    /// The size that it asks for.
    pub proposal: Option<i32>,
    /// Its value.
    pub current: CurrentAnswer,
    /// Why it failed.
    pub error: Option<String>,
}

/// A metric's value, in the fields that its type reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentAnswer {
    /// Percent of the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
    /// Per pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// As a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
}

/// How an answer came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was odd about the document.
    pub warnings: Vec<String>,
    /// What the controller would log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The events that it would record.
    pub events: Vec<Event>,
    /// Each metric and each step.
    #[serde(flatten)]
    pub trace: Trace,
}

impl Answer {
    /// From a decision.
    pub(super) fn decided(outcome: Outcome, unknown_kinds: &[String], warnings: Vec<String>) -> Answer {
        let explanation = outcome.explain();
        let metric = |(i, m): (usize, skala_hpa::MetricOutcome)| MetricAnswer {
            kind: match m.kind {
                MetricKind::Unknown => unknown_kinds.get(i).cloned().unwrap_or_default(),
                known => format!("{known:?}"),
            },
            name: m.name,
            proposal: m.proposal,
            current: CurrentAnswer {
                average_utilization: m.current.average_utilization,
                average_value: m.current.average_value.map(Quantity::from_milli),
                value: m.current.value.map(Quantity::from_milli),
            },
            error: m.error,
        };
        let warnings = warnings.into_iter().chain(outcome.warnings.iter().map(ToString::to_string)).collect();
        Answer {
            schema_version: SCHEMA_VERSION,
            desired_replicas: outcome.desired_replicas,
            current_replicas: outcome.current_replicas,
            rescale: outcome.rescale,
            reason: outcome.reason,
            metrics: outcome.metrics.into_iter().enumerate().map(metric).collect(),
            conditions: outcome.conditions,
            history: outcome.history.as_ref().map(HistoryDoc::from),
            report: Report { warnings, error: outcome.error, events: outcome.events, trace: outcome.trace },
            error: None,
            explanation,
        }
    }

    /// A document that cannot be decided on: the size stays, and so does the history.
    pub(super) fn held(error: DocumentError, current: Option<i32>, history: Option<HistoryDoc>) -> Answer {
        let explanation = format!("not decided, the size stays: {error}\n");
        let condition = Condition {
            kind: ConditionType::ScalingActive,
            status: ConditionStatus::False,
            reason: "InvalidDocument",
            message: error.to_string(),
        };
        Answer {
            schema_version: SCHEMA_VERSION,
            desired_replicas: current,
            current_replicas: current,
            rescale: false,
            reason: String::new(),
            metrics: Vec::new(),
            conditions: vec![condition],
            history,
            report: Report::default(),
            error: Some(error),
            explanation,
        }
    }
}

/// The answer to a text that is no document: as to one that is refused, but of no known size.
impl From<DocumentError> for Answer {
    fn from(error: DocumentError) -> Answer {
        Answer::held(error, None, None)
    }
}

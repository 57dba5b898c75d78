//! Mode `hpa`: autoscaling/v2 exactly.
//!
//! Tested: `tests/it/acting.rs`, beside `skala_hpa` itself.

use serde_json::{Value, json};
use skala_hpa::{
    ConditionStatus, ConditionType, Current, History, Input, MetricSpec, Outcome, Reading, Scale, Selector, Settings, Severity,
    reconcile,
};
use skala_types::Time;

use super::{Says, Seen, Tells, Verdict};
use crate::objects::Spec;

/// What the decision reads.
pub(crate) struct Case<'a> {
    pub(crate) now: Time,
    pub(crate) namespace: &'a str,
    pub(crate) spec: &'a Spec,
    pub(crate) scale: Result<Scale, &'a str>,
    pub(crate) selector: Selector,
    pub(crate) pods: &'a [Seen],
    pub(crate) readings: &'a [Reading],
    pub(crate) history: Option<&'a History>,
    pub(crate) scaled_to_zero: Option<bool>,
}

pub(crate) fn decide(case: &Case<'_>) -> Outcome {
    let settings = Settings { compat: case.spec.compat.unwrap_or_default(), ..Settings::default() };
    let pods: Vec<skala_hpa::Pod> = case.pods.iter().map(|seen| seen.pod.pod).collect();
    reconcile(&Input {
        now: case.now,
        settings: &settings,
        namespace: case.namespace,
        spec: &case.spec.hpa,
        scale: case.scale,
        selector: &case.selector,
        pods: &pods,
        readings: case.readings,
        history: case.history,
        scaled_to_zero: case.scaled_to_zero,
    })
}

/// The outcome in the words that both modes share.
pub(crate) fn verdict(outcome: &Outcome, spec: &Spec) -> Verdict {
    let condition = |c: &skala_hpa::Condition| Says {
        kind: name(c.kind),
        holds: c.status == ConditionStatus::True,
        reason: c.reason.to_owned(),
        message: c.message.clone(),
    };
    let event = |e: &skala_hpa::Event| Tells {
        warning: e.severity == Severity::Warning,
        reason: e.reason.to_owned(),
        message: e.message.clone(),
    };
    let shown = spec.hpa.metrics.iter().zip(&outcome.metrics).filter(|(_, m)| m.error.is_none());
    Verdict {
        current: outcome.current_replicas,
        desired: outcome.desired_replicas,
        why: why(outcome),
        conditions: outcome.conditions.iter().map(condition).collect(),
        removes_scaled_to_zero: outcome.removes_scaled_to_zero,
        events: outcome.events.iter().map(event).collect(),
        metrics: shown.map(|(spec, m)| metric_status(spec, &m.current)).collect(),
        proposals: outcome.metrics.iter().map(|m| (m.name.clone(), m.proposal.map(|p| p.max(0).unsigned_abs()))).collect(),
    }
}

fn name(kind: ConditionType) -> &'static str {
    match kind {
        ConditionType::AbleToScale => "AbleToScale",
        ConditionType::ScalingActive => "ScalingActive",
        ConditionType::ScalingLimited => "ScalingLimited",
        ConditionType::ScaledToZero => "ScaledToZero",
    }
}

fn why(outcome: &Outcome) -> String {
    match (outcome.current_replicas, outcome.desired_replicas) {
        (Some(current), Some(desired)) if current != desired => format!("{current} -> {desired}: {}", outcome.reason),
        (Some(current), _) => match &outcome.error {
            Some(error) => format!("stays at {current}: {error}"),
            None => {
                let said = outcome.conditions.iter().rev().find(|c| c.kind != ConditionType::ScaledToZero);
                format!("stays at {current}: {}", said.map_or("nothing to do", |c| c.message.as_str()))
            }
        },
        _ => outcome.error.clone().unwrap_or_default(),
    }
}

fn metric_status(spec: &MetricSpec, current: &Current) -> Value {
    let mut now = serde_json::Map::new();
    if let Some(percent) = current.average_utilization {
        now.insert("averageUtilization".into(), percent.into());
    }
    for (key, milli) in [("averageValue", current.average_value), ("value", current.value)] {
        if let Some(milli) = milli {
            now.insert(key.into(), skala_manifests::Quantity::from_milli(milli).to_string().into());
        }
    }
    match spec {
        MetricSpec::Resource { name, .. } => json!({"type": "Resource", "resource": {"name": name, "current": now}}),
        MetricSpec::ContainerResource { name, container, .. } => {
            json!({"type": "ContainerResource", "containerResource": {"name": name, "container": container, "current": now}})
        }
        MetricSpec::Pods { metric, .. } => json!({"type": "Pods", "pods": {"metric": {"name": metric.name}, "current": now}}),
        MetricSpec::Object { metric, described, .. } => json!({"type": "Object", "object": {"metric": {"name": metric.name},
            "describedObject": {"kind": described.kind, "name": described.name}, "current": now}}),
        MetricSpec::External { metric, .. } => {
            json!({"type": "External", "external": {"metric": {"name": metric.name}, "current": now}})
        }
        MetricSpec::Unknown { kind } => json!({"type": kind}),
    }
}

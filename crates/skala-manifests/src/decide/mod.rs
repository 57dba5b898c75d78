//! One reconcile, from a document to an answer.
//!
//! Decides: what a document in Kubernetes' own objects means as a [`skala_hpa::Input`], and which documents are not decided on.
//! Inputs: a [`Document`], and `now` where it has none.
//! Method: objects become readings as kube-controller-manager's clients read them; the decision is [`skala_hpa::reconcile`].
//! Invariants: pure and total. A document that is refused, that has a pod twice, or whose clock went back never shrinks anything.
//! Tested: `tests/it/decide.rs`; fuzz target `decide`.

mod answer;
mod document;
mod error;
mod readings;
mod request;
mod samples;
mod settings;
mod spec;
mod stream;

pub use answer::{Answer, CurrentAnswer, MetricAnswer, Report, SCHEMA_VERSION};
pub use document::{Document, ScaleDoc};
pub use error::DocumentError;
pub use readings::readings;
pub use request::{Amounts, PodView, Role, add, request};
pub use samples::Pods;
pub use settings::{EventDoc, HistoryDoc, RecommendationDoc, SettingsDoc};
pub use spec::{Converted, behavior, convert, spec};
pub use stream::{Documents, MAX_DOCUMENT};

use skala_hpa::{Input, MetricSpec, Outcome, Scale, Warning};
use skala_types::Time;

use crate::Selector;
use crate::object::HorizontalPodAutoscaler;

/// Decides on a document; `now` is the moment where the document has none.
pub fn decide(document: &Document, now: Option<Time>) -> Answer {
    let current = scale(document).ok().flatten().map(|s| s.0.spec_replicas);
    match decided(document, now) {
        Ok(answer) => answer,
        Err(error) => Answer::held(error, current, document.history.clone()),
    }
}

fn decided(document: &Document, now: Option<Time>) -> Result<Answer, DocumentError> {
    if let Some(error) = &document.refused {
        return Err(error.clone());
    }
    let now = document.now.map(|s| s.0).or(now).ok_or_else(|| DocumentError::at("now", "must be set"))?;
    let hpa = document.hpa.as_ref().ok_or_else(|| DocumentError::at("hpa", "must be set"))?;
    let settings = document.settings.settings()?;
    let Converted { spec, mut warnings } = spec(hpa)?;
    let history = document.history.as_ref().map(HistoryDoc::history).transpose()?;
    let scale = scale(document)?;
    warnings.extend(document.unknown.iter().map(|field| format!("nothing is known about a field `{field}`")));

    let text = scale.as_ref().map_or("", |s| &s.1);
    let (selector, state) = match (text, text.parse::<Selector>()) {
        ("", _) => (Selector::default(), skala_hpa::Selector::Empty),
        (_, Ok(selector)) if selector.is_empty() => (selector, skala_hpa::Selector::Empty),
        (_, Ok(selector)) => match rival(document, hpa) {
            None => (selector, skala_hpa::Selector::Usable),
            Some(autoscalers) => {
                let state = skala_hpa::Selector::Ambiguous { selector: selector.to_string(), autoscalers };
                (selector, state)
            }
        },
        (_, Err(error)) => (Selector::default(), skala_hpa::Selector::Unparsable(error.to_string())),
    };
    let twice = |i: usize| {
        let name = document.pods.get(i).map_or("", |p| &*p.metadata.name);
        DocumentError::at(format!("pods[{i}]"), format!("the pod '{name}' is here twice"))
    };
    let pods = Pods::new(document, &hpa.metadata.namespace, selector).map_err(twice)?;
    let readings = readings(document, hpa, &spec, &settings, &pods);
    let scaled_to_zero = hpa.status.conditions.iter().find(|c| &*c.kind == "ScaledToZero").map(|c| &*c.status == "True");
    let outcome = skala_hpa::reconcile(&Input {
        now,
        settings: &settings,
        namespace: &hpa.metadata.namespace,
        spec: &spec,
        scale: scale.as_ref().map(|s| s.0).ok_or("the document has no scale"),
        selector: &state,
        pods: &pods.lean,
        readings: &readings,
        history: history.as_ref(),
        scaled_to_zero,
    });
    clock(&outcome)?;
    let kinds: Vec<String> = spec
        .metrics
        .iter()
        .map(|m| match m {
            MetricSpec::Unknown { kind } => kind.clone(),
            _ => String::new(),
        })
        .collect();
    Ok(Answer::decided(outcome, &kinds, warnings))
}

/// Kubernetes trusts its clock; a history from the future would let windows and rates be passed by.
fn clock(outcome: &Outcome) -> Result<(), DocumentError> {
    let future = outcome.warnings.iter().find(|w| matches!(w, Warning::HistoryFromTheFuture { .. }));
    match future {
        Some(warning) if outcome.desired_replicas < outcome.current_replicas => {
            Err(DocumentError::at("history", warning.to_string()))
        }
        _ => Ok(()),
    }
}

/// Sizes and selector of the target; `None` where the document has no scale.
fn scale(document: &Document) -> Result<Option<(Scale, String)>, DocumentError> {
    let Some(scale) = &document.scale else { return Ok(None) };
    let pasted_spec = scale.spec.as_ref().map(|s| s.replicas);
    let pasted_status = scale.status.as_ref().map(|s| s.replicas);
    let spec_replicas = scale.spec_replicas.or(pasted_spec);
    let spec_replicas = spec_replicas.ok_or_else(|| DocumentError::at("scale.specReplicas", "must be set"))?;
    let status_replicas = scale.status_replicas.or(pasted_status).unwrap_or(spec_replicas);
    for (name, replicas) in [("specReplicas", spec_replicas), ("statusReplicas", status_replicas)] {
        if replicas < 0 {
            return Err(DocumentError::at(format!("scale.{name}"), format!("{replicas} is negative")));
        }
    }
    let pasted = || scale.status.as_ref().map(|s| s.selector.to_string());
    let selector = scale.selector.clone().or_else(pasted).unwrap_or_default();
    Ok(Some((Scale { spec_replicas, status_replicas }, selector)))
}

/// The autoscalers of one target, as upstream prints them, where there is more than one.
fn rival(document: &Document, hpa: &HorizontalPodAutoscaler) -> Option<String> {
    let target = &hpa.spec.scale_target_ref;
    let same = |other: &&HorizontalPodAutoscaler| {
        let theirs = &other.spec.scale_target_ref;
        (other.metadata.name != hpa.metadata.name)
            && (other.metadata.namespace == hpa.metadata.namespace)
            && theirs.kind == target.kind
            && theirs.name == target.name
    };
    let mut all: Vec<&HorizontalPodAutoscaler> = document.hpas.iter().filter(same).collect();
    if all.is_empty() {
        return None;
    }
    all.insert(0, hpa);
    let names: Vec<String> = all.iter().map(|h| format!("{{{} {}}}", h.metadata.name, h.metadata.namespace)).collect();
    Some(format!("[{}]", names.join(" ")))
}

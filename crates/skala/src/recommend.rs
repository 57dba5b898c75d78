//! What replicas should ask for, as a document.
//!
//! Decides: nothing; puts the recommender's words into plain ones.
//! Units: CPU in cores, memory in bytes.
//! Tested: `tests/e2e/recommend.rs`.

use skala_autoscaler::vertical::{Amount, Note, Span};
use skala_console::views::{Recommendation, RecommendedResource};
use skala_controller::{ServiceView, SizingView};
use skala_types::Bytes;

/// The recommendation for a service; none where its use is not recorded.
pub fn of(view: &ServiceView) -> Option<Recommendation> {
    let sizing = view.sizing.as_ref()?;
    let vertical = &sizing.vertical;
    let recommended = sizing.recommended.as_ref();
    let mut resources = Vec::new();
    if vertical.resources.cpu {
        let file = (vertical.size.requests.cpu.map(|c| c.0), vertical.size.limits.cpu.map(|c| c.0));
        resources.push(row("cpu", file, recommended.map(|r| &r.cpu), 1000.0));
    }
    if vertical.resources.memory {
        let bytes = |b: Option<Bytes>| b.map(|b| b.0 as f64);
        let file = (bytes(vertical.size.requests.memory), bytes(vertical.size.limits.memory));
        resources.push(row("memory", file, recommended.map(|r| &r.memory), 1.0));
    }
    Some(Recommendation {
        service: view.name.to_string(),
        mode: if vertical.apply { "apply".into() } else { "recommend".into() },
        resources,
        confidence: recommended.map_or(0.0, |r| r.confidence),
        samples: sizing.samples,
        since: sizing.since.map(|t| t.to_string()),
        applied_to: sizing.replicas.keys().map(|id| format!("{}-{id}", view.name)).collect(),
        why: why(sizing),
    })
}

fn row(name: &str, (request, limit): (Option<f64>, Option<f64>), span: Option<&Span>, scale: f64) -> RecommendedResource {
    let number = |of: fn(&Span) -> Amount| span.map(|s| of(s).as_f64() / scale);
    RecommendedResource {
        resource: name.into(),
        request,
        limit,
        lower: number(|s| s.lower_bound),
        target: number(|s| s.target),
        upper: number(|s| s.upper_bound),
        uncapped: number(|s| s.uncapped_target),
    }
}

fn why(sizing: &SizingView) -> Vec<String> {
    let mut why = Vec::new();
    let resources = sizing.vertical.resources;
    match &sizing.recommended {
        None => why.push("nothing was measured yet".to_owned()),
        Some(recommended) => why.extend(recommended.notes.iter().filter_map(|note| match note {
            Note::CpuReplicaMin if resources.cpu => Some("cpu is raised to the least that a replica gets".to_owned()),
            Note::MemoryReplicaMin if resources.memory => Some("memory is raised to the least that a replica gets".to_owned()),
            Note::CpuCapped if resources.cpu => Some("cpu is kept within minAllowed and maxAllowed".to_owned()),
            Note::MemoryCapped if resources.memory => Some("memory is kept within minAllowed and maxAllowed".to_owned()),
            Note::OomFloor { needed, kills, until } if resources.memory => {
                Some(format!("{kills} kills for want of memory ask for {}, held until {until}", Bytes(needed.0)))
            }
            _ => None,
        })),
    }
    if let Some(failure) = &sizing.failure {
        why.push(format!("cannot be applied: {failure}"));
    }
    why
}

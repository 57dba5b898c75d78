//! Which stage a platform is in, and when it leaves it.
//!
//! Method: the first stage whose every load is strictly below its bound; the last stage has none.

use serde::Serialize;

use super::growth::Loads;
use super::model::{Model, Stage};

/// The stage of a platform over the months.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagePlan {
    /// The stage of today; absent when the loads are beyond every stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Stage by month, from today; empty text beyond every stage.
    pub by_month: Vec<String>,
    /// The loads that end today's stage.
    pub leaves_at: Vec<Leaves>,
    /// Other signs to leave it, as the file states them.
    pub triggers: Vec<String>,
    /// The stage after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// All stages, as the file states them.
    pub stages: Vec<StageView>,
}

/// A load that ends a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaves {
    /// The load.
    pub load: String,
    /// The bound.
    pub at: f64,
    /// The load today.
    pub today: f64,
    /// Their unit.
    pub unit: &'static str,
    /// The first month in which the load is there; absent when none within ten years is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<u32>,
}

/// A stage, as the file states it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// Its name.
    pub name: String,
    /// The loads that it ends at, in words.
    pub below: Vec<String>,
    /// By service.
    pub services: Vec<StageServiceView>,
    /// By store.
    pub stores: Vec<StageStoreView>,
    /// Signs to leave it.
    pub triggers: Vec<String>,
    /// What else it has.
    pub notes: Vec<String>,
}

/// What a service has in a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageServiceView {
    /// The service.
    pub service: String,
    /// Replicas; at least so many in a stage that never ends.
    pub replicas: u64,
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpu: Option<f64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// What a store has in a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageStoreView {
    /// The store.
    pub store: String,
    /// Bytes.
    pub bytes: u64,
}

/// The stage today and over the months; `None` without stages.
pub(super) fn stage(model: &Model, months: &[Loads], horizon: &[Loads]) -> Option<StagePlan> {
    if model.stages.is_empty() {
        return None;
    }
    let position = |loads: &Loads| model.stages.iter().position(|s| s.below.iter().all(|(load, bound)| loads[*load] < *bound));
    let name = |at: usize| model.stages[at].name.clone();
    let now = position(&horizon[0]);
    let here = now.map(|at| &model.stages[at]);
    let leaves = |(load, bound): &(usize, super::exact::Exact)| {
        let named = &model.loads[*load];
        Leaves {
            load: named.name.clone(),
            at: named.unit.show(bound),
            today: named.unit.show(&horizon[0][*load]),
            unit: named.unit.label,
            month: horizon.iter().position(|loads| loads[*load] >= *bound).map(|m| m as u32),
        }
    };
    Some(StagePlan {
        now: now.map(name),
        by_month: months.iter().map(|loads| position(loads).map(name).unwrap_or_default()).collect(),
        leaves_at: here.into_iter().flat_map(|s| s.below.iter().map(leaves)).collect(),
        triggers: here.map(|s| s.triggers.clone()).unwrap_or_default(),
        next: now.filter(|at| at + 1 < model.stages.len()).map(|at| name(at + 1)),
        stages: model.stages.iter().map(|s| view(model, s)).collect(),
    })
}

fn view(model: &Model, stage: &Stage) -> StageView {
    let below = |(load, bound): &(usize, super::exact::Exact)| {
        let named = &model.loads[*load];
        format!("{} below {}{}", named.name, named.unit.show(bound), named.unit.label)
    };
    let service = |(service, replicas, cpu, memory): &(String, u64, Option<u64>, Option<u64>)| StageServiceView {
        service: service.clone(),
        replicas: *replicas,
        vcpu: cpu.map(|m| m as f64 / 1000.0),
        memory_bytes: *memory,
    };
    StageView {
        name: stage.name.clone(),
        below: stage.below.iter().map(below).collect(),
        services: stage.services.iter().map(service).collect(),
        stores: stage.stores.iter().map(|(store, bytes)| StageStoreView { store: store.clone(), bytes: *bytes }).collect(),
        triggers: stage.triggers.clone(),
        notes: stage.notes.clone(),
    }
}

//! What must change to carry a load: limits to raise, and what it then costs.
//!
//! Method: the target's load takes its value, loads that follow it follow, the others stay as they are today; needs against bounds.

use serde::Serialize;

use super::PlanError;
use super::exact::Exact;
use super::growth::{self, Follows, Loads};
use super::model::Model;
use super::money::PerMonth;
use super::needs::{Needs, needs, store_price};

/// A load to be carried.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was asked for.
    pub text: String,
    /// The load.
    pub load: usize,
    /// How much of it, base units.
    pub amount: Exact,
}

/// What a target needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetPlan {
    /// As it was asked for.
    pub target: String,
    /// The load.
    pub load: String,
    /// How much of it.
    pub amount: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The first month of the growth in which it is there, 0 is today; absent when none within ten years is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached_in_month: Option<u32>,
    /// What it needs.
    pub needs: Needs,
    /// Cost on demand for a month, without regions, spot or reservations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_per_month: Option<PerMonth>,
    /// Whether a service or a store says what it needs for the load, or for one that follows it; else the target asks for nothing.
    pub bounded: bool,
    /// What to change, in sentences; empty when everything bears it.
    pub changes: Vec<String>,
}

/// What a target needs, and what to change for it.
///
/// # Errors
/// When a need is beyond counting.
pub(super) fn target(model: &Model, target: &Target, horizon: &[Loads]) -> Result<TargetPlan, PlanError> {
    let loads = growth::with(model, &horizon[0], &[(target.load, target.amount.clone())]);
    let needs = needs(model, 0, &loads)?;
    let load = &model.loads[target.load];
    Ok(TargetPlan {
        target: target.text.clone(),
        load: load.name.clone(),
        amount: load.unit.show(&target.amount),
        unit: load.unit.label,
        reached_in_month: horizon.iter().position(|l| l[target.load] >= target.amount).map(|m| m as u32),
        on_demand_per_month: model.currency.map(|_| on_demand(model, &needs)),
        bounded: bounded(model, target.load),
        changes: changes(model, &needs),
        needs,
    })
}

/// Whether any need depends on a load.
fn bounded(model: &Model, load: usize) -> bool {
    let moved = Follows::of(model, load);
    let services = model.services.iter().flat_map(|s| &s.rules).map(super::model::Rule::load);
    let stores = model.stores.iter().flat_map(|s| &s.per).map(|(load, _)| *load);
    services.chain(stores).any(|load| moved.moves(load))
}

/// What the needs cost on demand.
pub(super) fn on_demand(model: &Model, needs: &Needs) -> PerMonth {
    let services = model.services.iter().zip(&needs.services).map(|(s, n)| s.price.unwrap_or_default().times(n.replicas));
    let stores = model.stores.iter().zip(&needs.stores).map(|(s, n)| store_price(s, n, s.nodes));
    services.chain(stores).sum()
}

/// What does not bear the needs, and what to do about each.
pub(super) fn changes(model: &Model, needs: &Needs) -> Vec<String> {
    let services = needs.services.iter().filter_map(|s| {
        if let Some(why) = s.rules.iter().find_map(|r| r.impossible.as_ref()) {
            return Some(format!("{}: {why}", s.service));
        }
        let most = s.max_replicas.filter(|most| s.replicas > *most)?;
        let (n, because) = (s.replicas, &s.because);
        Some(format!("{}: {n} replicas are needed ({because}), and at most {most} may run; raise maxReplicas", s.service))
    });
    let databases = needs.databases.iter().filter(|d| !d.fits).map(|d| {
        let wanted = d.with_surge + (d.max_connections - d.free);
        format!(
            "{}: {} connections in a rollout, and {} are free; raise maxConnections to {wanted}, lower connectionsPerReplica, or put a pooler in front",
            d.database, d.with_surge, d.free
        )
    });
    let providers = needs.providers.iter().filter(|p| !p.fits).map(|p| {
        let part = |used: f64, granted: Option<f64>, what: &str| {
            granted.filter(|g| used > *g).map(|g| format!("{used:.0} {what} a minute of {g:.0}"))
        };
        let parts =
            [part(p.requests_per_minute, p.requests_granted, "requests"), part(p.tokens_per_minute, p.tokens_granted, "tokens")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{}: busy replicas take {}; ask for a larger quota, or add a provider", p.provider, parts.join(" and "))
    });
    let stores = needs.stores.iter().zip(&model.stores).filter_map(|(need, store)| {
        let there = need.available_bytes.filter(|a| need.bytes > *a)?;
        let there = store.unit.show(&Exact::whole(there));
        Some(format!("{}: {} {} are needed, and there are {there}; make it larger", need.store, need.rounded, need.unit))
    });
    services.chain(databases).chain(providers).chain(stores).collect()
}

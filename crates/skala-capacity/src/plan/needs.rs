//! What a load needs: replicas, CPU, memory, sizes of stores, connections and quota.
//!
//! Inputs: a [`Model`] and the loads of one month, at their peak.
//! Method: each rule of a service asks for replicas; the largest asks for it, and the floor is kept. Needs round up, exactly.
//! Invariants: a larger load never needs less.
//! Tested: `tests/it/needs.rs`.

use serde::Serialize;

use super::PlanError;
use super::exact::Exact;
use super::growth::Loads;
use super::links::{self, DatabaseNeed, ProviderNeed};
use super::model::{Model, Origin, Rule, Service, Store};
use super::money::PerMonth;
use crate::{Demand, Measure, Usl, staff};

/// Bytes in a GB, which stores are priced by.
const GB: u64 = 1_000_000_000;

/// What the loads of a moment need.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Needs {
    /// Months from today.
    pub month: u32,
    /// By service, in the model's order.
    pub services: Vec<ServiceNeed>,
    /// By store.
    pub stores: Vec<StoreNeed>,
    /// By database.
    pub databases: Vec<DatabaseNeed>,
    /// By provider.
    pub providers: Vec<ProviderNeed>,
    /// Cores that all replicas request; services without a request count nothing.
    pub vcpu: f64,
    /// Bytes that all replicas request.
    pub memory_bytes: u64,
}

/// What a service needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceNeed {
    /// Its name.
    pub service: String,
    /// Replicas, rounded up, at least the floor.
    pub replicas: u64,
    /// What the deciding rule asked for before it was rounded; the floor when that decided.
    pub unrounded: f64,
    /// Why so many, in words.
    pub because: String,
    /// Where the deciding figure came from.
    pub origin: Origin,
    /// Fewest replicas.
    pub min_replicas: u64,
    /// Most replicas; absent when nothing bounds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<u64>,
    /// Replicas during a rollout.
    pub with_surge: u64,
    /// Cores that the replicas request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vcpu: Option<f64>,
    /// Bytes that the replicas request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What every rule asks for.
    pub rules: Vec<RuleNeed>,
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleNeed {
    /// The rule in words.
    pub rule: String,
    /// Where its figure came from.
    pub origin: Origin,
    /// Replicas before rounding; absent when the rule speaks of cores or memory of an unknown replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrounded: Option<f64>,
    /// Replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
    /// Cores that the load itself takes, before rounding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<f64>,
    /// Whole cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_rounded: Option<u64>,
    /// Bytes that the load itself takes, rounded up to whole bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Why the rule cannot be met at all, however many replicas there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
}

/// What a store needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreNeed {
    /// Its name.
    pub store: String,
    /// Size before rounding, in `unit`.
    pub unrounded: f64,
    /// Size in whole units, rounded up.
    pub rounded: u64,
    /// `GB`, `Gi` and so on.
    pub unit: &'static str,
    /// Size in whole bytes, rounded up.
    pub bytes: u64,
    /// Bytes that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// Whole GB, rounded up, as priced.
    #[serde(skip)]
    pub gb: u64,
}

/// What the loads need.
///
/// # Errors
/// When a need is beyond counting.
pub(super) fn needs(model: &Model, month: u32, loads: &Loads) -> Result<Needs, PlanError> {
    let loads: Loads = model.loads.iter().zip(loads).map(|(l, v)| v.times(&l.peak)).collect();
    let services = model.services.iter().map(|s| service(model, s, &loads)).collect::<Result<Vec<_>, _>>()?;
    let surged: Vec<u64> = services.iter().map(|s| s.with_surge).collect();
    let replicas: Vec<u64> = services.iter().map(|s| s.replicas).collect();
    let databases: Vec<DatabaseNeed> = model.databases.iter().map(|d| links::database(model, d, &replicas, &surged)).collect();
    let providers = model.providers.iter().map(|p| links::provider(p, &replicas)).collect();
    let stores = model.stores.iter().map(|s| store(s, &loads, &databases)).collect::<Result<_, _>>()?;
    // A sum of no floats is -0.
    let vcpu = services.iter().filter_map(|s| s.vcpu).fold(0.0, |sum, n| sum + n);
    let memory_bytes = services.iter().filter_map(|s| s.memory_bytes).fold(0, u64::saturating_add);
    Ok(Needs { month, services, stores, databases, providers, vcpu, memory_bytes })
}

/// Replicas during a rollout.
pub(super) fn surged(model: &Model, replicas: u64) -> u64 {
    let extra = u128::from(replicas) * u128::from(model.surge);
    replicas.saturating_add(u64::try_from(extra.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

fn service(model: &Model, service: &Service, loads: &Loads) -> Result<ServiceNeed, PlanError> {
    let too_large = || PlanError::NeedTooLarge(service.name.clone());
    let rules = service.rules.iter().map(|r| rule(model, r, loads).ok_or_else(too_large)).collect::<Result<Vec<_>, _>>()?;
    let most = rules.iter().filter(|r| r.replicas.is_some()).max_by_key(|r| r.replicas);
    let (replicas, unrounded, because, origin) = match most {
        Some(RuleNeed { replicas: Some(n), unrounded: Some(x), rule, origin, .. }) if *n >= service.floor => {
            (*n, *x, rule.clone(), *origin)
        }
        _ => (service.floor, service.floor as f64, format!("at least {}", service.floor), service.floor_origin),
    };
    Ok(ServiceNeed {
        service: service.name.clone(),
        replicas,
        unrounded,
        because,
        origin,
        min_replicas: service.floor,
        max_replicas: service.ceiling,
        with_surge: surged(model, replicas),
        vcpu: service.millicores.map(|m| m as f64 / 1000.0 * replicas as f64),
        memory_bytes: service.memory.map(|m| m.saturating_mul(replicas)),
        rules,
    })
}

/// What a rule asks for; `None` beyond counting.
fn rule(model: &Model, rule: &Rule, loads: &Loads) -> Option<RuleNeed> {
    let named = &model.loads[rule.load()];
    let value = &loads[rule.load()];
    let shown = named.unit.label;
    let blank = RuleNeed {
        rule: String::new(),
        origin: Origin::File,
        unrounded: None,
        replicas: None,
        cores: None,
        cores_rounded: None,
        memory_bytes: None,
        impossible: None,
    };
    let replicas = |exact: &Exact| Some((Some(exact.to_f64()), Some(exact.ceil()?)));
    Some(match rule {
        Rule::ReplicaPer { per, origin, .. } => {
            let (unrounded, replicas) = replicas(&value.over(per)?)?;
            let text = format!("one per {}{shown} {}", named.unit.show(per), named.name);
            RuleNeed { rule: text, origin: *origin, unrounded, replicas, ..blank }
        }
        Rule::CorePer { per, millicores, .. } => {
            let cores = value.over(per)?;
            let text = format!("one core per {}{shown} {}", named.unit.show(per), named.name);
            let each = millicores.map(|m| Exact::new(m.into(), 1000));
            let of = each.and_then(|each| cores.over(&each)).map(|exact| replicas(&exact));
            let (unrounded, replicas) = of.unwrap_or(Some((None, None)))?;
            let (cores, cores_rounded) = (Some(cores.to_f64()), Some(cores.ceil()?));
            RuleNeed { rule: text, unrounded, replicas, cores, cores_rounded, ..blank }
        }
        Rule::MemoryPer { each, memory, .. } => {
            let bytes = value.times(&Exact::whole(*each));
            let text = format!("{} MB for each of {}", *each as f64 / 1e6, named.name);
            let of = memory.and_then(|m| bytes.over(&Exact::whole(m))).map(|exact| replicas(&exact));
            let (unrounded, replicas) = of.unwrap_or(Some((None, None)))?;
            RuleNeed { rule: text, unrounded, replicas, memory_bytes: Some(bytes.ceil()?), ..blank }
        }
        Rule::Staffing { share, mean, cv, concurrency, goal, .. } => {
            let rate = value.times(&Exact::new((*share).into(), 1_000_000)).to_f64();
            let demand = Demand::new(rate, crate::Service::new(*mean, cv * cv));
            let (part, what) = (goal.quantile * 100.0, if goal.measure == Measure::Wait { "waiting" } else { "answered" });
            let text = format!(
                "{part} % {what} within {:.3} s, at {rate:.2}/s of {mean:.3} s, {concurrency} at once (M/G/c)",
                goal.seconds
            );
            let (n, impossible) = match staff(&demand, goal, *concurrency) {
                Ok(n) => (u64::from(n), None),
                // What at least keeps the backlog from growing.
                Err(e) => ((demand.erlangs() / f64::from(*concurrency)).floor() as u64 + 1, Some(e.to_string())),
            };
            RuleNeed { rule: text, origin: Origin::Formula, unrounded: Some(n as f64), replicas: Some(n), impossible, ..blank }
        }
        Rule::Scalability { share, gamma, alpha, beta, .. } => {
            let rate = value.times(&Exact::new((*share).into(), 1_000_000)).to_f64();
            let text = format!("{gamma:.2}/s per replica by the Universal Scalability Law");
            match (Usl { per_one: *gamma, contention: *alpha, coherency: *beta }).fewest(rate) {
                Ok(n) => RuleNeed { rule: text, origin: Origin::Measured, unrounded: Some(n as f64), replicas: Some(n), ..blank },
                Err((knee, most)) => RuleNeed {
                    rule: text,
                    origin: Origin::Measured,
                    unrounded: Some(knee as f64),
                    replicas: Some(knee),
                    impossible: Some(format!(
                        "{rate:.2}/s is more than any number of replicas serves: {knee} serve the most, {most:.2}/s; split the service, or lower its contention"
                    )),
                    ..blank
                },
            }
        }
    })
}

fn store(store: &Store, loads: &Loads, databases: &[DatabaseNeed]) -> Result<StoreNeed, PlanError> {
    let by_load = store.per.iter().fold(Exact::whole(store.base), |sum, (load, each)| sum.plus(&loads[*load].times(each)));
    let connections = |(database, each): &(usize, u64)| Exact::whole(databases[*database].with_surge.saturating_mul(*each));
    let bytes = store.per_connection.iter().fold(by_load, |sum, of| sum.plus(&connections(of)));
    let too_large = || PlanError::NeedTooLarge(store.name.clone());
    let in_units = |scale: &Exact| bytes.over(scale).and_then(|n| n.ceil()).ok_or_else(too_large);
    // Sizes above 10^15 bytes are counted by the kB.
    let whole = bytes.ceil().or_else(|| Some(bytes.over(&Exact::whole(1000))?.ceil()?.saturating_mul(1000)));
    Ok(StoreNeed {
        store: store.name.clone(),
        unrounded: store.unit.show(&bytes),
        rounded: in_units(&store.unit.scale)?,
        unit: store.unit.label,
        bytes: whole.ok_or_else(too_large)?,
        available_bytes: store.available,
        gb: in_units(&Exact::whole(GB))?,
    })
}

/// What the size and machines of a store cost.
pub(super) fn store_price(store: &Store, need: &StoreNeed, nodes: u64) -> PerMonth {
    let machines = store.price.unwrap_or_default().times(nodes);
    machines.plus(store.price_per_gb.unwrap_or_default().times(need.gb))
}

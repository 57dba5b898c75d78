//! Which station saturates first, at which load, and when.
//!
//! Inputs: the most replicas of each service; connections, quota and sizes that there are.
//! Method: of each bound, the largest multiple of today's loads, all in proportion, that still fits (bisected to a thousandth; for the one
//!   load of a rule exactly), and the first month of the real growth that does not fit. First is the earliest month, then the least
//!   multiple.

use serde::Serialize;

use super::PlanError;
use super::exact::Exact;
use super::growth::{self, Loads};
use super::model::{Model, Rule};
use super::needs::{Needs, needs};

/// Multiples are counted in thousandths, up to this many.
const MOST_THOUSANDTHS: u64 = 1_000_000_000;

/// A bound and when it is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// The service, database, provider or store.
    pub station: String,
    /// `service`, `database`, `provider` or `store`.
    pub kind: &'static str,
    /// The bound in words: `50 replicas`.
    pub bound: String,
    /// The largest multiple of today's loads that fits: below 1 when not even today's do, 0 when none does.
    pub times_today: f64,
    /// Why no load fits at all, however small: an objective that no size meets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never: Option<String>,
    /// The load that fills it, and how much of it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<AtLoad>,
    /// The first month of the growth in which it does not fit, 0 is today; absent when none within ten years does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<u32>,
}

/// An amount of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtLoad {
    /// The load.
    pub load: String,
    /// How much.
    pub amount: f64,
    /// `/s`, `GB` and so on.
    pub unit: &'static str,
}

/// What may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Service(usize, u64),
    Database(usize),
    Provider(usize),
    Store(usize),
}

/// The bounds, the first to be reached first.
///
/// # Errors
/// When a need is beyond counting.
pub(super) fn saturations(model: &Model, months: &[Loads], ceilings: &[Option<u64>]) -> Result<Vec<Saturation>, PlanError> {
    let mut found = Vec::new();
    let by_month = months.iter().enumerate().map(|(m, loads)| needs(model, m as u32, loads));
    // Needs beyond counting are beyond every bound.
    let by_month: Vec<Option<Needs>> = by_month.map(Result::ok).collect();
    for bound in bounds(model, ceilings) {
        let month = by_month.iter().position(|n| n.as_ref().is_none_or(|n| !fits(n, bound))).map(|m| m as u32);
        let never = never(model, &months[0], bound);
        let most = if never.is_some() { Some((0.0, None)) } else { largest(model, &months[0], bound) };
        let Some((times_today, at)) = most else { continue };
        let (station, kind, bound) = named(model, bound);
        found.push(Saturation { station, kind, bound, times_today, never, at, month });
    }
    let key = |s: &Saturation| (s.month.unwrap_or(u32::MAX), s.times_today);
    found.sort_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
    Ok(found)
}

/// Why a service cannot do with any number of replicas, not even for a thousandth of a thousandth of today's loads.
fn never(model: &Model, today: &Loads, bound: Bound) -> Option<String> {
    let Bound::Service(i, _) = bound else { return None };
    let needs = needs(model, 0, &growth::scaled(today, &Exact::new(1, 1_000_000))).ok()?;
    needs.services[i].rules.iter().find_map(|r| r.impossible.clone())
}

fn bounds(model: &Model, ceilings: &[Option<u64>]) -> Vec<Bound> {
    let services = ceilings.iter().enumerate().filter_map(|(i, most)| Some(Bound::Service(i, (*most)?)));
    let stores = (0..model.stores.len()).filter(|i| model.stores[*i].available.is_some()).map(Bound::Store);
    let databases = (0..model.databases.len()).map(Bound::Database);
    services.chain(databases).chain((0..model.providers.len()).map(Bound::Provider)).chain(stores).collect()
}

fn fits(needs: &Needs, bound: Bound) -> bool {
    match bound {
        Bound::Service(i, most) => {
            let service = &needs.services[i];
            let possible = service.rules.iter().all(|r| r.impossible.is_none());
            possible && service.rules.iter().all(|r| r.replicas.is_none_or(|n| n <= most))
        }
        Bound::Database(i) => needs.databases[i].fits,
        Bound::Provider(i) => needs.providers[i].fits,
        Bound::Store(i) => needs.stores[i].available_bytes.is_none_or(|a| needs.stores[i].bytes <= a),
    }
}

fn named(model: &Model, bound: Bound) -> (String, &'static str, String) {
    match bound {
        Bound::Service(i, most) => (model.services[i].name.clone(), "service", format!("{most} replicas")),
        Bound::Database(i) => {
            let d = &model.databases[i];
            (d.name.clone(), "database", format!("{} connections, rollout included", d.max.saturating_sub(d.reserved)))
        }
        Bound::Provider(i) => (model.providers[i].name.clone(), "provider", "its quota".to_owned()),
        Bound::Store(i) => {
            let store = &model.stores[i];
            let size = store.unit.show(&Exact::whole(store.available.unwrap_or(0)));
            (store.name.clone(), "store", format!("{size} {}", store.unit.label))
        }
    }
}

/// The largest multiple of the loads that fits, and the load that decides; `None` when no load ever fills it.
fn largest(model: &Model, today: &Loads, bound: Bound) -> Option<(f64, Option<AtLoad>)> {
    if let Some((times, load)) = closed_form(model, today, bound) {
        let amount = model.loads[load].unit.show(&today[load].times(&times));
        let AtLoad { load, unit, .. } = at(model, load, 0.0);
        return Some((times.to_f64(), Some(AtLoad { load, amount, unit })));
    }
    let fits_at = |k: u64| {
        let loads = growth::scaled(today, &Exact::new(k.into(), 1000));
        needs(model, 0, &loads).is_ok_and(|n| fits(&n, bound))
    };
    if fits_at(MOST_THOUSANDTHS) {
        return None;
    }
    let (mut low, mut high) = (0, MOST_THOUSANDTHS);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if fits_at(middle) { low = middle } else { high = middle }
    }
    let times = Exact::new(low.into(), 1000);
    let load = leading(model, today, bound)?;
    let amount = model.loads[load].unit.show(&today[load].times(&times));
    Some((times.to_f64(), Some(at(model, load, amount))))
}

fn at(model: &Model, load: usize, amount: f64) -> AtLoad {
    AtLoad { load: model.loads[load].name.clone(), amount, unit: model.loads[load].unit.label }
}

/// For a service whose every rule is one replica per so much: the least `replicas x per / peak` over today.
fn closed_form(model: &Model, today: &Loads, bound: Bound) -> Option<(Exact, usize)> {
    let Bound::Service(i, most) = bound else { return None };
    let of = |rule: &Rule| match rule {
        Rule::ReplicaPer { load, per, .. } => {
            let busy = today[*load].times(&model.loads[*load].peak);
            Some((per.times(&Exact::whole(most)).over(&busy)?, *load))
        }
        _ => None,
    };
    let all: Option<Vec<_>> = model.services[i].rules.iter().map(of).collect();
    all?.into_iter().min_by(|a, b| a.0.cmp(&b.0))
}

/// The load that a bound is told in: that of the service that takes the most of it today.
fn leading(model: &Model, today: &Loads, bound: Bound) -> Option<usize> {
    let needs = needs(model, 0, today).ok()?;
    let of_service = |i: usize| model.services[i].rules.first().map(Rule::load);
    let most = |users: Vec<(usize, f64)>| {
        let told = users.into_iter().filter_map(|(i, each)| Some((of_service(i)?, needs.services[i].replicas as f64 * each)));
        told.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(load, _)| load)
    };
    match bound {
        Bound::Service(i, _) => of_service(i),
        Bound::Database(i) => most(model.databases[i].users.iter().map(|(s, n)| (*s, *n as f64)).collect()),
        Bound::Provider(i) => most(model.providers[i].users.iter().map(|(s, n, _)| (*s, n.to_f64())).collect()),
        Bound::Store(i) => model.stores[i].per.first().map(|(load, _)| *load),
    }
}

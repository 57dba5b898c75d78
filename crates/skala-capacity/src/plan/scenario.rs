//! Scenarios: what a way to buy costs, carries, and how available it is expected to be.
//!
//! Method: of a service's n replicas, spot takes its share rounded down, reserved its share of the rest rounded down, on demand the
//!   remainder. n spot replicas of which each is taken back i times an hour and missing for r hours need n / (1 - i r) machines, rounded
//!   up; each costs its price less the saving, times 1 + i (r + lost work). A spot replica is up 1 - i r of the time that one on demand is.
//! Units: money per month of 730 hours; replicas and machines of all regions together.

use serde::Serialize;

use super::PlanError;
use super::availability::{Group, expected};
use super::growth::{self, Follows, Loads};
use super::model::{Model, Scenario, Spot};
use super::money::PerMonth;
use super::needs::{Needs, needs, store_price};
use super::saturation::{Saturation, saturations};

/// Millionths per whole.
const MILLION: u64 = 1_000_000;

/// What a scenario comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioPlan {
    /// Its name.
    pub scenario: String,
    /// What it may cost in a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_per_month: Option<PerMonth>,
    /// Cost of each month, from today.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<MonthCost>,
    /// Whether every month is within the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_budget: Option<bool>,
    /// Regions.
    pub regions: u64,
    /// Share of time that it is expected to answer, today.
    pub expected_availability: f64,
    /// What it is meant to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_availability: Option<f64>,
    /// The bounds, the first to be reached first.
    pub saturates: Vec<Saturation>,
    /// What it is meant to carry, and whether it does.
    pub carries: Vec<Carried>,
    /// What it cannot do, in sentences.
    pub findings: Vec<String>,
}

/// The cost of a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonthCost {
    /// Months from today.
    pub month: u32,
    /// Replicas, by service in the model's order.
    pub replicas: Vec<Bought>,
    /// Cores and bytes that they request.
    pub vcpu: f64,
    /// Bytes that they request.
    pub memory_bytes: u64,
    /// Replicas.
    pub services: PerMonth,
    /// Stores.
    pub stores: PerMonth,
    /// What else is paid.
    pub extra: PerMonth,
    /// All of it.
    pub total: PerMonth,
    /// Whether the load of the month is carried.
    pub carries_load: bool,
}

/// Replicas of a service by how they are bought.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bought {
    /// The service.
    pub service: String,
    /// Replicas.
    pub replicas: u64,
    /// Of them, on demand.
    pub on_demand: u64,
    /// Of them, on spot.
    pub spot: u64,
    /// Spot machines that are paid, with those on the way.
    pub spot_machines: u64,
    /// Of them, reserved.
    pub reserved: u64,
    /// Cost.
    pub cost: PerMonth,
}

/// A load that a scenario is meant for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// The load.
    pub load: String,
    /// How much is meant.
    pub wanted: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Whether it fits; true when nothing bounds it.
    pub fits: bool,
    /// Whether a service says what it needs for the load, or for one that follows it.
    pub bounded: bool,
}

/// What a scenario comes to over these months, the first of which is today.
///
/// # Errors
/// When a need is beyond counting.
pub(super) fn scenario(
    model: &Model,
    scenario: &Scenario,
    months: &[Loads],
    horizon: &[Loads],
) -> Result<ScenarioPlan, PlanError> {
    let costs =
        months.iter().enumerate().map(|(m, loads)| month(model, scenario, m as u32, loads)).collect::<Result<Vec<_>, _>>()?;
    let ceilings: Vec<Option<u64>> = (0..model.services.len()).map(|i| ceiling(model, scenario, i)).collect();
    let budget = scenario.budget.filter(|_| model.currency.is_some());
    let carries = scenario.carries.iter().map(|(load, amount)| {
        let loads = growth::with(model, &horizon[0], &[(*load, amount.clone())]);
        let only = Follows::of(model, *load);
        let fits = needs(model, 0, &loads).is_ok_and(|n| carried(model, &n, &ceilings, Some(&only)));
        let (named, unit) = (&model.loads[*load], model.loads[*load].unit.label);
        let bounded = model.services.iter().any(|s| s.rules.iter().any(|r| only.moves(r.load())));
        Carried { load: named.name.clone(), wanted: named.unit.show(amount), unit, fits, bounded }
    });
    let mut plan = ScenarioPlan {
        scenario: scenario.name.clone(),
        budget_per_month: budget,
        within_budget: budget.map(|b| costs.iter().all(|m| m.total <= b)),
        regions: scenario.regions,
        expected_availability: availability(model, scenario, &costs[0]),
        wanted_availability: scenario.availability,
        saturates: saturations(model, horizon, &ceilings)?,
        carries: carries.collect(),
        months: costs,
        findings: Vec::new(),
    };
    plan.findings = findings(model, &plan);
    Ok(plan)
}

/// Most replicas that a service may have in a scenario.
fn ceiling(model: &Model, scenario: &Scenario, service: usize) -> Option<u64> {
    let stated = scenario.replicas.iter().find(|(s, _)| *s == service).map(|(_, n)| *n);
    stated.or(if scenario.minimal { Some(model.services[service].floor) } else { model.services[service].ceiling })
}

/// Whether services, databases and quotas bear the needs; of services, only the rules of some loads when they are given.
fn carried(model: &Model, needs: &Needs, ceilings: &[Option<u64>], only: Option<&Follows>) -> bool {
    let services = needs.services.iter().enumerate().all(|(i, s)| {
        s.rules.iter().zip(&model.services[i].rules).all(|(need, rule)| {
            let counts = only.is_none_or(|o| o.moves(rule.load()));
            !counts || need.impossible.is_none() && ceilings[i].zip(need.replicas).is_none_or(|(most, n)| n <= most)
        })
    });
    let links = only.is_some() || needs.databases.iter().all(|d| d.fits) && needs.providers.iter().all(|p| p.fits);
    services && links
}

fn month(model: &Model, scenario: &Scenario, month: u32, loads: &Loads) -> Result<MonthCost, PlanError> {
    let needs = needs(model, month, loads)?;
    let counts: Vec<u64> = needs.services.iter().enumerate().map(|(i, s)| replicas(model, scenario, i, s.replicas)).collect();
    let replicas: Vec<Bought> = counts.iter().enumerate().map(|(i, n)| bought(model, scenario, i, *n)).collect();
    let enough = needs
        .services
        .iter()
        .zip(&counts)
        .all(|(s, n)| s.rules.iter().all(|r| r.impossible.is_none() && r.replicas.is_none_or(|wanted| wanted <= *n)));
    let store = |(i, need)| {
        let stated = scenario.nodes.iter().find(|(s, _)| *s == i).map(|(_, n)| *n);
        store_price(&model.stores[i], need, stated.unwrap_or(model.stores[i].nodes))
    };
    let stores: PerMonth = needs.stores.iter().enumerate().map(store).sum();
    let services: PerMonth = replicas.iter().map(|b| b.cost).sum();
    let each = |of: fn(&super::model::Service) -> Option<u64>| {
        model.services.iter().zip(&counts).filter_map(|(s, n)| Some(of(s)?.saturating_mul(*n))).fold(0u64, u64::saturating_add)
    };
    Ok(MonthCost {
        month,
        vcpu: each(|s| s.millicores) as f64 / 1000.0,
        memory_bytes: each(|s| s.memory),
        replicas,
        services,
        stores,
        extra: scenario.extra,
        total: services.plus(stores).plus(scenario.extra),
        carries_load: enough,
    })
}

fn replicas(model: &Model, scenario: &Scenario, service: usize, needed: u64) -> u64 {
    let stated = scenario.replicas.iter().find(|(s, _)| *s == service).map(|(_, n)| *n);
    stated.unwrap_or(if scenario.minimal { model.services[service].floor } else { needed })
}

fn bought(model: &Model, scenario: &Scenario, service: usize, replicas: u64) -> Bought {
    let price = model.services[service].price.unwrap_or_default();
    let part = |n: u64, share: u64| u64::try_from(u128::from(n) * u128::from(share) / u128::from(MILLION)).unwrap_or(n);
    let allowed = |spot: &&Spot| spot.services.as_ref().is_none_or(|of| of.contains(&service));
    let on_spot = scenario.spot.as_ref().filter(allowed);
    let spot = on_spot.map_or(0, |s| part(replicas, s.share));
    let (reserved, saving) = scenario.reserved.map_or((0, 0), |(saving, share)| (part(replicas - spot, share), saving));
    let on_demand = replicas - spot - reserved;
    let (spot_machines, spot_cost) = on_spot.map_or((0, PerMonth::default()), |s| spot_price(price, s, spot));
    let committed = price.times(reserved).billionths((MILLION - saving) * 1000);
    let cost = price.times(on_demand).plus(spot_cost).plus(committed);
    Bought { service: model.services[service].name.clone(), replicas, on_demand, spot, spot_machines, reserved, cost }
}

/// Machines and price of spot replicas.
fn spot_price(price: PerMonth, spot: &Spot, n: u64) -> (u64, PerMonth) {
    let missing = spot.interruptions * spot.replacement;
    // Less a thousandth of a millionth, so that no float noise buys a machine.
    let machines = (n as f64 / (1.0 - missing) - 1e-9).ceil().max(n as f64) as u64;
    let twice = 1.0 + spot.interruptions * (spot.replacement + spot.lost);
    let part = ((MILLION - spot.saving) as f64 * 1000.0 * twice).round() as u64;
    (machines, price.times(machines).billionths(part))
}

fn availability(model: &Model, scenario: &Scenario, today: &MonthCost) -> f64 {
    let services = model.services.iter().zip(&today.replicas).enumerate().map(|(i, (service, bought))| {
        let allowed = scenario.spot.as_ref().filter(|s| s.services.as_ref().is_none_or(|of| of.contains(&i)));
        let lost = allowed.map_or(0.0, |s| s.interruptions * s.replacement);
        let share = if bought.replicas > 0 { bought.spot as f64 / bought.replicas as f64 } else { 0.0 };
        Group { parts: bought.replicas, needed: service.quorum, up: model.up.replica * (1.0 - lost * share) }
    });
    // A service that nothing needs is not down; a store without machines is run by somebody else, as one.
    let services = services.filter(|g| g.parts > 0);
    let stores = model.stores.iter().enumerate().filter_map(|(i, store)| {
        let stated = scenario.nodes.iter().find(|(s, _)| *s == i).map(|(_, n)| *n);
        Some(Group { parts: stated.unwrap_or(store.nodes).max(1), needed: 1, up: store.up? })
    });
    let groups: Vec<Group> = services.chain(stores).collect();
    expected(&groups, scenario.regions, model.up.region, model.up.balancer)
}

fn findings(model: &Model, plan: &ScenarioPlan) -> Vec<String> {
    let mut found = Vec::new();
    let currency = model.currency.map(|c| c.to_string()).unwrap_or_default();
    if let Some((budget, over)) = plan.budget_per_month.and_then(|b| Some((b, plan.months.iter().find(|m| m.total > b)?))) {
        found.push(format!(
            "costs {:.2} {currency} in month {}, above its budget of {:.2}",
            over.total.as_f64(),
            over.month,
            budget.as_f64()
        ));
    }
    if let Some(month) = plan.months.iter().find(|m| !m.carries_load) {
        let when = if month.month == 0 { "today's load".to_owned() } else { format!("the load of month {}", month.month) };
        found.push(format!("does not carry {when}"));
    }
    for c in plan.carries.iter().filter(|c| !c.fits) {
        found.push(format!("does not carry {}{} {}", c.wanted, c.unit, c.load));
    }
    if let Some(wanted) = plan.wanted_availability.filter(|w| plan.expected_availability < *w) {
        found.push(format!(
            "is expected to answer {:.3} % of the time, and {:.3} % is wanted",
            plan.expected_availability * 100.0,
            wanted * 100.0
        ));
    }
    found
}

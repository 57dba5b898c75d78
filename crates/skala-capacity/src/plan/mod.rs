//! Capacity and cost over months: growth, needs, bounds, stages, and ways to buy.
//!
//! Decides: what a platform needs each month, what saturates first, what to change for a target, and what each scenario costs.
//! Inputs: a [`Model`], made from a platform file; how many months; targets.
//! Method: exact fractions from the file to the rounded need ([`Exact`]); money in billionths; availability by independent parts.
//! Invariants: needs round up, never down; nothing is a NaN; a larger load never needs less.
//! Tested: `tests/it/plan.rs`, and beside each part.

mod availability;
mod exact;
mod growth;
mod links;
mod model;
mod money;
mod needs;
mod saturation;
mod scenario;
mod stage;
mod target;

use serde::Serialize;

pub use exact::Exact;
pub use growth::MAX_MONTHS;
pub use links::{Connections, DatabaseNeed, ProviderNeed};
pub use model::{
    Base, Database, Dimension, Load, Model, Origin, Provider, Rule, Scenario, Service, Spot, Stage, Store, Unit, Up,
};
pub use money::{HOURS_PER_MONTH, PerHour, PerMonth};
pub use needs::{Needs, RuleNeed, ServiceNeed, StoreNeed};
pub use saturation::{AtLoad, Saturation};
pub use scenario::{Bought, Carried, MonthCost, ScenarioPlan};
pub use stage::{Leaves, StagePlan, StageServiceView, StageStoreView, StageView};
pub use target::{Target, TargetPlan};

use crate::Usl;

/// Multiples of today's loads in the sizing table.
const SIZES: [u64; 5] = [1, 2, 5, 10, 20];

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The months are out of range.
    #[error("{0} months cannot be planned: use 1 to {MAX_MONTHS}")]
    Months(u32),
    /// A load outgrows what can be counted.
    #[error("the load `{load}` is beyond counting in month {month}: lower its growth, or plan fewer months")]
    TooLarge {
        /// The load.
        load: String,
        /// The month.
        month: u32,
    },
    /// A need is beyond counting.
    #[error("what `{0}` needs is beyond counting: is what one replica carries written in the right unit?")]
    NeedTooLarge(String),
    /// More replicas are allowed than do any good.
    #[error(
        "`{service}` may have {max} replicas, and by its measured scalability {knee} serve the most: more would serve less; \
         lower maxReplicas to {knee}, or measure anew"
    )]
    BeyondKnee {
        /// The service.
        service: String,
        /// What it may have.
        max: u64,
        /// What serves the most.
        knee: u64,
    },
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Months to look ahead, 1 to [`MAX_MONTHS`].
    pub months: u32,
    /// Loads to be carried.
    pub targets: Vec<Target>,
    /// Only this scenario.
    pub scenario: Option<usize>,
}

/// A load over the months.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrowthPlan {
    /// The load.
    pub load: String,
    /// Its unit.
    pub unit: &'static str,
    /// Its value by month, from today.
    pub by_month: Vec<f64>,
}

/// What a multiple of today's loads needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    /// The multiple.
    pub times_today: u64,
    /// What it needs.
    pub needs: Needs,
    /// Cost on demand for a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand_per_month: Option<PerMonth>,
}

/// What the file does not bear in a month of the growth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The first month with it, 0 is today.
    pub month: u32,
    /// What to change for that month, in a sentence.
    pub change: String,
    /// What to change for the last month with it, when that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finally: Option<Finally>,
}

/// What the file does not bear in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finally {
    /// The last month with it.
    pub month: u32,
    /// What to change for that month, in a sentence.
    pub change: String,
}

/// Capacity and cost over months.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The platform.
    pub platform: String,
    /// Months looked ahead.
    pub months: u32,
    /// The currency of every amount; absent without prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Hours that a month is counted with.
    pub hours_per_month: u64,
    /// Every load over the months.
    pub growth: Vec<GrowthPlan>,
    /// What each month needs, from today.
    pub needs: Vec<Needs>,
    /// The bounds of the file, the first to be reached first.
    pub saturates: Vec<Saturation>,
    /// What the file does not bear within the months.
    pub findings: Vec<Finding>,
    /// Ways to buy, side by side.
    pub scenarios: Vec<ScenarioPlan>,
    /// Shares of time that parts are up, as the availability was computed with.
    pub up: Up,
    /// The targets.
    pub targets: Vec<TargetPlan>,
    /// The stage and what ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StagePlan>,
    /// What multiples of today's loads need.
    pub sizing: Vec<Size>,
    /// What the file leaves open, and what was taken instead.
    pub notes: Vec<String>,
}

/// Plans a platform.
///
/// # Errors
/// When the months are out of range, a load or need is beyond counting, or a service may have more replicas than do any good.
pub fn plan(model: &Model, request: &Request) -> Result<Plan, PlanError> {
    if !(1..=MAX_MONTHS).contains(&request.months) {
        return Err(PlanError::Months(request.months));
    }
    knees(model)?;
    let months = growth::by_month(model, request.months)?;
    let horizon = horizon(model, &months);
    let needs =
        months.iter().enumerate().map(|(m, loads)| needs::needs(model, m as u32, loads)).collect::<Result<Vec<_>, _>>()?;
    let ceilings: Vec<Option<u64>> = model.services.iter().map(|s| s.ceiling).collect();
    let chosen = model.scenarios.iter().enumerate().filter(|(i, _)| request.scenario.is_none_or(|only| only == *i));
    let scenarios = chosen.map(|(_, s)| scenario::scenario(model, s, &months, &horizon)).collect::<Result<_, _>>()?;
    Ok(Plan {
        platform: model.platform.clone(),
        months: request.months,
        currency: model.currency.map(|c| c.to_string()),
        hours_per_month: HOURS_PER_MONTH as u64,
        growth: grown(model, &months),
        saturates: saturation::saturations(model, &horizon, &ceilings)?,
        findings: findings(model, &needs),
        scenarios,
        up: model.up,
        targets: request.targets.iter().map(|t| target::target(model, t, &horizon)).collect::<Result<_, _>>()?,
        stage: stage::stage(model, &months, &horizon),
        sizing: SIZES.iter().map_while(|n| size(model, &months[0], *n)).collect(),
        notes: model.notes.clone(),
        needs,
    })
}

/// Ten years, or as long as the loads can be counted.
fn horizon(model: &Model, months: &[growth::Loads]) -> Vec<growth::Loads> {
    growth::by_month(model, MAX_MONTHS)
        .or_else(|e| match e {
            PlanError::TooLarge { month, .. } if month > 0 => growth::by_month(model, month - 1),
            other => Err(other),
        })
        .unwrap_or_else(|_| months.to_vec())
}

fn knees(model: &Model) -> Result<(), PlanError> {
    for service in &model.services {
        for rule in &service.rules {
            let Rule::Scalability { gamma, alpha, beta, .. } = rule else { continue };
            let knee = Usl { per_one: *gamma, contention: *alpha, coherency: *beta }.best();
            if let Some(max) = service.ceiling.filter(|max| *max > knee) {
                return Err(PlanError::BeyondKnee { service: service.name.clone(), max, knee });
            }
        }
    }
    Ok(())
}

fn grown(model: &Model, months: &[growth::Loads]) -> Vec<GrowthPlan> {
    let of = |(i, load): (usize, &Load)| GrowthPlan {
        load: load.name.clone(),
        unit: load.unit.label,
        by_month: months.iter().map(|loads| load.unit.show(&loads[i])).collect(),
    };
    model.loads.iter().enumerate().map(of).collect()
}

/// Each change once: as the first month that needs it does, and as the last one does where that differs.
fn findings(model: &Model, needs: &[Needs]) -> Vec<Finding> {
    let mut found: Vec<(String, Finding)> = Vec::new();
    for month in needs {
        for change in target::changes(model, month) {
            let subject = change.split(':').next().unwrap_or_default().to_owned();
            match found.iter_mut().find(|(s, _)| *s == subject) {
                Some((_, finding)) if finding.change == change => finding.finally = None,
                Some((_, finding)) => finding.finally = Some(Finally { month: month.month, change }),
                None => found.push((subject, Finding { month: month.month, change, finally: None })),
            }
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn size(model: &Model, today: &growth::Loads, times: u64) -> Option<Size> {
    let needs = needs::needs(model, 0, &growth::scaled(today, &Exact::whole(times))).ok()?;
    let on_demand_per_month = model.currency.map(|_| target::on_demand(model, &needs));
    Some(Size { times_today: times, needs, on_demand_per_month })
}

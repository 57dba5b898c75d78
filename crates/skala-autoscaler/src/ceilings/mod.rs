//! What bounds several services together: budgets, and the databases and providers behind them.
//!
//! Decides: the sizes that a plan may reach at most, for every service of one tick.
//! Inputs: checked [`Limits`], what was spent ([`Spending`]), what downstreams were seen to be used for, the [`Want`]s, `now`.
//! Method: two passes. Every service is planned without ceilings; the sizes that come out are the wants of the same moment, so a
//!   surge meets its ceiling in the tick that it comes in, and not one later. Then downstreams divide what they have, budgets pay
//!   for what is left (money that a full database would not let be spent is there for others), and only services that got less
//!   than they wanted are planned again, with their ceilings in the observation, where the journal keeps them.
//! Invariants: no ceiling above the want; a service without budget and downstream never gets one; what a person holds is counted
//!   and not cut; deterministic.
//! Tested: `tests`; the divisions in `budget` and `coupling`.

mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, ServiceName, Time};

use crate::budget::{self, Budget, BudgetState};
use crate::coupling::{self, Links};
use crate::{Ceiling, CeilingKind, Text};

pub use seen::{SignalSource, UseSeen};

/// Everything that bounds services together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Budgets, in file order.
    pub budgets: Vec<BudgetOf>,
    /// Databases and providers.
    pub links: Links,
}

/// A budget and whom it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetOf {
    /// Its name.
    pub name: Text,
    /// The checked budget.
    pub budget: Budget,
    /// The services that it pays for.
    pub services: Vec<ServiceName>,
}

impl Limits {
    /// Whether nothing bounds anybody.
    pub fn is_empty(&self) -> bool {
        self.budgets.is_empty() && self.links.spec().downstreams.is_empty()
    }
}

/// What was spent under each budget, by its name; must survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spending(pub BTreeMap<String, BudgetState>);

/// What a service wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The service.
    pub service: ServiceName,
    /// The size that its own plan comes to.
    pub desired: Replicas,
    /// Replicas that run.
    pub current: Replicas,
    /// Its `minReplicas`.
    pub min: Replicas,
    /// A person keeps this size: it is counted, and nobody cuts it.
    pub held: bool,
    /// Micro-units per replica and hour; 0 without a price.
    pub price: u64,
    /// Higher is served first.
    pub priority: i32,
}

impl Want {
    /// The fewest replicas that a division leaves it.
    fn least(&self) -> Replicas {
        if self.held { self.desired } else { self.min }
    }
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ceilings {
    /// The ceilings of the services that have some.
    pub of: BTreeMap<ServiceName, Vec<Ceiling>>,
    /// Each budget's answer, by name, in file order.
    pub budgets: Vec<(Text, budget::Verdict)>,
    /// Each downstream after the division.
    pub downstreams: Vec<coupling::Usage>,
}

/// Divides what there is among the services of one moment.
pub fn ceilings(limits: &Limits, spending: &Spending, seen: &[UseSeen], wants: &[Want], now: Time) -> Ceilings {
    let mut found = Ceilings::default();
    let mut wants = wants.to_vec();
    downstreams(limits, seen, &mut wants, now, &mut found);
    for budget in &limits.budgets {
        let state = spending.0.get(&*budget.name).cloned().unwrap_or_default();
        let verdict = budget::allow(&budget.budget, &state, &claims(budget, &wants), now);
        for allowed in &verdict.allowed {
            let Some(refused) = &allowed.because else { continue };
            let kind = if refused.below_min { CeilingKind::BudgetFloor } else { CeilingKind::Budget };
            let by = Text::from(by_budget(&budget.name, &budget.budget, &verdict, refused));
            put(&mut found, &allowed.service, Ceiling { kind, replicas: allowed.replicas, by });
        }
        found.budgets.push((budget.name.clone(), verdict));
    }
    found
}

/// Charges what runs, and goes on with what a division refused.
pub fn spend(limits: &Limits, spending: &mut Spending, wants: &[Want], found: &Ceilings, now: Time) {
    spending.0.retain(|name, _| limits.budgets.iter().any(|b| &*b.name == name.as_str()));
    for budget in &limits.budgets {
        let state = spending.0.entry(budget.name.to_string()).or_default();
        state.record(&budget.budget, now, &claims(budget, wants));
        if let Some((_, verdict)) = found.budgets.iter().find(|(name, _)| *name == budget.name) {
            state.note(verdict);
        }
    }
}

fn downstreams(limits: &Limits, seen: &[UseSeen], wants: &mut [Want], now: Time, found: &mut Ceilings) {
    let claim = |w: &Want| coupling::Want {
        service: w.service.clone(),
        desired: w.desired,
        current: w.current,
        min: w.least(),
        priority: w.priority,
    };
    let claims: Vec<_> = wants.iter().map(claim).collect();
    let verdict = coupling::cap(&limits.links, &seen::live(&limits.links, seen, wants), &claims, now);
    for (want, capped) in wants.iter_mut().zip(&verdict.capped) {
        let Some(usage) = capped.because.and_then(|b| verdict.downstreams.get(b.downstream)) else { continue };
        want.desired = capped.replicas;
        let ceiling = Ceiling { kind: CeilingKind::Downstream, replicas: capped.replicas, by: Text::from(usage.to_string()) };
        put(found, &capped.service, ceiling);
    }
    found.downstreams = verdict.downstreams;
}

/// The wants of the services that a budget pays for.
fn claims(budget: &BudgetOf, wants: &[Want]) -> Vec<budget::Want> {
    let under = wants.iter().filter(|w| budget.services.contains(&w.service));
    let claim = |w: &Want| budget::Want {
        service: w.service.clone(),
        desired: w.desired,
        current: w.current,
        min: w.least(),
        price: w.price,
        priority: w.priority,
    };
    under.map(claim).collect()
}

fn put(found: &mut Ceilings, service: &ServiceName, ceiling: Ceiling) {
    found.of.entry(service.clone()).or_default().push(ceiling);
}

/// `budget team: 0.5 EUR per hour allow 0.5 EUR/h of 0.8 EUR/h; 3 replicas refused, 0.3 EUR/h saved`.
fn by_budget(name: &str, budget: &Budget, verdict: &budget::Verdict, refused: &budget::Refused) -> String {
    let per = match budget.spec().per {
        budget::Period::Hour => "hour",
        budget::Period::Day => "day",
        budget::Period::Month => "month",
    };
    format!(
        "budget {name}: {} per {per} leave {} an hour where {} are wanted; {} replicas refused, {} an hour saved",
        verdict.ceiling, verdict.limit_per_hour, verdict.wanted_per_hour, refused.replicas, refused.forgone_per_hour
    )
}

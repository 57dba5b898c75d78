//! What replicas cost, and the ceilings on it.
//!
//! Units: whole micro-units of the file's currency; what is finer rounds up for prices, so that no replica is free, and down for
//!   ceilings.

use skala_autoscaler::budget::{Budget, BudgetProblem, BudgetSpec, GivesWay, Period, PriceList, replica_hour};
use skala_types::{Currency, Money, Replicas, ServiceName};

use crate::model::{self, Platform, Scale, Service};
use crate::scalar::{Per, Spend};

/// Nanos of a currency in a micro.
const NANOS: u64 = 1000;

/// A ceiling with the services under it.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetOf {
    /// Its name; what was spent is kept under it.
    pub name: String,
    /// The services that it holds for, in file order.
    pub services: Vec<ServiceName>,
    /// The ceiling, and who gives way.
    pub budget: Budget,
}

impl Spend {
    /// The same in an hour, rounded up; a mean month has 730.5 hours.
    pub fn per_hour(&self) -> Money {
        let nanos = u128::from(self.amount.nanos());
        let (halves, unit) = (2 * nanos, u128::from(NANOS));
        let micros = match self.per {
            Per::Hour => nanos.div_ceil(unit),
            Per::Day => nanos.div_ceil(24 * unit),
            Per::Month => halves.div_ceil(1461 * unit),
        };
        Money::new(u64::try_from(micros).unwrap_or(u64::MAX), self.currency)
    }
}

impl Platform {
    /// What one replica of a service costs in an hour: its own `price`, else `cost` times what it requests. `None` when neither is
    /// given.
    pub fn price_per_hour(&self, service: &Service) -> Option<Money> {
        if let Some(price) = &service.price {
            return Some(price.per_hour());
        }
        let (cost, requests) = (self.cost.as_ref()?, &service.resources.requests);
        let currency: Currency = cost.currency.parse().ok()?;
        let money = |amount: crate::scalar::Money| Money::new(amount.nanos().div_ceil(NANOS), currency);
        let prices = PriceList { vcpu_hour: money(cost.vcpu_hour), gib_hour: money(cost.gib_hour) };
        match (requests.cpu, requests.memory) {
            (None, None) => None,
            (cpu, memory) => replica_hour(&prices, cpu.map_or(0, |c| c.millicores()), memory.map_or(0, |m| m.bytes())),
        }
    }

    /// The services under a budget, in file order: those that it names, or all that skala runs.
    pub fn under<'a>(&'a self, budget: &'a model::Budget) -> impl Iterator<Item = &'a ServiceName> + 'a {
        let runs = |s: &Service| s.scale() != Scale::External;
        let named = move |name: &ServiceName| budget.services.as_ref().is_none_or(|of| of.contains(name));
        self.services.iter().filter(move |(name, s)| runs(s) && named(name)).map(|(name, _)| name)
    }

    /// The ceilings, in file order. The prices that they count with are those of [`Platform::price_per_hour`].
    ///
    /// # Errors
    /// What the deciding crate refuses; `load` has refused it before.
    pub fn budgets(&self) -> Result<Vec<BudgetOf>, Vec<BudgetProblem>> {
        let lower = |(name, budget): (&String, &model::Budget)| {
            let services = self.under(budget).cloned().collect();
            Ok(BudgetOf { name: name.clone(), services, budget: Budget::try_new(spec(budget))? })
        };
        self.budgets.iter().map(lower).collect()
    }
}

fn spec(budget: &model::Budget) -> BudgetSpec {
    BudgetSpec {
        ceiling: Money::new(budget.limit.amount.nanos() / NANOS, budget.limit.currency),
        per: match budget.limit.per {
            Per::Hour => Period::Hour,
            Per::Day => Period::Day,
            Per::Month => Period::Month,
        },
        look_ahead: budget.look_ahead.map(|d| d.get()),
        order: budget.order.iter().map(|g| GivesWay { service: g.service().clone(), floor: g.floor().map(Replicas) }).collect(),
    }
}

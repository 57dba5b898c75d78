//! What replicas cost.

use skala_types::ServiceName;

use crate::model::{Budget, Platform, Scale, Service};
use crate::scalar::{Per, Spend};

/// Hours of a mean month: 365.25 days in twelve parts.
const MONTH: f64 = 730.5;

impl Spend {
    /// The same in an hour, on average, in the currency.
    pub fn per_hour(&self) -> f64 {
        let hours = match self.per {
            Per::Hour => 1.0,
            Per::Day => 24.0,
            Per::Month => MONTH,
        };
        self.amount.as_f64() / hours
    }
}

impl Platform {
    /// What one replica of a service costs in an hour, in the file's currency: its own `price`, else `cost` times what it requests.
    /// `None` when neither is given.
    pub fn price_per_hour(&self, service: &Service) -> Option<f64> {
        if let Some(price) = &service.price {
            return Some(price.per_hour());
        }
        let (cost, requests) = (self.cost.as_ref()?, &service.resources.requests);
        let cpu = requests.cpu.map(|cpu| cpu.cores().0 * cost.vcpu_hour.as_f64());
        let memory = requests.memory.map(|size| size.bytes() as f64 / (1u64 << 30) as f64 * cost.gib_hour.as_f64());
        match (cpu, memory) {
            (None, None) => None,
            (cpu, memory) => Some(cpu.unwrap_or(0.0) + memory.unwrap_or(0.0)),
        }
    }

    /// The services under a budget, in file order: those that it names, or all that skala runs.
    pub fn under<'a>(&'a self, budget: &'a Budget) -> impl Iterator<Item = &'a ServiceName> + 'a {
        let runs = |s: &Service| s.scale() != Scale::External;
        let named = move |name: &ServiceName| budget.services.as_ref().is_none_or(|of| of.contains(name));
        self.services.iter().filter(move |(name, s)| runs(s) && named(name)).map(|(name, _)| name)
    }
}

//! What bounds services together: budgets, and databases and providers with those who use them.

use skala_autoscaler::budget::{Budget, BudgetSpec, GivesWay, Period};
use skala_autoscaler::ceilings::{BudgetOf, Limits};
use skala_autoscaler::coupling::{Downstream, Limit, Link, Links, LinksSpec, Surge, Unit};
use skala_types::{Money, Replicas};

use crate::model::{self, Platform, Scale};
use crate::scalar::{Per, Positive};

/// Nanos of a unit in a micro-unit.
const NANOS_PER_MICRO: u64 = 1000;

impl Platform {
    /// Budgets, databases and providers.
    ///
    /// # Errors
    /// What the deciding crates refuse, in their words; `load` has refused it before.
    pub fn limits(&self) -> Result<Limits, Vec<String>> {
        let mut problems = Vec::new();
        let mut budgets = Vec::new();
        for (name, written) in &self.budgets {
            match budget(written) {
                Ok(budget) => {
                    let services = self.under(written).cloned().collect();
                    budgets.push(BudgetOf { name: name.as_str().into(), budget, services });
                }
                Err(why) => problems.extend(why.into_iter().map(|why| format!("budgets.{name}: {why}"))),
            }
        }
        let links = Links::try_new(self.links()).map_err(|why| problems.extend(why.iter().map(ToString::to_string)));
        match links {
            Ok(links) if problems.is_empty() => Ok(Limits { budgets, links }),
            _ => Err(problems),
        }
    }

    /// What one replica of a service costs in an hour, in micro-units; 0 without a price.
    pub fn micros_per_hour(&self, service: &model::Service) -> u64 {
        // The cast saturates, and a price is at least 0.
        self.price_per_hour(service).map_or(0, |price| (price * 1e6).ceil() as u64)
    }

    /// A database counts connections; a provider has up to two quotas, each a downstream of its own. Upstreams run elsewhere, and
    /// what they use is others' use.
    fn links(&self) -> LinksSpec {
        let mut spec = LinksSpec::default();
        for (name, database) in &self.databases {
            let limit =
                Limit::Connections { max: database.max_connections.into(), reserved: database.reserved_connections.into() };
            spec.downstreams.push(Downstream { name: name.clone(), limit });
        }
        for (name, provider) in &self.providers {
            for (unit, quota) in
                [(Unit::RequestsPerMinute, provider.requests_per_minute), (Unit::TokensPerMinute, provider.tokens_per_minute)]
            {
                let Some(quota) = quota else { continue };
                let limit = Limit::Quota { unit, per_minute_milli: milli(quota), reserved_milli: 0 };
                spec.downstreams.push(Downstream { name: quota_name(name, unit), limit });
            }
        }
        for (service, settings) in self.services.iter().filter(|(_, s)| s.scale() != Scale::External) {
            for (name, used) in &settings.uses.databases {
                spec.links.push(Link {
                    service: service.clone(),
                    downstream: name.clone(),
                    per_replica: used.connections_per_replica.into(),
                    surge: Surge::None,
                });
            }
            for (name, used) in &settings.uses.providers {
                for (unit, per_replica) in [
                    (Unit::RequestsPerMinute, used.requests_per_minute_per_replica),
                    (Unit::TokensPerMinute, used.tokens_per_minute_per_replica),
                ] {
                    let downstream = quota_name(name, unit);
                    // Use of a quota that the provider does not have bounds nothing.
                    let known = spec.downstreams.iter().any(|d| d.name == downstream);
                    if let Some(per_replica) = per_replica.filter(|_| known) {
                        let (service, per_replica) = (service.clone(), milli(per_replica));
                        spec.links.push(Link { service, downstream, per_replica, surge: Surge::None });
                    }
                }
            }
        }
        spec
    }
}

fn quota_name(provider: &str, unit: Unit) -> String {
    format!("{provider} ({unit})")
}

/// In thousandths, rounded up; the cast saturates.
fn milli(x: Positive) -> u64 {
    (x.get() * 1000.0).ceil() as u64
}

fn budget(written: &model::Budget) -> Result<Budget, Vec<String>> {
    let per = match written.limit.per {
        Per::Hour => Period::Hour,
        Per::Day => Period::Day,
        Per::Month => Period::Month,
    };
    let currency = written.limit.currency.code().parse().map_err(|e| vec![format!("{e}")])?;
    let micros = written.limit.amount.nanos() / NANOS_PER_MICRO;
    let order = written.order.iter().map(|g| GivesWay { service: g.service().clone(), floor: g.floor().map(Replicas) });
    let spec = BudgetSpec {
        ceiling: Money::new(micros, currency),
        per,
        look_ahead: written.look_ahead.map(|d| d.get()),
        order: order.collect(),
    };
    Budget::try_new(spec).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

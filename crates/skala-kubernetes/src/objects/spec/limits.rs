//! What bounds a size from outside: money, and what a database has connections for.
//!
//! Units: money per hour, day or month; connections.
//! Tested: `super::tests`.

use serde::Deserialize;
use skala_autoscaler::budget::{self, Period};
use skala_spec::scalar::{Per, Spend};
use skala_types::Money;

use super::duration;

/// Nanos of a currency in a micro.
const NANOS: u64 = 1000;

/// A ceiling on what this target's replicas may cost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BudgetSpec {
    pub(crate) budget: budget::Budget,
    /// Micro-units per replica and hour.
    pub(crate) price: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireBudget {
    limit: Spend,
    /// Per replica and hour.
    price: Spend,
    look_ahead: Option<String>,
}

/// A number of connections, or another thing of which each replica takes some.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Downstream {
    /// What it is, for reports.
    pub(crate) name: String,
    /// What there is.
    pub(crate) limit: u32,
    /// What is kept for others.
    #[serde(default)]
    pub(crate) reserved: u32,
    /// What one replica takes.
    pub(crate) per_replica: u32,
}

impl Downstream {
    /// How many replicas fit.
    pub(crate) fn replicas(&self) -> u32 {
        self.limit.saturating_sub(self.reserved) / self.per_replica.max(1)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.per_replica == 0 {
            return Err("perReplica must be above 0".into());
        }
        if self.replicas() == 0 {
            return Err(format!("{} - {} does not suffice for one replica of {}", self.limit, self.reserved, self.per_replica));
        }
        Ok(())
    }
}

/// Reads a budget.
pub(super) fn budget(wire: WireBudget) -> Result<BudgetSpec, String> {
    let price = wire.price.per_hour();
    if price.currency != wire.limit.currency {
        return Err(format!("price: is in {}, and the limit in {}", price.currency, wire.limit.currency));
    }
    if price.micros == 0 {
        return Err("price: must be above 0".into());
    }
    let spec = budget::BudgetSpec {
        ceiling: Money::new(wire.limit.amount.nanos() / NANOS, wire.limit.currency),
        per: match wire.limit.per {
            Per::Hour => Period::Hour,
            Per::Day => Period::Day,
            Per::Month => Period::Month,
        },
        look_ahead: duration("lookAhead", wire.look_ahead)?,
        order: Vec::new(),
    };
    let budget =
        budget::Budget::try_new(spec).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    Ok(BudgetSpec { budget: budget?, price: price.micros })
}

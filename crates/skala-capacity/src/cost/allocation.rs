//! Whose the cost of a node is, and what of it is wasted.
//!
//! Decides: allocated, idle and over-requested cost; cost per useful unit of work.
//! Inputs: a node's capacity and price; requests and usage in the same unit.
//! Method: allocation is the larger of request and usage (OpenCost's rule); the rest of the node is idle. What a request exceeds the
//!   usage is shown apart, because another person can change it.
//! Tested: `tests/it/cost.rs`.

use serde::Serialize;

use super::units::PerHour;
use crate::number::at_least_0;

/// Cost of a node, apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// Someone's.
    pub allocated: PerHour,
    /// Of that, requested and not used.
    pub request_waste: PerHour,
    /// Nobody's.
    pub idle: PerHour,
}

/// Splits a node's price by pairs of `(request, usage)` in the unit of `capacity`.
pub fn allocate(price: PerHour, capacity: f64, claims: &[(f64, f64)]) -> Allocation {
    let (price, capacity) = (at_least_0(price.0), at_least_0(capacity));
    let each = if capacity > 0.0 { price / capacity } else { 0.0 };
    let sum = |of: fn(f64, f64) -> f64| claims.iter().map(|&(r, u)| of(at_least_0(r), at_least_0(u))).sum::<f64>();
    let allocated = sum(f64::max) * each;
    let request_waste = sum(|request, usage| at_least_0(request - usage)) * each;
    Allocation {
        allocated: PerHour(allocated),
        request_waste: PerHour(request_waste),
        idle: PerHour(at_least_0(price - allocated)),
    }
}

/// Cost of a good unit of work: node-hours x price over good units; `None` without any.
pub fn cost_per_unit(node_hours: f64, price: PerHour, good_units: f64) -> Option<f64> {
    let cost = at_least_0(node_hours) * at_least_0(price.0) / at_least_0(good_units);
    cost.is_finite().then_some(cost)
}

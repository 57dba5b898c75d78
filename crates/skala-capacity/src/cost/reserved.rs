//! How much to commit to in advance.
//!
//! Decides: the level of a reservation, and what it and the rest on demand cost.
//! Inputs: nodes in use, hour by hour; the price per hour of a reserved node, used or not, and of one on demand.
//! Method: the n-th node is worth reserving when it is in use for at least the share `reserved / on demand` of the hours: the
//!   duration curve read at that share.
//! Invariants: no other level is cheaper.
//! Tested: `tests/it/cost.rs`.

use serde::Serialize;

use super::units::PerHour;
use crate::number::at_least_0;

/// A commitment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserved {
    /// Nodes to commit to.
    pub level: u64,
    /// Mean price with it.
    pub price: PerHour,
    /// Mean price with all on demand.
    pub without: PerHour,
}

/// The cheapest commitment for nodes in use hour by hour. Nothing used needs nothing.
pub fn reserve(usage: &[f64], reserved: PerHour, on_demand: PerHour) -> Reserved {
    let (reserved, on_demand) = (at_least_0(reserved.0), at_least_0(on_demand.0));
    let mut curve: Vec<f64> = usage.iter().map(|&u| at_least_0(u).min(1e15).ceil()).collect();
    curve.sort_by(|a, b| b.total_cmp(a));
    let mean = |at: fn(f64, f64) -> f64, level: f64| match curve.len() {
        0 => 0.0,
        hours => curve.iter().map(|&u| at(u, level)).sum::<f64>() / hours as f64,
    };
    // The level that is in use in the `busy`-th busiest hour is in use in all the busier ones.
    let busy = (reserved / on_demand * curve.len() as f64).ceil().max(1.0);
    let level = match on_demand > 0.0 && busy <= curve.len() as f64 {
        true => curve[busy as usize - 1],
        false => 0.0,
    };
    let over = |u: f64, level: f64| at_least_0(u - level);
    Reserved {
        level: level as u64,
        price: PerHour(level * reserved + mean(over, level) * on_demand),
        without: PerHour(mean(over, 0.0) * on_demand),
    }
}

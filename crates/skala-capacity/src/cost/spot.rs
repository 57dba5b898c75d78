//! Nodes that may be taken away at any time, for less.
//!
//! Decides: how many on demand and how many on spot hold a capacity, and what they cost.
//! Inputs: nodes needed, nodes that must survive a reclaim of all spot nodes; prices; interruptions per hour, hours to replace one,
//!   hours of work lost with one.
//! Method: a spot node is there a share `1 - i r` of the time, so that `n / (1 - i r)` hold n; each interruption costs its
//!   replacement and the lost work once more.
//! Invariants: counts round up; where interruptions come faster than replacements, all is on demand.
//! Tested: `tests/it/cost.rs`.

use serde::Serialize;

use super::units::PerHour;
use crate::number::{at_least_0, round_up};

/// A market of spot nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpotMarket {
    /// Price of a node on demand.
    pub on_demand: PerHour,
    /// Price of a spot node.
    pub spot: PerHour,
    /// Interruptions of a node per hour.
    pub interruptions: f64,
    /// Hours until a replacement works.
    pub replacement_hours: f64,
    /// Hours of work that an interruption loses.
    pub lost_hours: f64,
}

/// Nodes of both kinds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blend {
    /// Nodes on demand.
    pub on_demand: u64,
    /// Spot nodes.
    pub spot: u64,
    /// What all cost.
    pub price: PerHour,
}

/// Nodes that hold a capacity of `nodes`, at least `surviving` of them on demand.
pub fn spot_blend(nodes: f64, surviving: f64, market: &SpotMarket) -> Blend {
    let lost = at_least_0(market.interruptions) * at_least_0(market.replacement_hours);
    let floor = if lost < 1.0 { at_least_0(surviving).min(at_least_0(nodes)) } else { at_least_0(nodes) };
    let on_demand = round_up(floor);
    let rest = at_least_0(at_least_0(nodes) - on_demand as f64);
    let spot = if rest > 0.0 && lost < 1.0 { round_up(rest / (1.0 - lost)) } else { 0 };
    let again = 1.0 + at_least_0(market.interruptions) * (at_least_0(market.replacement_hours) + at_least_0(market.lost_hours));
    let price = market.on_demand * on_demand as f64 + if spot > 0 { market.spot * (spot as f64 * again) } else { PerHour(0.0) };
    Blend { on_demand, spot, price }
}

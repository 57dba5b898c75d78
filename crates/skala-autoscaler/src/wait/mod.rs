//! Predicted wait: what it learns, and what it computes from that.
//!
//! Decides: how many replicas keep the objective when those that are ordered now are ready.
//! Inputs: the station's windows, the replicas, a forecast; the objective.
//! Method: `rate` and `growth` say what will come, `work` what it takes, `backlog` what will be waiting, `staffing` how many
//!   servers keep the objective, `budget` how much head-room it is worth; `memory` holds what they learn.
//! Tested: `tests`; `tests/decisions` for the whole.

mod backlog;
mod budget;
mod growth;
mod memory;
mod rate;
mod staffing;
#[cfg(test)]
mod tests;
mod words;
mod work;

pub(crate) use backlog::Supply;
pub use budget::BudgetUse;
pub use memory::WaitMemory;
pub(crate) use staffing::{Demand, Goal, replicas};
pub(crate) use work::Work;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Replicas;

use crate::Text;

pub(crate) use backlog::after as backlog_after;

/// What is expected, and how many replicas it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// How far it looks ahead: the expected start-up, and one look.
    pub horizon: Duration,
    /// Arrivals per second now.
    pub rate: f64,
    /// Arrivals per second at the horizon, head-room included.
    pub predicted_rate: f64,
    /// Head-room on the rate, as a factor, and the share of what happened before that it covers.
    pub growth: f64,
    /// The share of past growth that the head-room covers.
    pub growth_quantile: f64,
    /// Mean service time, seconds.
    pub service: f64,
    /// Variance of arrival counts over their mean: 1 is Poisson.
    pub dispersion: f64,
    /// Requests that will be waiting at the horizon, with the replicas that there are and those that are starting.
    pub backlog: f64,
    /// How long a request will wait then, seconds.
    pub wait: f64,
    /// Replicas for the rate.
    pub for_rate: Replicas,
    /// Replicas for the rate and the backlog.
    pub for_backlog: Replicas,
    /// The most that was needed within the time for which a replica is kept.
    pub kept: Replicas,
    /// For how long a replica is kept that is not needed.
    pub keeps: Duration,
    /// How the error budget is used.
    pub budget: BudgetUse,
    /// Burn rate over the long window; 1 uses the budget up exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn: Option<f64>,
    /// The forecast that raised the rate, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Text>,
    /// The service times alone miss the objective: more replicas do not help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service_too_slow: bool,
}

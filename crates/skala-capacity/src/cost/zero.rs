//! Whether scaling to zero pays.
//!
//! Decides: yes or no, and by how much.
//! Inputs: what an idle hour costs, idle hours, cold starts, their length and what waiting is worth.
//! Method: what idling would cost against what the cold starts cost: `idle_cost x idle_hours > starts x (seconds x value + start)`.
//! Tested: `tests/it/cost.rs`.

use super::units::PerHour;
use crate::number::at_least_0;

/// A period with the service at zero when idle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FromZero {
    /// What the last replica costs while it idles.
    pub idle_price: PerHour,
    /// Hours of the period in which nothing arrives.
    pub idle_hours: f64,
    /// Arrivals that meet nothing running.
    pub cold_starts: f64,
    /// How long each makes somebody wait, seconds.
    pub cold_seconds: f64,
    /// What a second of waiting is worth.
    pub second_value: f64,
    /// What a start costs besides.
    pub start_cost: f64,
}

/// What scaling to zero saves in the period; negative when it costs more.
pub fn zero_pays(period: &FromZero) -> f64 {
    let saved = at_least_0(period.idle_price.0) * at_least_0(period.idle_hours);
    let each = at_least_0(period.cold_seconds) * at_least_0(period.second_value) + at_least_0(period.start_cost);
    saved - at_least_0(period.cold_starts) * each
}

//! Prices per hour and per month, which the compiler keeps apart.
//!
//! Decides: nothing; a monthly price becomes an hourly one in one place, once.
//! Units: one currency's units per hour or month; a month is 730 hours, as in the clouds' price lists.
//! Tested: `tests/it/cost.rs`.

use std::ops::{Add, Mul};

use serde::{Deserialize, Serialize};

/// Hours of a month: 8760 / 12.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// A price per hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerHour(pub f64);

/// A price per month.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMonth(pub f64);

impl PerHour {
    /// The same price for a month of 730 hours.
    pub fn monthly(self) -> PerMonth {
        PerMonth(self.0 * HOURS_PER_MONTH)
    }

    /// What so many hours cost.
    pub fn for_hours(self, hours: f64) -> f64 {
        self.0 * hours
    }
}

impl PerMonth {
    /// The same price for an hour.
    pub fn hourly(self) -> PerHour {
        PerHour(self.0 / HOURS_PER_MONTH)
    }
}

impl Add for PerHour {
    type Output = PerHour;

    fn add(self, other: PerHour) -> PerHour {
        PerHour(self.0 + other.0)
    }
}

impl Add for PerMonth {
    type Output = PerMonth;

    fn add(self, other: PerMonth) -> PerMonth {
        PerMonth(self.0 + other.0)
    }
}

impl Mul<f64> for PerHour {
    type Output = PerHour;

    fn mul(self, count: f64) -> PerHour {
        PerHour(self.0 * count)
    }
}

impl Mul<f64> for PerMonth {
    type Output = PerMonth;

    fn mul(self, count: f64) -> PerMonth {
        PerMonth(self.0 * count)
    }
}

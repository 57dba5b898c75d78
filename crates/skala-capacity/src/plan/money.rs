//! Money per hour and per month as two types, so that one is never taken for the other.
//!
//! Units: billionths of the currency; a month has 730 hours.
//! Invariants: what is finer than a billionth rounds up.

use serde::{Serialize, Serializer};

/// Hours in a month: 8760 in a year, over twelve.
pub const HOURS_PER_MONTH: u128 = 730;

/// Billionths per whole.
const NANO: u128 = 1_000_000_000;

/// Money for an hour, in billionths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerHour(pub u128);

/// Money for a month, in billionths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMonth(pub u128);

impl PerHour {
    /// For the 730 hours of a month.
    pub fn for_a_month(self) -> PerMonth {
        PerMonth(self.0.saturating_mul(HOURS_PER_MONTH))
    }
}

impl PerMonth {
    /// Many of them.
    #[must_use]
    pub fn times(self, n: u64) -> PerMonth {
        PerMonth(self.0.saturating_mul(u128::from(n)))
    }

    /// A part in billionths, rounded up.
    #[must_use]
    pub fn billionths(self, part: u64) -> PerMonth {
        PerMonth(self.0.saturating_mul(u128::from(part)).div_ceil(NANO))
    }

    /// Both.
    #[must_use]
    pub fn plus(self, other: PerMonth) -> PerMonth {
        PerMonth(self.0.saturating_add(other.0))
    }

    /// In the currency.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANO as f64
    }
}

impl std::iter::Sum for PerMonth {
    fn sum<I: Iterator<Item = PerMonth>>(iter: I) -> PerMonth {
        iter.fold(PerMonth::default(), PerMonth::plus)
    }
}

impl Serialize for PerMonth {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.as_f64())
    }
}

//! Shares: percentages, and ratios that Kubernetes writes as plain numbers.
//!
//! Units: [`Percent`] and [`Ratio`] keep millionths of the whole (70 % is 700,000).

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, NANO};
use super::{ScalarError, kind, quantity};

/// Millionths per whole.
const MILLION: u64 = 1_000_000;

/// A percentage: `70%`, `99.9%`; may exceed 100 where the field allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u64);

impl Percent {
    /// From whole percents.
    pub const fn whole(percent: u32) -> Percent {
        Percent(percent as u64 * (MILLION / 100))
    }

    /// From millionths of the whole.
    pub const fn from_millionths(millionths: u64) -> Percent {
        Percent(millionths)
    }

    /// In percent: 70.0.
    pub fn percent(self) -> f64 {
        self.0 as f64 / 10_000.0
    }

    /// As a share of one: 0.7.
    pub fn ratio(self) -> f64 {
        self.0 as f64 / MILLION as f64
    }

    /// In millionths of the whole: 700,000.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

/// The digits before `%`, in millionths.
fn percent_millionths(text: &str) -> Option<u64> {
    match decimal::split(text)? {
        (number, "%") => u64::try_from(number.times_exactly(u128::from(MILLION) / 100)?).ok(),
        _ => None,
    }
}

impl FromStr for Percent {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Percent, ScalarError> {
        if let Some((number, "")) = decimal::split(text) {
            let help = match number.times(100) {
                Some(n) if text.starts_with("0.") => format!("write `{n}%`"),
                _ => format!("write `{text}%`"),
            };
            return Err(ScalarError::new("has no percent sign", help));
        }
        percent_millionths(text).map(Percent).ok_or_else(|| {
            ScalarError::new("is not a percentage", format!("write it like {}, with at most 4 decimals", Percent::KIND.examples))
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", decimal::show(u128::from(self.0) * NANO / 10_000)))
    }
}

/// A share of one, written as percentage (`10%`) or, as Kubernetes does, as number (`0.1`, `100m`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u64);

impl Ratio {
    /// From whole percents.
    pub const fn percent(percent: u32) -> Ratio {
        Ratio(percent as u64 * (MILLION / 100))
    }

    /// As a number: 0.1.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / MILLION as f64
    }
}

impl FromStr for Ratio {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Ratio, ScalarError> {
        let bad = || ScalarError::new("is not a ratio", format!("write it like {}", Ratio::KIND.examples));
        if text.ends_with('%') {
            return percent_millionths(text).map(Ratio).ok_or_else(bad);
        }
        let (nanos, _) = quantity::parse(text).ok_or_else(bad)?;
        u64::try_from(nanos.div_ceil(1000)).map(Ratio).map_err(|_| bad())
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Percent(self.0).fmt(f)
    }
}

kind!(Percent, "percent", "a percentage", "`70%`, `99.9%`", r"^[0-9]+(\.[0-9]+)?%$|\$\{", "string");
kind!(Ratio, "ratio", "a ratio", "`10%`, `0.1`", r"^[0-9]+(\.[0-9]+)?(%|m)?$|\$\{", ["string", "number"]);

//! Amounts of load and of what it needs: `1000`, `100/s`, `5000/day`, `500GB`, `10%`.
//!
//! Units: a count, a rate (`/s`, `/min`, `/h`, `/day`, `/month` of 730 h), a size in bytes (`500GB`, `2Gi`; `KB`, `MB`, `GB`, `TB` count in
//!   thousands), or a share. Exact to a billionth of the unit that is written.

use std::fmt;
use std::str::FromStr;

use super::decimal::{self, NANO};
use super::{ScalarError, kind};

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Things: users, tasks.
    Count,
    /// Things per time: requests per second.
    Rate,
    /// Bytes.
    Bytes,
    /// A part of something else.
    Share,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dimension::Count => "a plain number",
            Dimension::Rate => "a rate, such as `100/s`",
            Dimension::Bytes => "a size, such as `500GB`",
            Dimension::Share => "a share, such as `10%`",
        })
    }
}

/// Suffix, dimension, and the unit in base units (one; one per second; a byte) as a fraction.
const UNITS: [(&str, Dimension, u64, u64); 20] = [
    ("", Dimension::Count, 1, 1),
    ("%", Dimension::Share, 1, 100),
    ("/s", Dimension::Rate, 1, 1),
    ("/min", Dimension::Rate, 1, 60),
    ("/h", Dimension::Rate, 1, 3600),
    ("/day", Dimension::Rate, 1, 86_400),
    ("/month", Dimension::Rate, 1, 2_628_000),
    ("B", Dimension::Bytes, 1, 1),
    ("KB", Dimension::Bytes, 1_000, 1),
    ("MB", Dimension::Bytes, 1_000_000, 1),
    ("GB", Dimension::Bytes, 1_000_000_000, 1),
    ("TB", Dimension::Bytes, 1_000_000_000_000, 1),
    ("k", Dimension::Bytes, 1_000, 1),
    ("M", Dimension::Bytes, 1_000_000, 1),
    ("G", Dimension::Bytes, 1_000_000_000, 1),
    ("T", Dimension::Bytes, 1_000_000_000_000, 1),
    ("Ki", Dimension::Bytes, 1 << 10, 1),
    ("Mi", Dimension::Bytes, 1 << 20, 1),
    ("Gi", Dimension::Bytes, 1 << 30, 1),
    ("Ti", Dimension::Bytes, 1 << 40, 1),
];

/// Largest amount, in the unit that is written: far beyond any platform, and far from the end of the arithmetic.
const MAX_NANOS: u128 = 1_000_000_000_000_000 * NANO;

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Amount {
    nanos: u128,
    unit: usize,
}

impl Amount {
    /// Billionths of the unit.
    pub const fn nanos(self) -> u128 {
        self.nanos
    }

    /// The unit as it is written: `/s`, `GB`, or nothing.
    pub fn unit(self) -> &'static str {
        UNITS[self.unit].0
    }

    /// What it counts.
    pub fn dimension(self) -> Dimension {
        UNITS[self.unit].1
    }

    /// One unit in base units (one, one per second, a byte), as numerator and denominator.
    pub fn scale(self) -> (u64, u64) {
        (UNITS[self.unit].2, UNITS[self.unit].3)
    }

    /// Whether it is nothing at all.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }
}

impl FromStr for Amount {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Amount, ScalarError> {
        let bad = || ScalarError::new("is not an amount", format!("write it like {}", Amount::KIND.examples));
        let (number, suffix) = decimal::split(text.trim()).ok_or_else(bad)?;
        let suffix = suffix.trim();
        let suffix = match suffix.strip_prefix('/').map(str::trim) {
            Some("sec" | "second") => "/s",
            Some("minute" | "m") => "/min",
            Some("hour") => "/h",
            Some("d") => "/day",
            Some("mo") => "/month",
            _ if suffix == "rps" => "/s",
            _ => suffix,
        };
        let unit = UNITS.iter().position(|(name, ..)| *name == suffix).ok_or_else(|| {
            ScalarError::new(
                "has a unit that is not known",
                "the units are /s, /min, /h, /day, /month, KB, MB, GB, TB, Ki, Mi, Gi, Ti and %",
            )
        })?;
        let fine = || ScalarError::new("has too many decimals", "use at most nine");
        let nanos = number.times_exactly(NANO).ok_or_else(fine)?;
        if nanos > MAX_NANOS {
            return Err(ScalarError::new("is too large", "use at most 1000000000000000 of its unit"));
        }
        Ok(Amount { nanos, unit })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", decimal::show(self.nanos), self.unit()))
    }
}

kind!(
    Amount,
    "amount",
    "an amount",
    "`1000`, `100/s`, `5000/day`, `500GB`, `10%`",
    r"^[0-9]+(\.[0-9]+)? ?(%|/ ?[a-z]+|rps|[KMGT]?B|[kMGT]|[KMGT]i)?$|\$\{",
    ["string", "number"]
);

/// Growth of a load in a month: `25%`, `-5%`; at least -100 % and at most 1000 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrowthRate(i64);

impl GrowthRate {
    /// In millionths: 250,000.
    pub const fn millionths(self) -> i64 {
        self.0
    }
}

impl FromStr for GrowthRate {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<GrowthRate, ScalarError> {
        let bad = || ScalarError::new("is not growth", "write percent per month, such as `25%` or `-5%`");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let digits = digits.trim_end_matches("/month").trim_end();
        let (number, suffix) = decimal::split(digits).ok_or_else(bad)?;
        if suffix != "%" {
            return Err(ScalarError::new("has no percent sign", "write percent per month, such as `25%`"));
        }
        let size = number.times_exactly(10_000).and_then(|n| i64::try_from(n).ok());
        let size = size.ok_or_else(|| ScalarError::new("has too many digits", "use at most four decimals"))?;
        match sign * size {
            n if n < -1_000_000 => {
                Err(ScalarError::new("is below -100%", "a load that is gone cannot shrink further: use -100% to 1000%"))
            }
            n if n > 10_000_000 => Err(ScalarError::new("is above 1000% in a month", "use -100% to 1000%")),
            n => Ok(GrowthRate(n)),
        }
    }
}

impl fmt::Display for GrowthRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}%", decimal::show(u128::from(self.0.unsigned_abs()) * NANO / 10_000)))
    }
}

kind!(GrowthRate, "growth", "growth per month", "`25%`, `-5%`", r"^-?[0-9]+(\.[0-9]+)?%(/month)?$|\$\{", "string");

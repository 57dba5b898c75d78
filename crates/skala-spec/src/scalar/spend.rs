//! Money with its currency: `0.002 EUR`; and money per time: `30 EUR/h`, `5 EUR/day`, `900 EUR/month`.
//!
//! Units: an amount of one currency per hour, day or month of the calendar. A bare number is refused, because nobody knows its
//!   currency or its time.

use std::fmt;
use std::str::FromStr;

use skala_types::Currency;

use super::{Money, ScalarError, kind};

/// The time that a spend is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// The accepted words, the canonical one of each first.
const WORDS: [(&str, Per); 5] =
    [("h", Per::Hour), ("day", Per::Day), ("month", Per::Month), ("hour", Per::Hour), ("d", Per::Day)];

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Per::Hour => "h",
            Per::Day => "day",
            Per::Month => "month",
        })
    }
}

/// An amount of a currency per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spend {
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
    /// Per which time.
    pub per: Per,
}

impl FromStr for Spend {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Spend, ScalarError> {
        let bad = || ScalarError::new("is not money per time", format!("write it like {}", Spend::KIND.examples));
        let unknown = || ScalarError::new("has no currency code", "write three capital letters, such as `EUR`");
        let Some((money, per)) = text.split_once('/') else {
            return Err(ScalarError::new(
                "does not say per which time",
                "end it with `/h`, `/day` or `/month`, as in `30 EUR/h`",
            ));
        };
        let Some((amount, currency)) = money.trim().split_once(' ') else {
            return Err(ScalarError::new("has no currency", "write the amount, a space and the currency, as in `30 EUR/h`"));
        };
        let per = WORDS
            .iter()
            .find(|(word, _)| *word == per.trim())
            .map(|(_, per)| *per)
            .ok_or_else(|| ScalarError::new("has a time that is not counted in", "end it with `/h`, `/day` or `/month`"))?;
        Ok(Spend { amount: amount.parse().map_err(|_| bad())?, currency: currency.trim().parse().map_err(|_| unknown())?, per })
    }
}

impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}/{}", self.amount, self.currency, self.per))
    }
}

kind!(
    Spend,
    "spend",
    "money per time",
    "`30 EUR/h`, `5 EUR/day`, `900 EUR/month`",
    r"^[0-9]+(\.[0-9]+)? [A-Z]{3} ?/ ?(h|hour|d|day|month)$|\$\{",
    "string"
);

/// An amount of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
}

impl FromStr for Price {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Price, ScalarError> {
        let bad = || ScalarError::new("is not a price", format!("write it like {}", Price::KIND.examples));
        let unknown = || ScalarError::new("has no currency code", "write three capital letters, such as `EUR`");
        let Some((amount, currency)) = text.trim().split_once(' ') else {
            return Err(ScalarError::new("has no currency", "write the amount, a space and the currency, as in `0.002 EUR`"));
        };
        Ok(Price { amount: amount.parse().map_err(|_| bad())?, currency: currency.trim().parse().map_err(|_| unknown())? })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.amount, self.currency))
    }
}

kind!(Price, "price", "a price", "`0.002 EUR`, `1 USD`", r"^[0-9]+(\.[0-9]+)? [A-Z]{3}$|\$\{", "string");

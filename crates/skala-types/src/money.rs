//! Money as whole micro-units of a currency, so that sums are exact.
//!
//! Units: micros, a millionth of the currency's unit (0.04 EUR are 40,000 micros).
//! Invariants: amounts of two currencies are never added; arithmetic saturates.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Micros in one unit of a currency.
pub const MICROS: u64 = 1_000_000;

/// An ISO 4217 code such as EUR.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Currency = Currency(*b"EUR");

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseMoneyError(String);

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not an amount such as '30 EUR' or '0.04 USD', with at most six decimals", self.0)
    }
}

impl std::error::Error for ParseMoneyError {}

impl FromStr for Currency {
    type Err = ParseMoneyError;

    /// Reads three capital letters.
    fn from_str(s: &str) -> Result<Currency, ParseMoneyError> {
        match s.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Currency([a, b, c])),
            _ => Err(ParseMoneyError(s.to_owned())),
        }
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Millionths of the currency's unit.
    pub micros: u64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount in micros.
    pub const fn new(micros: u64, currency: Currency) -> Money {
        Money { micros, currency }
    }

    /// The sum; none when the currencies differ.
    pub fn plus(self, other: Money) -> Option<Money> {
        (self.currency == other.currency).then(|| Money { micros: self.micros.saturating_add(other.micros), ..self })
    }
}

impl fmt::Display for Money {
    /// With two decimals, or as many as are needed: `30.00 EUR`, `0.0425 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.micros / MICROS, self.micros % MICROS);
        let digits = format!("{rest:06}");
        let shown = digits.trim_end_matches('0').len().max(2);
        write!(f, "{whole}.{} {}", &digits[..shown], self.currency)
    }
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Reads `30 EUR` or `0.04 USD`.
    fn from_str(s: &str) -> Result<Money, ParseMoneyError> {
        let bad = || ParseMoneyError(s.to_owned());
        let (number, currency) = s.trim().rsplit_once(' ').ok_or_else(bad)?;
        let (whole, rest) = number.trim().split_once('.').unwrap_or((number.trim(), "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(rest) || rest.len() > 6 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let rest: u64 = format!("{rest:0<6}").parse().map_err(|_| bad())?;
        let micros = whole.checked_mul(MICROS).and_then(|w| w.checked_add(rest)).ok_or_else(bad)?;
        Ok(Money { micros, currency: currency.parse().map_err(|_| bad())? })
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Currency);
as_text!(Money);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, micros, shown) in [
            ("30 EUR", 30_000_000, "30.00 EUR"),
            ("0.04 USD", 40_000, "0.04 USD"),
            (" 1.000001 EUR", 1_000_001, "1.000001 EUR"),
            ("0.0425 EUR", 42_500, "0.0425 EUR"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!((money.micros, money.to_string().as_str()), (micros, shown));
            assert_eq!(shown.parse::<Money>().unwrap(), money);
        }
        for bad in
            ["30", "EUR", "-1 EUR", "1,5 EUR", "1.0000001 EUR", "1 eur", "1 EURO", "1. EUR", "99999999999999999999 EUR", "é EUR"]
        {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let money = |t: &str| t.parse::<Money>().unwrap();
        assert_eq!(money("1 EUR").plus(money("2.5 EUR")), Some(money("3.5 EUR")));
        assert_eq!(money("1 EUR").plus(money("1 USD")), None);
    }
}

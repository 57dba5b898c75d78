//! Kubernetes' `resource.Quantity`: `500m`, `2`, `1.5Gi`, `12e6`.
//!
//! Decides: which texts are quantities, how many thousandths one is, and its canonical form.
//! Units: nano; the finest that Kubernetes keeps. What is finer is rounded up, away from zero.
//! Method: the digits are read as an integer with a decimal exponent; no float anywhere.
//! Invariants: exact within 2^127 nano; conversions say when a value does not fit 64 bits, instead of wrapping as upstream's did.
//! Tested: `tests` below; `tests/it/quantities.rs` against integer arithmetic.

mod text;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nano per unit.
const UNIT: i128 = 1_000_000_000;
/// Nano per thousandth.
const MILLI: i128 = 1_000_000;

/// A number with Kubernetes' suffixes; it remembers which family of suffixes it was written in.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Quantity {
    nano: i128,
    form: Form,
    /// Power of ten of the last digit that was written, for [`Quantity::as_f64`].
    scale: i8,
}

/// The family of suffixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// n u m k M G T P E
    #[default]
    Decimal,
    /// Ki Mi Gi Ti Pi Ei
    Binary,
    /// e3
    Exponent,
}

/// Why a text or a number is not a quantity that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a number, or followed by something that is no suffix.
    #[error("'{0}' is not a quantity such as 500m, 2 or 1.5Gi")]
    Format(String),
    /// Does not fit 64 bits of thousandths.
    #[error("the quantity {0} is out of range")]
    OutOfRange(String),
    /// Below zero where that makes no sense.
    #[error("the quantity {0} is negative")]
    Negative(String),
}

impl Quantity {
    /// Zero.
    pub const ZERO: Quantity = Quantity { nano: 0, form: Form::Decimal, scale: 0 };

    /// From thousandths, as metrics are counted.
    pub fn from_milli(milli: i64) -> Quantity {
        Quantity { nano: i128::from(milli) * MILLI, form: Form::Decimal, scale: -3 }
    }

    /// From whole units.
    pub fn from_units(units: i64) -> Quantity {
        Quantity { nano: i128::from(units) * UNIT, form: Form::Decimal, scale: 0 }
    }

    /// The same value in another family of suffixes.
    pub fn written_as(self, form: Form) -> Quantity {
        Quantity { form, ..self }
    }

    /// In thousandths, rounded away from zero.
    ///
    /// # Errors
    /// When they do not fit 64 bits.
    pub fn milli(&self) -> Result<i64, QuantityError> {
        i64::try_from(away(self.nano, MILLI)).map_err(|_| QuantityError::OutOfRange(self.to_string()))
    }

    /// In thousandths, rounded away from zero; never negative.
    ///
    /// # Errors
    /// When they do not fit 64 bits, or are below zero.
    pub fn positive_milli(&self) -> Result<i64, QuantityError> {
        if self.is_negative() {
            return Err(QuantityError::Negative(self.to_string()));
        }
        self.milli()
    }

    /// In thousandths, rounded away from zero, capped at 64 bits.
    pub fn milli_capped(&self) -> i64 {
        capped(away(self.nano, MILLI))
    }

    /// In whole units, rounded away from zero, capped at 64 bits.
    pub fn units_capped(&self) -> i64 {
        capped(away(self.nano, UNIT))
    }

    /// As a float, for ratios such as a tolerance: the digits times their power of ten, to the bit as upstream computes it.
    pub fn as_f64(&self) -> f64 {
        /// 10^-1 to 10^-9; `powi` rounds differently.
        const TENTHS: [f64; 9] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
        match usize::try_from(-i32::from(self.scale)) {
            Ok(places @ 1..=9) => {
                let digits = self.nano / 10_i128.pow(u32::try_from(9 - places).unwrap_or(0));
                digits as f64 * TENTHS[places - 1]
            }
            _ => (self.nano / UNIT) as f64,
        }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.nano < 0
    }

    /// Whether it is above zero.
    pub fn is_positive(&self) -> bool {
        self.nano > 0
    }
}

/// Division that rounds away from zero.
fn away(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    quotient + rest.signum()
}

fn capped(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nano == other.nano
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Quantity, QuantityError> {
        text::parse(text).ok_or_else(|| QuantityError::Format(text.chars().take(60).collect()))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::print(self))
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

/// JSON may hold a quantity as text or as a number.
struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as 500m, 2 or 1.5Gi")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quantity, E> {
        text.trim().parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Quantity, E> {
        Ok(Quantity::from_units(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Quantity, E> {
        Ok(Quantity { nano: i128::from(number) * UNIT, form: Form::Decimal, scale: 0 })
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Quantity, E> {
        // The shortest text that means this float: what was written, up to the float's own precision.
        format!("{number}").parse().map_err(E::custom)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]})
    }
}

/// Thousandths in eight bytes, capped at 64 bits: what is held for each container of each pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

impl Milli {
    /// The thousandths, where they are a usable amount.
    ///
    /// # Errors
    /// When the quantity was negative or did not fit 64 bits.
    pub fn usable(self) -> Result<i64, QuantityError> {
        match self.0 {
            i64::MAX | i64::MIN => Err(QuantityError::OutOfRange("beyond 64 bits".to_owned())),
            below if below < 0 => Err(QuantityError::Negative(Quantity::from_milli(below).to_string())),
            milli => Ok(milli),
        }
    }
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Milli, D::Error> {
        Quantity::deserialize(deserializer).map(|q| Milli(q.milli_capped())).map_err(D::Error::custom)
    }
}

impl Serialize for Milli {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Quantity::from_milli(self.0))
    }
}

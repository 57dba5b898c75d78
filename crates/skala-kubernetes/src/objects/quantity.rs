//! Kubernetes' quantities: `500m`, `1.5Gi`, `2e3`.
//!
//! Method: exact integer arithmetic in thousandths; what is finer is rounded up, away from zero, as Kubernetes does; what is
//!   larger than 64 bits is held at their end.
//! Tested: `tests` below.

use serde::{Deserialize, Deserializer};

/// A quantity in thousandths, or the text that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(Result<i64, String>);

impl Quantity {
    pub(crate) fn milli(&self) -> Option<i64> {
        self.0.as_ref().ok().copied()
    }

    /// # Errors
    /// The text.
    pub(crate) fn try_milli(&self) -> Result<i64, String> {
        self.0.clone().map_err(|text| format!("'{text}' is not a quantity such as 500m or 2Gi"))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Quantity, D::Error> {
        let text = match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Quantity(parse_milli(&text).ok_or_else(|| text.chars().take(64).collect())))
    }
}

/// Reads a quantity in thousandths.
pub(crate) fn parse_milli(text: &str) -> Option<i64> {
    if text.len() > 64 {
        return None;
    }
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, suffix) = rest.split_at(digits);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') {
        return None;
    }
    let mantissa = format!("{whole}{part}");
    let decimals = i32::try_from(part.len()).ok()?;
    let scaled = match suffix {
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            let power = 1 + "KMGTPE".find(&suffix[..1])? as u32;
            scale(&mantissa, 3 - decimals, 1u128 << (10 * power))
        }
        _ => scale(&mantissa, 3 - decimals + decimal_exponent(suffix)?, 1),
    };
    let magnitude = i64::try_from(scaled).unwrap_or(i64::MAX);
    Some(if negative { -magnitude } else { magnitude })
}

fn decimal_exponent(suffix: &str) -> Option<i32> {
    Some(match suffix {
        "" => 0,
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            exponent.clamp(-400, 400)
        }
    })
}

/// digits x factor x 10^exponent, rounded up, at most `u128::MAX`.
fn scale(digits: &str, exponent: i32, factor: u128) -> u128 {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return 0;
    }
    let Ok(mut n) = digits.parse::<u128>() else { return u128::MAX };
    let Some(product) = n.checked_mul(factor) else { return u128::MAX };
    n = product;
    for _ in 0..exponent.max(0) {
        let Some(next) = n.checked_mul(10) else { return u128::MAX };
        n = next;
    }
    let mut rest = false;
    for _ in exponent.min(0)..0 {
        rest |= n % 10 != 0;
        n /= 10;
    }
    n + u128::from(rest)
}

/// The float that Kubernetes makes of a tolerance: of its canonical form, whose mantissa and exponent are whole.
pub(crate) fn as_f64(text: &str) -> Option<f64> {
    let milli = parse_milli(text)?;
    if milli % 1000 == 0 {
        return Some(skala_hpa::quantity_as_f64(milli / 1000, 0));
    }
    Some(skala_hpa::quantity_as_f64(milli, -3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_in_thousandths() {
        let rows: [(&str, Option<i64>); 24] = [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("500m", Some(500)),
            ("1.5", Some(1500)),
            (".5", Some(500)),
            ("5.", Some(5000)),
            ("100u", Some(1)),
            ("1n", Some(1)),
            ("1234567n", Some(2)),
            ("2k", Some(2_000_000)),
            ("1Ki", Some(1_024_000)),
            ("1.5Gi", Some(1_610_612_736_000)),
            ("2e3", Some(2_000_000)),
            ("1E-3", Some(1)),
            ("1E", Some(1_000_000_000_000_000_000).map(|_: i64| i64::MAX)),
            ("-250m", Some(-250)),
            ("+1", Some(1000)),
            ("9e999", Some(i64::MAX)),
            ("1e-999", Some(1)),
            ("", None),
            ("m", None),
            ("1.2.3", None),
            ("1 Gi", None),
            ("NaN", None),
        ];
        for (text, milli) in rows {
            assert_eq!(parse_milli(text), milli, "{text}");
        }
        assert_eq!(parse_milli(&"9".repeat(65)), None);
    }

    #[test]
    fn numbers_and_texts_and_neither() {
        let read = |json: &str| serde_json::from_str::<Quantity>(json).unwrap().milli();
        assert_eq!([read("2"), read("\"2\""), read("0.5"), read("{}"), read("null")], [Some(2000), Some(2000), Some(500), None, None]);
        assert_eq!([as_f64("100m"), as_f64("0.05"), as_f64("2")], [Some(0.1), Some(0.05), Some(2.0)]);
    }
}

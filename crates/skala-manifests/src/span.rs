//! A duration as Kubernetes writes it: `15s`, `5m0s`, `1h30m`, `30.5s`.
//!
//! Decides: which texts are durations: Go's notation, not negative. A bare number in an object means seconds.
//! Method: each number is read as an integer part and a fraction in nanoseconds, so that nothing passes through a float.
//! Invariants: at most 2^64 ns; a longer one is an error.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that reads and prints as Go does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Below zero.
    #[error("the duration '{0}' is negative")]
    Negative(String),
    /// Longer than 2^64 ns.
    #[error("the duration '{0}' is too long")]
    TooLong(String),
    /// Not a duration at all.
    #[error("'{0}' is not a duration such as 300s or 5m0s")]
    Format(String),
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let shown = || text.chars().take(40).collect::<String>();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if unsigned == "0" {
            return Ok(Span::default());
        }
        if unsigned.is_empty() {
            return Err(SpanError::Format(shown()));
        }
        let (mut rest, mut total) = (unsigned, 0_u128);
        while !rest.is_empty() {
            let (nanos, after) = one(rest).ok_or_else(|| SpanError::Format(shown()))?;
            total = total.saturating_add(nanos);
            rest = after;
        }
        let nanos = u64::try_from(total).map_err(|_| SpanError::TooLong(shown()))?;
        if text.starts_with('-') && nanos > 0 {
            return Err(SpanError::Negative(shown()));
        }
        Ok(Span(Duration::from_nanos(nanos)))
    }
}

/// One number with its unit, in nanoseconds, and what follows it.
fn one(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole = whole.bytes().fold(0_u128, |n, d| n.saturating_mul(10).saturating_add(u128::from(d - b'0')));
    let mut nanos = whole.saturating_mul(unit);
    let mut scale = unit;
    for digit in fraction.bytes() {
        scale /= 10;
        nanos = nanos.saturating_add(scale * u128::from(digit - b'0'));
    }
    Some((nanos, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if seconds >= 60 {
            write!(f, "{minutes}m")?;
        }
        let fraction = format!("{nanos:09}");
        let fraction = fraction.trim_end_matches('0');
        match fraction {
            "" => write!(f, "{}s", seconds % 60),
            _ => write!(f, "{}.{fraction}s", seconds % 60),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_any(TextOrSeconds)
    }
}

struct TextOrSeconds;

impl serde::de::Visitor<'_> for TextOrSeconds {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 5m0s, or a number of seconds")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
        Ok(Span(Duration::from_secs(seconds)))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Span, E> {
        let seconds = u64::try_from(seconds).map_err(|_| E::custom(SpanError::Negative(seconds.to_string())))?;
        Ok(Span(Duration::from_secs(seconds)))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Span, E> {
        let duration = Duration::try_from_secs_f64(seconds);
        duration.map(Span).map_err(|_| E::custom(format!("{seconds} is not a number of seconds")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let rows: &[(&str, u64)] = &[
            ("0", 0),
            ("-0", 0),
            ("15s", 15_000_000_000),
            ("5m0s", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5ms", 500_000),
            ("1µs", 1_000),
        ];
        for (text, nanos) in rows {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_nanos(*nanos), "{text}");
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        for bad in ["", "-", "5", "s", "5x", "-5s", "1e3s", "5 s", ".s", "999999999999h", "5m 3s", "é"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert_eq!("5m".parse::<Span>().unwrap().to_string(), "5m0s");
    }
}

//! Quantities in the API's documents: times, spans, money and fences, as people and programs write them.
//!
//! Units: a span is a number of seconds or a text with units (`30s`, `1h30m`, `500ms`); a time is RFC 3339 text; money is a number in
//!   the platform's currency; a fence is text in answers, text or number in requests.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use skala_queue::Fence;
use skala_types::Time;

/// The longest span that is taken: a hundred years.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);
/// Micros in one of the currency.
const MICROS: f64 = 1e6;
/// The largest amount that is taken, in the currency.
const MOST_MONEY: f64 = 1e9;

/// Below it a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A point in time, or a span from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Time),
    In(Duration),
}

/// An amount of money, in micros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) u64);

/// A fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FenceText(pub(crate) Fence);

impl When {
    /// As a time.
    pub(crate) fn at(self, now: Time) -> Time {
        match self {
            When::At(time) => time,
            When::In(span) => now + span,
        }
    }

    /// Reads either.
    pub(crate) fn parse(text: &str) -> Result<When, String> {
        let either = || format!("`{text}` is neither a time such as 2027-01-31T09:00:00Z nor a span such as 30s");
        text.parse().map(When::At).or_else(|_| span(text).map(When::In)).map_err(|_| either())
    }
}

/// Reads a span.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a span of time such as 30s, 1h30m or 500ms");
    let (mut rest, mut all, mut last) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let secs = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" => 1e-6,
            _ => return Err(wrong()),
        };
        if secs >= last {
            return Err(wrong());
        }
        all += number.parse::<f64>().map_err(|_| wrong())? * secs;
        (rest, last) = (tail, secs);
    }
    if text.is_empty() { Err(wrong()) } else { seconds(all) }
}

fn seconds(secs: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(secs) {
        Ok(span) if span <= LONGEST => Ok(span),
        _ => Err("a span is zero or more, and at most a hundred years".to_owned()),
    }
}

/// Reads money.
pub(crate) fn money(amount: f64) -> Result<Micros, String> {
    if (0.0..=MOST_MONEY).contains(&amount) {
        // Within the range of whole numbers that a float holds exactly.
        Ok(Micros((amount * MICROS).round() as u64))
    } else {
        Err(format!("an amount is from 0 to {MOST_MONEY}, in the platform's currency"))
    }
}

/// Money as a number in the currency.
pub(crate) fn amount(micros: u64) -> f64 {
    micros as f64 / MICROS
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time such as \"30s\", or a number of seconds")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        span(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, secs: u64) -> Result<Duration, E> {
        self.visit_f64(secs as f64)
    }

    fn visit_i64<E: Error>(self, secs: i64) -> Result<Duration, E> {
        self.visit_f64(secs as f64)
    }

    fn visit_f64<E: Error>(self, secs: f64) -> Result<Duration, E> {
        seconds(secs).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Span, D::Error> {
        d.deserialize_any(SpanVisitor).map(Span)
    }
}

struct WhenVisitor;

impl Visitor<'_> for WhenVisitor {
    type Value = When;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"2027-01-31T09:00:00Z\", or a span from now such as \"30s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<When, E> {
        When::parse(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<When, D::Error> {
        d.deserialize_str(WhenVisitor)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Micros, D::Error> {
        money(f64::deserialize(d)?).map_err(D::Error::custom)
    }
}

struct FenceVisitor;

impl Visitor<'_> for FenceVisitor {
    type Value = FenceText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fence as it came with the task")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FenceText, E> {
        text.parse().map(|n| FenceText(Fence(n))).map_err(|_| E::custom("is not the fence as it came with the task"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<FenceText, E> {
        Ok(FenceText(Fence(number)))
    }

    /// `852.0`, which is a whole number to JSON Schema; beyond what a float holds exactly it may be another fence.
    fn visit_f64<E: Error>(self, number: f64) -> Result<FenceText, E> {
        if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
            return Ok(FenceText(Fence(number as u64)));
        }
        Err(E::custom("is not the fence as it came with the task"))
    }
}

impl<'de> Deserialize<'de> for FenceText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<FenceText, D::Error> {
        d.deserialize_any(FenceVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_units_and_refused_without() {
        let read = |text| span(text).ok();
        assert_eq!(read("30s"), Some(Duration::from_secs(30)));
        assert_eq!(read("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(read("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(read("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "30", "s", "-1s", "1s1h", "1x", "1..2s", "99999999d", "1s1s", "é"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(serde_json::from_str::<Span>("2.5").expect("a number").0, Duration::from_millis(2500));
        assert!(serde_json::from_str::<Span>("-1").is_err());
    }

    #[test]
    fn fences_are_read_as_text_and_as_numbers() {
        let read = |text| serde_json::from_str::<FenceText>(text).ok().map(|f| f.0.0);
        assert_eq!(read("\"1099511627777\""), Some(1_099_511_627_777));
        assert_eq!(read("1099511627777"), Some(1_099_511_627_777));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        assert_eq!(read("852.0"), Some(852));
        assert_eq!((read("1e30"), read("0.5"), read("9007199254740992.0")), (None, None, None));
        assert_eq!(read("\"x\""), None);
        assert_eq!(read("-1"), None);
    }

    #[test]
    fn money_keeps_micros() {
        assert_eq!(money(0.002), Ok(Micros(2000)));
        assert_eq!(amount(2000), 0.002);
        assert!(money(f64::NAN).is_err() && money(-0.1).is_err() && money(1e12).is_err());
    }
}

//! The rate of arrivals over time, as a user writes it: `500`, `50..900/60s`, `50@20s,900@20s,50@20s`.
//!
//! Decides: how many arrivals per second are intended at each moment of a run.
//! Units: arrivals per second; lengths are durations with units.
//! Method: a list of pieces, each with a linear rate; the last value holds when a run lasts longer than its pieces.
//! Invariants: rates are finite, >= 0 and <= [`MAX_RATE`]; a piece that changes its rate has a length above zero.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::units::{DurationError, human, parse_duration};

/// The highest rate that is accepted, per second: far above what one generator can offer, so that a typo is named.
pub const MAX_RATE: f64 = 10_000_000.0;

/// One stretch of time with a linear rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Arrivals per second at its beginning.
    pub from: f64,
    /// Arrivals per second at its end.
    pub to: f64,
    /// How long it lasts; `None` until the end of the run.
    pub length: Option<Duration>,
}

/// Arrivals per second over the course of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    pieces: Vec<Piece>,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RateError {
    /// Not one of the three forms.
    #[error("'{0}' is not a rate: write 500 (per second), 50..900/60s (a ramp) or 50@20s,900@20s (steps)")]
    Form(String),
    /// A rate out of range.
    #[error("rate {0} is out of range: it must lie between 0 and 10,000,000 per second")]
    Range(String),
    /// A bad duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A piece of no length.
    #[error("'{0}' lasts no time: give it a length above zero")]
    Empty(String),
    /// A piece without a length that is followed by another.
    #[error("'{0}' needs a length (such as {0}@20s), because another rate follows it")]
    Endless(String),
}

impl Rate {
    /// The same rate all the time, arrivals per second.
    ///
    /// # Errors
    /// When the rate is negative, not finite or above [`MAX_RATE`].
    pub fn constant(per_second: f64) -> Result<Rate, RateError> {
        let from = in_range(per_second)?;
        Ok(Rate { pieces: vec![Piece { from, to: from, length: None }] })
    }

    /// Steps of a constant rate, each with its length.
    ///
    /// # Errors
    /// When there is none, a rate is out of range, or a length is zero.
    pub fn steps(steps: &[(f64, Duration)]) -> Result<Rate, RateError> {
        let step = |&(per_second, length): &(f64, Duration)| -> Result<Piece, RateError> {
            let from = in_range(per_second)?;
            if length.is_zero() {
                return Err(RateError::Empty(format!("{per_second}@0s")));
            }
            Ok(Piece { from, to: from, length: Some(length) })
        };
        let pieces = steps.iter().map(step).collect::<Result<Vec<_>, _>>()?;
        if pieces.is_empty() { Err(RateError::Form(String::new())) } else { Ok(Rate { pieces }) }
    }

    /// The pieces, in order; at least one.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How long the pieces last together; `None` when the last has no end.
    pub fn length(&self) -> Option<Duration> {
        self.pieces.iter().map(|p| p.length).sum()
    }

    /// Arrivals per second that are intended at `at` from the start.
    pub fn at(&self, at: Duration) -> f64 {
        let mut rest = at.as_secs_f64();
        for piece in &self.pieces {
            let length = piece.length.map_or(f64::INFINITY, |d| d.as_secs_f64());
            if rest < length {
                return if length.is_finite() { piece.from + (piece.to - piece.from) * rest / length } else { piece.from };
            }
            rest -= length;
        }
        self.pieces.last().map_or(0.0, |p| p.to)
    }
}

fn in_range(per_second: f64) -> Result<f64, RateError> {
    if (0.0..=MAX_RATE).contains(&per_second) { Ok(per_second) } else { Err(RateError::Range(per_second.to_string())) }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Rate, RateError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let pieces = parts.iter().map(|p| piece(p)).collect::<Result<Vec<_>, _>>()?;
        let endless = pieces.iter().rposition(|p| p.length.is_none()).filter(|i| i + 1 < pieces.len());
        match endless {
            Some(i) => Err(RateError::Endless(parts[i].to_owned())),
            None => Ok(Rate { pieces }),
        }
    }
}

fn piece(text: &str) -> Result<Piece, RateError> {
    if let Some((from, rest)) = text.split_once("..") {
        let (to, length) = rest.split_once('/').ok_or_else(|| RateError::Form(text.to_owned()))?;
        return Ok(Piece { from: number(from, text)?, to: number(to, text)?, length: Some(length_of(length, text)?) });
    }
    let (rate, length) = match text.split_once('@') {
        Some((rate, length)) => (number(rate, text)?, Some(length_of(length, text)?)),
        None => (number(text, text)?, None),
    };
    Ok(Piece { from: rate, to: rate, length })
}

fn number(number: &str, whole: &str) -> Result<f64, RateError> {
    let value: f64 = number.trim().parse().map_err(|_| RateError::Form(whole.to_owned()))?;
    in_range(value)
}

fn length_of(length: &str, whole: &str) -> Result<Duration, RateError> {
    let length = parse_duration(length)?;
    if length.is_zero() { Err(RateError::Empty(whole.to_owned())) } else { Ok(length) }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.pieces.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", then " };
            match p.length {
                None => write!(f, "{comma}{}/s", p.from)?,
                Some(d) if p.from == p.to => write!(f, "{comma}{}/s for {}", p.from, human(d))?,
                Some(d) => write!(f, "{comma}{} to {}/s in {}", p.from, p.to, human(d))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&text.parse::<Rate>().map_or_else(|e| e.to_string(), |r| r.to_string()));
    }

    #[test]
    fn reads_the_three_forms() {
        check("500", expect!["500/s"]);
        check("0.5", expect!["0.5/s"]);
        check("50..900/60s", expect!["50 to 900/s in 60.0 s"]);
        check("50@20s,900@20s,50@20s", expect!["50/s for 20.0 s, then 900/s for 20.0 s, then 50/s for 20.0 s"]);
        check("0..100/1m, 100", expect!["0 to 100/s in 60.0 s, then 100/s"]);
    }

    #[test]
    fn refuses_with_the_reason() {
        check("fast", expect!["'fast' is not a rate: write 500 (per second), 50..900/60s (a ramp) or 50@20s,900@20s (steps)"]);
        check("", expect!["'' is not a rate: write 500 (per second), 50..900/60s (a ramp) or 50@20s,900@20s (steps)"]);
        check(
            "50..900",
            expect!["'50..900' is not a rate: write 500 (per second), 50..900/60s (a ramp) or 50@20s,900@20s (steps)"],
        );
        check("-5", expect!["rate -5 is out of range: it must lie between 0 and 10,000,000 per second"]);
        check("NaN", expect!["rate NaN is out of range: it must lie between 0 and 10,000,000 per second"]);
        check("50..900/60", expect!["'60' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h"]);
        check("50@0s", expect!["'50@0s' lasts no time: give it a length above zero"]);
        check("50,900@20s", expect!["'50' needs a length (such as 50@20s), because another rate follows it"]);
    }

    #[test]
    fn knows_its_rate_at_any_moment() {
        let rate: Rate = "50..900/60s,100@10s".parse().unwrap();
        let at = |s| rate.at(Duration::from_secs(s));
        assert_eq!([at(0), at(30), at(60), at(69), at(500)], [50.0, 475.0, 100.0, 100.0, 100.0]);
        assert_eq!(rate.length(), Some(Duration::from_secs(70)));
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_in_range(text in "[0-9.@/,s]{0,24}|\\PC{0,16}", at in 0u64..1000) {
            if let Ok(rate) = text.parse::<Rate>() {
                let r = rate.at(Duration::from_secs(at));
                prop_assert!((0.0..=MAX_RATE).contains(&r));
            }
        }
    }
}

//! Durations: `90s`, `500ms`, `1h30m`, `1.5s`.
//!
//! Units: d, h, m, s, ms, us; each at most once, largest first. A bare number is refused, because nobody knows its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ScalarError, decimal, kind};

/// Nanoseconds per unit, largest first.
const UNITS: [(&str, u128); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// Longest duration, in nanoseconds: a hundred years, far from the end of `u64`.
const MAX_NANOS: u128 = 36_500 * 86_400_000_000_000;

/// A duration with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dur(Duration);

impl Dur {
    /// A duration of whole seconds.
    pub const fn secs(secs: u64) -> Dur {
        Dur(Duration::from_secs(secs))
    }

    /// A duration of whole milliseconds.
    pub const fn millis(millis: u64) -> Dur {
        Dur(Duration::from_millis(millis))
    }

    /// As the standard library's duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Dur {
    /// As it is, up to the longest that can be written.
    fn from(d: Duration) -> Dur {
        Dur(d.min(Duration::from_nanos(u64::try_from(MAX_NANOS).unwrap_or(u64::MAX))))
    }
}

impl From<Dur> for Duration {
    fn from(d: Dur) -> Duration {
        d.0
    }
}

impl FromStr for Dur {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Dur, ScalarError> {
        let unknown = || ScalarError::new("is not a duration", format!("write it like {}", Dur::KIND.examples));
        let mut rest = text;
        let mut nanos: u128 = 0;
        let mut next_unit = 0;
        while !rest.is_empty() {
            if rest.starts_with('-') {
                return Err(ScalarError::new("is negative", "a duration is zero or more"));
            }
            let (number, tail) = decimal::split(rest).ok_or_else(unknown)?;
            let end = tail.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            if unit.is_empty() && tail.is_empty() {
                return Err(ScalarError::new(
                    "has no unit",
                    format!("write `{text}s` for seconds, or `{text}ms`, `{text}m`, `{text}h`"),
                ));
            }
            let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
                return Err(ScalarError::new("has a unit that is not a duration's", "the units are d, h, m, s, ms and us"));
            };
            if at < next_unit {
                return Err(ScalarError::new("has its units out of order", "write the largest unit first, each once: `1h30m`"));
            }
            let part = number
                .times_exactly(UNITS[at].1)
                .ok_or_else(|| ScalarError::new("is finer than a nanosecond", "use fewer digits"))?;
            nanos = nanos.saturating_add(part);
            next_unit = at + 1;
            rest = tail;
        }
        if text.is_empty() {
            return Err(unknown());
        }
        if nanos > MAX_NANOS {
            return Err(ScalarError::new("is longer than a hundred years", "use a shorter duration"));
        }
        Ok(Dur(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))))
    }
}

impl fmt::Display for Dur {
    /// Largest unit first, zero parts left out; a part below a second is a fraction of seconds or milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.pad("0s");
        }
        let mut text = String::new();
        let mut secs = self.0.as_secs();
        for (unit, nanos) in &UNITS[..3] {
            let per = u64::try_from(nanos / decimal::NANO).expect("a day of seconds fits");
            if secs >= per {
                text.push_str(&format!("{}{unit}", secs / per));
                secs %= per;
            }
        }
        let nanos = u128::from(self.0.subsec_nanos());
        if secs > 0 {
            text.push_str(&format!("{}s", decimal::show(u128::from(secs) * decimal::NANO + nanos)));
        } else if nanos > 0 {
            text.push_str(&format!("{}ms", decimal::show(nanos * 1000)));
        }
        f.pad(&text)
    }
}

kind!(Dur, "duration", "a duration", "`90s`, `500ms`, `1h30m`", r"^([0-9]+(\.[0-9]+)?(d|h|m|s|ms|us))+$|\$\{", "string");

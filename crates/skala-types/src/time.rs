//! A point in time that can be printed, stored and compared, but never read from a clock.
//!
//! Decides: nothing; it is the `now` argument of everything that decides.
//! Units: nanoseconds since the Unix epoch (1970-01-01T00:00:00Z); good until the year 2554.
//! Invariants: arithmetic saturates, so a clock that steps backwards gives a zero age, never a panic.
//! Tested: `tests` below.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The Unix epoch.
    pub const ZERO: Time = Time(0);
    /// The latest representable time.
    pub const MAX: Time = Time(u64::MAX);

    /// Makes a time from nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Makes a time from seconds since the epoch; handy in tests and simulations.
    pub const fn from_secs(secs: u64) -> Time {
        Time(secs.saturating_mul(1_000_000_000))
    }

    /// Makes a time from milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the epoch, with fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[inline]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time `d` before this one, not before the epoch.
    pub fn minus(self, d: Duration) -> Time {
        Time(self.0.saturating_sub(nanos(d)))
    }
}

#[inline]
fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Time {
    type Output = Time;
    #[inline]
    fn add(self, d: Duration) -> Time {
        Time(self.0.saturating_add(nanos(d)))
    }
}

impl AddAssign<Duration> for Time {
    #[inline]
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Time> for Time {
    type Output = Duration;
    /// Same as [`Time::since`].
    #[inline]
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with milliseconds: `2026-11-20T21:27:00.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        let (days, of_day) = (millis / 86_400_000, millis % 86_400_000);
        let (year, month, day) = date(days);
        let (secs, millis) = (of_day / 1000, of_day % 1000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields =
            [(0..4, year), (5..7, month), (8..10, day), (11..13, secs / 3600), (14..16, secs / 60 % 60), (17..19, secs % 60)];
        for (at, mut number) in fields.into_iter().chain([(20..23, millis)]) {
            for digit in text[at].iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

/// Year, month and day of a day since the epoch. Method: Hinnant, "chrono-compatible low-level date algorithms", for times after 1970.
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that a leap day is a year's last.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// Why a text is not a time.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseTimeError(String);

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not an RFC 3339 time such as 2026-11-20T21:27:00Z", self.0)
    }
}

impl std::error::Error for ParseTimeError {}

impl FromStr for Time {
    type Err = ParseTimeError;

    /// Reads RFC 3339 (`2026-11-20T21:27:00Z`, with offset and fraction where given).
    fn from_str(s: &str) -> Result<Time, ParseTimeError> {
        let ts: jiff::Timestamp = s.parse().map_err(|_| ParseTimeError(s.to_owned()))?;
        u64::try_from(ts.as_nanosecond()).map(Time).map_err(|_| ParseTimeError(s.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc3339() {
        let t: Time = "2026-11-20T21:27:00.5Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-20T21:27:00.500Z");
        assert_eq!(t.to_string().parse::<Time>().unwrap(), t);
        assert!("yesterday".parse::<Time>().is_err());
        assert!("1960-01-01T00:00:00Z".parse::<Time>().is_err());
    }

    #[test]
    fn prints_every_day_as_the_calendar_says() {
        let check = |time: Time| {
            let expected = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())).unwrap();
            assert_eq!(time.to_string(), format!("{expected:.3}"));
        };
        check(Time::ZERO);
        check(Time::MAX);
        // Another time of each day until 2554.
        (0..213_503_u64).for_each(|day| check(Time::from_millis(day * 86_400_000 + day * 7_919 % 86_400_000)));
    }

    #[test]
    fn a_clock_that_steps_back_gives_zero_age() {
        assert_eq!(Time::from_secs(1) - Time::from_secs(5), Duration::ZERO);
        assert_eq!(Time::from_secs(1).minus(Duration::from_secs(5)), Time::ZERO);
        assert_eq!(Time::MAX + Duration::from_secs(1), Time::MAX);
    }
}

//! Calendar windows in UTC.
//!
//! Decides: when the window that holds a moment begins and ends.
//! Method: hours and days by division, since UTC days have 86,400 s here; months by the Gregorian calendar.
//! Invariants: begin <= moment < end, until the calendar ends in 2554.
//! Tested: `tests` below.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use skala_types::Time;

use super::Period;

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: Time,
    pub(super) end: Time,
}

pub(super) fn of(per: Period, now: Time) -> Window {
    const HOUR: u64 = 3_600_000_000_000;
    match per {
        Period::Hour => division(now, HOUR),
        Period::Day => division(now, 24 * HOUR),
        Period::Month => month(now).unwrap_or(Window { start: Time::ZERO, end: Time::MAX }),
    }
}

fn division(now: Time, length: u64) -> Window {
    let start = now.as_nanos() - now.as_nanos() % length;
    Window { start: Time::from_nanos(start), end: Time::from_nanos(start.saturating_add(length)) }
}

fn month(now: Time) -> Option<Window> {
    let date = Timestamp::from_nanosecond(i128::from(now.as_nanos())).ok()?.to_zoned(TimeZone::UTC).date();
    let first = date.first_of_month();
    let next = first.checked_add(1.month()).ok()?;
    let time = |date: jiff::civil::Date| {
        let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond();
        Some(Time::from_nanos(u64::try_from(at).unwrap_or(u64::MAX)))
    };
    Some(Window { start: time(first)?, end: time(next)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_borders() {
        let rows = [
            (Period::Hour, "2026-02-28T23:59:59.999Z", "2026-02-28T23:00:00.000Z", "2026-03-01T00:00:00.000Z"),
            (Period::Day, "2026-02-28T23:59:59Z", "2026-02-28T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
            (Period::Month, "2026-02-28T23:59:59Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
            (Period::Month, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00.000Z", "2028-03-01T00:00:00.000Z"),
            (Period::Month, "2026-12-31T12:00:00Z", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ];
        for (per, now, start, end) in rows {
            let w = of(per, now.parse().unwrap());
            assert_eq!((w.start.to_string().as_str(), w.end.to_string().as_str()), (start, end));
        }
        for per in [Period::Hour, Period::Day, Period::Month] {
            for t in [Time::ZERO, Time::MAX] {
                let w = of(per, t);
                assert!(w.start <= t && t <= w.end);
            }
        }
    }
}

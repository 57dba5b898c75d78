//! Which time windows are open.
//!
//! Decides: the bounds that hold at a moment, and until when.
//! Inputs: the policy's windows, `now`.
//! Method: KEDA's cron trigger: inside when the next end comes before the next start; both are searched strictly after `now`,
//!   in the window's time zone. Daylight saving as croner has it: a time that a change of clocks skips happens at the first
//!   moment after it, a time that comes twice happens the first time.
//! Invariants: pure; the last answer is kept with the span in which it holds, because a search costs microseconds.
//! Tested: `tests` below.

use std::sync::{Mutex, PoisonError};

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use skala_types::{Replicas, Time};

use crate::{CronWindow, PolicyProblem};

/// Most windows of a policy.
pub(crate) const MOST_WINDOWS: usize = 32;

/// A policy's windows, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    windows: Vec<Window>,
    last: Mutex<Span>,
}

#[derive(Debug)]
struct Window {
    start: Cron,
    end: Cron,
    zone: TimeZone,
    min: Option<Replicas>,
    max: Option<Replicas>,
}

/// The windows that are open from one moment until before another; window `i` is bit `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    from: Time,
    until: Time,
    open: u32,
}

/// What the open windows say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) min: Option<Replicas>,
    pub(crate) max: Option<Replicas>,
    /// Bit `i` is window `i`.
    pub(crate) open: u32,
    /// When that may change.
    pub(crate) until: Option<Time>,
}

impl Schedule {
    /// Reads the windows.
    ///
    /// # Errors
    /// The field of each window that cannot be read.
    pub(crate) fn new(windows: &[CronWindow]) -> Result<Schedule, Vec<(usize, &'static str, PolicyProblem)>> {
        let mut wrong = Vec::new();
        let mut read = Vec::new();
        for (i, window) in windows.iter().enumerate().take(MOST_WINDOWS) {
            let zone = TimeZoneDatabase::bundled().get(&window.timezone).map_err(|_| PolicyProblem::NoTimeZone);
            let zone = zone.map_err(|problem| wrong.push((i, "timezone", problem)));
            let start = cron(&window.start).map_err(|problem| wrong.push((i, "start", problem)));
            let end = cron(&window.end).map_err(|problem| wrong.push((i, "end", problem)));
            if let (Ok(start), Ok(end), Ok(zone)) = (start, end, zone) {
                read.push(Window { start, end, zone, min: window.min_replicas, max: window.max_replicas });
            }
        }
        if wrong.is_empty() { Ok(Schedule { windows: read, last: Mutex::default() }) } else { Err(wrong) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// What holds at `now`.
    pub(crate) fn at(&self, now: Time) -> Opening {
        if self.windows.is_empty() {
            return Opening::default();
        }
        let span = {
            // The span is replaced as a whole, so that a panic elsewhere cannot have left half of one.
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if now < last.from || now >= last.until {
                *last = self.search(now);
            }
            *last
        };
        let open = || self.windows.iter().enumerate().filter(|(i, _)| span.open & (1 << i) != 0).map(|(_, w)| w);
        let (min, max) = (open().filter_map(|w| w.min).max(), open().filter_map(|w| w.max).max());
        Opening { min, max, open: span.open, until: Some(span.until) }
    }

    fn search(&self, now: Time) -> Span {
        let whole_second = Time::from_secs(now.as_nanos() / 1_000_000_000);
        let mut span = Span { from: whole_second, until: Time::MAX, open: 0 };
        for (i, window) in self.windows.iter().enumerate() {
            let (start, end) = (window.next(&window.start, now), window.next(&window.end, now));
            if end.is_some_and(|end| start.is_none_or(|start| end < start)) {
                span.open |= 1 << i;
            }
            span.until = [start, end].into_iter().flatten().fold(span.until, Time::min);
        }
        span
    }
}

impl Window {
    fn next(&self, cron: &Cron, now: Time) -> Option<Time> {
        let now = Timestamp::from_nanosecond(i128::from(now.as_nanos())).ok()?.to_zoned(self.zone.clone());
        let next = cron.find_next_occurrence(&now, false).ok()?;
        u64::try_from(next.timestamp().as_nanosecond()).ok().map(Time::from_nanos)
    }
}

fn cron(text: &str) -> Result<Cron, PolicyProblem> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|e| PolicyProblem::NotCron { reason: e.to_string() })?;
    // A date that never comes (30 February) would be searched for through the centuries at every plan.
    let from: Zoned = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    cron.find_next_occurrence(&from, false).map_err(|_| PolicyProblem::NeverComes)?;
    Ok(cron)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn window(start: &str, end: &str, timezone: &str, min: Option<u32>, max: Option<u32>) -> CronWindow {
        CronWindow {
            name: Text::from("w"),
            start: start.to_owned(),
            end: end.to_owned(),
            timezone: timezone.to_owned(),
            min_replicas: min.map(Replicas),
            max_replicas: max.map(Replicas),
        }
    }

    fn at(schedule: &Schedule, time: &str) -> (u32, Option<u32>, Option<u32>) {
        let opening = schedule.at(time.parse().unwrap());
        (opening.open, opening.min.map(|n| n.0), opening.max.map(|n| n.0))
    }

    #[test]
    fn a_window_holds_from_its_start_until_before_its_end() {
        let office = Schedule::new(&[window("0 8 * * 1-5", "0 18 * * 1-5", "Europe/Berlin", Some(5), Some(9))]).unwrap();
        // Friday, 15 January 2027; Berlin is an hour ahead.
        let (open, shut) = ((1, Some(5), Some(9)), (0, None, None));
        assert_eq!(at(&office, "2027-01-15T06:59:59.999Z"), shut);
        assert_eq!(at(&office, "2027-01-15T07:00:00Z"), open);
        assert_eq!(at(&office, "2027-01-15T16:59:59.999Z"), open);
        assert_eq!(at(&office, "2027-01-15T17:00:00Z"), shut);
        assert_eq!(at(&office, "2027-01-16T12:00:00Z"), shut);
        // Backwards in time, past the kept span.
        assert_eq!(at(&office, "2027-01-15T12:00:00Z"), open);
        assert_eq!(office.at("2027-01-15T12:00:00Z".parse().unwrap()).until, "2027-01-15T17:00:00Z".parse().ok());
    }

    #[test]
    fn windows_over_midnight_and_over_each_other() {
        let schedule = Schedule::new(&[
            window("0 22 * * *", "0 6 * * *", "UTC", Some(2), None),
            window("0 5 * * *", "0 7 * * *", "UTC", Some(8), Some(20)),
        ])
        .unwrap();
        let seen = ["21:59", "23:00", "05:30", "06:30", "07:00"].map(|t| at(&schedule, &format!("2027-01-15T{t}:00Z")));
        let expected = [(0, None, None), (1, Some(2), None), (3, Some(8), Some(20)), (2, Some(8), Some(20)), (0, None, None)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn clocks_that_change() {
        // Berlin, 28 March 2027: 02:00 becomes 03:00. A start at 02:30 happens when the gap ends, at 01:00 UTC.
        let spring = Schedule::new(&[window("30 2 * * *", "0 4 * * *", "Europe/Berlin", Some(3), None)]).unwrap();
        assert_eq!(at(&spring, "2027-03-28T00:59:59Z").0, 0);
        assert_eq!(at(&spring, "2027-03-28T01:00:00Z").0, 1);
        assert_eq!(at(&spring, "2027-03-28T02:00:00Z").0, 0);
        // Berlin, 31 October 2027: 03:00 becomes 02:00. 02:30 comes twice and counts the first time, at 00:30 UTC.
        let autumn = Schedule::new(&[window("30 2 * * *", "45 2 * * *", "Europe/Berlin", Some(3), None)]).unwrap();
        assert_eq!(at(&autumn, "2027-10-31T00:29:59Z").0, 0);
        assert_eq!(at(&autumn, "2027-10-31T00:30:00Z").0, 1);
        assert_eq!(at(&autumn, "2027-10-31T00:45:00Z").0, 0);
        assert_eq!(at(&autumn, "2027-10-31T01:35:00Z").0, 0);
        // The same wall clock all year, another moment in UTC.
        let office = Schedule::new(&[window("0 8 * * *", "0 18 * * *", "America/New_York", Some(5), None)]).unwrap();
        assert_eq!((at(&office, "2027-01-15T12:30:00Z").0, at(&office, "2027-07-15T12:30:00Z").0), (0, 1));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = Schedule::new(&[
            window("0 8 * *", "0 18 * * *", "Europe/Berlin", None, None),
            window("0 8 30 2 *", "0 18 * * *", "Mars/Olympus", None, None),
            window("0 0 8 * * *", "61 18 * * *", "UTC", None, None),
        ]);
        let fields: Vec<_> = wrong.unwrap_err().iter().map(|(i, field, _)| (*i, *field)).collect();
        assert_eq!(fields, [(0, "start"), (1, "timezone"), (1, "start"), (2, "start"), (2, "end")]);
    }

    #[test]
    fn the_kept_answer_is_the_searched_one() {
        let windows = [window("*/7 * * * *", "3-59/11 * * * *", "Asia/Kolkata", Some(1), None)];
        let kept = Schedule::new(&windows).unwrap();
        for i in 0..2_000u64 {
            // A walk that also steps back.
            let now = Time::from_secs(1_800_000_000 + (i * 37) % 5_000);
            let fresh = Schedule::new(&[]).map(|s| Schedule { windows: Schedule::new(&windows).unwrap().windows, ..s }).unwrap();
            assert_eq!(kept.at(now).open, fresh.at(now).open, "{now}");
        }
    }
}

//! The arrival rates of the last weeks: minutes for six hours, five minutes for three weeks.
//!
//! Decides: which minutes are known, and what their rate was.
//! Inputs: counts over intervals, in order of time.
//! Units: minutes are counted from the Unix epoch; rates in requests per second.
//! Invariants: an interval counts once, however often it is handed in; a minute that was seen for less than half of it is unknown,
//!   never zero; memory never grows.
//! Tested: `tests` below.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use crate::Fed;
use crate::ring::{Ring, SavedRing};

/// Minutes kept: six hours.
const MINUTES: usize = 360;
/// Minutes in a coarse bucket.
pub(crate) const COARSE: u64 = 5;
/// Coarse buckets kept: three weeks.
pub(crate) const BUCKETS: usize = 21 * 288;
/// Minutes in a day.
pub(crate) const DAY: u64 = 1440;

/// Nanoseconds in a minute.
const MINUTE_NANOS: u64 = 60_000_000_000;
/// A minute must be seen for this many seconds to be known.
const SEEN_SECS: f64 = 30.0;
/// No interval may be longer.
const LONGEST: Duration = Duration::from_secs(86_400);
/// No rate may be higher, in requests per second.
const HIGHEST: f64 = 1e12;
/// A clock this far behind the history may have been right ...
const BEHIND: Duration = Duration::from_secs(86_400);
/// ... when this many intervals in a row say so.
const BEHIND_TIMES: u32 = 600;

/// The rates seen, and the minute in the making.
#[derive(Clone, Debug)]
pub(crate) struct History {
    fine: Ring,
    coarse: Ring,
    until: Time,
    count: f64,
    seconds: f64,
    behind: u32,
}

/// A history as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedHistory {
    fine: SavedRing,
    coarse: SavedRing,
    until: Time,
    count: f64,
    seconds: f64,
}

/// The part of an interval that is still to be taken.
pub(crate) struct Piece {
    from: u64,
    to: u64,
    /// Arrivals per nanosecond.
    density: f64,
}

impl History {
    pub(crate) fn new() -> History {
        History { fine: Ring::new(MINUTES), coarse: Ring::new(BUCKETS), until: Time::ZERO, count: 0.0, seconds: 0.0, behind: 0 }
    }

    /// Whether the interval is to be taken, and which part of it. [`Fed::Restarted`]: ask again after [`History::new`].
    pub(crate) fn admit(&mut self, from: Time, span: Duration, count: f64) -> Result<Piece, Fed> {
        let secs = span.as_secs_f64();
        if !count.is_finite() || count < 0.0 || span.is_zero() || span > LONGEST || count / secs > HIGHEST {
            return Err(Fed::Refused);
        }
        let to = from + span;
        if to <= self.until {
            return Err(self.known_already(to));
        }
        self.behind = 0;
        let density = count / (secs * 1e9);
        Ok(Piece { from: from.max(self.until).as_nanos(), to: to.as_nanos(), density })
    }

    fn known_already(&mut self, to: Time) -> Fed {
        self.behind = if self.until.since(to) > BEHIND { self.behind + 1 } else { 0 };
        if self.behind >= BEHIND_TIMES { Fed::Restarted } else { Fed::Known }
    }

    /// Takes the piece up to the end of the next minute, and tells the minute that this closed. `None` when all is taken.
    pub(crate) fn take(&mut self, piece: &mut Piece) -> Option<u64> {
        while piece.from < piece.to {
            let open = self.until.as_nanos() / MINUTE_NANOS;
            let minute = piece.from / MINUTE_NANOS;
            if minute > open && self.seconds > 0.0 {
                return Some(self.close(open));
            }
            let end = (minute + 1).saturating_mul(MINUTE_NANOS).min(piece.to);
            self.count += piece.density * (end - piece.from) as f64;
            self.seconds += (end - piece.from) as f64 / 1e9;
            piece.from = end;
            self.until = Time::from_nanos(end);
            if end.is_multiple_of(MINUTE_NANOS) {
                return Some(self.close(minute));
            }
        }
        None
    }

    fn close(&mut self, minute: u64) -> u64 {
        let rate = if self.seconds >= SEEN_SECS { self.count / self.seconds } else { f64::NAN };
        (self.count, self.seconds) = (0.0, 0.0);
        let (before, bucket) = (self.fine.end().saturating_sub(1) / COARSE, minute / COARSE);
        if bucket > before {
            self.close_bucket(before);
        }
        self.fine.push(minute, rate);
        if minute % COARSE == COARSE - 1 {
            self.close_bucket(bucket);
        }
        minute
    }

    /// Sets a coarse bucket to the mean of its minutes, when most of them are known.
    fn close_bucket(&mut self, bucket: u64) {
        if bucket < self.coarse.end() {
            return;
        }
        let known = (bucket * COARSE..(bucket + 1) * COARSE).filter_map(|minute| self.fine.get(minute));
        let (n, sum) = known.fold((0, 0.0), |(n, sum), rate| (n + 1, sum + rate));
        self.coarse.push(bucket, if 2 * n > COARSE { sum / n as f64 } else { f64::NAN });
    }

    /// The minute after the last closed one; zero when none was closed.
    pub(crate) fn end(&self) -> u64 {
        self.fine.end()
    }

    /// The rate in a minute of the last hours.
    pub(crate) fn minute(&self, minute: u64) -> Option<f64> {
        self.fine.get(minute)
    }

    /// The rate in a coarse bucket.
    pub(crate) fn bucket(&self, bucket: u64) -> Option<f64> {
        self.coarse.get(bucket)
    }

    /// The coarse buckets that are kept: the oldest, and the one after the newest.
    pub(crate) fn buckets(&self) -> (u64, u64) {
        (self.coarse.begin(), self.coarse.end())
    }

    /// The rate in a minute of the last weeks: the minute itself, or between the two coarse buckets nearest to it.
    pub(crate) fn rate(&self, minute: u64) -> Option<f64> {
        self.fine.get(minute).or_else(|| between(minute, COARSE, |bucket| self.coarse.get(bucket)))
    }

    /// The history as it is stored.
    pub(crate) fn save(&self) -> SavedHistory {
        let (fine, coarse) = (self.fine.save(), self.coarse.save());
        SavedHistory { fine, coarse, until: self.until, count: self.count, seconds: self.seconds }
    }

    /// The history that was stored, when it is one.
    pub(crate) fn restore(saved: &SavedHistory) -> Option<History> {
        let (fine, coarse) = (Ring::restore(&saved.fine, MINUTES)?, Ring::restore(&saved.coarse, BUCKETS)?);
        let open = saved.until.as_nanos() / MINUTE_NANOS;
        let fits = fine.end() <= open + 1 && coarse.end() <= open / COARSE + 1 && (0.0..=60.0).contains(&saved.seconds);
        let counts = (0.0..=HIGHEST * 60.0).contains(&saved.count);
        (fits && counts).then_some(History {
            fine,
            coarse,
            until: saved.until,
            count: saved.count,
            seconds: saved.seconds,
            behind: 0,
        })
    }
}

/// The minute that a time lies in.
pub(crate) fn minute_of(time: Time) -> u64 {
    time.as_nanos() / MINUTE_NANOS
}

/// When a minute begins.
pub(crate) fn begin_of(minute: u64) -> Time {
    Time::from_nanos(minute.saturating_mul(MINUTE_NANOS))
}

/// A value at the middle of `minute`, between the middles of the buckets of `width` minutes before and after it; the one that is
/// known, when the other is not.
pub(crate) fn between(minute: u64, width: u64, value: impl Fn(u64) -> Option<f64>) -> Option<f64> {
    let own = minute / width;
    let offset = (minute % width) as f64 + 0.5 - width as f64 / 2.0;
    let share = offset.abs() / width as f64;
    let neighbour = if offset < 0.0 { own.checked_sub(1)? } else { own + 1 };
    match (value(own), value(neighbour)) {
        (Some(own), Some(neighbour)) => Some(own + (neighbour - own) * share),
        (own, neighbour) => own.or(neighbour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(history: &mut History, from: u64, secs: u64, count: f64) -> Vec<u64> {
        let mut closed = Vec::new();
        if let Ok(mut piece) = history.admit(Time::from_secs(from), Duration::from_secs(secs), count) {
            while let Some(minute) = history.take(&mut piece) {
                closed.push(minute);
            }
        }
        closed
    }

    fn rate(history: &History, minute: u64) -> Option<f64> {
        history.minute(minute).map(|rate| (rate * 1000.0).round() / 1000.0)
    }

    #[test]
    fn seconds_become_minutes() {
        let mut history = History::new();
        let closed: Vec<u64> = (0..150).flat_map(|second| feed(&mut history, second, 1, 3.0)).collect();
        assert_eq!(closed, [0, 1]);
        assert_eq!((rate(&history, 0), rate(&history, 2)), (Some(3.0), None));
    }

    #[test]
    fn a_long_interval_is_spread_over_its_minutes() {
        let mut history = History::new();
        assert_eq!(feed(&mut history, 30, 600, 1200.0), (0..10).collect::<Vec<_>>());
        assert_eq!((rate(&history, 0), rate(&history, 9)), (Some(2.0), Some(2.0)));
        assert_eq!(history.bucket(0).map(f64::round), Some(2.0));
    }

    #[test]
    fn an_interval_counts_once() {
        let mut history = History::new();
        feed(&mut history, 0, 60, 60.0);
        assert!(feed(&mut history, 0, 60, 60.0).is_empty());
        // Half of it is known already, so half of it counts.
        assert_eq!(feed(&mut history, 30, 90, 180.0), [1]);
        assert_eq!((rate(&history, 0), rate(&history, 1)), (Some(1.0), Some(2.0)));
    }

    #[test]
    fn a_hole_is_unknown_and_not_quiet() {
        let mut history = History::new();
        feed(&mut history, 0, 310, 310.0);
        assert_eq!(feed(&mut history, 1200, 300, 300.0), [5, 20, 21, 22, 23, 24]);
        assert_eq!((rate(&history, 5), rate(&history, 10), rate(&history, 20)), (None, None, Some(1.0)));
        assert_eq!((history.bucket(1), history.bucket(2)), (None, None));
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for (secs, count) in [(0, 1.0), (1, -1.0), (1, f64::NAN), (1, f64::INFINITY), (90_000, 1.0), (1, 1e13)] {
            let admitted = History::new().admit(Time::ZERO, Duration::from_secs(secs), count);
            assert_eq!(admitted.err(), Some(Fed::Refused), "{count} in {secs} s");
        }
    }

    #[test]
    fn a_clock_that_was_ahead_is_not_believed_forever() {
        let mut history = History::new();
        feed(&mut history, 10_000_000, 60, 1.0);
        let mut last = None;
        for second in 0..BEHIND_TIMES.into() {
            last = history.admit(Time::from_secs(second), Duration::from_secs(1), 1.0).err();
        }
        assert_eq!(last, Some(Fed::Restarted));
    }

    #[test]
    fn between_two_buckets_lies_the_line() {
        let at = |minute| between(minute, 5, |bucket| Some(bucket as f64 * 5.0 + 2.5));
        assert_eq!((at(7), at(9), at(10)), (Some(7.5), Some(9.5), Some(10.5)));
        assert_eq!(between(7, 5, |bucket| (bucket == 1).then_some(4.0)), Some(4.0));
        assert_eq!(between(1, 5, |_| None), None);
    }
}

//! What one reconcile leaves for the next: past recommendations and past changes of size.
//!
//! Decides: which slot of a log a new entry takes.
//! Units: times; replicas; changes as positive numbers in a log per direction.
//! Method: `autoscaling/v2` keeps slices and overwrites the *last* slot that is old, else appends. Which slot it is does not
//!   matter to decisions, but is reproduced, so that logs can be compared.
//! Invariants: no log exceeds [`MAX_LOG`]. Upstream's logs have no bound; one fills up only where more than 4096 reconciles
//!   fall into a window. Then entries that can no longer matter go first, see `make_room` and `merge_oldest`.
//! Tested: `tests` below; `tests/rows/behavior.rs`.

use serde::{Deserialize, Serialize};
use skala_types::Time;

use crate::Direction;

/// The most entries of one log.
pub const MAX_LOG: usize = 4096;

/// The controller's memory of one HPA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct History {
    /// What metrics asked for, before any rule.
    pub recommendations: Vec<Recommendation>,
    /// Growth.
    pub scale_ups: Vec<ScaleEvent>,
    /// Shrinkage.
    pub scale_downs: Vec<ScaleEvent>,
}

/// What metrics asked for at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recommendation {
    /// When.
    pub at: Time,
    /// How many.
    pub replicas: i32,
}

/// One executed change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleEvent {
    /// When.
    pub at: Time,
    /// By how much, never negative.
    pub change: i32,
}

const SECOND: u64 = 1_000_000_000;

/// Whether `at` is strictly newer than `now - seconds`.
pub(crate) fn newer(at: Time, now: Time, seconds: i64) -> bool {
    expiry(at, seconds) > u128::from(now.as_nanos())
}

/// Whether `at` is strictly older than `now - seconds`.
pub(crate) fn older(at: Time, now: Time, seconds: i64) -> bool {
    expiry(at, seconds) < u128::from(now.as_nanos())
}

/// The moment from which `at` is no longer strictly newer than `now - seconds`.
pub(crate) fn expires(at: Time, seconds: i64) -> Time {
    Time::from_nanos(u64::try_from(expiry(at, seconds)).unwrap_or(u64::MAX))
}

fn expiry(at: Time, seconds: i64) -> u128 {
    u128::from(at.as_nanos()) + u128::from(seconds.max(0).unsigned_abs()) * u128::from(SECOND)
}

impl History {
    /// The memory of a controller that just started: it assumes that the current size was right.
    pub fn initial(current: i32, now: Time) -> History {
        History { recommendations: vec![Recommendation { at: now, replicas: current }], ..History::default() }
    }

    pub(crate) fn log_mut(&mut self, direction: Direction) -> &mut Vec<ScaleEvent> {
        match direction {
            Direction::Up => &mut self.scale_ups,
            Direction::Down => &mut self.scale_downs,
        }
    }

    /// Logs a recommendation in the last slot that `is_old`, else at the end.
    pub(crate) fn recommend(&mut self, new: Recommendation, is_old: impl Fn(Time) -> bool) {
        let log = &mut self.recommendations;
        match log.iter().rposition(|r| is_old(r.at)) {
            Some(slot) => log[slot] = new,
            None => {
                if log.len() >= MAX_LOG {
                    make_room(log);
                }
                log.push(new);
            }
        }
    }
}

/// The sum of the changes strictly newer than `now - seconds`.
pub(crate) fn changed(log: &[ScaleEvent], now: Time, seconds: i64) -> i64 {
    log.iter().filter(|e| newer(e.at, now, seconds)).map(|e| i64::from(e.change)).sum()
}

/// The first moment at which one of the changes counted by [`changed`] leaves the period.
pub(crate) fn next_expiry(log: &[ScaleEvent], now: Time, seconds: i64) -> Option<Time> {
    log.iter().filter(|e| newer(e.at, now, seconds)).map(|e| expires(e.at, seconds)).min()
}

/// What [`record`] replaced, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    Appended,
    Replaced(usize, ScaleEvent),
}

/// Logs a change in the last slot strictly older than `now - longest` seconds, else at the end.
pub(crate) fn record(log: &mut Vec<ScaleEvent>, new: ScaleEvent, longest: i64) -> Undo {
    match log.iter().rposition(|e| older(e.at, new.at, longest)) {
        Some(slot) => Undo::Replaced(slot, std::mem::replace(&mut log[slot], new)),
        None => {
            if log.len() >= MAX_LOG {
                merge_oldest(log);
            }
            log.push(new);
            Undo::Appended
        }
    }
}

pub(crate) fn unrecord(log: &mut Vec<ScaleEvent>, undo: Undo) {
    match undo {
        Undo::Appended => drop(log.pop()),
        Undo::Replaced(slot, event) => log[slot] = event,
    }
}

/// Cuts a log that came from outside to its bound, keeping the newest.
pub(crate) fn bound(history: &mut History) {
    let h = history;
    keep_newest(&mut h.recommendations, |r| r.at);
    keep_newest(&mut h.scale_ups, |e| e.at);
    keep_newest(&mut h.scale_downs, |e| e.at);
}

fn keep_newest<T>(log: &mut Vec<T>, at: impl Fn(&T) -> Time) {
    if log.len() > MAX_LOG {
        log.sort_by_key(|e| at(e));
        log.drain(..log.len() - MAX_LOG);
    }
}

/// Drops every recommendation that is outdone on both sides by newer ones: whatever window it is in, they are in it too, so
/// neither the largest nor the smallest of a window changes. Where that frees nothing, the oldest goes.
fn make_room(log: &mut Vec<Recommendation>) {
    log.sort_by_key(|r| r.at);
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    let mut kept: Vec<Recommendation> = Vec::with_capacity(log.len());
    for r in log.iter().rev() {
        if r.replicas < low || r.replicas > high {
            kept.push(*r);
        }
        (low, high) = (low.min(r.replicas), high.max(r.replicas));
    }
    kept.reverse();
    if kept.len() >= MAX_LOG {
        kept.remove(0);
    }
    *log = kept;
}

/// Joins the two oldest changes into the younger of them: they then count a little longer, never shorter.
fn merge_oldest(log: &mut Vec<ScaleEvent>) {
    log.sort_by_key(|e| e.at);
    let first = log.remove(0);
    if let Some(next) = log.first_mut() {
        next.change = next.change.saturating_add(first.change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    #[test]
    fn edges_are_strict_on_both_sides() {
        assert_eq!([newer(at(41), at(100), 60), newer(at(40), at(100), 60), older(at(40), at(100), 60)], [true, false, false]);
        assert!(older(at(39), at(100), 60));
        // A window longer than time itself holds everything, and an entry from the future counts.
        assert!(newer(Time::ZERO, at(10), 3600) && newer(at(200), at(100), 60) && !older(Time::MAX, Time::MAX, i64::MAX));
    }

    #[test]
    fn the_last_old_slot_is_taken_and_given_back() {
        let e = |secs, change| ScaleEvent { at: at(secs), change };
        let mut log = vec![e(1, 1), e(90, 2), e(2, 3), e(95, 4)];
        let undo = record(&mut log, e(100, 9), 60);
        assert_eq!(log, [e(1, 1), e(90, 2), e(100, 9), e(95, 4)]);
        unrecord(&mut log, undo);
        assert_eq!(log, [e(1, 1), e(90, 2), e(2, 3), e(95, 4)]);
        let undo = record(&mut log, e(100, 9), 1000);
        assert_eq!(log.len(), 5);
        unrecord(&mut log, undo);
        assert_eq!(log.len(), 4);
    }

    #[test]
    fn a_full_log_loses_only_what_cannot_matter() {
        let mut history = History::default();
        for i in 0..3 * MAX_LOG as u64 {
            // One peak and one trough early on, noise after.
            let replicas = [1000, 0].get(i as usize).copied().unwrap_or(5 + (i % 7) as i32);
            history.recommend(Recommendation { at: at(i), replicas }, |_| false);
            assert!(history.recommendations.len() <= MAX_LOG);
        }
        assert!(history.recommendations.iter().any(|r| r.replicas == 1000));
        assert!(history.recommendations.iter().any(|r| r.replicas == 0));
        let mut rising = History::default();
        for i in 0..2 * MAX_LOG as i32 {
            rising.recommend(Recommendation { at: at(i as u64), replicas: i }, |_| false);
        }
        assert_eq!(rising.recommendations.len(), MAX_LOG);
        let mut events = Vec::new();
        for i in 0..2 * MAX_LOG as u64 {
            record(&mut events, ScaleEvent { at: at(i), change: 1 }, i64::MAX);
        }
        assert_eq!((events.len(), changed(&events, at(0), 1)), (MAX_LOG, 2 * MAX_LOG as i64));
    }
}

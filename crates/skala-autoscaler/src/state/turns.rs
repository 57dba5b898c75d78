//! The last changes of size, to tell flapping from following.
//!
//! Decides: whether a service swings between two sizes, how fast, and for how long shrinking should wait.
//! Inputs: one entry per change that the metrics made.
//! Method: the longest run of changes up to the newest that alternate in direction, lie within [`MEMORY`], and are small
//!   against the size. Three reversals make it flapping. Each further one doubles the time that the higher size is kept.
//! Invariants: at most [`CAPACITY`] changes; the time is at most [`LONGEST_HOLD`].
//! Tested: `tests` below; `tests/decisions` rows `repairs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

use crate::MetricName;

/// Most changes kept.
const CAPACITY: usize = 16;
/// How far back a change counts: two hours.
const MEMORY: Duration = Duration::from_secs(7200);
/// Reversals that make it flapping: up, down, up, down.
const REVERSALS: u32 = 3;
/// Longest time that shrinking waits: an hour.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// Shortest first wait: a minute.
const SHORTEST_HOLD: Duration = Duration::from_secs(60);

/// A change of size that the metrics made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// When it was decided.
    pub at: Time,
    /// The size before.
    pub from: Replicas,
    /// The size after.
    pub to: Replicas,
    /// The metric whose proposal was the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// Its value over its target at the size before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// A swing between two sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Swing {
    /// How many of the last changes belong to it.
    pub(crate) changes: usize,
    pub(crate) low: Replicas,
    pub(crate) high: Replicas,
    /// Mean time from one growth to the next.
    pub(crate) period: Duration,
    /// Until then the higher size should be kept.
    pub(crate) hold_until: Time,
}

/// Adds a change.
pub(crate) fn record(turns: &mut Vec<Turn>, turn: Turn) {
    turns.retain(|t| turn.at.since(t.at) < MEMORY);
    if turns.len() >= CAPACITY {
        turns.remove(0);
    }
    turns.push(turn);
}

/// The swing that the last changes make, if they make one. `window` is the scale-down stabilization window.
pub(crate) fn swing(turns: &[Turn], now: Time, window: Duration) -> Option<Swing> {
    if turns.len() <= REVERSALS as usize {
        return None;
    }
    let recent = |t: &&Turn| now.since(t.at) < MEMORY && small(t);
    let mut run: Vec<&Turn> = Vec::new();
    for turn in turns.iter().rev().take_while(recent) {
        if run.last().is_some_and(|later| grows(later) == grows(turn)) {
            break;
        }
        run.push(turn);
    }
    let reversals = u32::try_from(run.len()).ok()?.checked_sub(1)?;
    if reversals < REVERSALS {
        return None;
    }
    let (newest, oldest) = (run.first()?, run.last()?);
    let period = newest.at.since(oldest.at) * 2 / reversals;
    let sizes = || run.iter().flat_map(|t| [t.from, t.to]);
    let doubled = window.max(SHORTEST_HOLD).saturating_mul(1 << (reversals - REVERSALS + 1).min(8));
    let grown = run.iter().find(|t| grows(t))?;
    let (low, high) = (sizes().min()?, sizes().max()?);
    Some(Swing { changes: run.len(), low, high, period, hold_until: grown.at + doubled.min(LONGEST_HOLD) })
}

fn grows(turn: &Turn) -> bool {
    turn.to > turn.from
}

/// A quarter of the larger size, and always a step of two: what rounding and a base load of each replica can cause. Larger steps
/// follow a load.
fn small(turn: &Turn) -> bool {
    let high = turn.from.max(turn.to).0;
    turn.from.0.abs_diff(turn.to.0) <= (high / 4).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(sizes: &[u32], step: u64) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (i, pair) in sizes.windows(2).enumerate() {
            let at = Time::from_secs(10_000 + step * i as u64);
            record(&mut turns, Turn { at, from: Replicas(pair[0]), to: Replicas(pair[1]), metric: None, ratio: None });
        }
        turns
    }

    #[test]
    fn what_is_a_swing() {
        let seen = |sizes: &[u32], step| {
            let turns = turns(sizes, step);
            let now = turns.last().map_or(Time::ZERO, |t| t.at);
            swing(&turns, now, Duration::from_secs(300))
                .map(|s| (s.low.0, s.high.0, s.period.as_secs(), now_to(s.hold_until, now)))
        };
        fn now_to(until: Time, now: Time) -> u64 {
            until.since(now).as_secs()
        }
        assert_eq!(seen(&[1, 2, 1, 2], 180), None, "two reversals");
        assert_eq!(seen(&[1, 2, 1, 2, 1], 180), Some((1, 2, 360, 420)), "held for 600 s from the last growth, 180 s ago");
        assert_eq!(seen(&[2, 1, 2, 1, 2, 1, 2], 180), Some((1, 2, 360, 2400)));
        assert_eq!(seen(&[1, 2, 3, 4, 3, 4, 3], 180), Some((3, 4, 360, 420)), "only the run that alternates");
        assert_eq!(seen(&[1, 9, 1, 9, 1], 180), None, "a load that comes and goes");
        assert_eq!(seen(&[20, 24, 20, 24, 20], 180), Some((20, 24, 360, 420)));
        assert_eq!(seen(&[1, 2, 1, 2, 1], 3_000), None, "too slow");
    }

    #[test]
    fn it_stays_small_and_the_wait_is_bounded() {
        let many: Vec<u32> = (0..200).map(|i| 1 + i % 2).collect();
        let turns = turns(&many, 10);
        assert_eq!(turns.len(), CAPACITY);
        let now = turns[CAPACITY - 1].at;
        let hold = swing(&turns, now, Duration::from_secs(3600)).unwrap().hold_until;
        assert!(hold <= now + LONGEST_HOLD, "{hold}");
    }
}

//! The log of changes in one direction, which the rate policies count.
//!
//! Decides: how many replicas were added (or removed) within a period.
//! Method: `autoscaling/v2`; an event counts while it is strictly newer than the period's start. Kept for the longest period
//!   of both directions, because the limits of either direction read both logs.
//! Invariants: at most [`CAPACITY`] events; sums saturate.
//! Tested: `tests` below.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// Most events kept; beyond it the two oldest count as one of the younger's age, which can only slow a change down.
const CAPACITY: usize = 512;

/// One change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleEvent {
    /// When it was decided.
    pub at: Time,
    /// How many replicas came or went.
    pub change: u32,
}

/// Changes in one direction, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScaleEvents(Vec<ScaleEvent>);

impl ScaleEvents {
    /// The events, oldest first.
    pub fn events(&self) -> &[ScaleEvent] {
        &self.0
    }

    /// Replicas that came or went within the period before `now`.
    pub(crate) fn sum(&self, now: Time, period: Duration) -> u32 {
        self.within(now, period).fold(0, |sum, e| sum.saturating_add(e.change))
    }

    /// When the first of the events that still count stops counting.
    pub(crate) fn next_expiry(&self, now: Time, period: Duration) -> Option<Time> {
        self.within(now, period).map(|e| e.at + period).min()
    }

    pub(crate) fn record(&mut self, at: Time, change: u32, longest: Duration) {
        self.0.retain(|e| at.since(e.at) < longest);
        self.0.push(ScaleEvent { at, change });
        if self.0.len() > CAPACITY {
            let oldest = self.0.remove(0);
            self.0[0].change = self.0[0].change.saturating_add(oldest.change);
        }
    }

    fn within(&self, now: Time, period: Duration) -> impl Iterator<Item = &ScaleEvent> {
        self.0.iter().filter(move |e| now.since(e.at) < period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_strictly_newer_and_stays_bounded() {
        let secs = Duration::from_secs;
        let mut log = ScaleEvents::default();
        log.record(Time::from_secs(100), 3, secs(60));
        log.record(Time::from_secs(110), 2, secs(60));
        let sums = [100, 114, 115, 125].map(|now| log.sum(Time::from_secs(now), secs(15)));
        assert_eq!(sums, [5, 5, 2, 0]);
        assert_eq!(log.next_expiry(Time::from_secs(114), secs(15)), Some(Time::from_secs(115)));

        for i in 0..2000 {
            log.record(Time::from_secs(200 + i), 1, secs(1_000_000));
        }
        assert_eq!(log.events().len(), CAPACITY);
        assert_eq!(log.sum(Time::from_secs(2200), secs(1_000_000)), 2005);
    }
}

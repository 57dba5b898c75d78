//! The largest size wanted within a sliding window.
//!
//! Decides: how long a smaller size has to be wanted (`scaleDownDelay`).
//! Inputs: one wanted size per tick, `now`; slots of 2 s, Knative's tick.
//! Method: knative/serving `aggregation/max`: descending maxima, the oldest and largest first; within one slot the largest counts.
//! Invariants: slots rise and sizes fall; at most one entry per slot of the window.
//! Tested: `tests` below; `super::tests` scenarios `delay`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// Seconds per slot: Knative's tick.
const SLOT_S: u64 = 2;

/// Descending maxima.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaxWindow(Vec<(u64, u32)>);

impl MaxWindow {
    /// Adds a size and answers with the largest within `window`.
    pub(super) fn record(&mut self, now: Time, value: u32, window: Duration) -> u32 {
        let slots = window.as_secs().div_ceil(SLOT_S).max(1);
        let newest = self.0.last().map_or(0, |(slot, _)| *slot);
        // A clock that steps back must not break the order.
        let slot = (now.as_nanos() / 1_000_000_000 / SLOT_S).max(newest);
        while self.0.last().is_some_and(|(_, v)| *v <= value) {
            self.0.pop();
        }
        self.0.retain(|(s, _)| slot.saturating_sub(*s) < slots);
        if self.0.last().is_none_or(|(s, _)| *s != slot) {
            self.0.push((slot, value));
        }
        self.0.first().map_or(value, |(_, v)| *v)
    }

    /// Forgets all; the delay is off.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_maximum_of_all_slots_within_the_window(
            wants in proptest::collection::vec((0u64..9, 0u32..9), 1..80), window in 1u64..40,
        ) {
            let mut delay = MaxWindow::default();
            let (mut now, mut all) = (1000, Vec::new());
            for (step, want) in wants {
                now += step;
                all.push((now / SLOT_S, want));
                let slots = window.div_ceil(SLOT_S);
                let expected = all.iter().filter(|(slot, _)| now / SLOT_S - slot < slots).map(|(_, w)| *w).max();
                let got = delay.record(Time::from_secs(now), want, Duration::from_secs(window));
                prop_assert_eq!(Some(got), expected);
                prop_assert!(delay.0.len() as u64 <= slots);
            }
        }
    }

    #[test]
    fn a_clock_that_steps_back_keeps_the_maximum() {
        let mut delay = MaxWindow::default();
        let minute = Duration::from_secs(60);
        assert_eq!(delay.record(Time::from_secs(100), 9, minute), 9);
        assert_eq!(delay.record(Time::from_secs(10), 2, minute), 9);
    }
}

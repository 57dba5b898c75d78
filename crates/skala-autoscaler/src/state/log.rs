//! The recommendation log: what the metrics wanted, for as long as a stabilization window looks back.
//!
//! Decides: the highest and lowest size wanted within a window.
//! Inputs: one recommendation per plan, `now`.
//! Method: `autoscaling/v2` stabilization; an entry belongs to a window when it is strictly newer than the window's start.
//!   Equal neighbours are one run, in the window by its last mention. A run that can never again be the highest nor the
//!   lowest of any window (a later one is as high, a later one is as low) is dropped, which changes no answer.
//! Invariants: runs are ordered by their last mention; at most [`CAPACITY`] runs.
//! Tested: `tests` below, against the full log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

/// Most runs kept. Reached only by hundreds of strictly rising or falling sizes within one window; the two oldest then merge
/// into the higher one, which can only delay shrinking.
pub(crate) const CAPACITY: usize = 512;

/// A size that was wanted from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The size.
    pub replicas: Replicas,
    /// When it was first wanted.
    pub first: Time,
    /// When it was last wanted.
    pub last: Time,
}

/// What the metrics wanted, before any clamp, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecommendationLog(Vec<Recommendation>);

impl RecommendationLog {
    /// The runs, oldest first.
    pub fn runs(&self) -> &[Recommendation] {
        &self.0
    }

    /// The runs within the window before `now`.
    pub(crate) fn within(&self, now: Time, window: Duration) -> impl Iterator<Item = &Recommendation> {
        self.0.iter().filter(move |r| now.since(r.last) < window)
    }

    /// Adds a recommendation and forgets what lies outside `longest`, the longest window of the policy.
    pub(crate) fn push(&mut self, replicas: Replicas, now: Time, longest: Duration) {
        // A clock that steps back must not break the order by last mention.
        let now = self.0.last().map_or(now, |r| r.last.max(now));
        self.0.retain(|r| now.since(r.last) < longest);
        match self.0.last_mut() {
            Some(run) if run.replicas == replicas => run.last = now,
            _ => self.0.push(Recommendation { replicas, first: now, last: now }),
        }
        self.drop_dominated();
        if self.0.len() > CAPACITY {
            let oldest = self.0.remove(0);
            let next = &mut self.0[0];
            next.replicas = next.replicas.max(oldest.replicas);
            next.first = oldest.first;
        }
    }

    fn drop_dominated(&mut self) {
        let Some(newest) = self.0.last() else { return };
        let (mut high, mut low) = (newest.replicas, newest.replicas);
        let mut keep = self.0.len() - 1;
        // Backwards, moving the survivors to the end.
        for i in (0..self.0.len() - 1).rev() {
            let run = self.0[i];
            if run.replicas > high || run.replicas < low {
                high = high.max(run.replicas);
                low = low.min(run.replicas);
                keep -= 1;
                self.0[keep] = run;
            }
        }
        self.0.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONGEST: Duration = Duration::from_secs(60);

    proptest! {
        #[test]
        fn answers_as_the_full_log_does(
            wanted in proptest::collection::vec((0u64..8, 1u32..9), 1..200),
            window in 0u64..60,
        ) {
            let mut log = RecommendationLog::default();
            let mut full: Vec<(Time, u32)> = Vec::new();
            let mut now = Time::from_secs(1000);
            let window = Duration::from_secs(window);
            for (step, n) in wanted {
                now += Duration::from_secs(step);
                log.push(Replicas(n), now, LONGEST);
                full.push((now, n));
                let seen = || full.iter().filter(|(at, _)| now.since(*at) < window).map(|(_, n)| *n);
                let kept = || log.within(now, window).map(|r| r.replicas.0);
                prop_assert_eq!(kept().max(), seen().max());
                prop_assert_eq!(kept().min(), seen().min());
                prop_assert!(log.runs().len() <= 17);
            }
        }
    }

    #[test]
    fn a_long_fall_stays_bounded_and_keeps_its_height() {
        let mut log = RecommendationLog::default();
        for i in 0..5_000u32 {
            log.push(Replicas(10_000 - i), Time::from_secs(u64::from(i)), Duration::from_secs(1_000_000));
        }
        assert_eq!(log.runs().len(), CAPACITY);
        assert_eq!(log.runs()[0].replicas, Replicas(10_000));
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing() {
        let mut log = RecommendationLog::default();
        log.push(Replicas(9), Time::from_secs(100), LONGEST);
        log.push(Replicas(2), Time::from_secs(10), LONGEST);
        assert_eq!(log.within(Time::from_secs(10), LONGEST).map(|r| r.replicas.0).max(), Some(9));
    }
}

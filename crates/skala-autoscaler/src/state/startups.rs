//! Learned start-up time: from process start to the first readiness.
//!
//! Decides: how long a new replica is expected to take.
//! Method: nearest-rank 90th percentile of the last 20 measurements, so that one slow start does not rule and a change of the
//!   image is learned within 20 starts.
//! Tested: `tests` below.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Measurements kept.
const KEPT: usize = 20;

/// The last start-up times, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Startups(Vec<Duration>);

impl Startups {
    /// The measurements, oldest first.
    pub fn durations(&self) -> &[Duration] {
        &self.0
    }

    pub(crate) fn observe(&mut self, took: Duration) {
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(took);
    }

    pub(crate) fn p90(&self) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 9).div_ceil(10);
        sorted.get(rank.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p90_of_the_last_twenty() {
        let mut learned = Startups::default();
        assert_eq!(learned.p90(), None);
        learned.observe(Duration::from_secs(3));
        assert_eq!(learned.p90(), Some(Duration::from_secs(3)));
        for s in 1..=30 {
            learned.observe(Duration::from_secs(s));
        }
        assert_eq!(learned.durations().len(), KEPT);
        assert_eq!(learned.p90(), Some(Duration::from_secs(28)));
    }
}

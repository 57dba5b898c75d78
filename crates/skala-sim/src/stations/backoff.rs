//! How long to pause before the next try.
//!
//! Method: that of the live queue ([`skala_queue::backoff`]).

use std::time::Duration;

use skala_queue::Retry;
use skala_types::Stream;

use crate::Backoff;

impl Backoff {
    /// The pause after the `failed`-th failure (from 1): doubling, with up to half of it on top by chance; never below `initial`, never
    /// above `max`.
    pub(crate) fn pause(&self, failed: u32, rng: &mut Stream) -> Duration {
        let retry = Retry { initial: self.initial, max: self.max, attempts: 0, losses: 0 };
        skala_queue::backoff::pause(failed, &retry, None, rng)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use skala_types::Streams;

    use super::*;

    proptest! {
        #[test]
        fn no_pause_is_below_the_floor_or_above_the_ceiling(seed: u64, initial in 1u64..1000, times in 1u64..1000, failed in 1u32..200) {
            let backoff = Backoff { initial: Duration::from_millis(initial), max: Duration::from_millis(initial * times) };
            let pause = backoff.pause(failed, &mut Streams::new(seed).stream("t"));
            prop_assert!(pause >= backoff.initial && pause <= backoff.max, "{pause:?}");
        }
    }
}

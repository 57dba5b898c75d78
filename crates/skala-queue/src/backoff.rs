//! How long to pause before the next attempt.
//!
//! Decides: the time from a failed attempt to the next one.
//! Inputs: attempts that failed, the queue's settings, the provider's Retry-After, a random stream.
//! Method: doubling from the floor, with up to half of it on top by chance ("equal jitter" turned upwards), because full jitter may
//!   try again at once.
//! Invariants: never below `initial`, nor below Retry-After; never above `max` unless Retry-After is longer.
//! Tested: `tests` below.

use std::time::Duration;

use rand::RngExt;
use skala_types::Stream;

use crate::Retry;

/// The longest Retry-After that is obeyed; a longer one counts as this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The pause after the `attempts`-th failure (from 1). A Retry-After above the own pause gets up to a tenth on top by chance, so that
/// all who were refused do not come back in the same moment.
pub fn pause(attempts: u32, retry: &Retry, retry_after: Option<Duration>, rng: &mut Stream) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let max = retry.max.max(retry.initial);
    let doubled = retry.initial.saturating_mul(1 << doublings).min(max);
    let chance: f64 = rng.random_range(0.0..1.0);
    let own = (doubled + doubled.mul_f64(0.5 * chance)).min(max);
    match retry_after.map(|after| after.min(LONGEST_RETRY_AFTER)) {
        Some(after) if after > own => after + after.mul_f64(0.1 * chance),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use skala_types::Streams;

    use super::*;

    fn of(initial: u64, max: u64) -> Retry {
        Retry { initial: Duration::from_secs(initial), max: Duration::from_secs(max), attempts: 5, losses: 3 }
    }

    #[test]
    fn pauses_double_from_the_floor_to_the_ceiling() {
        let mut rng = Streams::new(1).stream("t");
        for (attempts, floor) in [(0, 30), (1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (6, 300), (u32::MAX, 300)] {
            for _ in 0..200 {
                let seconds = pause(attempts, &of(30, 300), None, &mut rng).as_secs_f64();
                assert!((f64::from(floor)..=(1.5 * f64::from(floor)).min(300.0)).contains(&seconds), "{attempts}: {seconds}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_floor_the_ceiling_and_the_provider_are_kept(
            seed: u64, initial in 1u64..1000, times in 1u64..1000, attempts: u32, after in proptest::option::of(0u64..100_000),
        ) {
            let retry = of(initial, initial * times);
            let after = after.map(Duration::from_secs);
            let pause = pause(attempts, &retry, after, &mut Streams::new(seed).stream("t"));
            prop_assert!(pause >= retry.initial);
            match after.map(|after| after.min(LONGEST_RETRY_AFTER)).filter(|after| *after > retry.max) {
                Some(after) => prop_assert!(pause >= after && pause <= after.mul_f64(1.1)),
                None => prop_assert!(pause <= retry.max.max(after.unwrap_or_default().mul_f64(1.1))),
            }
            prop_assert!(pause >= after.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        }
    }
}

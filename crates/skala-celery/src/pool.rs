//! How many processes, threads or greenlets a worker's pool should have.
//!
//! Decides: whether a worker grows or shrinks its pool, before replicas are added or taken away.
//! Inputs: the queue's backlog, what runs, the pool's size, the CPU's utilisation, the limits.
//! Method: grow at most twofold a step while tasks wait, all slots are busy and the CPU is below target: waiting on I/O is what a
//!   larger pool helps. Shrink by one idle slot in eight a step, at least one, when nothing waits, so that a burst finds slots.
//! Invariants: the result is within the limits; with nothing waiting the pool never grows; while tasks wait it never shrinks.
//! Tested: `tests` below; `tests/it/remote.rs` grows and shrinks a real pool.

use serde::{Deserialize, Serialize};

/// Limits of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Smallest size.
    pub min: u32,
    /// Largest size.
    pub max: u32,
    /// CPU's utilisation above which a pool does not grow, 0 to 1.
    pub cpu_target: f64,
}

/// One worker at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Slots that it has.
    pub size: u32,
    /// Tasks that it runs.
    pub running: u32,
    /// This worker's part of the tasks that wait: ready ones divided by workers, and what it prefetched.
    pub waiting: u64,
    /// CPU's utilisation, 0 to 1; none where it is unknown, which does not keep a pool from growing.
    pub cpu: Option<f64>,
}

/// The size that a pool should have; its own where nothing is to be done.
pub fn size(pool: &Pool, limits: &Limits) -> u32 {
    let (min, max) = (limits.min.min(limits.max), limits.max.max(limits.min));
    let wanted = if pool.waiting > 0 { grown(pool, limits.cpu_target) } else { shrunk(pool) };
    wanted.clamp(min, max)
}

fn grown(pool: &Pool, target: f64) -> u32 {
    let busy = pool.running >= pool.size;
    let hot = pool.cpu.is_some_and(|cpu| cpu >= target);
    if !busy || hot {
        return pool.size;
    }
    let waiting = u32::try_from(pool.waiting).unwrap_or(u32::MAX);
    pool.size.saturating_add(waiting.min(pool.size.max(1)))
}

fn shrunk(pool: &Pool) -> u32 {
    let idle = pool.size.saturating_sub(pool.running);
    if idle == 0 { pool.size } else { pool.size - idle.div_ceil(8) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { min: 1, max: 8, cpu_target: 0.7 };

    #[test]
    fn rows() {
        for (size_now, running, waiting, cpu, expected, why) in [
            (2, 2, 100, Some(0.1), 4, "waits on I/O: double"),
            (2, 2, 1, Some(0.1), 3, "one task waits: one more"),
            (2, 2, 100, Some(0.9), 2, "the CPU is the limit"),
            (2, 2, 100, None, 4, "unknown CPU"),
            (2, 1, 100, Some(0.1), 2, "a slot is free"),
            (6, 6, 100, Some(0.1), 8, "at most the largest"),
            (8, 0, 0, None, 7, "idle"),
            (1, 0, 0, None, 1, "never below the smallest"),
            (20, 20, 5, None, 8, "above the largest: down to it"),
            (0, 0, 0, None, 1, "below the smallest: up to it"),
        ] {
            let pool = Pool { size: size_now, running, waiting, cpu };
            assert_eq!(size(&pool, &LIMITS), expected, "{why}");
        }
    }

    proptest! {
        #[test]
        fn it_comes_to_rest_within_the_limits(start in 0..50u32, running in 0..50u32, waiting in 0..1000u64, min in 0..10u32, max in 1..20u32) {
            let limits = Limits { min, max, cpu_target: 0.7 };
            let mut pool = Pool { size: start, running, waiting, cpu: None };
            for _ in 0..100 {
                pool.size = size(&pool, &limits);
                prop_assert!(pool.size >= min.min(max) && pool.size <= max.max(min));
            }
            prop_assert_eq!(size(&pool, &limits), pool.size);
        }
    }
}

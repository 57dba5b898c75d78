//! When a replica that exited is started again, and when that is a crash loop.
//!
//! Decides: the delay before the next start, and the verdict.
//! Inputs: how long the ended process had been ready, and whether it could be started at all.
//! Method: exponential backoff (initial, x2, max). A life that was ready for less than [`STEADY`] is a failure; one that was
//! ready for `reset_after` wipes the failures out; one in between leaves them, so that a healthy replica that is killed from
//! outside now and then is never called a crash loop.
//! Invariants: the delay is at most `max`; the verdict needs `crash_loop_after` failures in a row, or a command that cannot start.
//! Tested: `tests` below.

use std::time::Duration;

/// Time that a replica must be ready for its exit not to count as a failure. Origin: longer than a process needs to trip over its
/// first requests, shorter than the gaps between unrelated kills.
const STEADY: Duration = Duration::from_secs(5);

/// How often, and how fast, a replica that exits is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure; doubles with each further one.
    pub initial: Duration,
    /// Largest delay; also the delay in a crash loop.
    pub max: Duration,
    /// Failures are forgotten once a replica was ready this long.
    pub reset_after: Duration,
    /// Failures in a row that make a crash loop; at least 1.
    pub crash_loop_after: u32,
}

impl Default for Backoff {
    /// 100 ms doubling to 30 s, reset after 30 s, a crash loop after five failures.
    fn default() -> Backoff {
        Backoff {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(30),
            reset_after: Duration::from_secs(30),
            crash_loop_after: 5,
        }
    }
}

/// How one process of a replica ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Life {
    /// It ran, and had been ready this long since it first was; zero when it never was.
    Ran {
        /// Time since it first was ready.
        ready_for: Duration,
    },
    /// The command cannot be started: not found, not executable, no working directory.
    CannotStart,
}

/// What follows an exit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restart {
    /// Time until the next start.
    pub delay: Duration,
    /// Whether the replica is in a crash loop.
    pub looping: bool,
}

/// The failures in a row of one replica.
#[derive(Debug, Default)]
pub struct Failures(u32);

impl Failures {
    /// Counts an exit and says what follows.
    pub fn after(&mut self, policy: &Backoff, life: Life) -> Restart {
        let needed = policy.crash_loop_after.max(1);
        match life {
            Life::CannotStart => self.0 = self.0.saturating_add(1).max(needed),
            Life::Ran { ready_for } if ready_for >= policy.reset_after => {
                self.0 = 0;
                return Restart { delay: Duration::ZERO, looping: false };
            }
            Life::Ran { ready_for } if ready_for >= STEADY => {}
            Life::Ran { .. } => self.0 = self.0.saturating_add(1),
        }
        let looping = self.0 >= needed;
        let doublings = self.0.saturating_sub(1).min(31);
        let delay = if looping { policy.max } else { policy.initial.saturating_mul(1 << doublings) };
        Restart { delay: delay.min(policy.max), looping }
    }

    /// Failures in a row.
    pub fn count(&self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter per exit: `f` failed, `s` steady for 6 s, `h` healthy for 30 s, `x` cannot start.
    fn delays(exits: &str) -> String {
        let mut failures = Failures::default();
        let life = |c| match c {
            'f' => Life::Ran { ready_for: Duration::from_secs(1) },
            's' => Life::Ran { ready_for: Duration::from_secs(6) },
            'h' => Life::Ran { ready_for: Duration::from_secs(30) },
            _ => Life::CannotStart,
        };
        let shown = exits.chars().map(|c| failures.after(&Backoff::default(), life(c)));
        shown.map(|r| format!("{}{}", r.delay.as_millis(), if r.looping { "!" } else { "" })).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn delays_by_history() {
        let rows = [
            ("ffffff", "100 200 400 800 30000! 30000!"),
            ("h", "0"),
            ("ffhff", "100 200 0 100 200"),
            ("ssssss", "100 100 100 100 100 100"),
            ("ffsf", "100 200 200 400"),
            ("x", "30000!"),
            ("fxhf", "100 30000! 0 100"),
        ];
        for (exits, want) in rows {
            assert_eq!(delays(exits), want, "{exits}");
        }
    }

    #[test]
    fn thousands_of_failures_stay_bounded() {
        let policy = Backoff { crash_loop_after: u32::MAX, ..Backoff::default() };
        let mut failures = Failures::default();
        for _ in 0..10_000 {
            assert!(failures.after(&policy, Life::Ran { ready_for: Duration::ZERO }).delay <= policy.max);
        }
    }
}

//! Both clocks of a task server: one that never goes back, and what the wall shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skala_queue::Now;
use skala_runtime::Clock;
use skala_types::Time;

/// A cheap, shared pair of clocks. A test may move the wall's.
#[derive(Clone, Debug)]
pub struct TaskClock {
    clock: Clock,
    /// Added to the wall clock, in nanoseconds.
    shift: Arc<AtomicI64>,
}

impl TaskClock {
    /// The system's clocks; `clock` is the one that never goes back.
    pub fn new(clock: Clock) -> TaskClock {
        TaskClock { clock, shift: Arc::default() }
    }

    /// The system's clocks.
    pub fn system() -> TaskClock {
        TaskClock::new(Clock::system())
    }

    /// What both show.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX);
        let wall = wall.saturating_add(self.shift.load(Ordering::Relaxed)).max(0);
        Now { at: self.clock.now(), wall: Time::from_nanos(wall.unsigned_abs()) }
    }

    /// When a time of the clock that never goes back will be.
    pub fn instant(&self, at: Time) -> Instant {
        self.clock.instant(at)
    }

    /// Steps the wall clock, as an operator or a time server does.
    pub fn step(&self, forward: bool, by: Duration) {
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.shift.fetch_add(if forward { by } else { -by }, Ordering::Relaxed);
    }
}

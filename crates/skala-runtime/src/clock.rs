//! The clock of a running skala: wall-clock time that never goes backwards while the process lives.
//!
//! Method: the wall clock is read once, at start; from there the monotonic clock counts. A step of the system time
//!   therefore moves no deadline and no stabilization window.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use skala_types::Time;

/// A cheap, shared clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Anchor>);

#[derive(Debug)]
struct Anchor {
    started: Instant,
    wall: Time,
}

impl Clock {
    /// Reads the wall clock once and counts on from there.
    pub fn system() -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock(Arc::new(Anchor { started: Instant::now(), wall: Time::ZERO + since_epoch }))
    }

    /// The current time.
    pub fn now(&self) -> Time {
        self.0.wall + self.0.started.elapsed()
    }

    /// When `time` will be, or was, on the monotonic clock; the process start for times before it.
    pub fn instant(&self, time: Time) -> Instant {
        self.0.started + time.since(self.0.wall)
    }

    /// The time of an instant; the process start for instants before it.
    pub fn time(&self, instant: Instant) -> Time {
        self.0.wall + instant.saturating_duration_since(self.0.started)
    }
}

//! How busy a replica was: its CPU as the live platform samples it.
//!
//! Decides: nothing.
//! Inputs: the busy server-seconds of one process so far, once a tick.
//! Method: differences over the last tick and over the policy's metric window, as `/proc` and control groups are read live; CPU is
//!   `busy_cores` x the mean share of servers that were busy.
//! Invariants: CPU is never negative; at most one window of readings is kept.

use std::collections::VecDeque;
use std::time::Duration;

use skala_types::{Cores, Sampled, Time};

/// Readings of one process.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    readings: VecDeque<(Time, f64)>,
    last: Option<Usage>,
}

/// Cores in use over the last tick and over the metric window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) fast: Sampled<Cores>,
    pub(crate) slow: Sampled<Cores>,
}

impl Meter {
    /// A process that has just started.
    pub(crate) fn new(now: Time) -> Meter {
        Meter { readings: VecDeque::from([(now, 0.0)]), last: None }
    }

    /// Takes the busy server-seconds since the start; `per_second` is the CPU of one busy server.
    pub(crate) fn record(&mut self, now: Time, busy: f64, per_second: f64, window: Duration) {
        let Some(&(last_at, _)) = self.readings.back() else { return };
        if now <= last_at {
            return;
        }
        while self.readings.len() > 1 && now.since(self.readings[0].0) > window {
            self.readings.pop_front();
        }
        let rate = |from: (Time, f64)| {
            let mean = (busy - from.1).max(0.0) / now.since(from.0).as_secs_f64();
            Sampled::new(now, Cores(mean * per_second))
        };
        let newest = self.readings[self.readings.len() - 1];
        self.last = Some(Usage { fast: rate(newest), slow: rate(self.readings[0]) });
        self.readings.push_back((now, busy));
    }

    /// The last sample.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.last
    }
}

//! What the generator's threads count while a run goes on.
//!
//! Decides: which numbers an answer, a failure or a drop changes.
//! Inputs: when the arrival was intended, when it was sent, how it ended.
//! Method: latency runs from the intended start, service time from sending. An arrival that got no answer (dropped, refused, reset,
//!   timed out) counts as no faster than the timeout, because a failure that comes fast is not a fast answer.
//! Invariants: `requests = ok + failed + dropped + unfinished` once the run is over; warm-up changes only the window.
//! Tested: `tests/run/`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::client::Failure;
use crate::connection::Answer;
use crate::latencies::Latencies;

/// One arrival that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When it was intended to start.
    pub(crate) intended: Instant,
    /// Whether it is measured: not part of the warm-up.
    pub(crate) measured: bool,
}

/// Counts since the last second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) latency: Latencies,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
}

impl Window {
    pub(crate) fn merge(&mut self, other: &Window) {
        self.latency.merge(&other.latency);
        self.ok += other.ok;
        self.failed += other.failed;
    }

    pub(crate) fn clear(&mut self) {
        self.latency.clear();
        (self.ok, self.failed) = (0, 0);
    }
}

/// Counts of a whole run, of one thread or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) latency: Latencies,
    pub(crate) service: Latencies,
    pub(crate) first_byte: Latencies,
    pub(crate) lag: Latencies,
    /// Latency of those answers that had an error status; they are in `latency`, too.
    pub(crate) refused: Latencies,
    pub(crate) window: Window,
    /// Answers with a status below 400.
    pub(crate) ok: u64,
    /// `ok` answers that came before the arrivals ended, for the achieved rate.
    pub(crate) ok_in_time: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) bytes: u64,
    pub(crate) connections: u64,
    pub(crate) reconnects: u64,
    /// CPU time that the thread used.
    pub(crate) cpu: Duration,
    /// The largest CPU time of one thread.
    pub(crate) busiest: Duration,
}

impl Tally {
    /// Counts an arrival that ended at `done`; `sent` is when a connection was at hand, `arrivals_end` when the last arrival is due.
    pub(crate) fn ended(
        &mut self,
        arrival: Arrival,
        sent: Instant,
        done: Instant,
        result: Result<Answer, Failure>,
        timeout: Duration,
        arrivals_end: Instant,
    ) {
        let elapsed = done - arrival.intended;
        let latency = if result.is_ok() { elapsed } else { elapsed.max(timeout) };
        let ok = result.is_ok_and(|a| a.status < 400);
        self.window.latency.record(latency);
        self.window.ok += u64::from(ok);
        self.window.failed += u64::from(!ok);
        if !arrival.measured {
            return;
        }
        self.latency.record(latency);
        self.ok += u64::from(ok);
        self.ok_in_time += u64::from(ok && done <= arrivals_end);
        match result {
            Ok(answer) => {
                self.service.record(done - sent);
                self.first_byte.record(answer.first_byte - arrival.intended);
                self.bytes += answer.bytes;
                *self.statuses.entry(answer.status).or_default() += 1;
                if answer.status >= 400 {
                    self.refused.record(latency);
                }
            }
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    /// Adds another thread's counts, its window apart.
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.first_byte.merge(&other.first_byte);
        self.lag.merge(&other.lag);
        self.refused.merge(&other.refused);
        self.ok += other.ok;
        self.ok_in_time += other.ok_in_time;
        other.statuses.iter().for_each(|(k, n)| *self.statuses.entry(*k).or_default() += n);
        other.failures.iter().for_each(|(k, n)| *self.failures.entry(*k).or_default() += n);
        self.bytes += other.bytes;
        self.connections += other.connections;
        self.reconnects += other.reconnects;
        self.cpu += other.cpu;
        self.busiest = self.busiest.max(other.cpu);
    }

    /// Arrivals whose good answer did not come within `bound`: later, with an error status, or never.
    pub(crate) fn late(&self, bound: Duration) -> u64 {
        self.latency.count_above(bound) + self.refused.count().saturating_sub(self.refused.count_above(bound))
    }

    /// Arrivals that ended with an error status or without an answer.
    pub(crate) fn failed(&self) -> u64 {
        let bad_status: u64 = self.statuses.iter().filter(|(status, _)| **status >= 400).map(|(_, n)| n).sum();
        bad_status + self.failures.values().sum::<u64>()
    }
}

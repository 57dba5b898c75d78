//! Working off a backlog.
//!
//! Decides: when a backlog is gone, and how many workers make it go in time.
//! Inputs: backlog (tasks), arrival rate (per second), mean service time (seconds), workers.
//! Method: fluid: workers do `c/s` tasks per second, arrivals take `lambda` of them. Drain time `Q / (c/s - lambda)`; workers
//!   `ceil(s (lambda + Q/T))`.
//! Invariants: more workers never drain later; a drain time is finite or `Never`.
//! Tested: `tests/it/drain.rs`.

use serde::Serialize;

use crate::number::{at_least_0, round_up};

/// When a backlog is gone.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Drain {
    /// After so many seconds, >= 0.
    After(f64),
    /// Work arrives at least as fast as it is done.
    Never,
}

impl Drain {
    /// Seconds, or infinity.
    pub fn seconds(self) -> f64 {
        match self {
            Drain::After(seconds) => seconds,
            Drain::Never => f64::INFINITY,
        }
    }
}

/// When `backlog` tasks are gone while `rate` more arrive per second and `capacity` are done per second.
pub fn drain_time(backlog: f64, rate: f64, capacity: f64) -> Drain {
    let (backlog, spare) = (at_least_0(backlog), at_least_0(capacity) - at_least_0(rate));
    match backlog / spare {
        _ if backlog == 0.0 => Drain::After(0.0),
        seconds if spare > 0.0 && seconds.is_finite() => Drain::After(seconds),
        _ => Drain::Never,
    }
}

/// Workers that empty `backlog` tasks within `within` seconds while `rate` more arrive per second, when each takes `service` seconds
/// per task. `u64::MAX` where no number of workers does (`within` is 0 and there is a backlog).
pub fn drain_workers(backlog: f64, rate: f64, service: f64, within: f64) -> u64 {
    let (backlog, rate, service) = (at_least_0(backlog), at_least_0(rate), at_least_0(service));
    if service == 0.0 {
        return u64::from(backlog > 0.0 || rate > 0.0);
    }
    let per_second = if backlog > 0.0 { backlog / at_least_0(within) } else { 0.0 };
    round_up(service * (rate + per_second))
}

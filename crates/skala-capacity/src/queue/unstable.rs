//! What is true of a station that gets more than it can do.
//!
//! Decides: how fast its queue grows, how long requests wait after a while of it, and when it recovers.
//! Inputs: arrival rate and capacity, per second.
//! Method: the fluid limit: what exceeds the capacity stays.
//! Tested: `tests/it/erlang.rs`.

use std::fmt;

use serde::Serialize;

use super::drain::{Drain, drain_time};
use crate::number::at_least_0;

/// There is no steady state: work arrives at least as fast as it can be done, and the wait grows without bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unstable {
    /// Arrivals per second.
    pub rate: f64,
    /// Requests per second that all servers together can serve.
    pub capacity: f64,
}

impl Unstable {
    /// Offered load over capacity, at least 1; infinite without any capacity.
    pub fn utilisation(&self) -> f64 {
        if self.capacity > 0.0 { self.rate / self.capacity } else { f64::INFINITY }
    }

    /// Requests by which the queue grows per second, >= 0.
    pub fn growth(&self) -> f64 {
        at_least_0(self.rate - self.capacity)
    }

    /// Seconds that a request waits which arrives `seconds` after the overload began; infinite without any capacity.
    pub fn wait_after(&self, seconds: f64) -> f64 {
        match self.capacity > 0.0 {
            true => self.growth() * at_least_0(seconds) / self.capacity,
            false => f64::INFINITY,
        }
    }

    /// When the queue is empty again that `seconds` of this overload left, once `rate` requests arrive per second.
    pub fn drain_after(&self, seconds: f64, rate: f64) -> Drain {
        drain_time(self.growth() * at_least_0(seconds), rate, self.capacity)
    }
}

impl fmt::Display for Unstable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unstable: {:.6} arrive per second and {:.6} can be served, so that the queue grows by {:.6} per second and never drains",
            self.rate,
            self.capacity,
            self.growth()
        )
    }
}

impl std::error::Error for Unstable {}

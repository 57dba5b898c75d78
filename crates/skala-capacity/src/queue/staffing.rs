//! How many servers keep an objective.
//!
//! Decides: the fewest replicas, of so many servers each, with which a quantile of the wait or of the response stays within its time.
//! Inputs: demand, objective, servers per replica.
//! Method: the late share falls with every server: a first guess by the square-root rule a + beta sqrt(a) (Halfin and Whitt, 1981),
//!   then strides that double until the answer is between two of them, then halves.
//! Invariants: the answer keeps the objective and one replica less does not; more load never needs fewer.
//! Tested: `tests/it/staffing.rs`.

use std::fmt;

use serde::Serialize;

use super::demand::{Demand, Queue};
use super::erlang::{c_of, inverse_b};
use crate::number::{at_least_0, share};

/// What shall be in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// The time until a server starts with the request.
    Wait,
    /// The time until the answer is there.
    Response,
}

/// A share `quantile` of requests stays within `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// What is measured.
    pub measure: Measure,
    /// Share of requests, 0 to 1: 0.95 for p95.
    pub quantile: f64,
    /// Seconds, >= 0.
    pub seconds: f64,
}

impl Goal {
    /// A quantile of the time from arrival to answer.
    pub fn response(quantile: f64, seconds: f64) -> Goal {
        Goal { measure: Measure::Response, quantile, seconds }
    }

    /// A quantile of the time until service starts.
    pub fn wait(quantile: f64, seconds: f64) -> Goal {
        Goal { measure: Measure::Wait, quantile, seconds }
    }

    /// Share of requests that may be late.
    pub fn allowed(&self) -> f64 {
        1.0 - share(self.quantile)
    }

    /// Share of requests that is late at a station.
    pub fn missed(&self, queue: &Queue) -> f64 {
        match self.measure {
            Measure::Wait => queue.wait_exceeds(self.seconds),
            Measure::Response => queue.response_exceeds(self.seconds),
        }
    }
}

/// No number of servers keeps the objective.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unreachable {
    /// Share of requests that is late though it does not wait.
    pub late_without_wait: f64,
    /// Share that may be late.
    pub allowed: f64,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no number of servers keeps the objective: {:.4} % of requests take longer without any wait, and {:.4} % may; allow more time, or make the service faster",
            self.late_without_wait * 100.0,
            self.allowed * 100.0
        )
    }
}

impl std::error::Error for Unreachable {}

/// The most servers that are tried.
const MOST: f64 = 1e9;

/// Fewest replicas of `per_replica` servers each (a whole number, >= 1) that keep `goal`; 0 when nothing arrives.
///
/// # Errors
/// When requests are late even though nobody waits, or a thousand million servers do not suffice.
pub fn staff(demand: &Demand, goal: &Goal, per_replica: u32) -> Result<u32, Unreachable> {
    let erlangs = demand.erlangs();
    let allowed = goal.allowed();
    if at_least_0(demand.rate) == 0.0 {
        return Ok(0);
    }
    let late_without_wait = match goal.measure {
        Measure::Wait => 0.0,
        Measure::Response => demand.service.exceeds(goal.seconds),
    };
    if late_without_wait > allowed || erlangs >= MOST {
        return Err(Unreachable { late_without_wait, allowed });
    }
    let step = f64::from(per_replica.max(1));
    let keeps = |replicas: f64| {
        let servers = replicas * step;
        let waits = if erlangs > 0.0 { c_of(inverse_b(erlangs, servers), erlangs / servers) } else { 0.0 };
        // Late are at least those whose service takes too long: without anybody who waits, rounding must not decide.
        waits < 1e-15 || goal.missed(&Queue::new(*demand, servers, waits)) <= allowed
    };
    let least = (erlangs / step).floor() + 1.0;
    let guess = ((erlangs + first_guess(allowed) * erlangs.sqrt()) / step).ceil().max(least);
    search(least, guess, MOST, keeps).map(|n| n as u32).ok_or(Unreachable { late_without_wait, allowed })
}

/// The square-root rule's factor: what keeps about this share from waiting.
fn first_guess(allowed: f64) -> f64 {
    (-allowed.max(1e-9).ln() * 0.6).sqrt()
}

/// The least whole number from `least` on that `keeps`, which holds from some number on; begins at `guess`.
fn search(least: f64, guess: f64, most: f64, keeps: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut fails, mut works) = (least - 1.0, guess);
    let mut stride = 1.0;
    if keeps(guess) {
        while works > least {
            let lower = (works - stride).max(least);
            if !keeps(lower) {
                fails = lower;
                break;
            }
            works = lower;
            stride *= 2.0;
        }
    } else {
        loop {
            fails = works;
            works += stride;
            stride *= 2.0;
            if works > most {
                return None;
            }
            if keeps(works) {
                break;
            }
        }
    }
    while works - fails > 1.0 {
        let middle = ((works + fails) / 2.0).floor();
        if keeps(middle) { works = middle } else { fails = middle }
    }
    Some(works)
}

//! A station whose waiting room is full at some point: who comes then is refused.
//!
//! Decides: the share that is refused, and the wait of those who are not.
//! Inputs: arrival rate (per second), mean service (seconds), servers, places to wait.
//! Method: M/M/c/K with K = servers + places. The states above c are a geometric row on top of Erlang B's, so that a million
//!   places cost nothing; counted from the end that is likelier, so that nothing overflows above full utilisation.
//! Invariants: stable at any load; refusals fall with servers and with places.
//! Tested: `tests/it/bounded.rs`.

use serde::Serialize;

use super::erlang::inverse_b;
use crate::number::at_least_0;

/// A station that refuses, in steady state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounded {
    /// Share of arrivals that finds the room full (pK), 0 to 1.
    pub refused: f64,
    /// Mean wait of those who are let in, seconds.
    pub accepted_wait: f64,
    /// Requests that are served per second.
    pub throughput: f64,
    /// Mean share of the servers that is busy, 0 to 1.
    pub utilisation: f64,
    /// Mean number of requests that wait.
    pub waiting: f64,
}

/// The steady state of `servers` (whole or not) with `places` to wait.
pub fn bounded(rate: f64, service: f64, servers: f64, places: u64) -> Bounded {
    let (rate, service, servers) = (at_least_0(rate).min(1e300), at_least_0(service).min(1e300), at_least_0(servers).min(1e15));
    let erlangs = rate * service;
    if rate == 0.0 || service == 0.0 || servers == 0.0 {
        let served = if servers > 0.0 { rate } else { 0.0 };
        let refused = if rate > served { 1.0 } else { 0.0 };
        return Bounded { refused, accepted_wait: 0.0, throughput: served, utilisation: 0.0, waiting: 0.0 };
    }
    let (refused, waiting) = row(erlangs / servers, inverse_b(erlangs, servers), places as f64);
    let throughput = rate * (1.0 - refused);
    let accepted_wait = if throughput > 0.0 { waiting / throughput } else { 0.0 };
    Bounded { refused, accepted_wait, throughput, utilisation: (throughput * service / servers).min(1.0), waiting }
}

/// Chance of the last state and mean number waiting, for a row of `places` states that grows by `rho` each on top of a body of
/// weight `body` (in units of the state with all servers busy and nobody waiting).
fn row(rho: f64, body: f64, places: f64) -> (f64, f64) {
    if body == f64::INFINITY {
        return (0.0, 0.0);
    }
    if rho <= 1.0 {
        let total = body - 1.0 + geometric(rho, places);
        return (rho.powf(places) / total, weighted(rho, places) / total);
    }
    let back = 1.0 / rho;
    let row = geometric(back, places);
    let total = row + back.powf(places) * (body - 1.0);
    (1.0 / total, (places * row - weighted(back, places)) / total)
}

/// Sum of `r^j` for j from 0 to m, 0 <= r <= 1.
fn geometric(r: f64, m: f64) -> f64 {
    let apart = 1.0 - r;
    match m * apart < 1e-4 {
        true => (m + 1.0) * (1.0 - apart * m / 2.0),
        false => (1.0 - r.powf(m + 1.0)) / apart,
    }
}

/// Sum of `j r^j` for j from 0 to m, 0 <= r <= 1.
fn weighted(r: f64, m: f64) -> f64 {
    let apart = 1.0 - r;
    match m * apart < 1e-4 {
        true => m * (m + 1.0) / 2.0 * (1.0 - apart * (2.0 * m + 1.0) / 3.0),
        false => r * (1.0 - r.powf(m) * (1.0 + m * apart)) / (apart * apart),
    }
}

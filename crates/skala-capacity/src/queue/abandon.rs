//! A station whose callers give up.
//!
//! Decides: the share that leaves without an answer, and how long the others wait.
//! Inputs: arrival rate (per second), mean service (seconds), servers, the callers' patience.
//! Method: Erlang A (M/M/c+M; C. Palm, 1957) for exponential patience; M/M/c+D (D. Y. Barrer, 1957; density of the offered wait by
//!   Baccelli and Hebuterne, 1981) for a deadline that is the same for all.
//! Invariants: stable at any load, because callers leave; more servers never lose more.
//! Tested: `tests/it/bounded.rs`.

use serde::Serialize;

use super::erlang::inverse_b;
use crate::number::at_least_0;

/// How long a caller waits for a server before it gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Patience {
    /// Exponential with this mean, seconds, > 0.
    Mean(f64),
    /// The same time for everybody, seconds, >= 0.
    Deadline(f64),
}

/// A station that callers leave, in steady state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Abandoned {
    /// Share of callers that gives up, 0 to 1.
    pub lost: f64,
    /// Mean wait over all callers, those who gave up included, seconds.
    pub wait: f64,
    /// Mean share of the servers that is busy, 0 to 1.
    pub utilisation: f64,
}

/// Terms of the sum over waiting callers, at most.
const MOST_TERMS: u32 = 10_000_000;

/// The steady state of `servers` (whole or not).
pub fn abandoned(rate: f64, service: f64, servers: f64, patience: Patience) -> Abandoned {
    let (rate, service, servers) = (at_least_0(rate).min(1e15), at_least_0(service).min(1e15), at_least_0(servers).min(1e15));
    if rate == 0.0 || service == 0.0 {
        return Abandoned { lost: 0.0, wait: 0.0, utilisation: 0.0 };
    }
    let (lost, wait) = match patience {
        Patience::Mean(mean) => impatient(rate, service, servers, at_least_0(mean).min(1e15)),
        Patience::Deadline(deadline) => deadline_of(rate, service, servers, at_least_0(deadline).min(1e15)),
    };
    let lost = lost.clamp(0.0, 1.0);
    let utilisation = if servers > 0.0 { (rate * (1.0 - lost) * service / servers).min(1.0) } else { 0.0 };
    Abandoned { lost, wait, utilisation }
}

/// Erlang A: each waiting caller leaves at rate 1/patience, so that the lost share is `waiting / (lambda patience)`.
fn impatient(rate: f64, service: f64, servers: f64, patience: f64) -> (f64, f64) {
    let body = inverse_b(rate * service, servers);
    if body == f64::INFINITY {
        return (0.0, 0.0);
    }
    if patience == 0.0 {
        return (1.0 / body, 0.0);
    }
    let (served, leaving) = (servers / service, 1.0 / patience);
    // Weights of the states with j waiting; they rise until the departures outweigh the arrivals, and scale down before they overflow.
    let (mut scale, mut weight, mut total, mut waiting) = (1.0, 1.0, 0.0, 0.0);
    for j in 1..=MOST_TERMS {
        weight *= rate / (served + f64::from(j) * leaving);
        total += weight;
        waiting += f64::from(j) * weight;
        if weight > 1e200 {
            (scale, weight, total, waiting) = (scale * 1e-200, weight * 1e-200, total * 1e-200, waiting * 1e-200);
        }
        if weight * f64::from(j) < waiting * 1e-17 && served + f64::from(j) * leaving > rate {
            let mean = waiting / (total + body * scale);
            return (mean / (rate * patience), mean / rate);
        }
    }
    // More callers wait than can be counted: the fluid limit, in which what exceeds the capacity leaves.
    let lost = at_least_0(1.0 - served / rate);
    (lost, lost * patience)
}

/// M/M/c+D: the offered wait has density `lambda p exp(-(c mu - lambda) x)` up to the deadline and `exp(-c mu x)` beyond, which is lost.
fn deadline_of(rate: f64, service: f64, servers: f64, deadline: f64) -> (f64, f64) {
    let served = servers / service;
    // Nobody to speak of is served.
    if served < rate * 1e-15 {
        return (1.0, deadline);
    }
    let below = below_full(rate * service, servers);
    if below == f64::INFINITY {
        return (0.0, 0.0);
    }
    let spare = served - rate;
    let decays = (-spare.abs() * deadline).exp();
    // Both branches in units of the larger end of the density, so that nothing overflows.
    let (idle, end) = if spare >= 0.0 { (below, decays) } else { (below * decays, 1.0) };
    let (mass, first) = within(spare, deadline, decays);
    let total = idle + rate * mass + rate / served * end;
    let lost = rate / served * end / total;
    // Who is lost has waited until the deadline.
    (lost, rate * first / total + lost * deadline)
}

/// Weight of the states with a free server, in units of the one with a single free server: 1/B with one server less.
fn below_full(erlangs: f64, servers: f64) -> f64 {
    match servers >= 1.0 {
        true => inverse_b(erlangs, servers - 1.0),
        false => servers,
    }
}

/// Integrals over 0..deadline of the density and of x times it, without its factor.
fn within(spare: f64, deadline: f64, decays: f64) -> (f64, f64) {
    let (d, e) = (deadline, decays);
    let slope = spare.abs();
    if slope * d < 1e-5 {
        return (d, d * d / 2.0);
    }
    let mass = (1.0 - e) / slope;
    // A density that has died out stays zero, however far the deadline is.
    let beyond = if e == 0.0 { 0.0 } else { e * (1.0 + slope * d) };
    let falling = (1.0 - beyond) / (slope * slope);
    if spare >= 0.0 { (mass, falling) } else { (mass, d * mass - falling) }
}

//! Erlang's B and C: the chance that a request is lost, or has to wait, when all servers are busy.
//!
//! Decides: both chances for an offered load and a number of servers, which may be a fraction.
//! Inputs: offered load in erlangs (arrival rate x mean service time), servers.
//! Method: 1/B = 1 + c/a + c(c-1)/a^2 + ..., Erlang's recursion unrolled from its top: positive terms, and only about sqrt(a) of
//!   them matter, so that a hundred thousand servers cost microseconds. Between whole numbers by Y. Rapp's parabola (1964).
//! Invariants: both in [0, 1]; more servers never raise them; C is 1 from full utilisation on, and the utilisation with one server.
//! Tested: `tests/it/erlang.rs`, against the recursion and published figures.

use crate::number::at_least_0;

/// 1/B from which B is nothing: a chance of 1e-280.
const NEVER: f64 = 1e280;

/// Erlangs from which arrivals flow: chance moves them by less than a millionth. Keeps the number of terms below ten million.
const FLUID: f64 = 1e12;

/// Terms that are smaller than the sum by this factor do not change it.
const NEGLIGIBLE: f64 = 1e-17;

/// Chance that a request finds all servers busy and is lost (M/G/c/c). `erlangs` is arrival rate x mean service time, >= 0;
/// `servers` >= 0, whole or not. Source: A. K. Erlang, 1917.
pub fn erlang_b(erlangs: f64, servers: f64) -> f64 {
    1.0 / inverse_b(at_least_0(erlangs), at_least_0(servers))
}

/// Chance that a request has to wait (M/M/c). `erlangs` is arrival rate x mean service time, >= 0; `servers` >= 0, whole or not.
/// From full utilisation on it is 1. Source: A. K. Erlang, 1917.
pub fn erlang_c(erlangs: f64, servers: f64) -> f64 {
    let (erlangs, servers) = (at_least_0(erlangs), at_least_0(servers));
    if erlangs >= servers {
        return if erlangs > 0.0 || servers == 0.0 { 1.0 } else { 0.0 };
    }
    c_of(inverse_b(erlangs, servers), erlangs / servers)
}

/// C from 1/B and the utilisation below 1: `C = B / (1 - rho (1 - B))`.
pub(crate) fn c_of(inverse_b: f64, utilisation: f64) -> f64 {
    let inverse = inverse_b - utilisation * (inverse_b - 1.0);
    if inverse_b.is_finite() { (1.0 / inverse).clamp(0.0, 1.0) } else { 0.0 }
}

/// 1/B, at least 1, infinite where nothing is lost.
pub(crate) fn inverse_b(erlangs: f64, servers: f64) -> f64 {
    if servers <= 0.0 || erlangs == f64::INFINITY {
        return 1.0;
    }
    if erlangs <= 0.0 || servers == f64::INFINITY {
        return f64::INFINITY;
    }
    if erlangs > FLUID {
        let crowd = (std::f64::consts::PI * erlangs / 2.0).sqrt();
        return if servers > erlangs { f64::INFINITY } else { (1.0 / (1.0 - servers / erlangs)).min(crowd) };
    }
    let per_erlang = 1.0 / erlangs;
    let (mut sum, mut term, mut left) = (1.0, 1.0, servers);
    while left >= 1.0 {
        term *= left * per_erlang;
        sum += term;
        left -= 1.0;
        if term < sum * NEGLIGIBLE {
            return sum;
        }
        if sum > NEVER {
            return f64::INFINITY;
        }
    }
    // The recursion's foot: B of the fraction that is left, instead of B(0) = 1.
    if left > 0.0 { sum - term + term * (1.0 + left_over(erlangs, left)) } else { sum }
}

/// 1/B - 1 for a fraction of a server: Rapp's parabola through 0, 1 and 2 servers.
fn left_over(erlangs: f64, fraction: f64) -> f64 {
    let one = 1.0 + erlangs;
    let below = one * one + erlangs;
    let b = 1.0 - (erlangs + 2.0) / below * fraction + fraction * fraction / (one * below);
    1.0 / b - 1.0
}

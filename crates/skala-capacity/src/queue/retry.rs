//! Retries: how much load failures add, and whether a station can get out of an overload by itself.
//!
//! Decides: the factor on the arrival rate, and calm, metastable or overloaded.
//! Inputs: chance that a try fails, retries per request, offered load (erlangs), servers.
//! Method: a request makes `(1 - p^(r+1)) / (1 - p)` tries in the mean. In an overload every try fails and each request makes r + 1:
//!   a station that carries one try each but not r + 1 stays overloaded after the cause has gone (Bronson et al., HotOS 2021).
//! Tested: `tests/it/rules.rs`.

use serde::Serialize;

use crate::number::{at_least_0, share};

/// Tries per request in the mean, 1 to retries + 1.
pub fn retry_amplification(failing: f64, retries: u32) -> f64 {
    let (p, tries) = (share(failing), f64::from(retries) + 1.0);
    match 1.0 - p {
        // The limit where every try fails; the quotient has no digits left there.
        passes if passes * tries < 1e-7 => tries,
        passes => (1.0 - p.powf(tries)) / passes,
    }
}

/// What retries make of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryState {
    /// Even if every try fails, the servers carry all tries: it recovers by itself.
    Calm,
    /// It carries the load, but an overload would keep itself alive by retries: bound them.
    Metastable,
    /// It does not carry the load with its retries.
    Overloaded,
}

/// What retries make of `erlangs` (arrival rate x mean service time) on `servers`.
pub fn retry_state(erlangs: f64, servers: f64, failing: f64, retries: u32) -> RetryState {
    let (erlangs, servers) = (at_least_0(erlangs), at_least_0(servers));
    match erlangs {
        0.0 => RetryState::Calm,
        _ if erlangs * retry_amplification(failing, retries) >= servers => RetryState::Overloaded,
        _ if erlangs * retry_amplification(1.0, retries) >= servers => RetryState::Metastable,
        _ => RetryState::Calm,
    }
}

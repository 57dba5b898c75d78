//! Exact mode: each request by itself, through `skala_balance::Station`.

mod check;
mod engine;
mod host;
mod queue;
mod requests;
mod tier;

use std::time::Duration;

use skala_trace::Arrivals;

pub(crate) use check::check;

use crate::{Outcome, Scenario, SimError, Watch};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Simulated time.
    pub at: Duration,
    /// Where the run ends, when that is known.
    pub end: Option<Duration>,
    /// Events processed.
    pub events: u64,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    Continue,
    /// No: it ends with [`SimError::Cancelled`].
    Stop,
}

/// Simulates every request of a trace.
///
/// # Errors
/// A setting or a row of the trace that cannot stand; [`SimError::Cancelled`] when `progress` says so.
pub fn simulate(
    scenario: &Scenario,
    arrivals: &mut dyn Arrivals,
    progress: &mut dyn FnMut(Progress) -> Flow,
) -> Result<Outcome, SimError> {
    simulate_watched(scenario, arrivals, &mut (), progress)
}

/// Simulates as [`simulate`] does, and tells `watch` each decision as it falls.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_watched(
    scenario: &Scenario,
    arrivals: &mut dyn Arrivals,
    watch: &mut dyn Watch,
    progress: &mut dyn FnMut(Progress) -> Flow,
) -> Result<Outcome, SimError> {
    check(scenario)?;
    engine::Engine::try_new(scenario, watch)?.run(arrivals, progress)
}

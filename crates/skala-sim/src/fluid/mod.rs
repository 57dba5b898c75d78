//! Fluid mode: a run step by step with the queueing formulas, for traces too long to simulate each request.
//!
//! Decides: nothing; sizes are the plan's, as in exact mode, and the formulas say what comes of them.
//! Inputs: a scenario, load by steps.
//! Method: `station` (fluid queue and stationary wait), `points` (latency from wait and service time), `sight` (what the control loop
//!   sees) with `counts` (chance in it), `control` (the loop itself, unchanged, once per interval).
//! Invariants: memory does not grow with the trace; the same scenario and steps give the same outcome.
//! Tested: `tests/it/fluid.rs`, against theory and against exact mode.

mod counts;
pub(crate) mod law;
pub(crate) mod load;
mod network;
pub(crate) mod points;
mod run;
mod sight;
pub(crate) mod station;
pub(crate) mod waiting;

use skala_trace::Steps;

use crate::{Flow, Mode, Outcome, Progress, Scenario, SimError, Watch};

/// What fluid mode gives up, in sentences.
const CAVEATS: [&str; 5] = [
    "Requests are counted as they are expected, not one by one: waits follow a fluid backlog and the G/G/c formula of Allen and Cunneen, so a burst shorter than a step is seen only through the gaps' variation.",
    "A minute is missed with the probability that its late requests, Poisson around their expected number, are more than the objective allows; the sum over minutes is rounded.",
    "Load is spread evenly over ready replicas: what balancing and a single slow replica do to the tail is not seen.",
    "The controller decides once per interval, without its looks in between; its counts vary by chance, each second by itself, but queue, CPU and waits do not follow the counts it sees.",
    "By tokens, requests of a step vary as much as their mean tokens do.",
];

/// Simulates a trace by its load in steps. The length of a step is the scenario's [`Mode::Fluid`], or its interval.
///
/// # Errors
/// A setting or a step of the trace that cannot stand; [`SimError::Cancelled`] when `progress` says so.
pub fn simulate_steps(
    scenario: &Scenario,
    steps: &mut dyn Steps,
    progress: &mut dyn FnMut(Progress) -> Flow,
) -> Result<Outcome, SimError> {
    simulate_steps_watched(scenario, steps, &mut (), progress)
}

/// Simulates as [`simulate_steps`] does, and tells `watch` each decision as it falls.
///
/// # Errors
/// As [`simulate_steps`].
pub fn simulate_steps_watched(
    scenario: &Scenario,
    steps: &mut dyn Steps,
    watch: &mut dyn Watch,
    progress: &mut dyn FnMut(Progress) -> Flow,
) -> Result<Outcome, SimError> {
    crate::exact::check(scenario)?;
    let step = match scenario.mode {
        Mode::Fluid { step } => step,
        Mode::Exact => scenario.interval,
    };
    run::Run::try_new(scenario, step, watch)?.run(steps, progress)
}

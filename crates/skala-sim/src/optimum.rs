//! The clairvoyant optimum: the least replica-hours that keep the objective, for somebody who knows the arrivals beforehand.
//!
//! Decides: how many replicas are ready at each moment, at least, and when each is started.
//! Inputs: the arrivals with the service times that exact mode draws for them, the objective, the mean start-up time, the bounds.
//! Method: the need begins at what the work in progress of each minute keeps busy (by steps: at what the queueing formula asks for).
//!   [`Schedule::cheapest`] turns a need into the cheapest schedule that fulfils it. The schedule is then tried on the very same
//!   arrivals, and where a minute is missed, the need of those steps grows in which its late requests stood in line; again, until
//!   no minute is missed that more replicas could save. So the optimum is a schedule that was seen to keep the promise. From below
//!   it is bounded by the busy work, from above by one step of growth at the moments that needed it.
//!   A minute that is missed by its service times alone is not paid for. Without an objective, nobody is refused, and that is all.
//! Invariants: needs only grow, within `maxReplicas`; at most 64 trials.
//! Tested: `tests/it/optimum.rs`.

mod by_step;
mod exact;
mod grid;
mod replay;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

pub use schedule::Schedule;
use skala_autoscaler::Quantile;
use skala_trace::{Arrivals, Steps};

use crate::{Dist, Need, Objective, Scenario, Service, ServiceOutcome, SimError};

/// Most trials.
const PASSES: usize = 64;

/// The optimum of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// What came of it: its replica-hours, and the minutes that it missed all the same.
    pub outcome: ServiceOutcome,
    /// When it has how many replicas ready.
    pub schedule: Schedule,
    /// The fewest ready replicas at each moment; give it to [`crate::Service::need`].
    pub need: Arc<Need>,
}

/// Opens the trace once more from its beginning; the optimum reads it several times.
pub type Reopen<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Arrivals>, SimError>;

/// Likewise by steps.
pub type ReopenSteps<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Steps>, SimError>;

/// The optimum for single arrivals. Up to four million of them are kept in memory; of more, the trace is read again for every trial.
///
/// # Errors
/// What is wrong with the trace or the scenario.
pub fn of_arrivals(scenario: &Scenario, service: usize, open: Reopen<'_>) -> Result<Optimum, SimError> {
    crate::exact::check(scenario)?;
    exact::optimum(scenario, service, open)
}

/// The optimum for steps, whose minutes are missed when more late requests are expected than the objective allows.
///
/// # Errors
/// What is wrong with the trace or the scenario.
pub fn of_steps(scenario: &Scenario, service: usize, open: ReopenSteps<'_>) -> Result<Optimum, SimError> {
    crate::exact::check(scenario)?;
    by_step::optimum(scenario, service, open)
}

/// A hole of the recording, from and to.
type Hole = (Duration, Duration);

/// What an optimum is computed for.
#[derive(Clone, Copy, Debug)]
struct Terms {
    objective: Objective,
    /// Servers of a replica; none without a bound.
    concurrency: Option<u32>,
    bounds: (u32, u32),
    start_up: Duration,
    /// Length of a step of the need, seconds: divides a minute.
    step: u64,
}

impl Terms {
    fn of(scenario: &Scenario, service: usize) -> Result<(&Service, Terms), SimError> {
        let missing = || SimError::Setting { field: "services".into(), reason: format!("has no service {service}") };
        let service = scenario.services.get(service).ok_or_else(missing)?;
        let start_up = mean(&service.start_up);
        let spec = service.policy.spec();
        let nobody_refused = Objective { quantile: Quantile::P99, latency: Duration::MAX, availability: Some(1.0) };
        let terms = Terms {
            objective: service.objective.unwrap_or(nobody_refused),
            concurrency: service.station.concurrency,
            bounds: (spec.min_replicas.0, spec.max_replicas.0.max(spec.min_replicas.0)),
            start_up: Duration::try_from_secs_f64(start_up).unwrap_or_default(),
            // Finer than half a start-up, nothing is gained: shorter gaps are bridged.
            step: [10, 5, 2].into_iter().find(|step| *step as f64 <= start_up / 2.0).unwrap_or(1),
        };
        Ok((service, terms))
    }
}

/// The mean of a start-up time, seconds.
fn mean(dist: &Dist) -> f64 {
    match *dist {
        Dist::Constant { seconds } => seconds,
        Dist::Exponential { mean } | Dist::LogNormal { mean, .. } => mean,
        Dist::Tokens { base, .. } => base,
    }
}

//! The clairvoyant optimum: the least replica-hours that keep the objective, for somebody who knows the arrivals beforehand.
//!
//! Decides: how many replicas are ready at each moment, at least, and when each is started.
//! Inputs: the arrivals, the service's times and objective, its start-up time and bounds.

mod schedule;

use std::sync::Arc;

pub use schedule::Schedule;
use skala_trace::{Arrivals, Steps};

use crate::{Need, Scenario, ServiceOutcome, SimError};

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

/// The optimum for single arrivals.
///
/// # Errors
/// What is wrong with the trace or the scenario.
pub fn of_arrivals(scenario: &Scenario, service: usize, open: Reopen<'_>) -> Result<Optimum, SimError> {
    let _ = (scenario, service, open);
    Err(SimError::Setting { field: "optimum".into(), reason: "not ready".into() })
}

/// The optimum for steps.
///
/// # Errors
/// What is wrong with the trace or the scenario.
pub fn of_steps(scenario: &Scenario, service: usize, open: ReopenSteps<'_>) -> Result<Optimum, SimError> {
    let _ = (scenario, service, open);
    Err(SimError::Setting { field: "optimum".into(), reason: "not ready".into() })
}

//! What a scenario may not say.

use std::time::Duration;

use crate::{Fault, FaultKind, Scenario, Service, SimError};

/// Most services of one scenario.
const SERVICES: usize = 10_000;
/// Most faults of one scenario.
const FAULTS: usize = 1_000_000;

/// Refuses what would make a run meaningless.
pub(crate) fn check(scenario: &Scenario) -> Result<(), SimError> {
    let refuse = |field: &str, reason: &str| Err(SimError::Setting { field: field.into(), reason: reason.into() });
    if scenario.services.is_empty() || scenario.services.len() > SERVICES {
        return refuse("services", "needs at least one service, and at most 10000");
    }
    if scenario.interval < Duration::from_millis(10) || scenario.interval > Duration::from_secs(3600) {
        return refuse("interval", "lies between 10 ms and an hour");
    }
    if scenario.horizon.is_some_and(|h| h.is_zero()) {
        return refuse("horizon", "is longer than nothing");
    }
    if scenario.faults.len() > FAULTS {
        return refuse("faults", "are at most a million");
    }
    scenario.services.iter().try_for_each(check_service)?;
    crate::network::check(scenario)?;
    let shares = scenario.services.iter().map(|s| s.share).chain(scenario.network.queues.iter().map(|q| q.share));
    if shares.sum::<f64>() > 1.0 + 1e-9 {
        return refuse("services.share", "sums to more than 1: an arrival belongs to one service");
    }
    scenario.faults.iter().enumerate().try_for_each(|(i, fault)| check_fault(scenario, i, fault))
}

fn check_service(service: &Service) -> Result<(), SimError> {
    let refuse = |what: &str, reason: &str| {
        Err(SimError::Setting { field: format!("services.{}.{what}", service.name), reason: reason.into() })
    };
    if !(0.0..=1.0).contains(&service.share) {
        return refuse("share", "lies between 0 and 1");
    }
    if service.station.concurrency == Some(0) {
        return refuse("concurrency", "is at least 1: a replica without servers serves nobody");
    }
    if service.busy_cores.is_some_and(|cores| !cores.is_finite() || cores < 0.0) {
        return refuse("busyCores", "is a finite number of cores, not below 0");
    }
    Ok(())
}

fn check_fault(scenario: &Scenario, index: usize, fault: &Fault) -> Result<(), SimError> {
    let refuse =
        |what: &str, reason: &str| Err(SimError::Setting { field: format!("faults[{index}]{what}"), reason: reason.into() });
    if fault.service >= scenario.services.len() {
        return refuse(".service", "is not the index of a service");
    }
    match fault.kind {
        FaultKind::SlowReplica { factor, .. } if !(1.0..=1e6).contains(&factor) => {
            refuse(".factor", "lies between 1 and a million")
        }
        _ => Ok(()),
    }
}

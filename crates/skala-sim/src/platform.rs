//! From a platform file to a scenario, and what had to be assumed.
//!
//! Decides: nothing of its own; what the file does not say gets the documented default and a remark.
//! Tested: `tests/it/platform.rs`.

mod network;

use std::time::Duration;

use skala_autoscaler::ceilings::{BudgetOf, Limits};
use skala_autoscaler::{Directive, MetricSpec, Quantile};
use skala_spec::Platform;
use skala_spec::model::{self, ServiceCapacity};
use skala_types::{Replicas, ServiceName, Time};

use crate::{Dist, Mode, Objective, Scenario, Service, SimError};

/// Service time where the file has none.
const SERVICE_TIME: Dist = Dist::Exponential { mean: 0.1 };
/// Start-up time where the file has none.
const START_UP: Dist = Dist::Constant { seconds: 10.0 };

/// How a platform is to be simulated.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// Determines every draw.
    pub seed: u64,
    /// How time advances.
    pub mode: Mode,
    /// The time of day and week at which the trace begins.
    pub begins: Time,
    /// Simulate no longer than this.
    pub horizon: Option<Duration>,
    /// The service that takes the trace's arrivals; `None` for the first that has autoscaling, else the first that skala runs.
    pub service: Option<&'a str>,
}

/// A scenario, and what it assumes.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// The scenario.
    pub scenario: Scenario,
    /// What the file did not say and what was taken instead, in sentences.
    pub remarks: Vec<String>,
}

/// The scenario of a platform.
///
/// # Errors
/// A service that is not there, no service to simulate, or a setting that cannot stand.
pub fn scenario(platform: &Platform, setup: &Setup<'_>) -> Result<Assumed, SimError> {
    let mut remarks = Vec::new();
    let first = chosen(platform, setup.service)?;
    let others = platform.services.keys().filter(|name| **name != first);
    let mut services = Vec::new();
    for name in std::iter::once(&first).chain(others) {
        let share = if *name == first { 1.0 - network::share_of_queues(platform) } else { 0.0 };
        services.extend(service(platform, name, share, &mut remarks)?);
    }
    if services.len() > 1 {
        remarks.push(match network::share_of_queues(platform) {
            0.0 => format!("Every arrival of the trace goes to {first}; the other services see none."),
            share => {
                format!(
                    "{:.4} % of arrivals are tasks of queues, the others go to {first}; no other service sees any.",
                    share * 100.0
                )
            }
        });
    }
    let network = network::network(platform, &services, &mut remarks)?;
    let scenario = Scenario {
        seed: setup.seed,
        mode: setup.mode,
        begins: setup.begins,
        horizon: setup.horizon,
        interval: Duration::from_secs(1),
        services,
        limits: limits(platform)?,
        network,
        faults: Vec::new(),
    };
    Ok(Assumed { scenario, remarks })
}

/// The service that takes the arrivals.
fn chosen(platform: &Platform, wanted: Option<&str>) -> Result<ServiceName, SimError> {
    let runs = |s: &model::Service| s.scale() != model::Scale::External;
    if let Some(wanted) = wanted {
        let found = platform.services.iter().find(|(name, _)| name.as_str() == wanted);
        return match found {
            Some((name, s)) if runs(s) => Ok(name.clone()),
            Some(_) => {
                Err(setting(&format!("services.{wanted}"), "has upstreams that skala does not scale; choose another service"))
            }
            None => {
                let names: Vec<_> = platform.services.keys().map(ServiceName::as_str).collect();
                Err(setting("services", &format!("has no '{wanted}'; there are {}", names.join(", "))))
            }
        };
    }
    let scaled = platform.services.iter().find(|(_, s)| s.autoscaling.is_some() && runs(s));
    let first = scaled.or_else(|| platform.services.iter().find(|(_, s)| runs(s)));
    first.map(|(name, _)| name.clone()).ok_or_else(|| setting("services", "are all upstreams; there is nothing to scale"))
}

/// A service as the simulator sees it; `None` for upstreams.
fn service(platform: &Platform, name: &ServiceName, share: f64, remarks: &mut Vec<String>) -> Result<Option<Service>, SimError> {
    let Some(s) = platform.services.get(name) else { return Ok(None) };
    // Requests of schedules are not simulated: what would wake the service is left out too.
    let s = &model::Service { woken_by: Vec::new(), ..s.clone() };
    let Some(policy) = s.policy() else { return Ok(None) };
    let policy = policy.map_err(|p| setting(&format!("services.{name}.autoscaling"), &words(&p)))?;
    let capacity = platform.capacity.as_ref().and_then(|c| c.services.get(name));
    let mut remark = |text: String| {
        if share > 0.0 {
            remarks.push(text);
        }
    };
    if s.concurrency.is_none() {
        remark(format!(
            "services.{name}.concurrency is not set: a replica works on any number of requests at once, and nothing waits."
        ));
    }
    if policy.spec().metrics.iter().any(|m| matches!(m.what, MetricSpec::Signal { .. })) {
        remark(format!("services.{name}.autoscaling.metrics has a number from outside: it has no value in a simulation."));
    }
    let objective = objective(platform, name);
    if objective.is_none() {
        remark(format!("objectives.{name} has no bound on latency: no request is late and no minute is missed."));
    }
    let price_per_hour = platform.price_per_hour(s);
    if price_per_hour.is_none() {
        remark(format!("There is no price of a replica of {name}: no cost is told."));
    }
    Ok(Some(Service {
        name: name.clone(),
        policy,
        station: s.station(None),
        share,
        service_time: service_time(name, capacity, &mut remark)?,
        start_up: start_up(name, capacity, &mut remark)?,
        drain: s.drain.get(),
        initial: None,
        busy_cores: s.resources.requests.cpu.map(|cpu| cpu.cores().0),
        price_per_hour,
        priority: i32::try_from(s.priority).unwrap_or(i32::MAX),
        standing: standing(s),
        objective,
        need: None,
    }))
}

/// The order that the file gives; the live loop reads it the same way.
fn standing(service: &model::Service) -> Option<Directive> {
    match service.scale() {
        model::Scale::Fixed(0) => Some(Directive::Hold { replicas: Replicas(0), until: None }),
        model::Scale::Auto(a) if a.paused => Some(Directive::Pause { until: None }),
        _ => None,
    }
}

fn service_time(
    name: &ServiceName,
    capacity: Option<&ServiceCapacity>,
    remark: &mut dyn FnMut(String),
) -> Result<Dist, SimError> {
    if let Some(t) = capacity.and_then(|c| c.token_times.as_ref()) {
        return Ok(by_tokens(t));
    }
    match capacity.and_then(|c| c.service_time.as_ref()) {
        Some(times) => dist(&format!("capacity.services.{name}.serviceTime"), times, 1.0),
        None => {
            remark(format!(
                "capacity.services.{name}.serviceTime is not set: a request is taken to hold a server for 100ms with cv 1."
            ));
            Ok(SERVICE_TIME)
        }
    }
}

fn start_up(name: &ServiceName, capacity: Option<&ServiceCapacity>, remark: &mut dyn FnMut(String)) -> Result<Dist, SimError> {
    match capacity.and_then(|c| c.start_up.as_ref()) {
        Some(times) => dist(&format!("capacity.services.{name}.startUp"), times, 0.0),
        None => {
            remark(format!("capacity.services.{name}.startUp is not set: a replica is taken to be ready 10s after its start."));
            Ok(START_UP)
        }
    }
}

/// Times by tokens.
fn by_tokens(t: &model::TokenTimes) -> Dist {
    let per = |rate: f64| 1.0 / rate;
    Dist::Tokens {
        base: t.base.get().as_secs_f64(),
        per_input: per(t.prefill_per_second.get()),
        per_output: per(t.decode_per_second.get()),
        cv: t.cv,
    }
}

/// A distribution by mean and coefficient of variation.
fn dist(field: &str, times: &model::Times, cv: f64) -> Result<Dist, SimError> {
    let (mean, cv) = (times.mean.get().as_secs_f64(), times.cv.unwrap_or(cv));
    if !cv.is_finite() || !(0.0..=100.0).contains(&cv) {
        return Err(setting(&format!("{field}.cv"), "is not between 0 and 100"));
    }
    Ok(if cv == 0.0 || mean == 0.0 {
        Dist::Constant { seconds: mean }
    } else if cv == 1.0 {
        Dist::Exponential { mean }
    } else {
        Dist::LogNormal { mean, cv }
    })
}

/// The bound that the service is scaled by: p95 where it is given, else the highest percentile that is. A promise of availability alone
/// bounds no latency.
fn objective(platform: &Platform, name: &ServiceName) -> Option<Objective> {
    let promised = platform.objectives.get(name)?;
    let availability = promised.availability.map(|a| a.ratio());
    let bound = promised.latency.as_ref().and_then(|l| {
        let bounds = [(l.p95, Quantile::P95), (l.p99, Quantile::P99), (l.p90, Quantile::P90), (l.p50, Quantile::P50)];
        bounds.into_iter().find_map(|(bound, quantile)| Some((quantile, bound?.get())))
    });
    match (bound, availability) {
        (Some((quantile, latency)), _) => Some(Objective { quantile, latency, availability }),
        (None, Some(_)) => Some(Objective { quantile: Quantile::P95, latency: Duration::MAX, availability }),
        (None, None) => None,
    }
}

/// Budgets, databases and providers, as the live loop has them.
fn limits(platform: &Platform) -> Result<Limits, SimError> {
    let budgets = platform.budgets().map_err(|p| setting("budgets", &words(&p)))?;
    let links = platform.links().map_err(|p| setting("databases and providers", &words(&p)))?;
    let budget = |b: skala_spec::BudgetOf| BudgetOf { name: b.name.into(), budget: b.budget, services: b.services };
    Ok(Limits { budgets: budgets.into_iter().map(budget).collect(), links })
}

fn words(problems: &[impl ToString]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn setting(field: &str, reason: &str) -> SimError {
    SimError::Setting { field: field.into(), reason: reason.into() }
}

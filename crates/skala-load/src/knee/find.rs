//! The search for a service's knee.
//!
//! Decides: how long each step takes, and whether its rate was kept.
//! Inputs: the plan; one open-loop run per step.
//! Method: a step lasts until its tail holds a hundred requests (n >= 100 / (1 - q) for the objective's quantile q, at least a
//!   thousand), within bounds of time; a rate is kept when it was sustained and every condition held. Service times come from the
//!   first step, whose load is low. The USL is fitted to requests in flight and throughput of all steps.
//! Invariants: a step that the generator disturbed is measured once more, then ends the search; nothing is made of it.
//! Tested: `tests/run/knee.rs`.

use std::time::Duration;

use skala_capacity::fit_usl;

use super::report::{KNEE_SCHEMA_VERSION, KneeReport, KneeStep, ServiceTime, StepEnd};
use super::search::Search;
use crate::arrivals::Arrivals;
use crate::generator::Stop;
use crate::plan::{LoadError, LoadPlan};
use crate::progress::Progress;
use crate::rate::{MAX_RATE, Rate};
use crate::report::LoadReport;
use crate::run::run;
use crate::threshold::{Metric, Statistic, Threshold};
use crate::verdict::VerdictKind;

/// Requests of a step, at least, while its longest time allows.
const LEAST_REQUESTS: f64 = 1000.0;

/// Requests beyond the quantile of the objective that make it a number.
const TAIL_REQUESTS: f64 = 100.0;

/// Share of its requests that a sustained step answers, when no condition on errors says otherwise.
const SUSTAINED: f64 = 0.99;

/// What a search should do.
#[derive(Clone, Debug)]
pub struct KneePlan {
    /// The requests and their conditions (`thresholds` are the objective); `arrivals` and `duration` are the search's.
    pub load: LoadPlan,
    /// The first rate, per second: low, because service times are taken from it.
    pub first_rate: f64,
    /// The highest rate that is tried, per second.
    pub highest_rate: f64,
    /// A step's shortest length.
    pub shortest: Duration,
    /// A step's longest length.
    pub longest: Duration,
    /// Replicas that answer, at least 1.
    pub replicas: u32,
}

/// Searches. Blocks for some minutes; `progress` is called once a second with the step's number (from 1) and rate, `ended` after each step.
///
/// # Errors
/// When the plan makes no sense, or a run could not take place.
pub fn find_knee(
    plan: &KneePlan,
    progress: impl Fn(usize, f64, &Progress),
    ended: impl Fn(&KneeStep),
    stop: &Stop,
) -> Result<KneeReport, LoadError> {
    check(plan)?;
    let mut search = Search::new(plan.first_rate, plan.highest_rate);
    let mut report = empty(plan);
    while let Some(rate) = search.rate() {
        let Some((step, run)) = valid_step(plan, rate, report.steps.len() + 1, &progress, stop)? else {
            report.stopped = true;
            break;
        };
        ended(&step);
        if report.service_time.is_none() {
            report.service_time = service_time(&run);
        }
        let end = step.end;
        report.reasons.clone_from(&step.reasons);
        report.steps.push(step);
        if end == StepEnd::Invalid {
            report.invalid = true;
            break;
        }
        search.record(end == StepEnd::Kept);
    }
    report.knee_rps = search.kept();
    report.missed_rps = search.missed();
    if !report.invalid {
        report.throughput_per_replica = report.knee_rps.map(|knee| knee / f64::from(plan.replicas));
    }
    report.set_curve(fit_usl(&report.pairs()));
    Ok(report)
}

fn check(plan: &KneePlan) -> Result<(), LoadError> {
    let rate = |r: f64| r > 0.0 && r <= MAX_RATE;
    let wrong = match plan {
        p if !rate(p.first_rate) || !rate(p.highest_rate) => {
            "rates of a search must be above 0 and not above the generator's highest"
        }
        p if p.shortest.is_zero() || p.longest < p.shortest => {
            "a step needs a length, and its longest must not be below its shortest"
        }
        p if p.replicas == 0 => "no replica answers: give at least 1",
        _ => return Ok(()),
    };
    Err(LoadError::Plan(wrong.to_owned()))
}

fn empty(plan: &KneePlan) -> KneeReport {
    KneeReport {
        schema_version: KNEE_SCHEMA_VERSION,
        url: plan.load.url.clone(),
        objective: plan.load.thresholds.iter().map(|t| t.text().to_owned()).collect(),
        replicas: plan.replicas,
        knee_rps: None,
        missed_rps: None,
        throughput_per_replica: None,
        service_time: None,
        curve: None,
        not_identifiable: None,
        invalid: false,
        stopped: false,
        reasons: Vec::new(),
        steps: Vec::new(),
    }
}

/// One step, twice when the first was disturbed; `None` when it was stopped by hand.
fn valid_step(
    plan: &KneePlan,
    rate: f64,
    number: usize,
    progress: &impl Fn(usize, f64, &Progress),
    stop: &Stop,
) -> Result<Option<(KneeStep, LoadReport)>, LoadError> {
    let load = step_plan(plan, rate)?;
    let mut report = run(&load, |p| progress(number, rate, p), stop)?;
    if report.verdict.kind == VerdictKind::Invalid && !report.stopped {
        report = run(&load, |p| progress(number, rate, p), stop)?;
    }
    let stopped = report.stopped;
    Ok((!stopped).then(|| (step(plan, rate, &report), report)))
}

fn step_plan(plan: &KneePlan, rate: f64) -> Result<LoadPlan, LoadError> {
    let arrivals = Arrivals::Rate(Rate::constant(rate).map_err(|e| LoadError::Plan(e.to_string()))?);
    let length = step_length(&plan.load.thresholds, rate, plan.shortest, plan.longest);
    // A tenth at most is warm-up, so that the step's tail is long enough.
    let warm_up = plan.load.warm_up.min(length / 10);
    Ok(LoadPlan { arrivals, duration: Some(length), warm_up, ..plan.load.clone() })
}

/// Seconds until the tail beyond the objective's highest quantile holds enough requests.
fn step_length(thresholds: &[Threshold], rate: f64, shortest: Duration, longest: Duration) -> Duration {
    let tail = thresholds.iter().filter_map(|t| match t.metric() {
        Metric::Duration(_, Statistic::Quantile(q)) if q < 1.0 => Some(TAIL_REQUESTS / (1.0 - q)),
        _ => None,
    });
    let seconds = tail.fold(LEAST_REQUESTS, f64::max) / rate;
    Duration::try_from_secs_f64(seconds).unwrap_or(longest).clamp(shortest, longest)
}

fn step(plan: &KneePlan, rate: f64, report: &LoadReport) -> KneeStep {
    let (end, reasons) = end(&plan.load.thresholds, report);
    KneeStep {
        rate,
        seconds: report.duration_seconds,
        requests: report.requests,
        achieved_rps: report.achieved_rps,
        in_flight: in_flight(report),
        latency_ms: report.latency_ms,
        failed: report.failed.total + report.dropped,
        end,
        reasons,
    }
}

/// Whether the rate was kept, and why not.
fn end(thresholds: &[Threshold], report: &LoadReport) -> (StepEnd, Vec<String>) {
    if report.verdict.kind == VerdictKind::Invalid {
        return (StepEnd::Invalid, report.verdict.reasons.clone());
    }
    let mut reasons: Vec<String> =
        report.thresholds.iter().filter_map(|t| t.measured.as_ref().map(|m| format!("{}: {m}", t.condition))).collect();
    if let Some(s) = &report.saturated {
        reasons.push(format!("rate not sustained: {:.0}/s of {:.0}/s", s.sustained_rps, s.offered_rps));
    }
    let errors_are_judged = thresholds.iter().any(|t| t.metric() == Metric::Errors);
    if !errors_are_judged && (report.ok as f64) < SUSTAINED * report.requests as f64 {
        reasons.push(format!(
            "{} of {} requests were not answered well",
            report.requests - report.ok.min(report.requests),
            report.requests
        ));
    }
    (if reasons.is_empty() { StepEnd::Kept } else { StepEnd::Missed }, reasons)
}

/// Mean requests in flight: by Little's law where the rate was sustained, else as sampled each second.
fn in_flight(report: &LoadReport) -> f64 {
    let points = &report.series.points;
    match (report.saturated.is_none(), report.latency_ms) {
        (true, Some(latency)) => report.achieved_rps * latency.mean / 1e3,
        _ if points.is_empty() => 0.0,
        _ => points.iter().map(|p| p.in_flight as f64).sum::<f64>() / points.len() as f64,
    }
}

fn service_time(report: &LoadReport) -> Option<ServiceTime> {
    Some(ServiceTime { mean_ms: report.service_ms?.mean, cv: report.service_cv? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lasts_until_its_tail_is_a_number() {
        let length = |conditions: &[&str], rate| {
            let thresholds: Vec<Threshold> = conditions.iter().map(|c| c.parse().expect("condition")).collect();
            step_length(&thresholds, rate, Duration::from_secs(5), Duration::from_secs(60)).as_secs_f64()
        };
        assert_eq!(length(&[], 100.0), 10.0);
        assert_eq!(length(&["p99>1s", "p50>100ms"], 500.0), 20.0);
        assert_eq!((length(&["p99>1s"], 1.0), length(&["errors>1%"], 1e6)), (60.0, 5.0));
    }
}

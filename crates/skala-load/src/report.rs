//! What a run found out.
//!
//! Decides: the report's numbers, from the threads' counts.
//! Units: as named; every latency in milliseconds.
//! Invariants: `requests = ok + failed.total + dropped + unfinished`.
//! Tested: `tests/run/`; its text form in `render.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::arrivals::Arrivals;
use crate::client::Failure;
use crate::generator::Shared;
use crate::latencies::LatencySummary;
use crate::plan::LoadPlan;
use crate::schedule::Spacing;
use crate::series::{Saturation, Series};
use crate::tally::Tally;
use crate::threshold::{Measured, Metric, Series as Distribution, Statistic, Threshold};
use crate::units::millis;
use crate::verdict::{Evidence, Verdict, judge, lag_bound};

/// The version of the report's JSON form; a change that breaks readers raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Whether the run passed.
    pub verdict: Verdict,
    /// Where to.
    pub url: String,
    /// The method.
    pub method: String,
    /// The arrivals in words.
    pub arrivals: String,
    /// `poisson` or `constant`; a trace of single arrivals has its own.
    pub spacing: &'static str,
    /// The seed of every random choice.
    pub seed: u64,
    /// How long arrivals came, seconds, warm-up included.
    pub duration_seconds: f64,
    /// How much of it was not measured, seconds.
    pub warm_up_seconds: f64,
    /// Whether the run was ended early by hand.
    pub stopped: bool,
    /// Arrivals that were due, dropped ones included.
    pub requests: u64,
    /// Answers with a status below 400.
    pub ok: u64,
    /// Those that failed.
    pub failed: Failed,
    /// Arrivals that could not start, because the bound on requests in flight was reached.
    pub dropped: u64,
    /// Requests that a stopped run did not wait for.
    pub unfinished: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Arrivals per second.
    pub offered_rps: f64,
    /// Answers with a status below 400 per second, while arrivals came.
    pub achieved_rps: f64,
    /// Where more came than was answered; `null` when the rate was sustained.
    pub saturated: Option<Saturation>,
    /// From the intended start to the end of the answer. Arrivals without an answer count as no faster than the timeout.
    pub latency_ms: Option<LatencySummary>,
    /// Requests beyond the plan's bound; `null` without one.
    pub late: Option<Late>,
    /// From sending to the end of the answer, of answered requests.
    pub service_ms: Option<LatencySummary>,
    /// Standard deviation of the same over its mean.
    pub service_cv: Option<f64>,
    /// From the intended start to the first byte of the answer, of answered requests.
    pub first_byte_ms: Option<LatencySummary>,
    /// Bytes of all answers, heads included.
    pub bytes: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Requests sent a second time, because the server had closed the waiting connection.
    pub reconnects: u64,
    /// How the generator itself did.
    pub generator: Generator,
    /// The conditions and what they found.
    pub thresholds: Vec<ThresholdResult>,
    /// The course of the run.
    pub series: Series,
}

/// Requests without a good answer within a bound: later ones, failed ones, dropped ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// The bound, milliseconds from the intended start.
    pub bound_ms: f64,
    /// How many, to three digits of the bound.
    pub requests: u64,
    /// Their share of those that ended.
    pub share: f64,
}

impl Late {
    fn of(total: &Tally, bound: Duration) -> Late {
        let requests = total.late(bound);
        Late { bound_ms: millis(bound), requests, share: requests as f64 / total.latency.count().max(1) as f64 }
    }
}

/// Requests that failed, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// All of them.
    pub total: u64,
    /// Answers with a status of 400 or above.
    pub status: u64,
    /// No connection: refused or unreachable.
    pub connect: u64,
    /// Not answered in time.
    pub timeout: u64,
    /// The connection ended before the answer was complete.
    pub reset: u64,
    /// The answer was not HTTP/1.1.
    pub protocol: u64,
    /// The generator's machine had no descriptor or port left; makes the run invalid.
    pub generator: u64,
}

/// How the generator itself did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generator {
    /// Median of the lag from the intended start to the moment the sending thread takes up the request, milliseconds.
    pub lag_p50_ms: f64,
    /// Its 99th percentile.
    pub lag_p99_ms: f64,
    /// Its largest value.
    pub lag_max_ms: f64,
    /// The bound that more than 1 % of requests (and more than three) must exceed for the run to be invalid.
    pub lag_bound_ms: f64,
    /// Cores that it used on average.
    pub cpu_cores: f64,
    /// Its CPU time per request, microseconds.
    pub cpu_micros_per_request: f64,
    /// Its sending threads.
    pub threads: usize,
}

/// A condition and what it found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdResult {
    /// The condition as written.
    pub condition: String,
    /// Whether it holds, which fails the run.
    pub missed: bool,
    /// The measured value when it holds.
    pub measured: Option<String>,
}

/// What is known when the threads have ended.
pub(crate) struct Outcome<'a> {
    pub(crate) plan: &'a LoadPlan,
    pub(crate) shared: &'a Shared,
    pub(crate) total: Tally,
    pub(crate) series: Series,
    /// When arrivals ended: the planned duration, or earlier when stopped.
    pub(crate) arrivals_for: Duration,
    /// When the last thread ended.
    pub(crate) elapsed: Duration,
    pub(crate) cores: usize,
}

/// The numbers that conditions read.
struct Numbers<'a> {
    total: &'a Tally,
    requests: u64,
    dropped: u64,
    offered: f64,
    achieved: f64,
}

impl Measured for Numbers<'_> {
    fn duration(&self, series: Distribution, statistic: Statistic) -> Option<Duration> {
        match series {
            Distribution::Latency => self.total.latency.statistic(statistic),
            Distribution::Service => self.total.service.statistic(statistic),
            Distribution::FirstByte => self.total.first_byte.statistic(statistic),
        }
    }
    fn requests(&self) -> u64 {
        self.requests
    }
    fn errors(&self) -> u64 {
        self.total.failed() + self.dropped
    }
    fn dropped(&self) -> u64 {
        self.dropped
    }
    fn achieved(&self) -> f64 {
        self.achieved
    }
    fn offered(&self) -> f64 {
        self.offered
    }
}

impl LoadReport {
    /// Draws up the report of a run that has ended.
    pub(crate) fn new(mut o: Outcome<'_>) -> LoadReport {
        use std::sync::atomic::Ordering::Relaxed;
        let requests = o.shared.measured.load(Relaxed);
        let dropped = o.shared.dropped_measured.load(Relaxed);
        o.total.latency.record_n(o.plan.timeout, dropped);
        let measured_for = o.arrivals_for.saturating_sub(o.plan.warm_up).as_secs_f64();
        let per_second = |n: u64| if measured_for > 0.0 { n as f64 / measured_for } else { 0.0 };
        let (offered, achieved) = (per_second(requests), per_second(o.total.ok_in_time));
        let numbers = Numbers { total: &o.total, requests, dropped, offered, achieved };
        let thresholds: Vec<ThresholdResult> = o.plan.thresholds.iter().map(|t| held(t, &numbers)).collect();
        let generator = generator(&o);
        let verdict = judge(&evidence(&o, &numbers, &thresholds));
        let failed = failed(&o.total);
        LoadReport {
            schema_version: SCHEMA_VERSION,
            verdict,
            url: o.plan.url.clone(),
            method: o.plan.method.clone(),
            arrivals: in_words(&o.plan.arrivals),
            spacing: spacing(o.plan),
            seed: o.plan.seed,
            duration_seconds: millis(o.arrivals_for) / 1e3,
            warm_up_seconds: millis(o.plan.warm_up) / 1e3,
            stopped: o.shared.stop.is_stopped(),
            requests,
            ok: o.total.ok,
            unfinished: requests.saturating_sub(o.total.ok + failed.total + dropped),
            failed,
            dropped,
            offered_rps: rounded(offered),
            achieved_rps: rounded(achieved),
            saturated: o.series.saturation(o.arrivals_for),
            latency_ms: o.total.latency.summary(),
            late: o.plan.bound.map(|bound| Late::of(&o.total, bound)),
            service_ms: o.total.service.summary(),
            service_cv: o.total.service.cv(),
            first_byte_ms: o.total.first_byte.summary(),
            bytes: o.total.bytes,
            connections: o.total.connections,
            reconnects: o.total.reconnects,
            statuses: o.total.statuses,
            generator,
            thresholds,
            series: o.series,
        }
    }
}

fn held(threshold: &Threshold, numbers: &Numbers<'_>) -> ThresholdResult {
    let measured = threshold.crossed(numbers);
    ThresholdResult { condition: threshold.text().to_owned(), missed: measured.is_some(), measured }
}

fn evidence(o: &Outcome<'_>, numbers: &Numbers<'_>, thresholds: &[ThresholdResult]) -> Evidence {
    let missed = thresholds.iter().filter_map(|t| t.measured.as_ref().map(|m| format!("{}: {m}", t.condition)));
    Evidence {
        requests: numbers.requests,
        ok: o.total.ok,
        dropped: numbers.dropped,
        max_in_flight: o.plan.max_in_flight,
        drops_have_threshold: o.plan.thresholds.iter().any(|t| t.metric() == Metric::Dropped),
        missed: missed.collect(),
        sent: o.total.lag.count(),
        late: o.total.lag.count_above(lag_bound_of(o)),
        lag_bound: lag_bound_of(o),
        elapsed: o.elapsed,
        busiest: o.total.busiest,
        cpu: o.total.cpu,
        cores: o.cores,
        own_failures: o.total.failures.get(&Failure::Generator).copied().unwrap_or_default(),
    }
}

fn lag_bound_of(o: &Outcome<'_>) -> Duration {
    o.plan.lag_bound.unwrap_or_else(|| lag_bound(o.total.service.statistic(Statistic::Quantile(0.5))))
}

fn failed(total: &Tally) -> Failed {
    let of = |failure| total.failures.get(&failure).copied().unwrap_or_default();
    Failed {
        total: total.failed(),
        status: total.failed() - total.failures.values().sum::<u64>(),
        connect: of(Failure::Connect),
        timeout: of(Failure::Timeout),
        reset: of(Failure::Reset),
        protocol: of(Failure::Protocol),
        generator: of(Failure::Generator),
    }
}

fn generator(o: &Outcome<'_>) -> Generator {
    let lag = |s| o.total.lag.statistic(s).map_or(0.0, millis);
    let carried = o.shared.arrivals.load(std::sync::atomic::Ordering::Relaxed).max(1) as f64;
    Generator {
        lag_p50_ms: lag(Statistic::Quantile(0.5)),
        lag_p99_ms: lag(Statistic::Quantile(0.99)),
        lag_max_ms: lag(Statistic::Max),
        lag_bound_ms: millis(lag_bound_of(o)),
        cpu_cores: rounded(o.total.cpu.as_secs_f64() / o.elapsed.as_secs_f64().max(1e-9)),
        cpu_micros_per_request: rounded(o.total.cpu.as_secs_f64() * 1e6 / carried),
        threads: o.plan.threads,
    }
}

fn rounded(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

fn in_words(arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Rate(rate) => rate.to_string(),
        Arrivals::Trace { path, scale } if *scale == 1.0 => format!("trace {}", path.display()),
        Arrivals::Trace { path, scale } => format!("trace {} x {scale}", path.display()),
    }
}

fn spacing(plan: &LoadPlan) -> &'static str {
    match plan.spacing {
        Spacing::Poisson => "poisson",
        Spacing::Constant => "constant",
    }
}

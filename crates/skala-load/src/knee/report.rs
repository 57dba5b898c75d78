//! What a search found out.
//!
//! Decides: the report's form for people and programs.
//! Units: rates per second, latencies in milliseconds.
//! Invariants: without a valid measurement there is no knee per replica.
//! Tested: `tests` below; `tests/run/knee.rs`.

use std::fmt::Write as _;

use serde::Serialize;
use skala_capacity::{Fit, NotIdentifiable};

use crate::latencies::LatencySummary;

/// The version of the report's JSON form; a change that breaks readers raises it.
pub const KNEE_SCHEMA_VERSION: u32 = 1;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepEnd {
    /// The rate was sustained and the objective kept.
    Kept,
    /// It was not.
    Missed,
    /// The generator itself was disturbed: the step says nothing.
    Invalid,
}

impl StepEnd {
    /// As reports say it.
    pub fn word(self) -> &'static str {
        match self {
            StepEnd::Kept => "kept",
            StepEnd::Missed => "missed",
            StepEnd::Invalid => "invalid",
        }
    }
}

/// One rate that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KneeStep {
    /// Arrivals per second, as planned.
    pub rate: f64,
    /// How long.
    pub seconds: f64,
    /// Arrivals.
    pub requests: u64,
    /// Good answers per second.
    pub achieved_rps: f64,
    /// Mean requests in flight.
    pub in_flight: f64,
    /// From the intended start to the end of the answer.
    pub latency_ms: Option<LatencySummary>,
    /// Requests without a good answer, dropped ones included.
    pub failed: u64,
    /// How it ended.
    pub end: StepEnd,
    /// Why it was not kept.
    pub reasons: Vec<String>,
}

/// Service times at low load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTime {
    /// Mean, milliseconds.
    pub mean_ms: f64,
    /// Standard deviation over mean.
    pub cv: f64,
}

/// What a search found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KneeReport {
    /// [`KNEE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Where to.
    pub url: String,
    /// Conditions that end the search, in words; none is "the rate is sustained".
    pub objective: Vec<String>,
    /// Replicas that answered.
    pub replicas: u32,
    /// The highest rate that was kept, per second.
    pub knee_rps: Option<f64>,
    /// The lowest that was not; `null` when the highest rate was kept, and the knee lies above.
    pub missed_rps: Option<f64>,
    /// The knee over the replicas.
    pub throughput_per_replica: Option<f64>,
    /// Service times of the first step.
    pub service_time: Option<ServiceTime>,
    /// Throughput by requests in flight (USL), where the measurements tell it.
    pub curve: Option<Fit>,
    /// Why they do not.
    pub not_identifiable: Option<NotIdentifiable>,
    /// Whether a step was disturbed twice, which ended the search.
    pub invalid: bool,
    /// Whether it was ended by hand.
    pub stopped: bool,
    /// Why the last step ended as it did.
    pub reasons: Vec<String>,
    /// All steps, in order.
    pub steps: Vec<KneeStep>,
}

impl KneeReport {
    /// Requests in flight and throughput of every valid step.
    pub(crate) fn pairs(&self) -> Vec<(f64, f64)> {
        self.steps.iter().filter(|s| s.end != StepEnd::Invalid).map(|s| (s.in_flight, s.achieved_rps)).collect()
    }

    pub(crate) fn set_curve(&mut self, fit: Result<Fit, NotIdentifiable>) {
        match fit {
            Ok(fit) => self.curve = Some(fit),
            Err(reason) => self.not_identifiable = Some(reason),
        }
    }

    /// Whether not one good answer came: then there is nothing to search for.
    pub fn nothing_answered(&self) -> bool {
        !self.invalid && !self.steps.is_empty() && self.steps.iter().all(|s| s.requests > 0 && s.failed >= s.requests)
    }

    /// The exit code: 0 found, 1 nothing answered, 4 the first rate missed the objective already, 5 the measurement was disturbed.
    pub fn exit_code(&self) -> u8 {
        match self.knee_rps {
            _ if self.invalid => 5,
            None if self.nothing_answered() => 1,
            None if !self.stopped => 4,
            _ => 0,
        }
    }
}

/// The report for people.
pub fn render_knee(report: &KneeReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, r: &KneeReport) -> std::fmt::Result {
    match (r.knee_rps, r.missed_rps) {
        _ if r.invalid => writeln!(out, "INVALID: {}", r.reasons.join("; "))?,
        (Some(knee), Some(missed)) => writeln!(out, "knee: {knee:.1}/s kept, {missed:.1}/s missed ({})", last_miss(r))?,
        (Some(knee), _) if r.stopped => writeln!(out, "interrupted: {knee:.1}/s was kept, the knee lies above")?,
        _ if r.stopped => writeln!(out, "interrupted before a rate was kept")?,
        _ if r.nothing_answered() => writeln!(out, "{} gave no good answer ({}): is the service up?", r.url, last_miss(r))?,
        (Some(knee), None) => writeln!(out, "no knee up to {knee:.1}/s: raise --max-rate")?,
        (None, Some(missed)) => {
            writeln!(out, "missed at the first rate, {missed:.1}/s ({}): begin lower with --rate", last_miss(r))?
        }
        (None, None) => writeln!(out, "nothing measured")?,
    }
    writeln!(out, "\n    RATE  ACHIEVED  IN FLIGHT       P50       P95       P99  FAILED")?;
    for s in &r.steps {
        let ms =
            |of: fn(&LatencySummary) -> f64| s.latency_ms.as_ref().map_or_else(|| "-".to_owned(), |l| format!("{:.1}ms", of(l)));
        let (p50, p95, p99) = (ms(|l| l.p50), ms(|l| l.p95), ms(|l| l.p99));
        write!(out, "{:8.1}  {:8.1}  {:9.1}  {p50:>8}  {p95:>8}  {p99:>8}  {:6}", s.rate, s.achieved_rps, s.in_flight, s.failed)?;
        match s.end {
            StepEnd::Kept => writeln!(out, "  kept")?,
            StepEnd::Missed => writeln!(out, "  missed: {}", s.reasons.join("; "))?,
            StepEnd::Invalid => writeln!(out, "  invalid")?,
        }
    }
    if let Some(t) = r.service_time {
        writeln!(
            out,
            "\nservice time at {:.1}/s: mean {:.1} ms, cv {:.2}",
            r.steps.first().map_or(0.0, |s| s.rate),
            t.mean_ms,
            t.cv
        )?;
    }
    match (&r.curve, &r.not_identifiable) {
        (Some(f), _) => writeln!(
            out,
            "throughput by requests in flight (USL): {:.1}/s for one, contention {:.4} (+-{:.4}), coherency {:.6} (+-{:.6}), most at {:.0} in flight, R2 {:.3}",
            f.curve.per_one,
            f.curve.contention,
            f.errors.contention,
            f.curve.coherency,
            f.errors.coherency,
            f.curve.knee(),
            f.r2
        ),
        (None, Some(reason)) => writeln!(out, "throughput by requests in flight (USL): {reason}"),
        (None, None) => Ok(()),
    }
}

fn last_miss(r: &KneeReport) -> String {
    r.steps.iter().rev().find(|s| s.end == StepEnd::Missed).map(|s| s.reasons.join("; ")).unwrap_or_default()
}

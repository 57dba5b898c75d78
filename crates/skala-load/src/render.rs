//! The report for people: plain text, a screen long.
//!
//! Decides: what of a report is worth a line.
//! Invariants: says INVALID, FAILED or saturated in words, before the numbers that it spoils.
//! Tested: `tests` below.

use std::fmt::Write as _;
use std::time::Duration;

use crate::latencies::LatencySummary;
use crate::report::LoadReport;
use crate::units::human;
use crate::verdict::VerdictKind;

/// The report as plain text, lines ended.
pub fn render(report: &LoadReport) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail, here and below.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, r: &LoadReport) -> std::fmt::Result {
    writeln!(out, "{}", verdict(r.verdict.kind))?;
    r.verdict.reasons.iter().try_for_each(|reason| writeln!(out, "  {reason}"))?;
    if r.stopped {
        writeln!(out, "  stopped by hand after {:.1} s", r.duration_seconds)?;
    }
    if let Some(s) = &r.saturated {
        let (from, to) = (s.from_seconds, s.to_seconds);
        writeln!(
            out,
            "  saturated: rate not sustained; {:.0}/s of {:.0}/s from {from} s to {to} s",
            s.sustained_rps, s.offered_rps
        )?;
        writeln!(out, "  latencies after that tell how long the backlog was, not how fast the service is")?;
    }
    writeln!(out, "\n{} {}  {} ({}, seed {})", r.method, r.url, r.arrivals, r.spacing, r.seed)?;
    let rates = format!("{:.1}/s offered, {:.1}/s ok", r.offered_rps, r.achieved_rps);
    writeln!(out, "requests   {} in {:.1} s: {rates}", r.requests, r.duration_seconds - r.warm_up_seconds)?;
    let unfinished = if r.unfinished > 0 { format!(", {} unfinished", r.unfinished) } else { String::new() };
    writeln!(out, "           {} ok, {} failed, {} dropped{unfinished}", r.ok, r.failed.total, r.dropped)?;
    write_failures(out, r)?;
    writeln!(out, "\n           {:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")?;
    write_latency(out, "latency", r.latency_ms.as_ref())?;
    write_latency(out, "first byte", r.first_byte_ms.as_ref())?;
    write_latency(out, "service", r.service_ms.as_ref())?;
    writeln!(out, "           latency runs from the intended start, service from sending")?;
    if !r.thresholds.is_empty() {
        writeln!(out)?;
    }
    for t in &r.thresholds {
        match &t.measured {
            Some(measured) => writeln!(out, "MISSED     fail if {}: it is {measured}", t.condition)?,
            None => writeln!(out, "kept       fail if {}", t.condition)?,
        }
    }
    let g = &r.generator;
    let lag = format!("lag p99 {} (bound {})", ms(g.lag_p99_ms), ms(g.lag_bound_ms));
    writeln!(out, "\ngenerator  {lag}, {:.2} cores, {:.1} us CPU per request", g.cpu_cores, g.cpu_micros_per_request)?;
    writeln!(out, "           {} connections, {} reconnects, {} bytes read", r.connections, r.reconnects, r.bytes)
}

fn verdict(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Ok => "OK",
        VerdictKind::Failed => "FAILED",
        VerdictKind::ThresholdMissed => "FAILED: threshold missed",
        VerdictKind::Invalid => "INVALID: this run does not measure the service",
    }
}

fn write_failures(out: &mut String, r: &LoadReport) -> std::fmt::Result {
    let f = &r.failed;
    let kinds = [
        ("connection refused or unreachable", f.connect),
        ("timed out", f.timeout),
        ("connection reset", f.reset),
        ("not HTTP/1.1", f.protocol),
        ("no descriptor or port left here", f.generator),
    ];
    let kinds = kinds.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}"));
    let statuses = r.statuses.iter().filter(|(status, _)| **status >= 400).map(|(status, n)| format!("{n} answered {status}"));
    kinds.chain(statuses).try_for_each(|line| writeln!(out, "           failed: {line}"))
}

fn write_latency(out: &mut String, name: &str, latency: Option<&LatencySummary>) -> std::fmt::Result {
    let Some(l) = latency else { return writeln!(out, "{name:<11}nothing measured") };
    write!(out, "{name:<11}")?;
    [l.mean, l.p50, l.p90, l.p95, l.p99, l.p999, l.max].iter().try_for_each(|v| write!(out, "{:>9}", ms(*v)))?;
    writeln!(out)
}

fn ms(value: f64) -> String {
    human(Duration::from_secs_f64(value / 1e3))
}

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
    if let Some(late) = &r.late {
        writeln!(
            out,
            "late       {} without a good answer within {}: {:.2} %",
            late.requests,
            ms(late.bound_ms),
            late.share * 100.0
        )?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Failed, Generator, SCHEMA_VERSION, ThresholdResult};
    use crate::series::{Saturation, Series};
    use crate::verdict::Verdict;
    use expect_test::expect;

    fn report() -> LoadReport {
        let latency =
            LatencySummary { min: 0.2, mean: 41.3, p50: 38.0, p90: 71.0, p95: 187.2, p99: 951.0, p999: 30_000.0, max: 30_010.0 };
        LoadReport {
            schema_version: SCHEMA_VERSION,
            verdict: Verdict { kind: VerdictKind::Ok, reasons: Vec::new() },
            url: "http://127.0.0.1:8080/".into(),
            method: "GET".into(),
            arrivals: "500/s".into(),
            spacing: "poisson",
            seed: 1,
            duration_seconds: 30.0,
            warm_up_seconds: 5.0,
            stopped: false,
            requests: 12_500,
            ok: 12_490,
            failed: Failed::default(),
            dropped: 0,
            unfinished: 0,
            statuses: [(200, 12_490)].into(),
            offered_rps: 500.0,
            achieved_rps: 499.6,
            saturated: None,
            late: None,
            latency_ms: Some(latency),
            service_ms: Some(latency),
            service_cv: Some(0.5),
            first_byte_ms: None,
            bytes: 1_234_567,
            connections: 31,
            reconnects: 2,
            generator: Generator {
                lag_p50_ms: 0.09,
                lag_p99_ms: 0.285,
                lag_max_ms: 3.0,
                lag_bound_ms: 1.0,
                cpu_cores: 0.04,
                cpu_micros_per_request: 52.1,
                threads: 1,
            },
            thresholds: Vec::new(),
            series: Series { step_seconds: 1, points: Vec::new() },
        }
    }

    #[test]
    fn a_good_run() {
        expect![[r#"
            OK

            GET http://127.0.0.1:8080/  500/s (poisson, seed 1)
            requests   12500 in 25.0 s: 500.0/s offered, 499.6/s ok
                       12490 ok, 0 failed, 0 dropped

                            mean      p50      p90      p95      p99    p99.9      max
            latency      41.3 ms  38.0 ms  71.0 ms   187 ms   951 ms   30.0 s   30.0 s
            first byte nothing measured
            service      41.3 ms  38.0 ms  71.0 ms   187 ms   951 ms   30.0 s   30.0 s
                       latency runs from the intended start, service from sending

            generator  lag p99 285 us (bound 1.00 ms), 0.04 cores, 52.1 us CPU per request
                       31 connections, 2 reconnects, 1234567 bytes read
        "#]]
        .assert_eq(&render(&report()));
    }

    #[test]
    fn a_bad_run_says_so_first() {
        let missed = ThresholdResult { condition: "p95>150ms".into(), missed: true, measured: Some("187 ms".into()) };
        let kept = ThresholdResult { condition: "errors>1%".into(), missed: false, measured: None };
        let bad = LoadReport {
            verdict: Verdict { kind: VerdictKind::ThresholdMissed, reasons: vec!["p95>150ms: 187 ms".into()] },
            stopped: true,
            failed: Failed { total: 7, status: 3, connect: 4, ..Failed::default() },
            dropped: 2,
            unfinished: 1,
            statuses: [(200, 12_490), (503, 3)].into(),
            saturated: Some(Saturation { from_seconds: 10, to_seconds: 20, offered_rps: 500.0, sustained_rps: 412.3 }),
            thresholds: vec![missed, kept],
            latency_ms: None,
            ..report()
        };
        expect![[r#"
            FAILED: threshold missed
              p95>150ms: 187 ms
              stopped by hand after 30.0 s
              saturated: rate not sustained; 412/s of 500/s from 10 s to 20 s
              latencies after that tell how long the backlog was, not how fast the service is

            GET http://127.0.0.1:8080/  500/s (poisson, seed 1)
            requests   12500 in 25.0 s: 500.0/s offered, 499.6/s ok
                       12490 ok, 7 failed, 2 dropped, 1 unfinished
                       failed: 4 connection refused or unreachable
                       failed: 3 answered 503

                            mean      p50      p90      p95      p99    p99.9      max
            latency    nothing measured
            first byte nothing measured
            service      41.3 ms  38.0 ms  71.0 ms   187 ms   951 ms   30.0 s   30.0 s
                       latency runs from the intended start, service from sending

            MISSED     fail if p95>150ms: it is 187 ms
            kept       fail if errors>1%

            generator  lag p99 285 us (bound 1.00 ms), 0.04 cores, 52.1 us CPU per request
                       31 connections, 2 reconnects, 1234567 bytes read
        "#]]
        .assert_eq(&render(&bad));
    }
}

//! How long a fortnight takes in fluid mode, and its clairvoyant optimum: 200 requests/s on average, by day and by night.
//!
//! `cargo run --profile quick -p skala-sim --example fluid_speed [-- DAYS [MEAN_RATE [FILE [FROM_HOUR HOURS]]]]`
//!
//! With a part in hours, only that part is run, and in exact mode, too: how close the two are.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads files and the processor's time, and prints"
)]

use std::time::Duration;

use skala_autoscaler::{MetricSpec, Policy, PolicySpec, Quantile};
use skala_balance::Settings;
use skala_sim::{Dist, Flow, Mode, Objective, Scenario, Service, ServiceOutcome, optimum, simulate, simulate_steps};
use skala_trace::{Drawing, Drawn, RateStep, Steps, TraceError};
use skala_types::{Replicas, Streams, Time};

const DAY: u64 = 86_400;

/// Steps from a list: a swing by day and by week in steps of a minute, or a file's.
struct Listed(std::vec::IntoIter<RateStep>);

impl Steps for Listed {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        Ok(self.0.next())
    }
}

/// A mean rate that swings by 70 % over the day and is lower by three tenths at weekends.
fn days(days: f64, mean: f64) -> Vec<RateStep> {
    let minutes = (days * DAY as f64 / 60.0) as u64;
    let step = |minute: u64| {
        let from = Duration::from_secs(minute * 60);
        let phase = from.as_secs_f64() / DAY as f64 * std::f64::consts::TAU;
        let week = if minute * 60 / DAY % 7 < 5 { 1.12 } else { 0.7 };
        let rate = mean * week * (1.0 + 0.7 * phase.sin() + 0.1 * (24.0 * phase).sin());
        RateStep { from, to: from + Duration::from_secs(60), rate: Some(rate), gap_scv: 1.0, tokens: (0.0, 0.0) }
    };
    (0..minutes).map(step).collect()
}

/// Rows of seconds, rate, anything, gap CV; steps as long as the first. Nothing in a row is a hole. Scaled to a mean.
fn file(path: &str, mean: f64) -> Vec<RateStep> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let number = |cell: Option<&str>| cell.and_then(|c| c.trim().parse::<f64>().ok());
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Some((number(cells.first().copied())?, number(cells.get(1).copied())?, number(cells.get(3).copied()).unwrap_or(1.0)))
    };
    let rows: Vec<(f64, f64, f64)> = text.lines().filter_map(row).collect();
    assert!(rows.len() > 1, "{path} has fewer than two rows of numbers");
    let (long, seen) = (rows[1].0 - rows[0].0, rows.iter().filter(|r| r.1 > 0.0).count() as f64);
    let factor = mean * seen / rows.iter().map(|r| r.1).sum::<f64>();
    let step = |(at, rate, cv): &(f64, f64, f64)| RateStep {
        from: Duration::from_secs_f64(*at),
        to: Duration::from_secs_f64(*at + long),
        rate: (*rate > 0.0).then_some(rate * factor),
        gap_scv: cv * cv,
        tokens: (0.0, 0.0),
    };
    rows.iter().map(step).collect()
}

/// The steps within a part, from 0.
fn part(steps: &[RateStep], from: Duration, long: Duration) -> Vec<RateStep> {
    let at = |t: Duration| t.saturating_sub(from).min(long);
    steps.iter().map(|s| RateStep { from: at(s.from), to: at(s.to), ..*s }).filter(|s| s.from < s.to).collect()
}

/// Time that this process had a core, seconds: what others do on the machine does not count.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds on a core") / 1e9
}

/// The most memory that this process has had, MB.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("a high-water mark");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kilobytes") * 1024.0 / 1e6
}

fn scenario() -> Scenario {
    let objective = Objective { quantile: Quantile::P95, latency: Duration::from_millis(500), availability: None };
    let metrics = vec![
        MetricSpec::PredictedWait {
            quantile: objective.quantile,
            latency: objective.latency,
            concurrency: 10,
            patience: Duration::from_secs(30),
            room: 1000,
            window: Duration::from_secs(30 * DAY),
        }
        .into(),
    ];
    let spec = PolicySpec { min_replicas: Replicas(1), max_replicas: Replicas(100), metrics, ..PolicySpec::default() };
    let service = Service {
        name: "api".into(),
        policy: Policy::try_new(spec).expect("sound"),
        station: Settings { concurrency: Some(10), late_after: Some(objective.latency), ..Settings::default() },
        share: 1.0,
        service_time: Dist::LogNormal { mean: 0.1, cv: 1.2 },
        start_up: Dist::Constant { seconds: 20.0 },
        drain: Duration::from_secs(30),
        initial: None,
        busy_cores: Some(1.0),
        price_per_hour: None,
        priority: 0,
        standing: None,
        objective: Some(objective),
        need: None,
    };
    Scenario {
        seed: 1,
        mode: Mode::Fluid { step: Duration::from_secs(1) },
        begins: Time::from_secs(1_800_000_000),
        horizon: None,
        interval: Duration::from_secs(1),
        services: vec![service],
        limits: skala_autoscaler::ceilings::Limits::default(),
        network: skala_sim::Network::default(),
        faults: Vec::new(),
    }
}

fn show(what: &str, took: f64, outcome: &ServiceOutcome) {
    println!(
        "{what:>8}: {took:6.2} s of one core; peak {:.1} MB; {:.1} M requests, {:.1} replica-hours, {:?} of {} minutes missed, p95 {:.3} s, ready {:?}, {} moves",
        peak_mb(),
        outcome.arrivals / 1e6,
        outcome.replica_seconds / 3600.0,
        outcome.missed_minutes.unwrap_or(0),
        outcome.minutes,
        outcome.latency.p95,
        outcome.ready,
        outcome.scale_actions,
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: f64| args.get(i).map_or(default, |a| a.parse().expect("a number"));
    let (long, mean) = (number(0, 14.0), number(1, 200.0));
    let mut steps = args.get(2).filter(|path| *path != "-").map_or_else(|| days(long, mean), |path| file(path, mean));
    let slice = args.get(4).map(|_| (number(3, 0.0), number(4, 0.0)));
    if let Some((from, hours)) = slice {
        steps = part(&steps, Duration::from_secs_f64(from * 3600.0), Duration::from_secs_f64(hours * 3600.0));
    }
    let load = || Listed(steps.clone().into_iter());
    let scenario = scenario();
    let began = cpu_seconds();
    let outcome = simulate_steps(&scenario, &mut load(), &mut |_| Flow::Continue).expect("a sound scenario");
    show("policy", cpu_seconds() - began, &outcome.services[0]);
    if slice.is_some() {
        for seed in 1..=3 {
            let (scenario, began) = (Scenario { mode: Mode::Exact, seed, ..scenario.clone() }, cpu_seconds());
            let mut arrivals = Drawn::new(load(), Drawing::default(), Streams::new(seed));
            let outcome = simulate(&scenario, &mut arrivals, &mut |_| Flow::Continue).expect("a sound scenario");
            show("exact", cpu_seconds() - began, &outcome.services[0]);
        }
    }
    let began = cpu_seconds();
    let best = optimum::of_steps(&scenario, 0, &mut || Ok(Box::new(load()))).expect("a sound scenario");
    show("optimum", cpu_seconds() - began, &best.outcome);
}

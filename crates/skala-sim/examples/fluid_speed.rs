//! How long a fortnight takes in fluid mode, and its clairvoyant optimum: 200 requests/s on average, by day and by night.
//!
//! `cargo run --profile quick -p skala-sim --example fluid_speed [-- DAYS [MEAN_RATE]]`

#![expect(clippy::disallowed_types, clippy::print_stdout, reason = "a measurement reads the clock and prints")]

use std::time::{Duration, Instant};

use skala_autoscaler::{MetricSpec, Policy, PolicySpec, Quantile};
use skala_balance::Settings;
use skala_sim::{Dist, Flow, Mode, Objective, Scenario, Service, ServiceOutcome, optimum, simulate_steps};
use skala_trace::{RateStep, Steps, TraceError};
use skala_types::{Replicas, Time};

const DAY: u64 = 86_400;

/// A rate that swings by day, in steps of a minute.
struct Days {
    minute: u64,
    minutes: u64,
    mean: f64,
}

impl Steps for Days {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if self.minute >= self.minutes {
            return Ok(None);
        }
        let from = Duration::from_secs(self.minute * 60);
        self.minute += 1;
        let phase = from.as_secs_f64() / DAY as f64 * std::f64::consts::TAU;
        let rate = self.mean * (1.0 + 0.7 * phase.sin() + 0.1 * (24.0 * phase).sin());
        Ok(Some(RateStep { from, to: from + Duration::from_secs(60), rate: Some(rate), gap_scv: 1.0, tokens: (0.0, 0.0) }))
    }
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
        faults: Vec::new(),
    }
}

fn show(what: &str, took: Duration, outcome: &ServiceOutcome) {
    println!(
        "{what:>8}: {:6.2} s; {:.1} M requests, {:.1} replica-hours, {:?} of {} minutes missed, p95 {:.3} s, ready {:?}, {} moves",
        took.as_secs_f64(),
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
    let mut args = std::env::args().skip(1).map(|a| a.parse::<f64>().expect("a number"));
    let days = args.next().unwrap_or(14.0);
    let mean = args.next().unwrap_or(200.0);
    let load = || Days { minute: 0, minutes: (days * DAY as f64 / 60.0) as u64, mean };
    let scenario = scenario();
    let began = Instant::now();
    let outcome = simulate_steps(&scenario, &mut load(), &mut |_| Flow::Continue).expect("a sound scenario");
    show("policy", began.elapsed(), &outcome.services[0]);
    let began = Instant::now();
    let best = optimum::of_steps(&scenario, 0, &mut || Ok(Box::new(load()))).expect("a sound scenario");
    show("optimum", began.elapsed(), &best.outcome);
}

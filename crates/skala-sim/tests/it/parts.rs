//! Scenarios and loads that several tests use.

use std::time::Duration;

use rand_distr::{Distribution, Exp1};
use skala_autoscaler::{Policy, PolicySpec, Quantile};
use skala_balance::Settings;
use skala_sim::{Dist, Flow, Mode, Objective, Outcome, Progress, Scenario, Service, simulate, simulate_steps};
use skala_trace::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};
use skala_types::{Replicas, Stream, Streams, Time};

pub(crate) fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// A service of fixed size: `replicas` x `concurrency`, exponential service times of 100 ms, p95 within 500 ms.
pub(crate) fn service(replicas: u32, concurrency: u32) -> Service {
    Service {
        name: "api".into(),
        policy: Policy::fixed(Replicas(replicas)),
        station: Settings { concurrency: Some(concurrency), max_waiting: 100_000, ..Settings::default() },
        share: 1.0,
        service_time: Dist::Exponential { mean: 0.1 },
        start_up: Dist::Constant { seconds: 10.0 },
        drain: Duration::from_secs(30),
        initial: None,
        busy_cores: Some(1.0),
        price_per_hour: None,
        priority: 0,
        standing: None,
        objective: Some(Objective { quantile: Quantile::P95, latency: Duration::from_millis(500), availability: None }),
        need: None,
    }
}

/// A policy that may have any size between bounds, for the optimum.
pub(crate) fn bounds(min: u32, max: u32) -> Policy {
    let metrics = vec![skala_autoscaler::MetricSpec::Concurrency { target: 5.0 }.into()];
    let spec = PolicySpec { min_replicas: Replicas(min), max_replicas: Replicas(max), metrics, ..PolicySpec::default() };
    Policy::try_new(spec).expect("sound")
}

pub(crate) fn scenario(service: Service, mode: Mode) -> Scenario {
    Scenario {
        seed: 7,
        mode,
        begins: Time::from_secs(1_800_000_000),
        horizon: None,
        interval: Duration::from_secs(1),
        services: vec![service],
        limits: skala_autoscaler::ceilings::Limits::default(),
        network: skala_sim::Network::default(),
        faults: Vec::new(),
    }
}

pub(crate) const FLUID: Mode = Mode::Fluid { step: Duration::from_secs(1) };

/// Rates, each for so many seconds; a negative one is a hole.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    pub(crate) of: Vec<(f64, f64)>,
    next: usize,
    at: f64,
}

pub(crate) fn rates(of: &[(f64, f64)]) -> Rates {
    Rates { of: of.to_vec(), next: 0, at: 0.0 }
}

impl Steps for Rates {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let Some((rate, lasts)) = self.of.get(self.next).copied() else { return Ok(None) };
        let from = self.at;
        self.at += lasts;
        self.next += 1;
        let rate = (rate >= 0.0).then_some(rate);
        Ok(Some(RateStep { from: secs(from), to: secs(self.at), rate, gap_scv: 1.0, tokens: (0.0, 0.0) }))
    }
}

/// Poisson arrivals at such rates.
pub(crate) struct Poisson {
    rates: Vec<(f64, f64)>,
    at: f64,
    rng: Stream,
}

pub(crate) fn poisson(of: &[(f64, f64)], seed: u64) -> Poisson {
    Poisson { rates: of.to_vec(), at: 0.0, rng: Streams::new(seed).stream("poisson") }
}

impl Arrivals for Poisson {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        let mut work: f64 = Exp1.sample(&mut self.rng);
        let mut begins = 0.0;
        for (rate, lasts) in &self.rates {
            let ends = begins + lasts;
            if self.at < ends {
                let from = self.at.max(begins);
                if *rate > 0.0 && from + work / rate < ends {
                    self.at = from + work / rate;
                    return Ok(Some(Item::Arrival(Arrival { at: secs(self.at), ..Arrival::default() })));
                }
                work -= (ends - from) * rate;
                self.at = ends;
            }
            begins = ends;
        }
        Ok(None)
    }

    fn end(&self) -> Option<Duration> {
        Some(secs(self.rates.iter().map(|r| r.1).sum()))
    }
}

fn go_on(_: Progress) -> Flow {
    Flow::Continue
}

pub(crate) fn fluid(service: Service, of: &[(f64, f64)]) -> Outcome {
    simulate_steps(&scenario(service, FLUID), &mut rates(of), &mut go_on).expect("runs")
}

pub(crate) fn exact(service: Service, of: &[(f64, f64)]) -> Outcome {
    simulate(&scenario(service, Mode::Exact), &mut poisson(of, 3), &mut go_on).expect("runs")
}

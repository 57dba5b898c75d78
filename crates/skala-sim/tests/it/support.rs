//! Scenarios, arrivals and a watch to test with.

use std::time::Duration;

use rand_distr::{Distribution, Exp1};
use skala_autoscaler::ceilings::Limits;
use skala_autoscaler::{Observation, Planned, Policy, Quantile};
use skala_balance::Settings;
use skala_sim::control::Change;
use skala_sim::{Dist, Flow, Mode, Objective, Outcome, Scenario, Service, SimError, Watch, simulate_watched};
use skala_trace::{Arrival, Arrivals, Item, TraceError};
use skala_types::{Replicas, Stream, Streams, Time};

pub(crate) const BEGINS: Time = Time::from_secs(1_800_000_000);

/// Items from a list.
pub(crate) struct Listed {
    items: std::vec::IntoIter<Item>,
    end: Option<Duration>,
}

impl Listed {
    pub(crate) fn new(items: Vec<Item>, end: Option<Duration>) -> Listed {
        Listed { items: items.into_iter(), end }
    }
}

impl Arrivals for Listed {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        Ok(self.items.next())
    }

    fn end(&self) -> Option<Duration> {
        self.end
    }
}

pub(crate) fn arrival(at: Duration) -> Item {
    Item::Arrival(Arrival { at, ..Arrival::default() })
}

/// Poisson arrivals of `rate` until `end`.
pub(crate) struct Poisson {
    rng: Stream,
    rate: f64,
    at: f64,
    end: Duration,
}

impl Poisson {
    pub(crate) fn new(seed: u64, rate: f64, secs: u64) -> Poisson {
        Poisson { rng: Streams::new(seed).stream("poisson"), rate, at: 0.0, end: Duration::from_secs(secs) }
    }
}

impl Arrivals for Poisson {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        let gap: f64 = Exp1.sample(&mut self.rng);
        self.at += gap / self.rate;
        let at = Duration::from_secs_f64(self.at);
        Ok((at < self.end).then(|| arrival(at)))
    }

    fn end(&self) -> Option<Duration> {
        Some(self.end)
    }
}

/// A service of a fixed size whose users wait as long as it takes.
pub(crate) fn service(replicas: u32, concurrency: u32, service_time: Dist) -> Service {
    let patient = Duration::from_secs(1_000_000);
    Service {
        name: "api".into(),
        policy: Policy::fixed(Replicas(replicas)),
        station: Settings { concurrency: Some(concurrency), max_waiting: usize::MAX, max_wait: patient, ..Settings::default() },
        share: 1.0,
        service_time,
        start_up: Dist::Constant { seconds: 5.0 },
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

pub(crate) fn scenario(seed: u64, service: Service) -> Scenario {
    Scenario {
        seed,
        mode: Mode::Exact,
        begins: BEGINS,
        horizon: None,
        interval: Duration::from_secs(1),
        services: vec![service],
        limits: Limits::default(),
        network: skala_sim::Network::default(),
        faults: Vec::new(),
    }
}

/// What happened, in lines.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<String>,
    /// Request-seconds in the system, as the controller's fast windows saw them, and their length in seconds.
    pub(crate) demand: (f64, f64),
}

impl Log {
    fn say(&mut self, at: Time, service: usize, text: &str) {
        self.lines.push(format!("{:.2} {service} {text}", at.since(BEGINS).as_secs_f64()));
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

impl Watch for Log {
    fn observed(&mut self, _: Time, _: usize, observation: &Observation) {
        if let Some(fast) = observation.station.map(|s| s.fast) {
            let secs = fast.window.as_secs_f64();
            self.demand.0 += fast.demand() * secs;
            self.demand.1 += secs;
        }
    }

    fn decided(&mut self, at: Time, service: usize, planned: &Planned) {
        self.say(at, service, &planned.report.headline());
    }

    fn changed(&mut self, at: Time, service: usize, change: Change) {
        self.say(at, service, &format!("{change:?}"));
    }

    fn noted(&mut self, at: Time, service: usize, text: &str) {
        self.say(at, service, &format!("! {text}"));
    }
}

pub(crate) fn run(scenario: &Scenario, mut arrivals: impl Arrivals) -> (Outcome, Log) {
    let mut log = Log::default();
    let outcome = try_run(scenario, &mut arrivals, &mut log).expect("a sound scenario");
    (outcome, log)
}

pub(crate) fn try_run(scenario: &Scenario, arrivals: &mut dyn Arrivals, log: &mut Log) -> Result<Outcome, SimError> {
    simulate_watched(scenario, arrivals, log, &mut |_| Flow::Continue)
}

//! Events per second of exact mode on one core, by number of replicas.
//!
//! `cargo run --profile quick -p skala-sim --example speed [-- [queue] [REPLICAS [MILLIONS_OF_REQUESTS]]]`: with `queue`, arrivals are
//! tasks of a queue instead of requests.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads the processor's time and prints")]

use std::time::Duration;

use rand_distr::{Distribution, Exp1};
use skala_autoscaler::{Policy, Quantile};
use skala_balance::Settings;
use skala_queue::QueueSettings;
use skala_sim::{Dist, Flow, Mode, Network, Objective, Scenario, Service, TaskQueue, simulate};
use skala_trace::{Arrival, Arrivals, Item, TraceError};
use skala_types::{Replicas, Stream, Streams, Time};

/// Servers per replica.
const CONCURRENCY: u32 = 10;
/// Mean service time, seconds.
const SERVICE: f64 = 0.05;
/// Share of servers busy.
const LOAD: f64 = 0.8;

/// Poisson arrivals, so many.
struct Poisson {
    rng: Stream,
    gap_ns: f64,
    at_ns: f64,
    left: u64,
}

impl Arrivals for Poisson {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let gap: f64 = Exp1.sample(&mut self.rng);
        self.at_ns += gap * self.gap_ns;
        Ok(Some(Item::Arrival(Arrival { at: Duration::from_nanos(self.at_ns as u64), ..Arrival::default() })))
    }

    fn end(&self) -> Option<Duration> {
        None
    }
}

fn queue() -> TaskQueue {
    TaskQueue {
        settings: QueueSettings { per_instance: Some(CONCURRENCY), ..QueueSettings::new("jobs") },
        service: 0,
        holds_server: true,
        share: 1.0,
        produced_by: Vec::new(),
        task_time: Dist::Exponential { mean: SERVICE },
        delay: Duration::ZERO,
        failures: 0.0,
        objective: None,
    }
}

fn scenario(replicas: u32, of_queue: bool) -> Scenario {
    let service = Service {
        name: "api".into(),
        policy: Policy::fixed(Replicas(replicas)),
        station: Settings { concurrency: Some(CONCURRENCY), ..Settings::default() },
        share: if of_queue { 0.0 } else { 1.0 },
        service_time: Dist::Exponential { mean: SERVICE },
        start_up: Dist::Constant { seconds: 5.0 },
        drain: Duration::from_secs(30),
        initial: None,
        busy_cores: Some(1.0),
        price_per_hour: None,
        priority: 0,
        standing: None,
        objective: Some(Objective { quantile: Quantile::P95, latency: Duration::from_millis(500), availability: None }),
        need: None,
    };
    Scenario {
        seed: 1,
        mode: Mode::Exact,
        begins: Time::from_secs(1_800_000_000),
        horizon: None,
        interval: Duration::from_secs(1),
        services: vec![service],
        limits: skala_autoscaler::ceilings::Limits::default(),
        network: Network { queues: if of_queue { vec![queue()] } else { Vec::new() }, ..Network::default() },
        faults: Vec::new(),
    }
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

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let of_queue = words.first().is_some_and(|word| word == "queue");
    let mut args = words.iter().skip(usize::from(of_queue)).map(|a| a.parse::<f64>().expect("a number"));
    let sizes = args.next().map_or(vec![1, 10, 100, 1000], |n| vec![n as u32]);
    let requests = (args.next().unwrap_or(5.0) * 1e6) as u64;
    for replicas in sizes {
        let rate = f64::from(replicas * CONCURRENCY) * LOAD / SERVICE;
        let rng = Streams::new(2).stream("poisson");
        let mut arrivals = Poisson { rng, gap_ns: 1e9 / rate, at_ns: 0.0, left: requests };
        let began = cpu_seconds();
        let outcome = simulate(&scenario(replicas, of_queue), &mut arrivals, &mut |_| Flow::Continue).expect("a sound scenario");
        let took = cpu_seconds() - began;
        let simulated = outcome.duration.as_secs_f64();
        println!(
            "{replicas:>5} replicas: {:>10} events in {took:6.2} s of one core = {:5.2} million/s; {simulated:8.1} s simulated, {:.0} times as fast; peak {:.1} MB; p95 {:.3} s",
            outcome.events,
            outcome.events as f64 / took / 1e6,
            simulated / took,
            peak_mb(),
            outcome.queues.first().map_or(outcome.services[0].latency.p95, |queue| queue.latency.p95)
        );
    }
}

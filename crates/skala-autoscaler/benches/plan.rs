//! How long a decision takes.
//!
//! `cargo bench -p skala-autoscaler`. The bars: a service with 100 replicas and 4 metrics in 10 us, report and next state
//! included; 100,000 services with 10 replicas each within one second on one core.

use std::time::Duration;

use divan::{Bencher, black_box};
use skala_autoscaler::*;
use skala_types::{Bytes, Cores, Distribution, ReplicaId, Replicas, Rps, Sampled, StationSample, Time, Utilisation};

const T0: Time = Time::from_secs(1_800_000_000);

fn main() {
    divan::main();
}

fn policy() -> Policy {
    let metrics = [
        MetricSpec::Cpu { target: ResourceTarget::Utilisation(Utilisation(0.7)) },
        MetricSpec::Memory { target: ResourceTarget::Utilisation(Utilisation(0.8)) },
        MetricSpec::RequestsPerSecond { target: Rps(100.0) },
        MetricSpec::Signal { name: Text::from("lag"), target: SignalTarget::AverageValue(10.0) },
    ];
    let requests = ResourceRequests { cpu: Some(Cores(1.0)), memory: Some(Bytes(1 << 30)) };
    let metrics = metrics.into_iter().map(MetricEntry::from).collect();
    let spec = PolicySpec { min_replicas: Replicas(1), max_replicas: Replicas(1000), metrics, requests, ..PolicySpec::default() };
    Policy::try_new(spec).expect("the bench's policy is valid")
}

/// A tenth above what the replicas are for: one that acts, so that every rule is asked.
fn observation(replicas: u32, now: Time, load: f64) -> Observation {
    let replica = |id| ReplicaObservation {
        id: ReplicaId(id),
        phase: Phase::Ready,
        phase_since: T0.minus(Duration::from_secs(3600)),
        started_at: T0.minus(Duration::from_secs(3600)),
        in_flight: 3,
        work_left: None,
        cpu: Some(Sampled::new(now, Cores(0.5 + (id % 7) as f64 / 20.0))),
        cpu_fast: Some(Sampled::new(now, Cores(0.6))),
        memory: Some(Sampled::new(now, Bytes(700 << 20))),
    };
    let rate = f64::from(replicas) * 100.0 * load;
    let window = |secs: u64| {
        let arrivals = (rate * secs as f64) as u64;
        let latency = Distribution { count: arrivals, mean: 0.05, p50: 0.04, p90: 0.1, p95: 0.15, p99: 0.3 };
        let window = Duration::from_secs(secs);
        StationSample { at: now, window, arrivals, in_flight_mean: rate * 0.05, latency, service: latency, ..Default::default() }
    };
    Observation {
        current: Replicas(replicas),
        replicas: (1..=u64::from(replicas)).map(replica).collect(),
        station: Some(StationWindows { fast: window(1), slow: window(10) }),
        signals: vec![SignalObservation::read("lag", now, f64::from(replicas) * 9.0)],
        ..Observation::default()
    }
}

/// A state with an hour of history behind it.
fn lived(policy: &Policy, replicas: u32) -> State {
    let mut state = State::new();
    for s in 0..600u64 {
        let now = T0.minus(Duration::from_secs(600 - s));
        let load = 0.6 + (s * 7919 % 60) as f64 / 100.0;
        plan_into(policy, &mut state, &observation(replicas, now, load), now);
    }
    state
}

#[divan::bench(args = [("steady", 0.95), ("growing", 1.6), ("shrinking", 0.5)])]
fn one_decision_100_replicas_4_metrics(bencher: Bencher, (_, load): (&str, f64)) {
    let policy = policy();
    let seen = observation(100, T0, load);
    let state = lived(&policy, 100);
    bencher.with_inputs(|| state.clone()).bench_local_values(|mut state| {
        let planned = plan_into(black_box(&policy), &mut state, black_box(&seen), T0);
        (planned, state)
    });
}

#[divan::bench(args = [10, 100])]
fn one_decision_with_a_copied_state(bencher: Bencher, replicas: u32) {
    let policy = policy();
    let seen = observation(replicas, T0, 1.6);
    let state = lived(&policy, replicas);
    bencher.bench_local(|| plan(black_box(&policy), black_box(&state), black_box(&seen), T0));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn a_hundred_thousand_services_10_replicas(bencher: Bencher) {
    let policy = policy();
    let seen: Vec<Observation> = (0..10).map(|i| observation(10, T0, 0.5 + f64::from(i) / 10.0)).collect();
    let state = lived(&policy, 10);
    bencher.with_inputs(|| vec![state.clone(); 100_000]).bench_local_values(|mut states| {
        for (state, seen) in states.iter_mut().zip(seen.iter().cycle()) {
            black_box(plan_into(&policy, state, seen, T0));
        }
        states
    });
}

#[divan::bench]
fn a_formula_of_four(bencher: Bencher) {
    let formula = Formula::parse("max([a, b]) + c > 10 && d > 2 ? a + b * 2 : (c + d) / 2").expect("it is a formula");
    bencher.bench_local(|| formula.evaluate(black_box(&[1.0, 2.0, 3.0, 4.0])));
}

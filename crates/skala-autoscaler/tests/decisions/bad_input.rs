//! Input that no instrument should give.

use std::time::Duration;

use proptest::prelude::*;
use skala_autoscaler::*;
use skala_types::{Bytes, Cores, Distribution, ReplicaId, Replicas, Sampled, StationSample, Time};

use crate::world::*;

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-1.0),
        Just(f64::MAX),
        Just(5e-324),
        Just(0.0),
        0.0f64..1000.0,
        any::<f64>(),
    ]
}

fn any_time() -> impl Strategy<Value = Time> {
    prop_oneof![Just(Time::ZERO), Just(Time::MAX), Just(T0), Just(at(1_000_000)), any::<u64>().prop_map(Time::from_nanos)]
}

prop_compose! {
    fn any_sample()(
        at in any_time(), window in prop_oneof![Just(0u64), Just(1), Just(10), any::<u64>()], arrivals in any::<u64>(), waiting in any::<u32>(),
        in_flight_mean in any_number(), waiting_mean in any_number(), quantile in any_number(), count in any::<u64>(),
    ) -> StationSample {
        let latency = Distribution { count, mean: quantile, p50: quantile, p90: quantile, p95: quantile, p99: quantile };
        let window = std::time::Duration::from_secs(window);
        StationSample { at, window, arrivals, waiting, in_flight_mean, waiting_mean, latency, ..StationSample::default() }
    }
}

prop_compose! {
    fn any_replica()(
        id in any::<u64>(), phase in 0usize..6, since in any_time(), started in any_time(), in_flight in any::<u32>(),
        cpu in any_number(), fast in any_number(), memory in any::<u64>(), sampled in any_time(),
    ) -> ReplicaObservation {
        let phases = [Phase::Starting, Phase::Ready, Phase::NotReady, Phase::Backoff, Phase::CrashLooping, Phase::Draining];
        ReplicaObservation {
            id: ReplicaId(id), phase: phases[phase], phase_since: since, started_at: started, in_flight, work_left: None,
            cpu: Some(Sampled::new(sampled, Cores(cpu))), cpu_fast: Some(Sampled::new(sampled, Cores(fast))),
            memory: Some(Sampled::new(sampled, Bytes(memory))),
        }
    }
}

prop_compose! {
    fn any_signal(name: &'static str)(
        sampled in any_time(), x in any_number(), ready in any_number(), leased in any_number(), age in any::<u64>(), done in any_number(),
        failures in any::<u32>(), which in 0u8..8,
    ) -> SignalObservation {
        let tasks = QueueObservation {
            ready, leased, due_soon: leased, oldest_age: (which & 1 > 0).then_some(Duration::from_nanos(age)), arrival_rate: Some(done),
            completion_rate: (which & 2 > 0).then_some(done),
        };
        SignalObservation {
            value: (which > 0).then_some(Sampled::new(sampled, x)), queue: (which & 4 > 0).then_some(tasks), error: Some(Text::from("no")),
            ..SignalObservation::failed(name, "no", failures)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_signal_panics(
        replicas in proptest::collection::vec(any_replica(), 0..6), current in prop_oneof![0u32..9, any::<u32>()], now in any_time(),
        then in any_time(), lag in any_signal("lag"), jobs in any_signal("jobs"), surge in any::<u32>(), fallback in any::<u32>(), idle in any::<bool>(),
    ) {
        let options = MetricOptions {
            fallback: Some(Fallback { failure_threshold: fallback, replicas: Replicas(fallback % 10_001), behavior: FallbackBehavior::CurrentReplicas }),
            scale_down_target: Some(1e-6), behavior: MetricBehavior { scale_up: Some(ScalingRules::default_up()), scale_down: None },
            ..MetricOptions::default()
        };
        let mut s = spec(2, 10, &[cpu(70.0), value("lag", 1e-6), formula("lag / (lag - 7) + concurrency", 1e-9)]);
        s.metrics.push(with(total("lag2", 1.0), options.clone()));
        s.metrics.push(with(queue(QueueTarget::Length(1e-6)), options));
        s.metrics.extend([queue(QueueTarget::Age(secs(1))), queue(QueueTarget::Wait(Duration::from_nanos(1)))].map(MetricEntry::from));
        s.idle_replicas = idle.then_some(Replicas(0));
        let p = policy(s);
        let again = SignalObservation { name: Text::from("lag2"), ..lag.clone() };
        let seen = Observation {
            current: Replicas(current), replicas, signals: vec![lag, jobs, again], rollout: Some(Rollout { surge: Replicas(surge) }),
            ceilings: vec![Ceiling { kind: CeilingKind::Downstream, replicas: Replicas(surge), by: Text::from("x") }], ..Observation::default()
        };
        let first = plan(&p, &State::new().resume(then), &seen, then);
        let second = plan(&p, &first.state, &seen, now);
        for done in [first, second] {
            let text = serde_json::to_string(&done).unwrap();
            prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), done.clone());
            prop_assert!(!done.report.render(now).is_empty());
        }
    }

    #[test]
    fn nothing_panics_and_every_report_can_be_stored(
        replicas in proptest::collection::vec(any_replica(), 0..6), current in prop_oneof![0u32..9, any::<u32>()],
        fast in any_sample(), slow in any_sample(), now in any_time(), then in any_time(), hold in any::<u32>(), which in 0u8..4,
    ) {
        let until = Some(at(9));
        let directive = match which {
            0 => Some(Directive::Hold { replicas: Replicas(hold), until }),
            1 => Some(Directive::Pause { until }),
            _ => None,
        };
        let seen = Observation { current: Replicas(current), replicas, station: Some(StationWindows { fast, slow }), directive, ..Observation::default() };
        let p = policy(spec(0, 10, &[rps(1e-9), cpu(70.0), memory(80.0), concurrency(1e9), p95(1)]));
        let first = plan(&p, &State::new().resume(then), &seen, then);
        let second = plan(&p, &first.state, &seen, now);
        for done in [first, second] {
            let text = serde_json::to_string(&done).unwrap();
            prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), done.clone());
            prop_assert!(!done.report.render(now).is_empty());
            prop_assert!(done.actions.len() <= REPLICAS_CEILING.0 as usize);
        }
    }

    #[test]
    fn a_number_that_is_none_never_shrinks(n in 1u32..9, bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)], which in 0u8..4) {
        let mut seen = fleet(n, 0.01).rate(T0, 0.5);
        let slow = &mut seen.station.as_mut().unwrap().slow;
        match which {
            0 => slow.in_flight_mean = bad,
            1 => slow.waiting_mean = bad,
            2 => { slow.latency.count = 100; slow.latency.p95 = bad }
            _ => seen.replicas.iter_mut().for_each(|r| r.cpu = Some(Sampled::new(T0, Cores(bad)))),
        }
        let metric = [concurrency(5.0), concurrency(5.0), p95(100), cpu(50.0)][usize::from(which)].clone();
        let done = once(free(0, 10, &[metric]), &seen);
        prop_assert_eq!(done.desired, Replicas(n), "{}", show(&done));
    }
}

#[test]
fn a_clock_that_steps_back_does_not_shrink() {
    let p = policy(spec(1, 20, &[rps(100.0)]));
    let state = plan(&p, &State::new(), &fleet(9, 0.5).rate(at(5000), 900.0), at(5000)).state;
    let done = plan(&p, &state, &fleet(9, 0.5).rate(at(0), 100.0), at(0));
    assert_eq!(done.desired, Replicas(9));
}

#[test]
fn the_state_stays_small_whatever_happens() {
    let p = policy(spec(0, 500, &[rps(1.0), concurrency(3.0)]));
    let mut state = State::new();
    let mut n = 0;
    for s in 0..20_000u64 {
        let rate = (s * 7919 % 487) as f64;
        let done = plan(&p, &state, &fleet(n, 0.5).rate(at(s), rate), at(s));
        n = done.desired.0;
        state = done.state;
        state.observe_startup(secs(s % 9));
    }
    let stored = serde_json::to_string(&state).unwrap().len();
    assert!(stored < 100_000, "{stored} bytes");
}

/// Bytes that a state holds, its parts included.
fn bytes_of(state: &State) -> usize {
    let logs = state.metric_logs.iter().map(|l| std::mem::size_of_val(l.log.runs()) + size_of::<MetricLog>());
    size_of::<State>()
        + std::mem::size_of_val(state.recommendations.runs())
        + std::mem::size_of_val(state.scale_ups.events())
        + std::mem::size_of_val(state.scale_downs.events())
        + std::mem::size_of_val(&state.averages[..])
        + std::mem::size_of_val(state.startups.durations())
        + std::mem::size_of_val(&state.turns[..])
        + logs.sum::<usize>()
}

#[test]
fn the_memory_per_service_is_small() {
    let own = MetricBehavior { scale_down: Some(ScalingRules::default_down()), scale_up: None };
    let mut s = spec(1, 500, &[rps(1.0), cpu(70.0), memory(80.0)]);
    s.metrics.push(with(total("lag", 1.0), MetricOptions { behavior: own, ..MetricOptions::default() }));
    let p = policy(s);
    let run = |rate: &dyn Fn(u64) -> f64| {
        let (mut state, mut n, mut most) = (State::new(), 10, 0);
        for s in 0..3_600u64 {
            let seen = fleet(n, 0.5).sampled(at(s)).rate(at(s), rate(s)).signal("lag", at(s), rate(s));
            n = plan_into(&p, &mut state, &seen, at(s)).desired.0;
            state.observe_startup(secs(s % 9));
            most = most.max(bytes_of(&state));
        }
        most
    };
    let steady = run(&|_| 10.0);
    let wild = run(&|s| (s * 7919 % 487) as f64);
    println!("state per service: {steady} bytes when steady, at most {wild} under a wild load");
    assert!(steady < 2_000, "{steady} bytes");
    assert!(wild < 40_000, "{wild} bytes");
}

//! Properties that hold for any policy and observation.

use proptest::prelude::*;
use skala_autoscaler::*;
use skala_types::{Cores, Replicas, Sampled, Time};

use crate::world::*;

const PHASES: [Phase; 6] = [Phase::Ready, Phase::Ready, Phase::Starting, Phase::NotReady, Phase::CrashLooping, Phase::Draining];

prop_compose! {
    fn any_replica()(
        phase in 0usize..6, cpu in 0.0f64..1.5, fast in 0.0f64..2.0, sampled in any::<bool>(), in_flight in 0u32..4, age in 0u64..40,
    ) -> ReplicaObservation {
        let at = T0.minus(secs(age / 2));
        let mut r = ReplicaObservation { phase: PHASES[phase], phase_since: T0.minus(secs(age)), in_flight, ..ready(0, cpu) };
        r.cpu = sampled.then_some(Sampled::new(at, Cores(cpu)));
        r.cpu_fast = sampled.then_some(Sampled::new(at, Cores(fast)));
        r
    }
}

prop_compose! {
    fn any_observation()(
        mut replicas in proptest::collection::vec(any_replica(), 0..12),
        slow in 0u32..900, fast in 0u32..900, service in 0.0f64..0.5, waiting in 0u32..3, station in 0u8..8,
    ) -> Observation {
        for (i, r) in replicas.iter_mut().enumerate() {
            r.id.0 = i as u64 + 1;
        }
        let mut seen = of(replicas);
        let window = |len, rate| sample(T0, len, f64::from(rate), service);
        let mut windows = StationWindows { fast: window(1, fast), slow: window(10, slow) };
        windows.slow.waiting = waiting;
        windows.slow.waiting_mean = f64::from(waiting);
        seen.station = (station > 0).then_some(windows);
        seen
    }
}

fn all_metrics() -> Vec<MetricSpec> {
    vec![rps(80.0), cpu(60.0), concurrency(8.0), p95(150), memory(75.0)]
}

prop_compose! {
    fn any_policy()(
        mask in 1usize..32, min in 0u32..4, span in 0u32..16, down in prop_oneof![Just(0u64), Just(300)], up in prop_oneof![Just(0u64), Just(30)],
        kind in any::<bool>(), value in 1u32..150, tolerance in 0.0f64..0.3, select in 0u8..3,
    ) -> Policy {
        let metrics: Vec<_> = all_metrics().into_iter().enumerate().filter(|(i, _)| mask & (1 << i) != 0).map(|(_, m)| m).collect();
        let mut s = spec(min, (min + span).max(1), &metrics);
        let select_policy = [SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Disabled][usize::from(select)];
        let kind = if kind { PolicyKind::Pods } else { PolicyKind::Percent };
        for rules in [&mut s.behavior.scale_up, &mut s.behavior.scale_down] {
            rules.tolerance = tolerance;
            rules.select_policy = select_policy;
            rules.policies.push(ScalingPolicy { kind, value, period: secs(60) });
        }
        s.behavior.scale_up.stabilization_window = secs(up);
        s.behavior.scale_down.stabilization_window = secs(down);
        policy(s)
    }
}

prop_compose! {
    fn any_directive()(which in 0u8..6, n in 0u32..30, until in prop_oneof![Just(None), Just(Some(at(60))), Just(Some(Time::ZERO))]) -> Option<Directive> {
        match which {
            0 => Some(Directive::Pause { until }),
            1 => Some(Directive::Hold { replicas: Replicas(n), until }),
            _ => None,
        }
    }
}

/// A state with some history: other observations, planned before.
fn with_history(p: &Policy, earlier: &[Observation]) -> State {
    let mut state = State::new();
    for (i, seen) in earlier.iter().enumerate() {
        let now = T0.minus(secs(200 - 40 * i as u64));
        let mut seen = seen.clone();
        if let Some(station) = &mut seen.station {
            (station.fast.at, station.slow.at) = (now, now);
        }
        state = plan(p, &state, &seen.sampled(now), now).state;
    }
    state
}

fn times(observation: &Observation, factor: u32) -> Observation {
    let mut more = observation.clone();
    let f = f64::from(factor);
    if let Some(station) = &mut more.station {
        for s in [&mut station.fast, &mut station.slow] {
            s.arrivals *= u64::from(factor);
            s.waiting *= factor;
            s.in_flight_mean *= f;
            s.waiting_mean *= f;
        }
    }
    for r in &mut more.replicas {
        for sampled in [&mut r.cpu, &mut r.cpu_fast].into_iter().flatten() {
            sampled.value.0 *= f;
        }
    }
    more
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn planning_twice_changes_nothing(
        p in any_policy(), seen in any_observation(), earlier in proptest::collection::vec(any_observation(), 0..4), directive in any_directive(),
    ) {
        let seen = Observation { directive, ..seen };
        let state = with_history(&p, &earlier);
        let first = plan(&p, &state, &seen, T0);
        let again = plan(&p, &first.state, &applied(&seen, &first, T0), T0);
        prop_assert_eq!(first.desired, again.desired, "first\n{}\nagain\n{}", show(&first), show(&again));
        prop_assert!(again.actions.is_empty());
    }

    #[test]
    fn the_actions_lead_to_the_size_within_the_bounds(
        p in any_policy(), seen in any_observation(), earlier in proptest::collection::vec(any_observation(), 0..4), directive in any_directive(),
    ) {
        let seen = Observation { directive, ..seen };
        let done = plan(&p, &with_history(&p, &earlier), &seen, T0);
        let after = of(applied(&seen, &done, T0).replicas);
        prop_assert_eq!(after.current, done.desired);
        let held = matches!(directive, Some(d @ Directive::Hold { .. }) if d.is_active(T0));
        let bounds = p.spec().min_replicas..=p.spec().max_replicas;
        prop_assert!(held || bounds.contains(&done.desired), "{}", show(&done));
        let mut ids: Vec<_> = after.replicas.iter().map(|r| r.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), after.replicas.len());
    }

    #[test]
    fn more_load_never_asks_for_fewer(
        mask in 1usize..8, p in any_policy(), seen in any_observation(), earlier in proptest::collection::vec(any_observation(), 0..4), factor in 1u32..5,
    ) {
        let metrics: Vec<_> = all_metrics()[..3].iter().enumerate().filter(|(i, _)| mask & (1 << i) != 0).map(|(_, m)| m.clone().into()).collect();
        let p = policy(PolicySpec { metrics, ..p.spec().clone() });
        let state = with_history(&p, &earlier);
        let less = plan(&p, &state, &seen, T0);
        let more = plan(&p, &state, &times(&seen, factor), T0);
        prop_assert!(more.desired >= less.desired, "less\n{}\nmore\n{}", show(&less), show(&more));
    }

    #[test]
    fn a_failing_metric_never_shrinks(
        p in any_policy(), seen in any_observation(), earlier in proptest::collection::vec(any_observation(), 0..4), station in any::<bool>(),
    ) {
        let mut s = p.spec().clone();
        let mut seen = seen;
        if station {
            s.metrics.retain(|m| !matches!(m.what, MetricSpec::Latency { .. } | MetricSpec::RequestsPerSecond { .. }));
            s.metrics.push(rps(80.0).into());
            seen.station = None;
        } else {
            s.metrics.retain(|m| !matches!(m.what, MetricSpec::Cpu { .. }));
            s.metrics.push(cpu(60.0).into());
            seen.replicas.iter_mut().for_each(|r| r.cpu = r.cpu.map(|c| Sampled::new(T0.minus(secs(16)), c.value)));
        }
        let p = policy(s);
        let done = plan(&p, &with_history(&p, &earlier), &seen, T0);
        prop_assert!(done.desired >= seen.current.min(p.spec().max_replicas), "{}", show(&done));
    }

    #[test]
    fn what_the_journal_stores_plans_the_same(
        p in any_policy(), seen in any_observation(), earlier in proptest::collection::vec(any_observation(), 0..4), directive in any_directive(),
    ) {
        let seen = Observation { directive, ..seen };
        let state = with_history(&p, &earlier);
        let done = serde_json::to_string(&plan(&p, &state, &seen, T0)).unwrap();
        let read: Plan = serde_json::from_str(&done).unwrap();
        prop_assert_eq!(&serde_json::to_string(&read).unwrap(), &done);
        let policy_json: Policy = serde_json::from_str(&serde_json::to_string(&p).unwrap()).unwrap();
        let state_json: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let seen_json: Observation = serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap();
        let replayed = serde_json::to_string(&plan(&policy_json, &state_json, &seen_json, T0)).unwrap();
        prop_assert_eq!(replayed, done);
    }
}

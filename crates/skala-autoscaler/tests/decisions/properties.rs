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
    vec![rps(80.0), cpu(60.0), concurrency(8.0), p95(150), memory(75.0), predicted(600)]
}

/// Triggers, in the order of their bits; all rise with what they measure.
fn all_triggers() -> Vec<MetricSpec> {
    let jobs = [QueueTarget::Length(6.0), QueueTarget::Age(secs(20)), QueueTarget::Wait(secs(15))].map(queue);
    let mix = formula("max(lag, depth * 2) + (lag > 40 && depth > 3 ? lag : 0)", 12.0);
    [total("lag", 9.0), value("depth", 4.0), mix].into_iter().chain(jobs).collect()
}

prop_compose! {
    fn any_options()(
        down in prop_oneof![Just(None), (0.2f64..1.0).prop_map(Some)], own in any::<bool>(), window in prop_oneof![Just(0u64), Just(120)],
        activation in prop_oneof![Just(None), (0.0f64..20.0).prop_map(Some)],
    ) -> (Option<f64>, MetricOptions) {
        let rules = ScalingRules { stabilization_window: secs(window), ..ScalingRules::default_down() };
        let behavior = MetricBehavior { scale_down: own.then_some(rules), scale_up: None };
        (down, MetricOptions { behavior, activation, ..MetricOptions::default() })
    }
}

fn target(what: &MetricSpec) -> f64 {
    match what {
        MetricSpec::Signal { target, .. } | MetricSpec::Formula { target, .. } => target.get(),
        MetricSpec::Queue { target: QueueTarget::Length(x), .. } => *x,
        MetricSpec::Queue { target: QueueTarget::Age(d) | QueueTarget::Wait(d), .. } => d.as_secs_f64(),
        _ => unreachable!("only triggers are asked"),
    }
}

prop_compose! {
    /// Policies with triggers, options, an idle size and a time window.
    fn trigger_policy()(
        base in any_policy(), mask in 1usize..64, metrics in 0usize..3, options in proptest::collection::vec(any_options(), 6),
        idle in any::<bool>(), jump in any::<bool>(), cooldown in prop_oneof![Just(None), (0u64..400).prop_map(Some)], open in any::<bool>(),
        window_min in 0u32..9,
    ) -> Policy {
        let mut s = base.spec().clone();
        s.metrics.truncate(metrics);
        for (i, (what, (down, mut options))) in all_triggers().into_iter().zip(options).enumerate() {
            if mask & (1 << i) != 0 {
                options.scale_down_target = down.map(|share| share * target(&what));
                s.metrics.push(with(what, options));
            }
        }
        s.idle_replicas = (idle && s.min_replicas.0 > 0).then(|| Replicas(s.min_replicas.0 - 1));
        s.jump_to_idle = jump;
        s.cooldown = cooldown.map(secs);
        let hours = if open { "7" } else { "9" };
        s.windows.push(CronWindow {
            name: Text::from("w"), start: format!("0 {hours} * * *"), end: "0 12 * * *".to_owned(), timezone: "UTC".to_owned(),
            min_replicas: Some(Replicas(window_min)), max_replicas: Some(Replicas(window_min + 10)),
        });
        policy(s)
    }
}

prop_compose! {
    fn any_signals()(
        lag in 0.0f64..200.0, depth in 0.0f64..20.0, ready in 0.0f64..80.0, leased in 0.0f64..9.0, age in 0u64..90, done in 0.0f64..9.0,
        arrivals in 0.0f64..9.0, old in 0u64..10, surge in 0u32..3, ceiling in prop_oneof![Just(None), (0u32..20).prop_map(Some)],
    ) -> Observation {
        let at = T0.minus(secs(old));
        let tasks = QueueObservation {
            ready, leased, due_soon: 0.0, oldest_age: Some(secs(age)), arrival_rate: Some(arrivals), completion_rate: Some(done),
        };
        let seen = Observation::default().signal("lag", at, lag).signal("depth", at, depth).queue(at, tasks);
        let ceiling = ceiling.map(|n| Ceiling { kind: CeilingKind::Budget, replicas: Replicas(n), by: Text::from("test") });
        let rollout = (surge > 0).then_some(Rollout { surge: Replicas(surge) });
        Observation { rollout, ceilings: ceiling.into_iter().collect(), ..seen }
    }
}

/// The replicas and the station of one observation, the signals of another.
fn joined(seen: Observation, signals: Observation) -> Observation {
    Observation { current: seen.current, replicas: seen.replicas, station: seen.station, directive: seen.directive, ..signals }
}

prop_compose! {
    fn any_policy()(
        mask in 1usize..64, min in 0u32..4, span in 0u32..16, down in prop_oneof![Just(0u64), Just(300)], up in prop_oneof![Just(0u64), Just(30)],
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
    for s in &mut more.signals {
        s.value.iter_mut().for_each(|v| v.value *= f);
        if let Some(q) = &mut s.queue {
            (q.ready, q.leased) = (q.ready * f, q.leased * f);
            q.oldest_age = q.oldest_age.map(|a| a * factor);
            q.arrival_rate = q.arrival_rate.map(|r| r * f);
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
    #![proptest_config(ProptestConfig::with_cases(6000))]

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

    #[test]
    fn triggers_planned_twice_change_nothing_and_stay_within_the_bounds(
        p in trigger_policy(), seen in any_observation(), signals in any_signals(), earlier in any_signals(), directive in any_directive(),
    ) {
        let seen = Observation { directive, ..joined(seen, signals) };
        let state = with_history(&p, &[joined(seen.clone(), earlier)]);
        let first = plan(&p, &state, &seen, T0);
        let again = plan(&p, &first.state, &applied(&seen, &first, T0), T0);
        prop_assert_eq!(first.desired, again.desired, "first\n{}\nagain\n{}", show(&first), show(&again));
        let held = matches!(directive, Some(d @ Directive::Hold { .. }) if d.is_active(T0));
        let bounds = first.report.bounds.as_ref().map_or((p.spec().min_replicas, p.spec().max_replicas), |b| (b.min, b.max));
        let least = p.spec().idle_replicas.unwrap_or(bounds.0).min(bounds.0);
        // Above the largest only on the way down.
        let most = bounds.1.max(seen.current);
        prop_assert!(held || (least <= first.desired && first.desired <= most), "{:?}\n{}", bounds, show(&first));
    }

    #[test]
    fn more_of_a_trigger_never_asks_for_fewer(
        p in trigger_policy(), seen in any_observation(), signals in any_signals(), earlier in any_signals(), factor in 1u32..5,
    ) {
        let seen = joined(seen, signals);
        // Latency is no load, and the CPU of replicas does not follow a queue in this test.
        let mut s = p.spec().clone();
        s.metrics.retain(|m| !matches!(m.what, MetricSpec::Latency { .. }));
        let p = policy(s);
        let state = with_history(&p, &[joined(seen.clone(), earlier)]);
        let less = plan(&p, &state, &seen, T0);
        let more = plan(&p, &state, &times(&seen, factor), T0);
        prop_assert!(more.desired >= less.desired, "less\n{}\nmore\n{}", show(&less), show(&more));
    }

    #[test]
    fn a_failing_source_never_shrinks(
        p in trigger_policy(), seen in any_observation(), signals in any_signals(), earlier in any_signals(), which in 0usize..3, how in 0u8..5,
    ) {
        let mut s = p.spec().clone();
        s.metrics.retain(|m| m.what.is_trigger());
        // The one that fails is among the metrics, whatever else is.
        let named = [total("lag", 9.0), value("depth", 4.0), queue(QueueTarget::Length(6.0))][which].clone();
        s.metrics.retain(|m| m.what.name() != named.name());
        s.metrics.push(named.into());
        s.windows.clear();
        let p = policy(s);
        let mut seen = joined(seen, Observation { ceilings: vec![], ..signals });
        let state = with_history(&p, &[joined(seen.clone(), earlier)]);
        let broken = &mut seen.signals[which];
        match how {
            0 => broken.value = None,
            1 => broken.value = Some(Sampled::new(T0.minus(secs(16)), 0.0)),
            2 => broken.value = Some(Sampled::new(T0, f64::NAN)),
            3 => broken.value = Some(Sampled::new(T0, -1.0)),
            _ => { seen.signals.remove(which); }
        }
        let done = plan(&p, &state, &seen, T0);
        prop_assert!(done.desired >= seen.current.min(p.spec().max_replicas), "{}", show(&done));
    }

    #[test]
    fn triggers_in_the_journal_plan_the_same(p in trigger_policy(), seen in any_observation(), signals in any_signals()) {
        let seen = joined(seen, signals);
        let state = with_history(&p, std::slice::from_ref(&seen));
        let done = serde_json::to_string(&plan(&p, &state, &seen, T0)).unwrap();
        prop_assert_eq!(&serde_json::to_string(&serde_json::from_str::<Plan>(&done).unwrap()).unwrap(), &done);
        let policy_json: Policy = serde_json::from_str(&serde_json::to_string(&p).unwrap()).unwrap();
        let state_json: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let seen_json: Observation = serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap();
        prop_assert_eq!(serde_json::to_string(&plan(&policy_json, &state_json, &seen_json, T0)).unwrap(), done.clone());
        // The same without copying the state.
        let mut in_place = state.clone();
        let planned = plan_into(&p, &mut in_place, &seen, T0);
        prop_assert_eq!(serde_json::to_string(&Plan {
            desired: planned.desired, actions: planned.actions, state: in_place, report: planned.report,
        }).unwrap(), done);
    }
}

proptest! {
    // Each case is a hundred minutes.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn constant_triggers_settle_and_stay(p in trigger_policy(), n in 0u32..12, signals in any_signals()) {
        // Numbers that do not follow the size: totals and lengths.
        let mut s = p.spec().clone();
        s.metrics.retain(|m| match &m.what {
            MetricSpec::Signal { target: SignalTarget::AverageValue(_), .. } | MetricSpec::Formula { .. } => true,
            MetricSpec::Queue { target, .. } => matches!(target, QueueTarget::Length(_)),
            _ => false,
        });
        s.metrics.retain(|m| m.what.name() != total("lag", 9.0).name());
        s.metrics.push(total("lag", 9.0).into());
        let p = policy(s);
        let (mut state, mut n, mut sizes) = (State::new(), n, Vec::new());
        for step in 0..400u64 {
            let t = at(step * 15);
            let mut seen = joined(fleet(n, 0.5).sampled(t), signals.clone());
            seen.signals.iter_mut().for_each(|s| s.value.iter_mut().for_each(|v| v.at = t));
            n = plan_into(&p, &mut state, &seen, t).desired.0;
            sizes.push(n);
        }
        // The windows of an hour and the widest policies are over after 100 minutes.
        let late = &sizes[360..];
        prop_assert!(late.iter().all(|m| *m == late[0]), "{sizes:?}");
    }
}

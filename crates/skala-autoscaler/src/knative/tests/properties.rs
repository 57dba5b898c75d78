//! What holds for any configuration and load.

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn any_config()(
        target in 0.01f64..200.0, cc in prop_oneof![Just(0u32), 1u32..50], rps in any::<bool>(), window in 6u64..90, panic in 1.0f64..100.0,
        up in 1.01f64..20.0, down in 1.01f64..20.0, min in 0u32..4, span in 0u32..30, delay in 0u64..90, burst in -1i32..300,
        activation in 1u32..5, zero in any::<bool>(), queue in any::<bool>(), starting in any::<bool>(),
    ) -> Config {
        config(|c| {
            (c.target, c.container_concurrency) = (Some(target), cc);
            c.metric = if rps { Metric::Rps } else { Metric::Concurrency };
            c.stable_window = Duration::from_secs(window);
            c.panic_window_percentage = panic;
            (c.max_scale_up_rate, c.max_scale_down_rate) = (up, down);
            (c.min_scale, c.max_scale) = (min, if span == 0 { 0 } else { min + span + 5 });
            c.scale_down_delay = Duration::from_secs(delay);
            c.target_burst_capacity = f64::from(burst);
            c.activation_scale = activation;
            c.enable_scale_to_zero = zero;
            c.repairs = Repairs { cold_start_queue: queue, keep_starting: starting };
        })
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0f64..500.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(-5.0), 1 => Just(1e300)]
}

prop_compose! {
    fn any_input()(
        step in 0u64..40, back in prop_oneof![9 => Just(0u64), 1 => 0u64..5000], values in proptest::collection::vec(any_number(), 0..3),
        ahead in 0u64..100, ready in proptest::option::weighted(0.9, 0u32..40), starting in 0u32..10, reachable in any::<bool>(),
        in_path in any::<bool>(), since in proptest::option::of(0u64..100), backlog in proptest::option::of((any_number(), any_number(), any_number())),
    ) -> (u64, u64, Input) {
        let mut input = Input::new(T0, Replicas(ready.unwrap_or(0)));
        input.ready = ready.map(Replicas);
        input.starting = Replicas(starting);
        input.reachable = reachable;
        input.activator = ActivatorSeen { in_path, proxying_since: since.map(at) };
        input.backlog = backlog.map(|(waiting, arrivals, s)| Backlog { waiting, arrivals, service_time_s: Some(s) });
        input.samples = values.iter().map(|v| Sample { at: at(ahead), value: *v }).collect();
        (step, back, input)
    }
}

proptest! {
    #[test]
    fn never_panics_keeps_the_bounds_and_repeats_itself(c in any_config(), inputs in proptest::collection::vec(any_input(), 1..40)) {
        let mut state = State::start(&c, T0, Some(Replicas(3)));
        let mut clock = 10_000u64;
        for (step, back, mut input) in inputs {
            clock = (clock + step).saturating_sub(back);
            input.now = at(clock);
            let before = state.clone();
            let d = decide(&c, &mut state, &input);
            let mut again = before.clone();
            prop_assert_eq!(&d, &decide(&c, &mut again, &input));
            prop_assert_eq!(&again, &state);
            let (min, max) = (c.spec().min_scale, c.spec().max_scale);
            if let Some(Replicas(n)) = d.replicas {
                prop_assert!(max == 0 || n <= max, "{} over {}", n, max);
                prop_assert!(!input.reachable || n >= min, "{} under {}", n, min);
                prop_assert!(n > 0 || c.spec().enable_scale_to_zero);
            }
            prop_assert!(!d.why.is_empty() || d.replicas.is_some() || d.want.is_none());
            prop_assert_eq!(serde_json::from_str::<State>(&serde_json::to_string(&state).unwrap()).unwrap(), state.clone());
        }
    }

    #[test]
    fn more_load_never_wants_less(c in any_config(), ready in 0u32..40, load in 0.0f64..400.0, more in 0.0f64..400.0, panic in 0.0f64..400.0) {
        let wanted = |stable: f64, panic: f64| World::new(c.clone(), ready).tick(0, ready, stable, panic).0;
        prop_assert!(wanted(load + more, panic) >= wanted(load, panic));
        prop_assert!(wanted(load, panic + more) >= wanted(load, panic));
    }

    #[test]
    fn constant_load_settles_and_stays(target in 1.0f64..50.0, load in 0.0f64..500.0) {
        let mut w = World::new(config(|c| c.target = Some(target)), 1);
        let (mut ready, mut sizes) = (1, Vec::new());
        for s in (0..600).step_by(2) {
            if let Some(Replicas(n)) = w.load(s, ready, load).replicas {
                ready = n;
            }
            sizes.push(ready);
        }
        let last = ready;
        prop_assert!(sizes[sizes.len() - 120..].iter().all(|n| *n == last), "{:?}", sizes);
    }
}

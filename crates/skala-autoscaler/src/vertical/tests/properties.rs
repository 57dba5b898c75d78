//! What holds for any usage.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn bounds_are_ordered_within_the_allowed_and_nothing_panics(
        samples in proptest::collection::vec((0u64..5, 0u64..3000, prop_oneof![0.0f64..50.0, Just(f64::NAN), Just(-1.0), Just(1e300)], any::<u64>(), 0u8..3), 1..80),
        low in 0u64..500, span in 0u64..5000, floor in any::<bool>(),
    ) {
        let config = config(|c| {
            (c.min_allowed.cpu, c.max_allowed.cpu) = (Some(Amount(low)), Some(Amount(low + span)));
            c.oom_floor = floor;
        });
        let mut state = State::new(&config);
        for (id, minute, cores, bytes, kind) in samples {
            match kind {
                0 => { let _taken: bool = state.add_cpu(&config, ReplicaId(id), at(minute), cores); }
                1 => { let _taken: bool = state.add_memory(&config, ReplicaId(id), at(minute), Amount(bytes >> (bytes % 64))); }
                _ => assert!(state.add_oom(&config, ReplicaId(id), at(minute), Amount(bytes >> (bytes % 64))).is_none_or(|a| a <= MAX_AMOUNT)),
            }
        }
        if let Some(r) = recommend(&config, &state, at(3000)) {
            for s in [r.cpu, r.memory] {
                prop_assert!(s.lower_bound <= s.target && s.target <= s.upper_bound, "{:?}", s);
            }
            prop_assert!((low..=low + span).contains(&r.cpu.target.0));
            prop_assert_eq!(recommend(&config, &state, at(3000)), Some(r));
        }
        prop_assert_eq!(serde_json::from_str::<State>(&serde_json::to_string(&state).unwrap()).unwrap(), state);
    }

    #[test]
    fn more_use_never_recommends_less(use_of in proptest::collection::vec(0.0f64..20.0, 1..40), more in 0.0f64..5.0) {
        let config = Config::default();
        let run = |extra: f64| {
            let mut state = State::new(&config);
            for (m, cores) in use_of.iter().enumerate() {
                state.add_cpu(&config, A, at(m as u64), cores + extra);
            }
            recommend(&config, &state, at(60)).unwrap().cpu
        };
        let (less, more) = (run(0.0), run(more));
        prop_assert!(more.target >= less.target && more.lower_bound >= less.lower_bound && more.upper_bound >= less.upper_bound);
    }
}

//! Percentiles, margins, confidence, minimum and allowed amounts.

use super::*;

#[test]
fn percentile_margin_and_confidence() {
    let config = Config::default();
    let state = busy_week(&config);
    let r = recommend(&config, &state, at(7 * DAY)).unwrap();
    // Seven days with (7 x 1440 + 1) / 1440 days' samples: the shorter counts.
    assert!((r.confidence - 7.0).abs() < 1e-9);
    let (quiet, loud, memory) = (edge(0.01, 0.5) * 1000.0, edge(0.01, 2.0) * 1000.0, memory_edge(1024 * MIB));
    // Nine minutes of ten are quiet, a little less once faded: the 90th percentile is loud or quiet by the last minutes; the
    // bounds are not in doubt.
    assert!(near(r.cpu.lower_bound, (quiet.floor() * 1.15).floor() * (1.0 + 0.001 / 7.0_f64).powi(-2)), "{:?}", r.cpu);
    assert!(near(r.cpu.upper_bound, (loud.floor() * 1.15).floor() * (1.0 + 1.0 / 7.0)), "{:?}", r.cpu);
    assert!(near(r.memory.target, memory.floor() * 1.15), "{:?}", r.memory);
    assert!(near(r.memory.upper_bound, memory * 1.15 * (1.0 + 1.0 / 7.0)));
    assert_eq!(r.notes, []);
}

#[test]
fn a_short_history_widens_the_bounds() {
    let config = Config::default();
    // (minutes, samples) -> confidence; upstream's example: 9 samples over 16 minutes are 9/1440.
    for (minutes, step, expected) in [(16, 2, 9.0 / 1440.0), (60, 1, 60.0 / 1440.0), (720, 1, 0.5)] {
        let mut state = State::new(&config);
        (0..=minutes).step_by(step).for_each(|m| assert!(state.add_cpu(&config, A, at(m), 1.0)));
        assert!((confidence(&config, &state) - expected).abs() < 1e-12);
        let r = recommend(&config, &state, at(minutes)).unwrap();
        let base = ((edge(0.01, 1.0) * 1000.0).floor() * 1.15).floor();
        assert!(near(r.cpu.target, base));
        assert!(near(r.cpu.upper_bound, base * (1.0 + 1.0 / expected)), "{:?} {expected}", r.cpu);
        assert!(near(r.cpu.lower_bound, base / (1.0 + 0.001 / expected).powi(2)));
    }
    // One sample: nothing is too low and nothing too high.
    let mut state = State::new(&config);
    state.add_cpu(&config, A, at(0), 1.0);
    let r = recommend(&config, &state, at(0)).unwrap();
    assert_eq!((r.cpu.lower_bound, r.cpu.upper_bound), (Amount(25), MAX_AMOUNT));
    // Eighteen minutes as the interval: nine samples are half of it.
    let short = super::config(|c| c.confidence_interval = Duration::from_secs(18 * 60));
    let mut state = State::new(&short);
    (0..18).step_by(2).for_each(|m| assert!(state.add_cpu(&short, A, at(m), 1.0)));
    assert_eq!(confidence(&short, &state), 0.5);
}

#[test]
fn minimum_per_replica_is_split_and_allowed_amounts_hold() {
    let config = config(|c| {
        c.min_allowed.cpu = Some(Amount(100));
        c.max_allowed.memory = Some(Amount(200 * MIB));
    });
    let mut idle = State::new(&config);
    for m in 0..10 {
        idle.add_cpu(&config, A, at(m), 0.001);
        idle.add_memory(&config, A, at(m), Amount(MIB));
    }
    let one = recommend(&config, &idle, at(10)).unwrap();
    assert_eq!((one.cpu.uncapped_target, one.cpu.target), (Amount(25), Amount(100)));
    assert_eq!((one.memory.uncapped_target, one.memory.target), (Amount(250 * MIB), Amount(200 * MIB)));
    assert_eq!(one.notes, [Note::CpuReplicaMin, Note::MemoryReplicaMin, Note::CpuCapped, Note::MemoryCapped]);
    let two = BTreeMap::from([
        ("app".to_owned(), idle.clone()),
        ("sidecar".to_owned(), idle.clone()),
        ("new".to_owned(), State::new(&config)),
    ]);
    let all = recommend_all(&config, &two, at(10));
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), ["app", "sidecar"]);
    // A third of 250 MiB and of 25 m; the first bucket's edge is 10 m, and 11 m with its margin.
    assert_eq!((all["app"].memory.target, all["app"].cpu.uncapped_target), (Amount(250 * MIB / 3), Amount(11)));
}

#[test]
fn without_usage_there_is_no_recommendation() {
    let config = Config::default();
    assert_eq!(recommend(&config, &State::new(&config), at(0)), None);
    let state = busy_week(&config);
    assert!(recommend(&config, &state, at(15 * DAY - 1)).is_some());
    assert_eq!(recommend(&config, &state, at(15 * DAY)), None);
}

#[test]
fn what_a_configuration_may_not_say() {
    type Change = fn(&mut ConfigSpec);
    let rows: [(Change, &str); 6] = [
        (|c| c.percentiles.cpu.target = 0.99, "percentiles.cpu must rise from lower over target to upper, within 0 and 1"),
        (|c| c.margin = f64::NAN, "margin must be from 0 to 10"),
        (|c| c.half_life.memory = Duration::ZERO, "halfLife must be from 1m to 366d"),
        (|c| c.memory_intervals = 0, "memoryIntervals must be from 1 to 100"),
        (|c| c.oom_bump_ratio = 0.5, "oomBumpRatio must be from 1 to 10"),
        (
            |c| (c.min_allowed.cpu, c.max_allowed.cpu) = (Some(Amount(2)), Some(Amount(1))),
            "maxAllowed.cpu must be at least minAllowed.cpu",
        ),
    ];
    for (change, problem) in rows {
        let mut spec = ConfigSpec::default();
        change(&mut spec);
        assert_eq!(Config::try_new(spec).unwrap_err()[0].to_string(), problem);
    }
}

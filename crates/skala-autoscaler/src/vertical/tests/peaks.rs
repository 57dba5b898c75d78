//! Memory peaks and OOM kills; the container scenarios of upstream.

use super::*;

#[test]
fn one_peak_counts_per_replica_and_interval() {
    let config = Config::default();
    let mut state = State::new(&config);
    // Half a day apart: the second replaces the first, the third begins an interval.
    for (m, mib, top) in [(0, 100, 100), (DAY / 2, 300, 300), (DAY - 1, 200, 300), (DAY, 50, 300)] {
        assert!(state.add_memory(&config, A, at(m), Amount(mib * MIB)));
        assert!((state.memory.percentile(1.0) / memory_edge(top * MIB) - 1.0).abs() < 1e-9, "{m}");
    }
    // Of two peaks of the same age half lies below; the younger one weighs twice as much.
    assert!((state.memory.percentile(0.6) / memory_edge(50 * MIB) - 1.0).abs() < 1e-9);
    // Older than the last one, or more than exists.
    assert!(!state.add_memory(&config, A, at(DAY - 1), Amount(900 * MIB)));
    assert!(!state.add_memory(&config, A, at(DAY + 1), Amount(u64::MAX)));
    // CPU: no number, negative, or not newer.
    for (m, cores, taken) in
        [(0, 1.0, true), (0, 2.0, false), (1, f64::NAN, false), (1, -1.0, false), (1, 1e9, false), (1, 2.0, true)]
    {
        assert_eq!(state.add_cpu(&config, A, at(m), cores), taken);
    }
    assert_eq!(state.samples, 2);
}

#[test]
fn an_oom_kill_asks_for_more() {
    let config = Config::default();
    let kill = |state: &mut State, m, mib| state.add_oom(&config, A, at(m), Amount(mib * MIB)).map(|a| a.0 / MIB);
    let top = |state: &State| state.memory.percentile(1.0);
    let mut state = State::new(&config);
    assert_eq!(kill(&mut state, 0, 1000), Some(1200));
    // A smaller one changes nothing, a larger one replaces: it does not run away.
    assert_eq!([kill(&mut state, 1, 999), kill(&mut state, 2, 999)], [Some(1198); 2]);
    assert!((top(&state) / memory_edge(1200 * MIB) - 1.0).abs() < 1e-9);
    assert_eq!(kill(&mut state, 3, 2000), Some(2400));
    assert!((state.memory.percentile(0.0) / memory_edge(2400 * MIB) - 1.0).abs() < 1e-9, "the old peak is gone");
    // At least 100 MiB more.
    assert_eq!(kill(&mut State::new(&config), 0, 1), Some(101));
    // What was measured counts when it is more than the request.
    let mut state = State::new(&config);
    state.add_memory(&config, A, at(0), Amount(3000 * MIB));
    assert_eq!(kill(&mut state, 0, 1000), Some(3600));
    // The kill that opens a later interval still knows the last peak; from then on only the request is left.
    assert_eq!([kill(&mut state, 2 * DAY, 1000), kill(&mut state, 2 * DAY + 1, 1000)], [Some(3600), Some(1200)]);
    // One from before the running interval is too old.
    assert_eq!(kill(&mut state, DAY - 1, 5000), None);
    // Never beyond what is allowed.
    let capped = super::config(|c| c.max_allowed.memory = Some(Amount(1000 * MIB)));
    assert_eq!(State::new(&capped).add_oom(&capped, A, at(0), Amount(1000 * MIB)), Some(Amount(1000 * MIB)));
}

#[test]
fn uneven_replicas_get_what_their_oom_kills_ask_for() {
    // Twenty replicas use 100 MiB; one is killed again and again at 400 MiB.
    let run = |repaired: bool| {
        let config = config(|c| c.oom_floor = repaired);
        let mut state = State::new(&config);
        for replica in 1..=20 {
            state.add_cpu(&config, ReplicaId(replica), at(0), 0.1);
            state.add_memory(&config, ReplicaId(replica), at(0), Amount(100 * MIB));
        }
        for m in 1..=5 {
            assert_eq!(state.add_oom(&config, A, at(m), Amount(400 * MIB)), Some(Amount(500 * MIB)));
        }
        [at(5), at(DAY + 5)].map(|now| recommend(&config, &state, now).unwrap())
    };
    let [exact, _] = run(false);
    assert_eq!(exact.memory.target, Amount(250 * MIB), "one peak of twenty is beyond the 90th percentile");
    let [repaired, later] = run(true);
    assert_eq!(repaired.memory.target, Amount(500 * MIB));
    assert_eq!(repaired.notes.last(), Some(&Note::OomFloor { needed: Amount(500 * MIB), kills: 5, until: at(DAY + 5) }));
    assert_eq!(later.memory.target, Amount(250 * MIB), "no kill for a day: the histogram rules again");
}

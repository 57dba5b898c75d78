//! Rates, panic, activation scale, delay and burst: upstream's scenarios in own numbers where theirs do not matter.

use super::*;

/// Burst capacity by hand: total x ready - burst - panic, rounded down.
fn burst(target: f64, burst: f64, panic: f64, ready: f64) -> i32 {
    (target / 0.75 * ready - burst - panic).floor() as i32
}

#[test]
fn one_tick() {
    // target, burst, ready, stable, panic -> wanted, excess.
    let rows = [
        (10.0, 100.0, 1, 0.0, 0.0, 0, burst(10.0, 100.0, 0.0, 1.0)),
        (10.0, 101.0, 1, 50.0, 10.0, 5, burst(10.0, 101.0, 10.0, 1.0)),
        (10.0, 100.0, 5, 50.0, 50.0, 5, burst(10.0, 100.0, 50.0, 5.0)),
        // Panic from twice the ready replicas; then the larger window rules.
        (10.0, 84.0, 1, 50.0, 100.0, 10, burst(10.0, 84.0, 100.0, 1.0)),
        // No growth beyond tenfold; found at 100 it starts in panic there; from none it grows as from one.
        (10.0, 61.0, 1, 1000.0, 1001.0, 10, burst(10.0, 61.0, 1001.0, 1.0)),
        (10.0, 61.0, 100, 1.0, 1.0, 100, burst(10.0, 61.0, 1.0, 100.0)),
        (10.0, 81.0, 0, 1000.0, 888.0, 10, burst(10.0, 81.0, 888.0, 0.0)),
        // The proxy always, and never but at zero.
        (181.0, -1.0, 1, 21.0, 26.0, 1, -1),
        (10.0, 0.0, 1, 50.0, 49.0, 5, 0),
    ];
    for (target, tbc, ready, stable, panic, wanted, excess) in rows {
        let mut w = World::new(upstream(target, tbc, |_| ()), ready);
        assert_eq!(
            w.tick(0, ready, stable, panic),
            (wanted, excess),
            "target {target} ready {ready} stable {stable} panic {panic}"
        );
    }
}

#[test]
fn rates_round_so_that_one_replica_always_fits() {
    let mut w = World::new(upstream(1.0, 1982.0, |c| c.max_scale_up_rate = 1.1), 1);
    assert_eq!(w.tick(0, 2, 3.0, 3.1).0, 3);
    let slow = |c: &mut ConfigSpec| c.max_scale_down_rate = 1.1;
    let mut w = World::new(upstream(10.0, 1982.0, slow), 1);
    assert_eq!(w.tick(0, 100, 1.0, 1.0).0, 90);
    // Nobody can reach it: it may go at once.
    let mut w = World::new(upstream(10.0, 1982.0, slow), 1);
    w.input.reachable = false;
    assert_eq!(w.tick(0, 100, 1.0, 1.0).0, 1);
}

#[test]
fn the_rate_holds_in_both_directions_tick_by_tick() {
    let mut w = World::new(upstream(10.0, 61.0, |_| ()), 1);
    assert_eq!([w.tick(0, 1, 1000.0, 1001.0).0, w.tick(2, 10, 1000.0, 1001.0).0], [10, 100]);
    let mut w = World::new(upstream(10.0, 61.0, |_| ()), 1);
    assert_eq!([w.tick(0, 100, 1.0, 1.0).0, w.tick(2, 10, 1.0, 1.0).0], [10, 1]);
}

#[test]
fn a_panic_ends_a_stable_window_after_the_last_excess() {
    let mut w = World::new(upstream(1.0, 98.0, |_| ()), 1);
    assert_eq!(w.tick(0, 10, 11.0, 25.0), (25, burst(1.0, 98.0, 25.0, 10.0)));
    assert_eq!(w.state.panicking_since, Some(at(0)));
    // Growing slowly is no new panic: its time does not move.
    assert_eq!(w.tick(30, 40, 30.0, 41.0).0, 41);
    assert_eq!(w.state.panicking_since, Some(at(0)));
    // Exactly a stable window later it still lasts.
    assert_eq!(w.tick(60, 55, 50.0, 56.0).0, 56);
    assert_eq!(w.tick(62, 55, 50.0, 56.0).0, 50);
    assert_eq!((w.state.panicking_since, w.state.panic_max), (None, 0));
}

#[test]
fn a_surge_during_panic_extends_it() {
    let mut w = World::new(upstream(1.0, 98.0, |_| ()), 1);
    assert_eq!(w.tick(0, 10, 11.0, 25.0).0, 25);
    assert_eq!(w.tick(30, 40, 30.0, 80.0).0, 80);
    assert_eq!(w.state.panicking_since, Some(at(30)));
}

#[test]
fn in_panic_the_larger_window_rules_and_nothing_shrinks() {
    for (stable, panic, wanted) in [(50.0, 30.0, 50), (20.0, 30.0, 30), (2.0, 3.0, 5)] {
        let mut w = World::new(upstream(1.0, 100.0, |_| ()), 1);
        (w.state.panicking_since, w.state.panic_max) = (Some(at(0)), 5);
        assert_eq!(w.tick(5, 5, stable, panic).0, wanted);
    }
    let mut w = World::new(upstream(10.0, 93.0, |_| ()), 1);
    assert_eq!(w.tick(0, 1, 100.0, 100.0).0, 10);
    assert_eq!(w.tick(1, 10, 100.0, 1000.0).0, 100);
    assert_eq!(w.tick(31, 10, 1.0, 1.0).0, 100);
    assert_eq!(w.tick(62, 10, 1.0, 1.0).0, 1);
}

#[test]
fn load_that_grows_sixfold_is_followed() {
    let mut w = World::new(upstream(1.0, 101.0, |_| ()), 1);
    for (s, ready, load) in [(0, 1, 6.0), (1, 6, 36.0), (2, 36, 216.0), (3, 216, 1296.0), (4, 1296, 1296.0)] {
        assert_eq!(w.tick(s, ready, load, load), (load as u32, burst(1.0, 101.0, load, f64::from(ready))));
    }
}

#[test]
fn an_autoscaler_without_history_starts_in_panic_at_the_size_it_finds() {
    let config = upstream(10.0, 100.0, |_| ());
    for (ready, panics) in [(0, false), (1, false), (2, true)] {
        let state = State::start(&config, T0, Some(Replicas(ready)));
        assert_eq!((state.panicking_since.is_some(), state.panic_max), (panics, ready));
    }
    let mut w = World::new(config, 20);
    assert_eq!(w.tick(2, 20, 1.0, 1.0).0, 20);
    assert_eq!(w.tick(62, 20, 1.0, 1.0).0, 2);
}

#[test]
fn the_activation_scale_lifts_any_load_and_no_load_not() {
    let mut w = World::new(upstream(10.0, 75.0, |c| c.activation_scale = 2), 1);
    assert_eq!(w.tick(0, 1, 0.0, 0.0).0, 0);
    assert_eq!(w.tick(2, 1, 1.0, 0.0).0, 2);
    assert_eq!(w.tick(4, 1, 40.0, 10.0).0, 4);
}

#[test]
fn a_smaller_size_must_be_wanted_for_the_whole_delay() {
    let config = || {
        upstream(10.0, 0.0, |c| {
            c.scale_down_delay = Duration::from_secs(300);
            c.panic_threshold_percentage = 1000.0;
        })
    };
    let mut w = World::new(config(), 0);
    assert_eq!([w.tick(2, 1, 40.0, 40.0).0, w.tick(300, 1, 0.0, 0.0).0, w.tick(302, 1, 0.0, 0.0).0], [4, 4, 0]);
    let steps = [(540, 40.0, 4), (600, 30.0, 4), (660, 0.0, 4), (840, 0.0, 3), (900, 0.0, 0)];
    for (s, load, wanted) in steps {
        assert_eq!(w.tick(s, 1, load, load).0, wanted, "at {s}");
    }
    // A revision that no route reaches does not wait.
    let mut w = World::new(config(), 0);
    assert_eq!([w.tick(2, 1, 40.0, 40.0).0, w.tick(60, 1, 0.0, 0.0).0], [4, 4]);
    w.input.reachable = false;
    assert_eq!(w.tick(62, 1, 0.0, 0.0).0, 0);
}

#[test]
fn without_a_delay_a_smaller_size_counts_within_the_same_slot() {
    let mut w = World::new(upstream(10.0, 0.0, |c| c.panic_threshold_percentage = 1000.0), 0);
    assert_eq!([w.tick(0, 1, 40.0, 40.0).0, w.tick(1, 1, 20.0, 20.0).0], [4, 2]);
}

#[test]
fn without_data_or_count_the_last_size_stays() {
    let mut w = World::new(upstream(10.0, 0.0, |_| ()), 1);
    let first = w.load(0, 1, 40.0);
    assert_eq!(first.replicas, Some(Replicas(4)));
    w.input.samples.clear();
    w.input.ready = None;
    w.input.now = at(2);
    let blind = decide(&w.config, &mut w.state, &w.input);
    assert_eq!((blind.replicas, blind.why[0]), (Some(Replicas(4)), Why::ReadyUnknown));
    w.input.ready = Some(Replicas(4));
    w.input.now = at(61);
    assert_eq!(decide(&w.config, &mut w.state, &w.input).why[0], Why::NoData);
}

#[test]
fn the_rate_metric_scales_by_requests_per_second() {
    // 140 = 200 x 70 % per replica.
    let mut w = World::new(config(|c| c.metric = Metric::Rps), 1);
    assert_eq!(w.tick(0, 3, 421.0, 421.0).0, 4);
}

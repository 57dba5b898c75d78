//! Data rows: each repair, on and off.

use std::fmt::Write as _;

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::{Replicas, StationSample};

use crate::world::*;

/// The size with the repair and without it.
fn both(s: PolicySpec, seen: &Observation, off: impl Fn(&mut Repairs)) -> [u32; 2] {
    let mut without = s.clone();
    off(&mut without.repairs);
    [once(s, seen).desired.0, once(without, seen).desired.0]
}

#[test]
fn sample_age() {
    let old = fleet(4, 0.5).rate(T0.minus(secs(3600)), 10.0);
    assert_eq!(both(free(1, 20, &[rps(100.0)]), &old, |r| r.sample_age = false), [4, 1]);
}

#[test]
fn noise() {
    let lucky = fleet(1, 0.5).rate(T0, 13.0);
    assert_eq!(both(free(1, 20, &[rps(10.0)]), &lucky, |r| r.noise = false), [1, 2]);
}

#[test]
fn separate_targets() {
    let mut s = free(1, 20, &[]);
    s.metrics = vec![with(rps(100.0), MetricOptions { scale_down_target: Some(60.0), ..MetricOptions::default() })];
    assert_eq!(both(s, &fleet(4, 0.5).rate(T0, 220.0), |r| r.separate_targets = false), [4, 3]);
}

#[test]
fn rollouts() {
    // Ten replicas that use 75 % of their memory each, and three more for the update: they need no fourteenth.
    let rolling = Observation { rollout: Some(Rollout { surge: Replicas(3) }), ..fleet(13, 0.9) };
    let seen = Observation { current: Replicas(10), ..rolling };
    assert_eq!(both(free(1, 50, &[memory(80.0)]), &seen, |r| r.rollouts = false), [12, 15]);
    let seen = seen.signal("depth", T0, 6.0);
    assert_eq!(both(free(1, 50, &[value("depth", 5.0)]), &seen, |r| r.rollouts = false), [12, 16]);
    assert_eq!(both(free(1, 50, &[p95(100)]), &seen.latency(T0, 120.0), |r| r.rollouts = false), [12, 16]);
}

#[test]
fn startup_cpu() {
    // Ready for 2 s of the 10 s that its sample covers.
    let mut seen = fleet(2, 0.5);
    seen.replicas[1] = ReplicaObservation { phase_since: T0.minus(secs(2)), started_at: T0.minus(secs(9)), ..ready(2, 1.0) };
    assert_eq!(both(free(1, 20, &[cpu(50.0)]), &seen, |r| r.startup_cpu = false), [2, 3]);
}

/// A service that was cold while requests kept coming: all of them wait.
fn cold(n: u32, waiting: f64) -> Observation {
    let replicas = (1..=u64::from(n)).map(|id| other(id, Phase::Starting)).collect();
    let window = |s| StationSample { waiting: waiting as u32, waiting_mean: waiting, ..sample(T0, s, 50.0, 0.0) };
    let strip = |s: StationSample| StationSample {
        completions: 0,
        latency: Default::default(),
        service: Default::default(),
        in_flight_mean: 0.0,
        ..s
    };
    Observation { station: Some(StationWindows { fast: strip(window(1)), slow: strip(window(10)) }), ..of(replicas) }
}

#[test]
fn starting_replicas() {
    // 500 requests wait for the first two replicas; nobody knows yet how fast these are.
    let s = free(0, 500, &[concurrency(5.0)]);
    assert_eq!(both(s.clone(), &cold(2, 500.0), |r| r.starting_replicas = false), [2, 100]);
    // From zero nobody is starting: the first plan buys what waits by then.
    assert_eq!(both(s.clone(), &cold(0, 10.0), |r| r.starting_replicas = false), [2, 2]);
    // Starts that hang past twice the expected time count no longer.
    let mut hanging = cold(2, 500.0);
    hanging.replicas.iter_mut().for_each(|r| r.started_at = T0.minus(secs(21)));
    assert_eq!(once(s.clone(), &hanging).desired, Replicas(100));
    // Once it is known that one replica takes 0.1 s, it works off 10 a second; each is credited with 10 s of that.
    let p = policy(s);
    let state = State { service_seconds: Some(0.1), ..State::new() };
    let size = |waiting| plan(&p, &state, &cold(2, waiting), T0).desired.0;
    assert_eq!([200.0, 260.0].map(size), [2, 12]);
    check(
        &plan(&p, &state, &cold(2, 260.0), T0),
        expect![[r#"
        2 -> 12: concurrency 60 (target 5 per replica) wants 12
          metric concurrency 60 (target 5 per replica) wants 12
          start 3 4 5 6 7 8 9 10 11 12
    "#]],
    );
}

#[test]
fn restart() {
    let s = free(1, 20, &[rps(100.0)]);
    let run = |restart| {
        let mut s = s.clone();
        s.behavior.scale_down.stabilization_window = secs(60);
        s.repairs.restart = restart;
        let p = policy(s);
        let state = plan(&p, &State::new(), &fleet(4, 0.5).rate(at(0), 90.0), at(0)).state.resume(at(100));
        plan(&p, &state, &fleet(4, 0.5).rate(at(110), 90.0), at(110)).desired.0
    };
    assert_eq!([run(true), run(false)], [4, 1]);
}

/// A service whose load depends on its size, as a base load of each replica makes it: 70 % with one, 40 % with two.
fn swinging(damped: bool, hours: u64) -> (Vec<(u64, u32)>, Plan) {
    let mut s = spec(1, 5, &[cpu(50.0)]);
    s.behavior.scale_down.stabilization_window = secs(120);
    s.repairs.flapping = damped;
    let p = policy(s);
    let (mut state, mut n, mut sizes, mut last) = (State::new(), 1, Vec::new(), None);
    for step in 0..hours * 240 {
        let t = at(step * 15);
        let seen = fleet(n, if n == 1 { 0.70 } else { 0.24 }).sampled(t);
        let done = plan(&p, &state, &seen, t);
        n = done.desired.0;
        state = done.state.clone();
        if !done.actions.is_empty() {
            sizes.push((step * 15, n));
        }
        last = Some(done);
    }
    (sizes, last.expect("there were steps"))
}

#[test]
fn flapping_is_told_and_damped() {
    let (free, _) = swinging(false, 2);
    let (damped, last) = swinging(true, 2);
    assert!(damped.len() * 2 < free.len(), "damped {damped:?}\nfree {} changes", free.len());
    // The waits grow, and none is longer than an hour.
    let ups: Vec<u64> = damped.iter().filter(|(_, n)| *n == 2).map(|(t, _)| *t).collect();
    let downs: Vec<u64> = damped.iter().filter(|(_, n)| *n == 1).map(|(t, _)| *t).collect();
    let waits: Vec<u64> = ups.iter().zip(&downs).map(|(up, down)| down - up).collect();
    assert!(waits.is_sorted(), "{waits:?}");
    assert!(waits.iter().all(|w| *w <= 3600), "{waits:?}");
    let mut text = String::new();
    let _ = writeln!(text, "{waits:?}");
    let _ = writeln!(text, "{}", last.report.flapping.as_ref().expect("it swings"));
    let _ = writeln!(text, "{}", last.report.headline());
    expect![[r#"
        [120, 120, 480, 1920, 3600]
        oscillates between 1 and 2, a cycle in 21m03s: at 1 cpu needs 1.40 replicas; at 2 the ratio is 0.48; scale-down waits until 10:45:15
        2 stays: flapping, scale-down waits until 10:45:15; cpu wants 1
    "#]].assert_eq(&text);
    // Undamped it is reported all the same.
    let (_, last) = swinging(false, 1);
    assert!(last.report.flapping.is_some_and(|f| f.held_until.is_none()));
}

#[test]
fn a_load_that_comes_and_goes_is_no_flapping() {
    let mut s = spec(1, 50, &[rps(100.0)]);
    s.behavior.scale_down.stabilization_window = secs(60);
    let p = policy(s);
    let (mut state, mut n) = (State::new(), 1);
    for step in 0..480u64 {
        let t = at(step * 15);
        let rate = if step / 40 % 2 == 0 { 90.0 } else { 2000.0 };
        let done = plan(&p, &state, &fleet(n, 0.5).rate(t, rate), t);
        assert_eq!(done.report.flapping, None, "{}", done.report.headline());
        n = done.desired.0;
        state = done.state;
    }
}

#[test]
fn every_repair_has_a_switch_that_loads() {
    let off: Repairs = serde_json::from_str(r#"{"flapping": false}"#).unwrap();
    assert_eq!(off, Repairs { flapping: false, ..Repairs::all(true) });
    let all = serde_json::to_string(&Repairs::all(false)).unwrap();
    assert_eq!(serde_json::from_str::<Repairs>(&all).unwrap(), Repairs::all(false));
    assert!(serde_json::from_str::<Repairs>(r#"{"flaping": false}"#).is_err());
}

//! Data rows: activation, cooldown, the idle size, and the way there.

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::{Replicas, Time};

use crate::world::*;

fn lag(activation: f64) -> MetricEntry {
    with(total("lag", 10.0), MetricOptions { activation: Some(activation), ..MetricOptions::default() })
}

fn worker(min: u32) -> PolicySpec {
    PolicySpec { metrics: vec![lag(5.0)], ..spec(min, 20, &[]) }
}

fn seen(n: u32, now: Time, lag: f64) -> Observation {
    fleet(n, 0.5).sampled(now).signal("lag", now, lag)
}

#[test]
fn work_that_the_value_does_not_show_wakes_a_service() {
    let p = policy(worker(0));
    let woken = |seen: Observation| plan(&p, &State::new(), &seen, T0).desired.0;
    let showing = |activity, seen: Observation| {
        let mut seen = seen;
        seen.signals[0].activity = activity;
        woken(seen)
    };
    // A backlog under a rate of nothing: the rate alone is not active.
    assert_eq!(
        [showing(None, seen(0, T0, 0.0)), showing(Some(3.0), seen(0, T0, 0.0)), showing(Some(8.0), seen(0, T0, 0.0))],
        [0, 0, 1]
    );
    // There is work, and no figure for it.
    let undefined = || of(vec![]).broken("lag", None, 1);
    assert_eq!([showing(None, undefined()), showing(Some(f64::MAX), undefined())], [0, 1]);
}

#[test]
fn activation_is_strictly_above() {
    let p = policy(worker(0));
    let from_zero = |lag| plan(&p, &State::new(), &seen(0, T0, lag), T0);
    assert_eq!([0.0, 5.0, 5.1, 40.0].map(|x| from_zero(x).desired.0), [0, 0, 1, 4]);
    check(
        &from_zero(5.0),
        expect![[r#"
        0 stays: scaled to zero, no requests
          metric lag 5 (target 10 per replica) wants 1, not active
          clamp idle: 1 -> 0
          else 1 if anything were active
    "#]],
    );
    check(
        &from_zero(7.0),
        expect![[r#"
        0 -> 1: lag 7 (target 10 per replica) wants 1
          metric lag 7 (target 10 per replica) wants 1
          start 1
    "#]],
    );
    // Several triggers: one is enough.
    let mut s = worker(0);
    s.metrics.push(with(total("other", 10.0), MetricOptions::default()));
    let both = |a, b| once(s.clone(), &of(vec![]).signal("lag", T0, a).signal("other", T0, b)).desired.0;
    assert_eq!([both(0.0, 0.0), both(3.0, 0.0), both(3.0, 1.0), both(9.0, 0.0)], [0, 0, 1, 1]);
    // At zero there is no CPU to read, which is no reason to start.
    s.metrics[1] = cpu(50.0).into();
    assert_eq!([3.0, 9.0].map(|x| once(s.clone(), &of(vec![]).signal("lag", T0, x)).desired.0), [0, 1]);
    // Nor is another source that fails, unless its fallback says so.
    let mut s = worker(0);
    s.metrics.push(total("other", 10.0).into());
    let silent = of(vec![]).signal("lag", T0, 3.0).broken("other", None, 9);
    assert_eq!(once(s.clone(), &silent).desired, Replicas(0));
    s.metrics[1].options.fallback =
        Some(Fallback { failure_threshold: 3, replicas: Replicas(2), behavior: FallbackBehavior::Static });
    assert_eq!(once(s, &silent).desired, Replicas(2));
}

#[test]
fn the_cooldown_is_waited_out() {
    let mut s = worker(0);
    s.behavior.scale_down.stabilization_window = secs(0);
    s.cooldown = Some(secs(60));
    let p = policy(s);
    let busy = plan(&p, &State::new(), &seen(2, at(0), 20.0), at(0));
    let cooling = plan(&p, &busy.state, &seen(2, at(59), 0.0), at(59));
    check(
        &cooling,
        expect![[r#"
        2 -> 1: lag 0 (target 10 per replica) wants 0, not active; cooldown: 0 -> 1 (until 08:01:00)
          metric lag 0 (target 10 per replica) wants 0, not active
          clamp cooldown: 0 -> 1 (until 08:01:00)
          else 0 without the cooldown, from 08:01:00
          drain 2
    "#]],
    );
    check(
        &plan(&p, &cooling.state, &seen(1, at(59), 0.0), at(59)),
        expect![[r#"
        1 stays: active a short while ago, not idle yet until 08:01:00
          metric lag 0 (target 10 per replica) wants 0, not active
          clamp cooldown: 0 -> 1 (until 08:01:00)
          else 0 without the cooldown, from 08:01:00
    "#]],
    );
    check(
        &plan(&p, &cooling.state, &seen(1, at(60), 0.0), at(60)),
        expect![[r#"
        1 -> 0: lag 0 (target 10 per replica) wants 0, not active
          metric lag 0 (target 10 per replica) wants 0, not active
          drain 1
    "#]],
    );
    // A clock that steps back waits.
    assert_eq!(plan(&p, &cooling.state, &seen(1, T0.minus(secs(900)), 0.0), T0.minus(secs(900))).desired, Replicas(1));
}

#[test]
fn a_fresh_service_gets_its_first_cooldown() {
    let mut s = worker(0);
    s.behavior.scale_down.stabilization_window = secs(0);
    s.initial_cooldown = secs(120);
    let p = policy(s);
    let first = plan(&p, &State::new(), &seen(1, at(0), 0.0), at(0));
    assert_eq!(first.desired, Replicas(1));
    assert_eq!(plan(&p, &first.state, &seen(1, at(119), 0.0), at(119)).desired, Replicas(1));
    assert_eq!(plan(&p, &first.state, &seen(1, at(120), 0.0), at(120)).desired, Replicas(0));
}

#[test]
fn idle_goes_through_the_policies_or_jumps() {
    let run = |jump: bool| {
        let mut s = worker(0);
        s.cooldown = Some(secs(60));
        s.jump_to_idle = jump;
        s.behavior.scale_down.stabilization_window = secs(0);
        s.behavior.scale_down.policies = vec![ScalingPolicy { kind: PolicyKind::Pods, value: 3, period: secs(30) }];
        let p = policy(s);
        let mut state = plan(&p, &State::new(), &seen(9, at(0), 90.0), at(0)).state;
        // Below its activation, but not nothing: until the cooldown is over it still counts.
        let (mut n, mut sizes) = (9, vec![]);
        for t in (10..=200).step_by(10) {
            n = plan_into(&p, &mut state, &seen(n, at(t), 5.0), at(t)).desired.0;
            sizes.push((t, n));
        }
        sizes.dedup_by_key(|(_, n)| *n);
        sizes
    };
    assert_eq!(run(false), [(10, 6), (40, 3), (70, 0)]);
    assert_eq!(run(true), [(10, 6), (40, 3), (60, 0)]);
}

#[test]
fn the_idle_size_lies_below_the_bounds() {
    let mut s = PolicySpec { idle_replicas: Some(Replicas(1)), cooldown: Some(secs(60)), ..worker(3) };
    s.behavior.scale_down.stabilization_window = secs(0);
    let p = policy(s);
    let busy = plan(&p, &State::new(), &seen(4, at(0), 35.0), at(0)).state;
    assert_eq!(plan(&p, &busy, &seen(4, at(30), 0.0), at(30)).desired, Replicas(3));
    check(
        &plan(&p, &busy, &seen(4, at(60), 0.0), at(60)),
        expect![[r#"
        4 -> 1: lag 0 (target 10 per replica) wants 0, not active; minReplicas: 0 -> 1
          metric lag 0 (target 10 per replica) wants 0, not active
          clamp minReplicas: 0 -> 1
          else 0 if minReplicas were lower
          drain 4 3 2
    "#]],
    );
    // It stays there while nothing is active or nobody knows, and returns to minReplicas at once.
    assert_eq!(plan(&p, &busy, &seen(1, at(90), 2.0), at(90)).desired, Replicas(1));
    assert_eq!(plan(&p, &busy, &fleet(1, 0.5).broken("lag", None, 9), at(90)).desired, Replicas(1));
    check(
        &plan(&p, &busy, &seen(1, at(90), 6.0), at(90)),
        expect![[r#"
        1 -> 3: lag 6 (target 10 per replica) wants 1; activation: 1 -> 3
          metric lag 6 (target 10 per replica) wants 1
          clamp activation: 1 -> 3
          start 5 6
    "#]],
    );
}

#[test]
fn what_is_not_known_does_not_idle() {
    let mut s = worker(0);
    s.behavior.scale_down.stabilization_window = secs(0);
    s.metrics.push(cpu(50.0).into());
    let broken = |n| fleet(n, 0.01).broken("lag", None, 9);
    check(
        &once(s.clone(), &broken(1)),
        expect![[r#"
            1 stays: at target
              metric lag (target 10 per replica) failed: lag could not be read (9 failed attempts): connection refused
              metric cpu 1% (target 50%) wants 1
        "#]],
    );
    assert_eq!(once(s.clone(), &broken(0)).desired, Replicas(0));
    // Work in hand keeps the last one; the CPU that an idle one uses does not, and what three of them use does.
    let mut working = seen(1, T0, 0.0);
    working.replicas[0].in_flight = 1;
    assert_eq!(once(s.clone(), &working).desired, Replicas(1));
    assert_eq!(once(s.clone(), &seen(1, T0, 0.0)).desired, Replicas(0));
    let hot = fleet(3, 0.6).signal("lag", T0, 0.0);
    assert_eq!(once(s, &hot).desired, Replicas(4));
}

#[test]
fn a_formula_has_an_activation() {
    let entry = |activation| with(formula("min(a, b)", 10.0), MetricOptions { activation, ..MetricOptions::default() });
    let size = |activation, a, b| {
        let s = PolicySpec { metrics: vec![entry(activation)], ..spec(0, 20, &[]) };
        once(s, &of(vec![]).signal("a", T0, a).signal("b", T0, b)).desired.0
    };
    assert_eq!([size(None, 0.0, 50.0), size(None, 12.0, 50.0), size(Some(12.0), 12.0, 50.0)], [0, 2, 0]);
}

#[test]
fn a_queue_wakes_a_service_that_scales_by_something_else_and_lets_it_sleep() {
    let s = PolicySpec { wakes_by: vec!["jobs".into()], ..spec(0, 20, &[cpu(50.0)]) };
    let with_tasks = |n: u32, tasks: QueueObservation, now| fleet(n, 0.5).sampled(now).queue(now, tasks);
    let ready = QueueObservation { ready: 1.0, ..QueueObservation::default() };
    let empty = QueueObservation::default();
    check(
        &once(s.clone(), &with_tasks(0, ready, T0)),
        expect![[r#"
        0 -> 1: activation: 0 -> 1
          metric cpu (target 50%) failed: no ready replica has a sample
          clamp activation: 0 -> 1
          else 0 if nothing were active
          start 1
    "#]],
    );
    // Tasks that are soon due or leased count, an empty queue does not; nor does one that nobody has looked at.
    let soon = QueueObservation { due_soon: 1.0, ..empty };
    let size = |seen: Observation| once(s.clone(), &seen).desired.0;
    assert_eq!([soon, empty].map(|q| size(with_tasks(0, q, T0))), [1, 0]);
    assert_eq!(size(fleet(0, 0.5).sampled(T0)), 0);
    // The last one stays while a task is leased, for the cooldown after that, and for the stabilization window after that; then it goes.
    let p = policy(s.clone());
    let leased = QueueObservation { leased: 1.0, ..empty };
    let idle = |n, q, now| fleet(n, 0.0).sampled(now).queue(now, q);
    let mut state = State::new();
    let mut sizes = Vec::new();
    for (second, tasks) in [(0, leased), (10, leased), (20, empty), (200, empty), (400, empty), (800, empty)] {
        let now = T0 + secs(second);
        let plan = plan(&p, &state, &idle(1, tasks, now), now);
        sizes.push((second, plan.desired.0));
        state = plan.state;
    }
    assert_eq!(sizes, [(0, 1), (10, 1), (20, 1), (200, 1), (400, 1), (800, 0)]);
}

#[test]
fn a_worker_without_a_station_wakes_by_its_queue_alone() {
    for target in [QueueTarget::Length(10.0), QueueTarget::Age(secs(30)), QueueTarget::Wait(secs(30))] {
        let s = spec(0, 20, &[queue(target)]);
        let size = |tasks| once(s.clone(), &of(vec![]).queue(T0, tasks)).desired.0;
        let some = QueueObservation { ready: 3.0, oldest_age: Some(secs(1)), ..QueueObservation::default() };
        assert_eq!([size(some), size(QueueObservation::default())], [1, 0], "{target:?}");
    }
}

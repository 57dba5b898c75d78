//! Data rows: numbers from outside, queues, formulas, fallbacks.

use std::time::Duration;

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::Replicas;

use crate::world::*;

#[test]
fn totals() {
    let lag = |n, value| once(free(1, 50, &[total("lag", 10.0)]), &fleet(n, 0.5).signal("lag", T0, value));
    check(
        &lag(3, 85.0),
        expect![[r#"
        3 -> 9: lag 85 (target 10 per replica) wants 9
          metric lag 85 (target 10 per replica) wants 9
          start 4 5 6 7 8 9
    "#]],
    );
    check(
        &lag(3, 32.0),
        expect![[r#"
        3 stays: within tolerance
          metric lag 32 (target 10 per replica) wants 3, within tolerance
    "#]],
    );
    check(
        &lag(8, 21.0),
        expect![[r#"
        8 -> 3: lag 21 (target 10 per replica) wants 3
          metric lag 21 (target 10 per replica) wants 3
          drain 8 7 6 5 4
    "#]],
    );
    // From zero there is no ratio and no tolerance.
    check(
        &once(free(0, 50, &[total("lag", 10.0)]), &of(vec![]).signal("lag", T0, 11.0)),
        expect![[r#"
        0 -> 2: lag 11 (target 10 per replica) wants 2
          metric lag 11 (target 10 per replica) wants 2
          start 1 2
    "#]],
    );
}

#[test]
fn values() {
    let depth = |seen: Observation, v| once(free(1, 50, &[value("depth", 4.0)]), &seen.signal("depth", T0, v));
    // Only the ready replicas are multiplied.
    let mut starting = fleet(4, 0.5);
    starting.replicas[3] = other(4, Phase::Starting);
    check(
        &depth(fleet(4, 0.5), 6.0),
        expect![[r#"
        4 -> 6: depth 6 (target 4) wants 6
          metric depth 6 (target 4) wants 6
          start 5 6
    "#]],
    );
    check(
        &depth(starting, 5.0),
        expect![[r#"
        4 stays: replicas are starting
          metric depth 5 (target 4) wants 4, replicas are starting
    "#]],
    );
    check(
        &depth(fleet(4, 0.5), 1.0),
        expect![[r#"
        4 -> 1: depth 1 (target 4) wants 1
          metric depth 1 (target 4) wants 1
          drain 4 3 2
    "#]],
    );
}

#[test]
fn what_is_no_value() {
    let p = |seen: Observation| once(free(1, 50, &[total("lag", 10.0)]), &seen);
    let cases = [
        fleet(4, 0.5),
        fleet(4, 0.5).signal("lag", T0, -1.0),
        fleet(4, 0.5).signal("lag", T0, f64::NAN),
        fleet(4, 0.5).signal("lag", T0, f64::INFINITY),
        fleet(4, 0.5).signal("lag", T0.minus(secs(16)), 0.0),
        fleet(4, 0.5).broken("lag", None, 2),
        fleet(4, 0.5).broken("lag", Some((T0.minus(secs(60)), 0.0)), 9),
    ];
    let mut text = String::new();
    for seen in cases {
        let done = p(seen);
        assert_eq!(done.desired, Replicas(4));
        text += &format!("{}\n", done.report.metrics[0]);
    }
    expect![[r#"
        lag (target 10 per replica) failed: nothing is known under the name lag
        lag (target 10 per replica) failed: a sample is not a number of at least 0
        lag (target 10 per replica) failed: a sample is not a number of at least 0
        lag (target 10 per replica) failed: a sample is not a number of at least 0
        lag (target 10 per replica) failed: the youngest sample is 16s old
        lag (target 10 per replica) failed: lag could not be read (2 failed attempts): connection refused
        lag (target 10 per replica) failed: lag could not be read (9 failed attempts): connection refused
    "#]]
    .assert_eq(&text);
    // A failed attempt does not make a young value old.
    assert_eq!(p(fleet(4, 0.5).broken("lag", Some((T0.minus(secs(5)), 90.0)), 1)).desired, Replicas(9));
}

#[test]
fn queues() {
    let tasks = QueueObservation { ready: 60.0, leased: 8.0, due_soon: 12.0, ..QueueObservation::default() };
    let length = |n, q| once(free(0, 50, &[queue(QueueTarget::Length(10.0))]), &fleet(n, 0.5).queue(T0, q));
    check(
        &length(4, tasks),
        expect![[r#"
        4 -> 8: queueLength(jobs) 80 (target 10 per replica) wants 8
          metric queueLength(jobs) 80 (target 10 per replica) wants 8
          start 5 6 7 8
    "#]],
    );
    // Tasks that somebody works on keep a replica.
    let leased = QueueObservation { leased: 1.0, ..QueueObservation::default() };
    check(
        &length(4, leased),
        expect![[r#"
        4 -> 1: queueLength(jobs) 1 (target 10 per replica) wants 1
          metric queueLength(jobs) 1 (target 10 per replica) wants 1
          drain 4 3 2
    "#]],
    );

    let age = |n, q| once(free(0, 50, &[queue(QueueTarget::Age(secs(30)))]), &fleet(n, 0.5).queue(T0, q));
    let aged = |s| QueueObservation { oldest_age: Some(secs(s)), ..tasks };
    check(
        &age(4, aged(75)),
        expect![[r#"
        4 -> 10: queueAge(jobs) 75s (target 30s) wants 10
          metric queueAge(jobs) 75s (target 30s) wants 10
          start 5 6 7 8 9 10
    "#]],
    );
    check(
        &age(8, aged(3)),
        expect![[r#"
        8 -> 4: queueAge(jobs) 3000ms (target 30s) wants 4
          metric queueAge(jobs) 3000ms (target 30s) wants 4
          drain 8 7 6 5
    "#]],
    );
    check(
        &age(8, tasks),
        expect![[r#"
        8 stays: queueAge(jobs) failed
          metric queueAge(jobs) (target 30s) failed: the queue does not say how old its oldest task is
    "#]],
    );

    // Four replicas finish 2 tasks a second: 72 waiting take 36 s.
    let wait = |n, target, q| once(free(0, 50, &[queue(QueueTarget::Wait(secs(target)))]), &fleet(n, 0.5).queue(T0, q));
    let rates = |arrivals, done| QueueObservation { arrival_rate: Some(arrivals), completion_rate: Some(done), ..tasks };
    check(
        &wait(4, 12, rates(1.0, 2.0)),
        expect![[r#"
        4 -> 12: queueWait(jobs) 36s (target 12s) wants 12
          metric queueWait(jobs) 36s (target 12s) wants 12
          start 5 6 7 8 9 10 11 12
    "#]],
    );
    check(
        &wait(4, 30, rates(6.0, 2.0)),
        expect![[r#"
        4 -> 12: queueWait(jobs) 36s (target 30s) wants 12
          metric queueWait(jobs) 36s (target 30s) wants 12
          start 5 6 7 8 9 10 11 12
    "#]],
    );
    check(
        &wait(4, 400, rates(1.0, 2.0)),
        expect![[r#"
        4 -> 2: queueWait(jobs) 36s (target 400s) wants 2
          metric queueWait(jobs) 36s (target 400s) wants 2
          drain 4 3
    "#]],
    );
    check(
        &wait(4, 30, rates(1.0, 0.0)),
        expect![[r#"
        4 stays: queueWait(jobs) failed
          metric queueWait(jobs) (target 30s) failed: tasks wait, and none was finished lately
    "#]],
    );
    check(
        &wait(4, 30, QueueObservation::default()),
        expect![[r#"
        4 -> 0: queueWait(jobs) 0ms (target 30s) wants 0, not active
          metric queueWait(jobs) 0ms (target 30s) wants 0, not active
          drain 4 3 2 1
    "#]],
    );
    assert_eq!(wait(0, 30, rates(1.0, 0.0)).desired, Replicas(1));
}

#[test]
fn formulas() {
    let seen = |n| fleet(n, 0.9).rate(T0, 40.0).signal("a", T0, 30.0).signal("b", T0, 8.0);
    let run = |text: &str, n| once(free(1, 50, &[formula(text, 5.0)]), &seen(n));
    check(
        &run("max([a, b])", 3),
        expect![[r#"
        3 -> 6: mix 30 (target 5 per replica) wants 6
          metric mix 30 (target 5 per replica) wants 6
          start 4 5 6
    "#]],
    );
    // AND: both must be above.
    check(
        &run("a > 10 && b > 10 ? a : 0", 3),
        expect![[r#"
        3 -> 1: mix 0 (target 5 per replica) wants 0, not active; minReplicas: 0 -> 1
          metric mix 0 (target 5 per replica) wants 0, not active
          clamp minReplicas: 0 -> 1
          else 0 if minReplicas were lower
          drain 3 2
    "#]],
    );
    // What the station and the replicas report can be named too.
    check(
        &run("cpu > 0.8 ? requestsPerSecond : 0", 3),
        expect![[r#"
        3 -> 8: mix 40 (target 5 per replica) wants 8
          metric mix 40 (target 5 per replica) wants 8
          start 4 5 6 7 8
    "#]],
    );
    check(
        &run("a / (b - 8)", 3),
        expect![[r#"
        3 stays: mix failed
          metric mix (target 5 per replica) failed: the formula has no result for these values
    "#]],
    );
    check(
        &run("b - a", 3),
        expect![[r#"
        3 stays: mix failed
          metric mix (target 5 per replica) failed: the formula has no result for these values
    "#]],
    );
    check(
        &run("a + unheard", 3),
        expect![[r#"
        3 stays: mix failed
          metric mix (target 5 per replica) failed: nothing is known under the name unheard
    "#]],
    );
    let broken = fleet(3, 0.5).signal("a", T0, 30.0).broken("b", None, 1);
    check(
        &once(free(1, 50, &[formula("max(a, b)", 5.0)]), &broken),
        expect![[r#"
            3 stays: mix failed
              metric mix (target 5 per replica) failed: b could not be read (1 failed attempt): connection refused
        "#]],
    );
}

#[test]
fn fallbacks() {
    let run = |behavior, n: u32, failures| {
        let fallback = Some(Fallback { failure_threshold: 3, replicas: Replicas(6), behavior });
        let mut s = free(0, 50, &[]);
        s.metrics = vec![with(total("lag", 10.0), MetricOptions { fallback, ..MetricOptions::default() })];
        once(s, &fleet(n, 0.5).broken("lag", None, failures))
    };
    use FallbackBehavior::*;
    check(
        &run(Static, 2, 4),
        expect![[r#"
            2 -> 6: lag (target 10 per replica) falls back to 6: lag could not be read (4 failed attempts): connection refused
              metric lag (target 10 per replica) falls back to 6: lag could not be read (4 failed attempts): connection refused
              start 3 4 5 6
        "#]],
    );
    // Not before the threshold is passed.
    check(
        &run(Static, 2, 3),
        expect![[r#"
            2 stays: lag failed
              metric lag (target 10 per replica) failed: lag could not be read (3 failed attempts): connection refused
        "#]],
    );
    // From zero, and for a source that was never reached.
    check(
        &run(CurrentReplicas, 0, 9),
        expect![[r#"
            0 -> 6: lag (target 10 per replica) falls back to 6: lag could not be read (9 failed attempts): connection refused
              metric lag (target 10 per replica) falls back to 6: lag could not be read (9 failed attempts): connection refused
              start 1 2 3 4 5 6
        "#]],
    );
    let sizes = |behavior| [0, 2, 9].map(|n| run(behavior, n, 4).desired.0);
    assert_eq!(sizes(Static), [6, 6, 6]);
    assert_eq!(sizes(CurrentReplicas), [6, 2, 9]);
    assert_eq!(sizes(CurrentReplicasIfHigher), [6, 6, 9]);
    assert_eq!(sizes(CurrentReplicasIfLower), [6, 2, 6]);

    // It never lowers what a healthy metric asks for.
    let fallback = Some(Fallback { failure_threshold: 0, replicas: Replicas(2), behavior: Static });
    let mut s = free(0, 50, &[cpu(50.0)]);
    s.metrics.push(with(formula("lag + 1", 10.0), MetricOptions { fallback, ..MetricOptions::default() }));
    check(
        &once(s.clone(), &fleet(4, 0.9).broken("lag", None, 1)),
        expect![[r#"
            4 -> 8: cpu 90% (target 50%) wants 8
              metric cpu 90% (target 50%) wants 8
              metric mix (target 10 per replica) falls back to 2: lag could not be read (1 failed attempt): connection refused
              else 2 if metric cpu were absent
              start 5 6 7 8
        "#]],
    );
    // A reader that hangs counts no failures; the age speaks for it.
    let hung = fleet(4, 0.1).signal("lag", T0.minus(secs(31)), 900.0);
    assert_eq!(once(s.clone(), &hung).desired, Replicas(2));
    // Switched off: as KEDA, not from zero and not for a source that was never reached.
    s.repairs.fallback = false;
    assert_eq!(once(s.clone(), &fleet(4, 0.1).broken("lag", None, 9)).desired, Replicas(4));
    assert_eq!(once(s, &fleet(4, 0.1).broken("lag", Some((T0.minus(secs(90)), 1.0)), 9)).desired, Replicas(2));
}

#[test]
fn a_total_that_young_replicas_will_work_off_is_no_demand() {
    // 200 tasks after a cold start; the two ready ones finish 10 a second each, and two more start within the guessed 10 s.
    let tasks = QueueObservation { ready: 200.0, completion_rate: Some(20.0), ..QueueObservation::default() };
    let mut seen = fleet(4, 0.5);
    seen.replicas[2] = other(3, Phase::Starting);
    seen.replicas[3] = other(4, Phase::Starting);
    let mut s = free(1, 50, &[queue(QueueTarget::Length(20.0))]);
    check(
        &once(s.clone(), &seen.clone().queue(T0, tasks)),
        expect![[r#"
            4 stays: replicas are starting
              metric queueLength(jobs) 200 (target 20 per replica) wants 4, replicas are starting
        "#]],
    );
    s.repairs.starting_replicas = false;
    assert_eq!(once(s.clone(), &seen.clone().queue(T0, tasks)).desired, Replicas(10));
    // Replicas that hang in their start are not waited for.
    s.repairs.starting_replicas = true;
    seen.replicas.iter_mut().for_each(|r| r.started_at = T0.minus(Duration::from_secs(25)));
    assert_eq!(once(s, &seen.queue(T0, tasks)).desired, Replicas(10));
}

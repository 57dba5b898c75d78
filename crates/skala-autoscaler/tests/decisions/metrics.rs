//! Data rows: what each metric proposes.

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::{Cores, Sampled};

use crate::world::*;

#[test]
fn resources() {
    check(
        &once(free(1, 20, &[cpu(50.0)]), &fleet(4, 0.8)),
        expect![[r#"
        4 -> 7: cpu 80% (target 50%) wants 7
          metric cpu 80% (target 50%) wants 7
          start 5 6 7
    "#]],
    );
    check(
        &once(free(1, 20, &[cpu(50.0)]), &fleet(4, 0.54)),
        expect![[r#"
        4 stays: within tolerance
          metric cpu 54% (target 50%) wants 4, within tolerance
    "#]],
    );
    // Starting replicas count as idle before growing: 2 x 90 % over 4 replicas is 45 %.
    let mut starting = vec![ready(1, 0.9), ready(2, 0.9), other(3, Phase::Starting), other(4, Phase::Starting)];
    check(
        &once(free(1, 20, &[cpu(50.0)]), &of(starting.clone())),
        expect![[r#"
        4 stays: replicas are starting
          metric cpu 90% (target 50%) wants 4, replicas are starting
    "#]],
    );
    // One without a sample counts as idle before growing, and as using all of its request before shrinking.
    starting.truncate(2);
    starting.push(other(3, Phase::NotReady));
    check(
        &once(free(1, 20, &[cpu(50.0)]), &of(starting)),
        expect![[r#"
        3 -> 4: cpu 90% (target 50%) wants 4
          metric cpu 90% (target 50%) wants 4
          start 4
    "#]],
    );
    let mut idle = fleet(5, 0.1);
    idle.replicas[4].cpu = None;
    check(
        &once(free(1, 20, &[cpu(50.0)]), &idle),
        expect![[r#"
        5 -> 3: cpu 10% (target 50%) wants 3
          metric cpu 10% (target 50%) wants 3
          drain 5 4
    "#]],
    );
    // A fast CPU sample far above the slow one is believed.
    let mut burst = fleet(2, 0.4);
    burst.replicas.iter_mut().for_each(|r| r.cpu_fast = Some(Sampled::new(T0, Cores(0.9))));
    check(
        &once(free(1, 20, &[cpu(50.0)]), &burst),
        expect![[r#"
        2 -> 4: cpu 90% (target 50%) wants 4 [the last 1s: above 52%, the most that 40% explains]
          metric cpu 90% (target 50%) wants 4 [the last 1s: above 52%, the most that 40% explains]
          start 3 4
    "#]],
    );
    // The start-up's CPU buys nothing: the sample of replica 2 reaches back before it was ready.
    let mut young = fleet(2, 0.4);
    young.replicas[1] = ReplicaObservation { phase_since: T0.minus(secs(3)), started_at: T0.minus(secs(8)), ..ready(2, 1.0) };
    check(
        &once(free(1, 20, &[cpu(50.0)]), &young),
        expect![[r#"
        2 -> 1: cpu 40% (target 50%) wants 1
          metric cpu 40% (target 50%) wants 1
          drain 2
    "#]],
    );
    let average = MetricSpec::Cpu { target: ResourceTarget::AverageValue(Cores(0.25)) };
    check(
        &once(free(1, 20, &[average, memory(80.0)]), &fleet(3, 0.5)),
        expect![[r#"
        3 -> 6: cpu 500m (target 250m) wants 6
          metric cpu 500m (target 250m) wants 6
          metric memory 50% (target 80%) wants 2
          else 2 if metric cpu were absent
          start 4 5 6
    "#]],
    );
}

#[test]
fn station() {
    check(
        &once(free(1, 20, &[rps(100.0)]), &fleet(3, 0.5).rate(T0, 450.0)),
        expect![[r#"
        3 -> 5: requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5
          metric requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5
          start 4 5
    "#]],
    );
    check(
        &once(free(1, 20, &[rps(100.0)]), &fleet(3, 0.5).rate(T0, 320.0)),
        expect![[r#"
        3 stays: within tolerance
          metric requestsPerSecond 320.0/s (target 100.0/s per replica) wants 3, within tolerance
    "#]],
    );
    check(
        &once(free(1, 20, &[rps(100.0)]), &fleet(8, 0.5).rate(T0, 410.0)),
        expect![[r#"
        8 -> 5: requestsPerSecond 410.0/s (target 100.0/s per replica) wants 5
          metric requestsPerSecond 410.0/s (target 100.0/s per replica) wants 5
          drain 8 7 6
    "#]],
    );
    // The first second above target.
    check(
        &once(free(1, 20, &[rps(100.0)]), &fleet(3, 0.5).rates(T0, 450.0, 300.0)),
        expect![[r#"
        3 -> 5: requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5 [the last 1s: above 343.3/s, the most that 300.0/s explains]
          metric requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5 [the last 1s: above 343.3/s, the most that 300.0/s explains]
          start 4 5
    "#]],
    );
    // A burst that chance explains.
    check(
        &once(free(1, 20, &[rps(100.0)]), &fleet(3, 0.5).rates(T0, 340.0, 300.0)),
        expect![[r#"
        3 stays: within tolerance
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3, within tolerance
    "#]],
    );
    // 13/s at a target of 10/s: ten seconds of it may be chance.
    check(
        &once(free(1, 20, &[rps(10.0)]), &fleet(1, 0.5).rate(T0, 13.0)),
        expect![[r#"
        1 stays: above target by no more than chance explains
          metric requestsPerSecond 13.0/s (target 10.0/s per replica) wants 1, above target by no more than chance explains
    "#]],
    );
    check(
        &once(free(1, 20, &[concurrency(10.0)]), &fleet(3, 0.5).rate(T0, 450.0)),
        expect![[r#"
        3 -> 5: concurrency 45 (target 10 per replica) wants 5
          metric concurrency 45 (target 10 per replica) wants 5
          start 4 5
    "#]],
    );
}

#[test]
fn a_small_excess_that_lasts_is_believed() {
    let p = policy(free(1, 20, &[rps(10.0)]));
    let mut state = State::new();
    for s in 0..300 {
        let done = plan(&p, &state, &fleet(1, 0.5).rate(at(s), 13.0), at(s));
        if !done.actions.is_empty() {
            return check(
                &done,
                expect![[r#"
                1 -> 2: requestsPerSecond 13.0/s (target 10.0/s per replica) wants 2 [the average of the last 21s]
                  metric requestsPerSecond 13.0/s (target 10.0/s per replica) wants 2 [the average of the last 21s]
                  start 2
            "#]],
            );
        }
        state = done.state;
    }
    panic!("never grew");
}

#[test]
fn latency() {
    check(
        &once(free(1, 20, &[p95(200)]), &fleet(3, 0.5).latency(T0, 400.0)),
        expect![[r#"
        3 -> 6: latency.p95 400ms (target 200ms) wants 6
          metric latency.p95 400ms (target 200ms) wants 6
          start 4 5 6
    "#]],
    );
    // Replicas 3 and 4 joined within the window: the slow answers are from before.
    let mut joined = fleet(4, 0.5);
    joined.replicas[2].phase_since = T0.minus(secs(2));
    joined.replicas[3].phase_since = T0.minus(secs(2));
    check(
        &once(free(1, 20, &[p95(200)]), &joined.latency(T0, 400.0)),
        expect![[r#"
        4 stays: at target
          metric latency.p95 400ms (target 200ms) wants 4
    "#]],
    );
    let starting = of(vec![ready(1, 0.5), other(2, Phase::Starting)]);
    check(
        &once(free(1, 20, &[p95(200)]), &starting.latency(T0, 400.0)),
        expect![[r#"
        2 stays: replicas are starting
          metric latency.p95 400ms (target 200ms) wants 2, replicas are starting
    "#]],
    );
    // Fast answers take one replica away at a time.
    check(
        &once(free(1, 20, &[p95(200)]), &fleet(6, 0.5).latency(T0, 10.0)),
        expect![[r#"
            6 -> 3: latency.p95 10ms (target 200ms) wants 3
              metric latency.p95 10ms (target 200ms) wants 3
              drain 6 5 4
        "#]],
    );
    // Few answers: nothing is known while the replicas are busy, else one goes.
    check(
        &once(free(1, 20, &[p95(200)]), &fleet(6, 0.5).rate(T0, 1.5)),
        expect![[r#"
            6 -> 3: latency.p95 (target 200ms) wants 3, 15 answers are too few to judge, and fewer requests than replicas
              metric latency.p95 (target 200ms) wants 3, 15 answers are too few to judge, and fewer requests than replicas
              drain 6 5 4
        "#]],
    );
    let mut stuck = fleet(6, 0.5).rate(T0, 1.0);
    stuck.station.as_mut().unwrap().slow.in_flight = 50;
    check(
        &once(free(1, 20, &[p95(200)]), &stuck),
        expect![[r#"
        6 stays: latency.p95 failed
          metric latency.p95 (target 200ms) failed: 10 answers, 20 needed
    "#]],
    );
}

#[test]
fn the_largest_proposal_wins() {
    let seen = fleet(4, 0.8).rate(T0, 900.0);
    check(
        &once(free(1, 20, &[cpu(50.0), rps(100.0)]), &seen),
        expect![[r#"
        4 -> 9: requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          metric cpu 80% (target 50%) wants 7
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          else 7 if metric requestsPerSecond were absent
          start 5 6 7 8 9
    "#]],
    );
}

//! Data rows: the rules between the proposals and the size.

use std::time::Duration;

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::Replicas;

use crate::world::*;

#[test]
fn failure() {
    let two = [cpu(50.0), rps(100.0)];
    // No station: what is left would shrink, so the size stays; growing is not kept back.
    check(
        &once(free(1, 20, &two), &fleet(4, 0.1)),
        expect![[r#"
        4 stays: requestsPerSecond failed
          metric cpu 10% (target 50%) wants 1
          metric requestsPerSecond (target 100.0/s per replica) failed: the station has not reported yet
          clamp metricFailure: 1 -> 4 (requestsPerSecond failed)
          else 1 if failed metrics were ignored
          else 1 if metric requestsPerSecond were absent
    "#]],
    );
    check(
        &once(free(1, 20, &two), &fleet(4, 0.9)),
        expect![[r#"
        4 -> 8: cpu 90% (target 50%) wants 8
          metric cpu 90% (target 50%) wants 8
          metric requestsPerSecond (target 100.0/s per replica) failed: the station has not reported yet
          else 4 if metric cpu were absent
          start 5 6 7 8
    "#]],
    );
    // Stale: 40 s old.
    let old = fleet(4, 0.1).rate(T0.minus(secs(40)), 900.0);
    check(
        &once(free(1, 20, &[rps(100.0)]), &old),
        expect![[r#"
        4 stays: requestsPerSecond failed
          metric requestsPerSecond (target 100.0/s per replica) failed: the youngest sample is 40s old
    "#]],
    );
    let mut young = fleet(4, 0.1).rate(T0, 10.0);
    young.station.as_mut().unwrap().slow.window = Duration::from_millis(300);
    check(
        &once(free(1, 20, &[rps(100.0)]), &young),
        expect![[r#"
        4 stays: requestsPerSecond failed
          metric requestsPerSecond (target 100.0/s per replica) failed: the station counts only since 0.3s
    "#]],
    );
}

#[test]
fn stabilization() {
    // 9 were wanted at 0 s: the default window of 300 s holds them, and says until when.
    let p = policy(spec(1, 20, &[rps(100.0)]));
    let busy = |s| fleet(9, 0.1).rate(at(s), 900.0);
    let quiet = |s| fleet(9, 0.1).rate(at(s), 300.0);
    let state = plan(&p, &State::new(), &busy(0), at(0)).state;
    let held = plan(&p, &state, &quiet(200), at(200));
    check(
        &held,
        expect![[r#"
        9 stays: scale-down is stabilizing until 08:05:00; requestsPerSecond wants 3
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          clamp scaleDownStabilization: 3 -> 9 (until 08:05:00)
          else 3 without scale-down stabilization, from 08:05:00
    "#]],
    );
    check(
        &plan(&p, &held.state, &quiet(299), at(299)),
        expect![[r#"
        9 stays: scale-down is stabilizing until 08:05:00; requestsPerSecond wants 3
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          clamp scaleDownStabilization: 3 -> 9 (until 08:05:00)
          else 3 without scale-down stabilization, from 08:05:00
    "#]],
    );
    check(
        &plan(&p, &held.state, &quiet(300), at(300)),
        expect![[r#"
        9 -> 3: requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          drain 9 8 7 6 5 4
    "#]],
    );
    // Upwards: a window of 60 s wants the load to last.
    let mut slow = spec(1, 20, &[rps(100.0)]);
    slow.behavior.scale_up.stabilization_window = secs(60);
    let p = policy(slow);
    let calm = |s| fleet(3, 0.5).rate(at(s), 300.0);
    let surge = |s| fleet(3, 0.5).rate(at(s), 500.0);
    let state = plan(&p, &State::new(), &calm(0), at(0)).state;
    let state = plan(&p, &state, &surge(30), at(30));
    check(
        &state,
        expect![[r#"
        3 stays: scale-up is stabilizing until 08:01:00; requestsPerSecond wants 5
          metric requestsPerSecond 500.0/s (target 100.0/s per replica) wants 5
          clamp scaleUpStabilization: 5 -> 3 (until 08:01:00)
          else 5 without scale-up stabilization, from 08:01:00
    "#]],
    );
    check(
        &plan(&p, &state.state, &surge(60), at(60)),
        expect![[r#"
        3 -> 5: requestsPerSecond 500.0/s (target 100.0/s per replica) wants 5
          metric requestsPerSecond 500.0/s (target 100.0/s per replica) wants 5
          start 4 5
    "#]],
    );
}

#[test]
fn policies() {
    let rules = |value, kind, period| vec![ScalingPolicy { kind, value, period: secs(period) }];
    let grow = |policies, n| {
        let mut s = spec(1, 1000, &[rps(1.0)]);
        s.behavior.scale_up.policies = policies;
        once(s, &fleet(n, 0.5).rate(T0, 5000.0)).desired.0
    };
    assert_eq!([100, 50].map(|n| grow(rules(10, PolicyKind::Percent, 15), n)), [111, 56]);
    let shrink = |policies, n| {
        let mut s = free(0, 1000, &[rps(1.0)]);
        s.behavior.scale_down.policies = policies;
        once(s, &fleet(n, 0.5).rate(T0, 0.0)).desired.0
    };
    assert_eq!([10, 100].map(|n| shrink(rules(90, PolicyKind::Percent, 15), n)), [0, 9]);

    // By default the larger of 4 and 100 % every 15 s; what was added within the period counts.
    let p = policy(spec(1, 100, &[rps(10.0)]));
    let first = plan(&p, &State::new(), &fleet(2, 0.5).rate(T0, 500.0), T0);
    check(
        &first,
        expect![[r#"
        2 -> 6: requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50; scaleUpPolicies: 50 -> 6 (policy 0)
          metric requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50
          clamp scaleUpPolicies: 50 -> 6 (policy 0)
          else 50 without the scaleUp policies
          start 3 4 5 6
    "#]],
    );
    check(
        &plan(&p, &first.state, &fleet(6, 0.5).rate(at(1), 500.0), at(1)),
        expect![[r#"
        6 stays: scale-up is limited by its policies until 08:00:15; requestsPerSecond wants 50
          metric requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50
          clamp scaleUpPolicies: 50 -> 6 (policy 0, until 08:00:15)
          else 50 without the scaleUp policies, from 08:00:15
    "#]],
    );
    check(
        &plan(&p, &first.state, &fleet(6, 0.5).rate(at(15), 500.0), at(15)),
        expect![[r#"
        6 -> 12: requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50; scaleUpPolicies: 50 -> 12 (policy 1)
          metric requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50
          clamp scaleUpPolicies: 50 -> 12 (policy 1)
          else 50 without the scaleUp policies
          start 7 8 9 10 11 12
    "#]],
    );

    let mut s = spec(1, 100, &[rps(10.0)]);
    s.behavior.scale_up.select_policy = SelectPolicy::Disabled;
    check(
        &once(s, &fleet(2, 0.5).rate(T0, 500.0)),
        expect![[r#"
        2 stays: scale-up is limited by its policies; requestsPerSecond wants 50
          metric requestsPerSecond 500.0/s (target 10.0/s per replica) wants 50
          clamp scaleUpPolicies: 50 -> 2 (disabled)
          else 50 without the scaleUp policies
    "#]],
    );
    let mut s = spec(1, 100, &[rps(10.0)]);
    s.behavior.scale_up.select_policy = SelectPolicy::Min;
    assert_eq!(once(s, &fleet(3, 0.5).rate(T0, 500.0)).desired, Replicas(6));
}

#[test]
fn bounds() {
    check(
        &once(spec(1, 5, &[rps(100.0)]), &fleet(5, 0.5).rate(T0, 900.0)),
        expect![[r#"
        5 stays: at maxReplicas; requestsPerSecond wants 9
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          clamp maxReplicas: 9 -> 5
          else 9 if maxReplicas were higher
    "#]],
    );
    check(
        &once(free(3, 5, &[rps(100.0)]), &fleet(3, 0.5).rate(T0, 10.0)),
        expect![[r#"
        3 stays: at minReplicas; requestsPerSecond wants 1
          metric requestsPerSecond 10.0/s (target 100.0/s per replica) wants 1
          clamp minReplicas: 1 -> 3
          else 1 if minReplicas were lower
    "#]],
    );
    // Outside the bounds: corrected at once.
    check(
        &once(spec(3, 5, &[rps(100.0)]), &fleet(9, 0.5).rate(T0, 900.0)),
        expect![[r#"
        9 -> 5: requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9, within tolerance; maxReplicas: 9 -> 5
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9, within tolerance
          clamp maxReplicas: 9 -> 5
          else 9 if maxReplicas were higher
          drain 9 8 7 6
    "#]],
    );
    check(
        &once(spec(3, 5, &[rps(100.0)]), &of(vec![])),
        expect![[r#"
        0 -> 3: minReplicas: 0 -> 3
          metric requestsPerSecond (target 100.0/s per replica) failed: the station has not reported yet
          clamp minReplicas: 0 -> 3
          else 0 if minReplicas were lower
          start 1 2 3
    "#]],
    );
    check(
        &plan(&Policy::fixed(Replicas(2)), &State::new(), &of(vec![]), T0),
        expect![[r#"
        0 -> 2: minReplicas: 0 -> 2
          clamp minReplicas: 0 -> 2
          else 0 if minReplicas were lower
          start 1 2
    "#]],
    );
    check(
        &plan(&Policy::fixed(Replicas(2)), &State::new(), &fleet(2, 0.5), T0),
        expect![[r#"
        2 stays: fixed size
    "#]],
    );
}

#[test]
fn zero() {
    let p = policy(spec(0, 5, &[rps(100.0), cpu(70.0)]));
    check(
        &plan(&p, &State::new(), &of(vec![]).rate(T0, 0.0), T0),
        expect![[r#"
        0 stays: scaled to zero, no requests
          metric requestsPerSecond 0.0/s (target 100.0/s per replica) wants 0
          metric cpu (target 70%) failed: no ready replica has a sample
    "#]],
    );
    // One request among ten seconds of nothing.
    check(
        &plan(&p, &State::new(), &of(vec![]).rates(T0, 1.0, 0.1), T0),
        expect![[r#"
            0 -> 1: requestsPerSecond 1.0/s (target 100.0/s per replica) wants 1 [the last 1s: above 0.9/s, the most that 0.1/s explains]
              metric requestsPerSecond 1.0/s (target 100.0/s per replica) wants 1 [the last 1s: above 0.9/s, the most that 0.1/s explains]
              metric cpu (target 70%) failed: no ready replica has a sample
              start 1
        "#]],
    );
    let mut waiting = of(vec![]).rate(T0, 0.0);
    waiting.station.as_mut().unwrap().fast.waiting = 1;
    check(
        &plan(&p, &State::new(), &waiting, T0),
        expect![[r#"
        0 -> 1: requestsPerSecond 0.0/s (target 100.0/s per replica) wants 0; activation: 0 -> 1
          metric requestsPerSecond 0.0/s (target 100.0/s per replica) wants 0
          metric cpu (target 70%) failed: no ready replica has a sample
          clamp activation: 0 -> 1
          else 0 if nothing were active
          start 1
    "#]],
    );
    // A surge from zero.
    check(
        &plan(&p, &State::new(), &of(vec![]).rate(T0, 450.0), T0),
        expect![[r#"
        0 -> 4: requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5; scaleUpPolicies: 5 -> 4 (policy 0)
          metric requestsPerSecond 450.0/s (target 100.0/s per replica) wants 5
          metric cpu (target 70%) failed: no ready replica has a sample
          clamp scaleUpPolicies: 5 -> 4 (policy 0)
          else 5 without the scaleUp policies
          else 1 if metric requestsPerSecond were absent
          start 1 2 3 4
    "#]],
    );
    // Idle: stays for the window, then goes; the idle CPU does not keep it.
    let idle = |s| fleet(1, 0.05).rate(at(s), 0.0).sampled(at(s));
    let first = plan(&p, &State::new(), &idle(0), at(0));
    check(
        &first,
        expect![[r#"
            1 stays: scale-down is stabilizing until 08:05:00; cpu wants 0
              metric requestsPerSecond 0.0/s (target 100.0/s per replica) wants 0
              metric cpu 5% (target 70%) wants 1
              clamp idle: 1 -> 0
              clamp scaleDownStabilization: 0 -> 1 (until 08:05:00)
              else 0 without scale-down stabilization, from 08:05:00
        "#]],
    );
    check(
        &plan(&p, &first.state, &idle(300), at(300)),
        expect![[r#"
        1 -> 0: cpu 5% (target 70%) wants 1; idle: 1 -> 0
          metric requestsPerSecond 0.0/s (target 100.0/s per replica) wants 0
          metric cpu 5% (target 70%) wants 1
          clamp idle: 1 -> 0
          else 1 if anything were active
          drain 1
    "#]],
    );
    // Paused at zero is not scaled to zero: nothing wakes it.
    let paused = of(vec![]).rate(at(0), 50.0).directive(Directive::Pause { until: None });
    check(
        &plan(&p, &State::new(), &paused, at(0)),
        expect![[r#"
        0 stays: paused; requestsPerSecond wants 1
          metric requestsPerSecond 50.0/s (target 100.0/s per replica) wants 1
          metric cpu (target 70%) failed: no ready replica has a sample
          clamp pause: 1 -> 0
          else 1 if it were not paused
    "#]],
    );
    // A trickle keeps it, and so does a silent station.
    let trickle = fleet(1, 0.0).rates(at(300), 0.0, 0.1).sampled(at(300));
    check(
        &plan(&p, &first.state, &trickle, at(300)),
        expect![[r#"
        1 stays: at target
          metric requestsPerSecond 0.1/s (target 100.0/s per replica) wants 1
          metric cpu 0% (target 70%) wants 0
    "#]],
    );
    check(
        &plan(&p, &first.state, &fleet(1, 0.0).sampled(at(300)), at(300)),
        expect![[r#"
        1 stays: requestsPerSecond failed
          metric requestsPerSecond (target 100.0/s per replica) failed: the station has not reported yet
          metric cpu 0% (target 70%) wants 0
          clamp metricFailure: 0 -> 1 (requestsPerSecond failed)
    "#]],
    );
}

#[test]
fn guards() {
    // The newest replicas keep dying and none got ready.
    let mut dying = fleet(2, 0.5);
    dying.replicas.push(other(3, Phase::CrashLooping));
    dying.replicas.push(other(4, Phase::Starting));
    dying.current = Replicas(4);
    check(
        &once(spec(1, 20, &[rps(100.0)]), &dying.clone().rate(T0, 900.0)),
        expect![[r#"
        4 stays: replica 3 is crash-looping; requestsPerSecond wants 9
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          clamp scaleUpPolicies: 9 -> 8 (policy 0)
          clamp crashLoop: 8 -> 4 (replica 3)
          else 8 if the newest replicas were not crash-looping
    "#]],
    );
    // A newer one got ready: the old failure is no reason.
    dying.replicas[3] = ready(4, 0.5);
    assert!(once(spec(1, 20, &[rps(100.0)]), &dying.rate(T0, 900.0)).desired > Replicas(4));
    // After a restart nothing shrinks for a window, whatever the log says.
    let p = policy(spec(1, 20, &[rps(100.0)]));
    let quiet = |s| fleet(9, 0.1).rate(at(s), 300.0);
    let state = plan(&p, &State::new(), &quiet(0), at(0)).state.resume(at(400));
    check(
        &plan(&p, &state, &quiet(401), at(401)),
        expect![[r#"
        9 stays: the controller has just restarted until 08:11:40; requestsPerSecond wants 3
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          clamp restart: 3 -> 9 (until 08:11:40)
          else 3 if the controller had not restarted, from 08:11:40
    "#]],
    );
    check(
        &plan(&p, &state, &quiet(700), at(700)),
        expect![[r#"
        9 -> 3: requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          metric requestsPerSecond 300.0/s (target 100.0/s per replica) wants 3
          drain 9 8 7 6 5 4
    "#]],
    );
}

#[test]
fn directives() {
    let p = policy(spec(2, 10, &[rps(100.0)]));
    let surge = |n: u32, s| fleet(n, 0.5).rate(at(s), 800.0);
    let until = Some(at(60));
    check(
        &plan(&p, &State::new(), &surge(4, 0).directive(Directive::Pause { until }), T0),
        expect![[r#"
        4 stays: paused until 08:01:00; requestsPerSecond wants 8
          metric requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
          clamp pause: 8 -> 4 (until 08:01:00)
          else 8 if it were not paused, from 08:01:00
    "#]],
    );
    check(
        &plan(&p, &State::new(), &surge(4, 60).directive(Directive::Pause { until }), at(60)),
        expect![[r#"
        4 -> 8: requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
          metric requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
          start 5 6 7 8
    "#]],
    );
    // A hold outside the bounds, and its end: back through the policies.
    let hold = Directive::Hold { replicas: Replicas(14), until };
    let mut slow = spec(2, 10, &[rps(100.0)]);
    slow.behavior.scale_down.policies = vec![ScalingPolicy { kind: PolicyKind::Pods, value: 1, period: secs(60) }];
    let p = policy(slow);
    let held = plan(&p, &State::new(), &surge(4, 0).directive(hold), T0);
    check(
        &held,
        expect![[r#"
        4 -> 14: requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8; hold: 8 -> 14 (by hand until 08:01:00, outside minReplicas to maxReplicas)
          metric requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
          clamp hold: 8 -> 14 (by hand until 08:01:00, outside minReplicas to maxReplicas)
          else 8 without the manual hold, from 08:01:00
          start 5 6 7 8 9 10 11 12 13 14
    "#]],
    );
    let still = plan(&p, &held.state, &surge(14, 30).directive(hold), at(30));
    check(
        &still,
        expect![[r#"
            14 stays: held by hand until 08:01:00; requestsPerSecond wants 8
              metric requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
              clamp scaleDownPolicies: 8 -> 13 (policy 0)
              clamp hold: 13 -> 14 (by hand until 08:01:00, outside minReplicas to maxReplicas)
              else 13 without the manual hold, from 08:01:00
        "#]],
    );
    check(
        &plan(&p, &still.state, &surge(14, 60).directive(hold), at(60)),
        expect![[r#"
        14 -> 13: requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8; scaleDownPolicies: 8 -> 13 (policy 0)
          metric requestsPerSecond 800.0/s (target 100.0/s per replica) wants 8
          clamp scaleDownPolicies: 8 -> 13 (policy 0)
          else 8 without the scaleDown policies
          drain 14
    "#]],
    );
    // A hold below the bounds ends at once.
    let low = Directive::Hold { replicas: Replicas(0), until: None };
    assert_eq!(plan(&p, &State::new(), &surge(4, 0).directive(low), T0).desired, Replicas(0));
    assert_eq!(plan(&p, &State::new(), &of(vec![]), T0).desired, Replicas(2));
}

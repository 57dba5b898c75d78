//! Data rows: victims, the report, and what a policy may not say.

use std::time::Duration;

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::ReplicaId;

use crate::world::*;

#[test]
fn victims() {
    let replica = |id, phase, in_flight| ReplicaObservation { phase, in_flight, ..ready(id, 0.1) };
    let seen = |max: u32| {
        let replicas = vec![
            replica(1, Phase::Ready, 7),
            replica(2, Phase::Ready, 0),
            replica(3, Phase::Draining, 0),
            replica(4, Phase::Starting, 0),
            replica(5, Phase::CrashLooping, 0),
            replica(6, Phase::Ready, 0),
            replica(7, Phase::Starting, 0),
            replica(8, Phase::Backoff, 0),
            replica(9, Phase::NotReady, 0),
        ];
        once(spec(1, max, &[rps(100.0)]), &of(replicas).rate(T0, 10.0)).actions
    };
    let drained = |ids: &[u64]| ids.iter().map(|&id| Action::Drain { replica: ReplicaId(id) }).collect::<Vec<_>>();
    assert_eq!(seen(6), drained(&[8, 5]));
    assert_eq!(seen(4), drained(&[8, 5, 7, 4]));
    assert_eq!(seen(1), drained(&[8, 5, 7, 4, 9, 6, 2]));
}

#[test]
fn of_busy_replicas_the_one_that_is_done_soonest_goes() {
    let replica = |id, in_flight, secs: Option<u64>| {
        let work_left = secs.map(Duration::from_secs);
        ReplicaObservation { in_flight, work_left, ..ready(id, 0.1) }
    };
    let replicas = vec![replica(1, 1, Some(540)), replica(2, 3, Some(2)), replica(3, 2, Some(2)), replica(4, 5, None)];
    let drained: Vec<_> = once(spec(1, 1, &[rps(100.0)]), &of(replicas).rate(T0, 10.0)).actions;
    let ids = [4, 3, 2].map(|id| Action::Drain { replica: ReplicaId(id) });
    assert_eq!(drained, ids);
}

#[test]
fn the_whole_report() {
    let p = policy(spec(2, 10, &[rps(100.0), cpu(70.0), memory(80.0), p95(150)]));
    let mut seen = fleet(6, 0.5).rates(T0, 1900.0, 600.0);
    seen.replicas[5] = other(6, Phase::Starting);
    let done = plan(&p, &State::new(), &seen, T0);
    expect![[r#"
        6 -> 10: requestsPerSecond 1900.0/s (target 100.0/s per replica) wants 19 [the last 1s: above 661.2/s, the most that 600.0/s explains]; maxReplicas: 12 -> 10
        decided 2027-01-15T08:00:00.000Z (1m01s ago)

        seen
          ready replicas: 5
          starting replicas: 1
          arrivals: 600.0/s (over 10s, 0s old)
          arrivals: 1900.0/s (over 1s, 0s old)
          cpu per ready replica: 50% (over 10s, 0s old)
          memory per ready replica: 50% (over 10s, 0s old)
          answers: 6000 (over 10s, 0s old)
          latency.p95: 100ms (over 10s, 0s old)

        metrics
          requestsPerSecond 1900.0/s (target 100.0/s per replica) wants 19 [the last 1s: above 661.2/s, the most that 600.0/s explains] <- the largest
          cpu 50% (target 70%) wants 4
          memory 50% (target 80%) wants 4
          latency.p95 100ms (target 150ms) wants 4

        rules, in order
          scaleUpPolicies: 19 -> 12 (policy 1)
          maxReplicas: 12 -> 10

        it would have been
          12 if maxReplicas were higher
          4 if metric requestsPerSecond were absent
    "#]].assert_eq(&done.report.render(T0 + Duration::from_millis(61_300)));
}

#[test]
fn what_a_policy_may_not_say() {
    let problems = |spec| {
        let errors = Policy::try_new(spec).expect_err("the spec is wrong");
        errors.iter().map(|e| format!("{e}\n")).collect::<String>()
    };
    let mut wrong = PolicySpec { requests: ResourceRequests::default(), ..spec(7, 5, &[cpu(70.0), rps(-1.0), rps(2.0)]) };
    wrong.behavior.scale_up.policies.push(ScalingPolicy { kind: PolicyKind::Pods, value: 1, period: secs(1801) });
    wrong.behavior.scale_up.policies[1].value = 0;
    wrong.behavior.scale_down.policies.clear();
    wrong.behavior.scale_down.stabilization_window = secs(3601);
    wrong.behavior.scale_down.tolerance = f64::NAN;
    wrong.stale_after = Duration::ZERO;
    expect![[r#"
        minReplicas is 7, above maxReplicas 5
        resources.requests.cpu must be set above 0, because a target in percent is a share of it
        metrics[1].requestsPerSecond must be a number above 0
        metrics[2].requestsPerSecond names the same metric as metrics[1]
        behavior.scaleUp.policies[1].value must be at least 1
        behavior.scaleUp.policies[2].periodSeconds must be from 1s to 1800s
        behavior.scaleDown.stabilizationWindowSeconds must be from 0ns to 3600s
        behavior.scaleDown.tolerance must be a number of at least 0
        behavior.scaleDown.policies must list at least one policy
        staleAfter must be from 1s to 3600s
    "#]]
    .assert_eq(&problems(wrong));
    expect![[r#"
        maxReplicas must be at least 1
    "#]]
    .assert_eq(&problems(spec(0, 0, &[])));
    expect![[r#"
        maxReplicas must be at most 10000
        metrics must name at least one metric when minReplicas and maxReplicas differ
    "#]]
    .assert_eq(&problems(spec(1, 20_000, &[])));
    assert!(serde_json::from_str::<Policy>(&serde_json::to_string(&spec(3, 2, &[])).unwrap()).is_err());
}

#[test]
fn start_up_times_are_learned() {
    let p = policy(spec(1, 5, &[rps(1.0)]));
    let mut state = State::new();
    assert_eq!(state.startup_estimate(&p), secs(10));
    for s in 1..=10 {
        state.observe_startup(secs(s));
    }
    assert_eq!(state.startup_estimate(&p), secs(9));
}

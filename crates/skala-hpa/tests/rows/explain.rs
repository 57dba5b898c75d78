//! The account of a decision, typed and in words.

use expect_test::expect;
use skala_hpa::PolicyKind::Pods;
use skala_hpa::{Phase, Pod, PodClass, Reading, Step, Target};

use crate::world::*;

#[test]
fn a_busy_service() {
    let mut w = world(4)
        .metric(cpu(Target::utilization(50)), Reading::Pods(samples(&[Some(900), Some(700), None, Some(1)])))
        .metric(external(Target::average_value(30_000)), failed())
        .behavior(Some(rules(60, &[policy(Pods, 1, 60)])), None)
        .grew(&[(30, 1)]);
    w.pods[3] = Pod { phase: Phase::Pending, ..pod() };
    w.pods.push(Pod { deleted: true, ..pod() });
    if let Reading::Pods(r) = &mut w.readings[0] {
        r.requests = skala_hpa::Requests::Milli(vec![300; 5]);
    }
    expect![[r#"
        4 replicas, no change
        cpu resource utilization (percentage of request): proposes 11; 266% of 50% is 5.3200; with missing and unready pods filled in 133% of 50% is 2.6600; rounded up
          pods: 2 ready, 1 unready, 1 missing, 1 ignored
          -> from 45% to 55% it would ask for no change
        external metric queue(nil): failed: unable to get external metric shop/queue/nil: it is gone
        largest proposal: 11, by cpu resource utilization (percentage of request)
        windows: nothing recent holds 11 back
        policy 0: 1 pods per 60 s from 3 allows up to 4
          -> a change of this period stops counting at 1970-01-01T02:47:10.000Z
        ScaleUpLimit: 11 becomes 4 (limit 4): the desired replica count is increasing faster than the maximum scale rate
        error: invalid metrics (1 invalid out of 2), first error is: failed to get queue external metric value: failed to get queue external metric: unable to get external metric shop/queue/nil: it is gone
    "#]].assert_eq(&w.run().explain());
}

#[test]
fn held_by_the_past() {
    let w = world(10).metric(cpu(Target::utilization(50)), all(10, 200)).recommended(&[(200, 8), (100, 9)]);
    expect![[r#"
        10 -> 9 replicas: All metrics below target
        cpu resource utilization (percentage of request): proposes 4; 20% of 50% is 0.4000; rounded up
          pods: 10 ready, 0 unready, 0 missing, 0 ignored
          -> from 45% to 55% it would ask for no change
        largest proposal: 4, by cpu resource utilization (percentage of request)
        windows: 4 becomes 9: recommendations of the last 300 s hold shrinking back (9 at 1970-01-01T02:45:00.000Z)
          -> that one leaves the window at 1970-01-01T02:50:00.000Z
    "#]]
    .assert_eq(&w.run().explain());
    let w = world(10).wants(20).behavior(Some(rules(300, &[policy(Pods, 9, 60)])), None).recommended(&[(200, 10)]);
    expect![[r#"
        10 replicas, no change
        external metric queue(nil): proposes 20; 20 of 1 for each of 10 is 2.0000; rounded up
          -> from 9 to 11 it would ask for no change
        largest proposal: 20, by external metric queue(nil)
        windows: 20 becomes 10: recommendations of the last 300 s hold growing back (10 at 1970-01-01T02:43:20.000Z)
          -> that one leaves the window at 1970-01-01T02:48:20.000Z
    "#]]
    .assert_eq(&w.run().explain());
}

#[test]
fn nothing_to_decide() {
    expect![[r#"
        0 replicas, no change
        the target is at zero, which switches the autoscaler off
          -> scale it to 1 or more by hand to switch it on
    "#]]
    .assert_eq(&world(0).run().explain());
    expect![[r#"
        40 -> 6 replicas: Current number of replicas above Spec.MaxReplicas
        bounds: 40 is outside minReplicas and maxReplicas, so 6 at once
    "#]]
    .assert_eq(&world(40).bounds(1, 6).run().explain());
    let mut w = world(5).wants(1);
    w.scale = Err("not found".into());
    expect![[r#"
        size unknown, no change
        the target's scale could not be read: nothing is decided
        error: failed to query scale subresource: not found
    "#]]
    .assert_eq(&w.run().explain());
    let blocked = world(5).wants(2).metric(custom(Target::average_value(5)), failed()).run();
    expect![[r#"
        5 replicas, no change
        external metric queue(nil): proposes 2; 2 of 1 for each of 5 is 0.4000; rounded up
          -> from 4.5 to 5.5 it would ask for no change
        pods metric rps: failed: unable to get metric rps: it is gone
        1 failed and the others want 2: a failed metric blocks shrinking, the size stays
          -> once every metric can be read, shrinking is possible again
        error: invalid metrics (1 invalid out of 2), first error is: failed to get pods metric value: unable to get metric rps: it is gone
    "#]].assert_eq(&blocked.explain());
}

#[test]
fn the_trace_has_one_class_per_pod_and_the_steps_in_order() {
    let w = world(6).metric(cpu(Target::utilization(50)), all(6, 900)).bounds(1, 8).behavior(None, None);
    let trace = w.run().trace;
    assert_eq!(trace.metrics[0].pods, [PodClass::Ready; 6]);
    let kinds: Vec<&str> = trace
        .steps
        .iter()
        .map(|s| match s {
            Step::Recommended { .. } => "recommended",
            Step::Stabilized { .. } => "stabilized",
            Step::Limited(_) => "limited",
            Step::Clamped { before, after, .. } => {
                assert_eq!((*before, *after), (11, 8));
                "clamped"
            }
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["recommended", "stabilized", "limited", "limited", "clamped"]);
    // What cannot be a number in JSON does not break it.
    let nan = world(0).bounds(0, 9).wants(0).compat("hpa-1.30").run();
    assert!(serde_json::to_string(&nan).is_ok_and(|json| json.contains("\"ratio\":null")));
}

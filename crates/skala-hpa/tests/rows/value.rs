//! Object and External metrics.

use expect_test::{Expect, expect};
use skala_hpa::{Phase, Pod, Reading, ReadyStatus, Scale, Target, TargetKind};

use crate::world::*;

fn total(size: i32, target: i64, value: i64, expected: &Expect) {
    let by_object = world(size).metric(object(Target::value(target)), Reading::Object(value)).first();
    let by_external = world(size).metric(external(Target::value(target)), Reading::External(vec![value])).first();
    assert_eq!(by_object, by_external);
    expected.assert_eq(&by_object);
}

fn per_replica(spec: i32, status: i32, target: i64, value: i64, expected: &Expect) {
    let scaled = |mut w: World| {
        w.scale = Ok(Scale { spec_replicas: spec, status_replicas: status });
        w.first()
    };
    let by_object = scaled(world(1).metric(object(Target::average_value(target)), Reading::Object(value)));
    let by_external = scaled(world(1).metric(external(Target::average_value(target)), Reading::External(vec![value])));
    assert_eq!(by_object, by_external);
    expected.assert_eq(&by_object);
}

#[test]
fn a_total_scales_the_ready_pods() {
    total(3, 1000, 1000, &expect!["3: 1000m r=1.000/1 WithinTolerance"]);
    total(3, 1000, 2000, &expect!["6: 2000m r=2.000/1 Scaled"]);
    total(3, 1000, 0, &expect!["0: 0m r=0.000/1 Scaled"]);
    total(3, 1000, 1100, &expect!["3: 1100m r=1.100/1 WithinTolerance"]);
    total(3, 1000, 1101, &expect!["4: 1101m r=1.101/1 Scaled"]);
    total(3, 1000, 900, &expect!["3: 900m r=0.900/1 WithinTolerance"]);
    total(10, 1000, 899, &expect!["9: 899m r=0.899/1 Scaled"]);
    total(3, 1, i64::MAX, &expect!["2147483647: 9223372036854775807m r=9223372036854775808.000/1 Scaled"]);
}

#[test]
fn ready_means_running_and_ready_deleted_or_not() {
    let mut w = world(6).metric(object(Target::value(1000)), Reading::Object(2000));
    w.pods[0].deleted = true;
    w.pods[1].phase = Phase::Pending;
    w.pods[2].ready = ready(ReadyStatus::Unknown, 0);
    w.pods[3].ready = None;
    expect!["6: 2000m r=2.000/1 Scaled"].assert_eq(&w.first());
    w.pods = vec![Pod { ready: None, ..pod() }; 6];
    expect!["0: 2000m r=2.000/1 Scaled"].assert_eq(&w.first());
    w.pods.clear();
    expect!["unable to calculate ready pods: no pods returned by selector while calculating replica count"].assert_eq(&w.first());
    // Within tolerance, pods are not looked at.
    w.readings[0] = Reading::Object(1000);
    expect!["6: 1000m r=1.000/1 WithinTolerance"].assert_eq(&w.first());
}

#[test]
fn per_replica_divides_by_the_observed_size() {
    per_replica(3, 3, 1000, 3000, &expect!["3: 1000m mean r=1.000/1 WithinTolerance"]);
    per_replica(3, 3, 1000, 3300, &expect!["3: 1100m mean r=1.100/1 WithinTolerance"]);
    per_replica(3, 3, 1000, 3301, &expect!["4: 1101m mean r=1.100/1 Scaled"]);
    per_replica(3, 3, 1000, 2699, &expect!["3: 900m mean r=0.900/1 Scaled"]);
    per_replica(3, 3, 1000, 1999, &expect!["2: 667m mean r=0.666/1 Scaled"]);
    per_replica(3, 3, 1000, 0, &expect!["0: 0m mean r=0.000/1 Scaled"]);
    // Within tolerance it proposes status.replicas, not spec.replicas.
    per_replica(5, 3, 1000, 3000, &expect!["3: 1000m mean r=1.000/1 WithinTolerance"]);
    // No replica observed: nothing is within tolerance, and the reported mean is 0.
    per_replica(1, 0, 1000, 2500, &expect!["3: 0m mean r=inf/1 Scaled"]);
    per_replica(1, 0, 1000, 0, &expect!["0: 0m mean r=NaN/1 Scaled"]);
    per_replica(1, 0, 1, i64::MAX, &expect!["2147483647: 9223372036854775807m mean r=inf/1 Scaled"]);
    // The reported mean is rounded up, and the largest number stands for an overflow.
    per_replica(3, 3, 1000, 10, &expect!["1: 4m mean r=0.003/1 Scaled"]);
    per_replica(3, 3, 1000, i64::MAX, &expect!["2147483647: 9223372036854775807m mean r=3074457345618258.500/1 Scaled"]);
}

#[test]
fn external_values_add_up() {
    let sum = |values: &[i64]| world(2).metric(external(Target::average_value(1000)), Reading::External(values.to_vec())).first();
    expect!["5: 2500m mean r=2.500/1 Scaled"].assert_eq(&sum(&[2000, 0, 3000]));
    expect!["2147483647: 9223372036854775807m mean r=4611686018427388.000/1 Scaled"].assert_eq(&sum(&[i64::MAX, 1]));
    expect!["unable to get external metric shop/queue/nil: no metrics returned from external metrics API"].assert_eq(&sum(&[]));
    expect!["the value -1m is negative"].assert_eq(&sum(&[5000, -1]));
}

#[test]
fn negative_values_fail_and_never_shrink() {
    for target in [Target::value(1000), Target::average_value(1000)] {
        for (spec, reading) in [
            (object(target.clone()), Reading::Object(-1)),
            (external(target.clone()), Reading::External(vec![-1])),
            (external(target.clone()), Reading::External(vec![i64::MIN, i64::MIN])),
        ] {
            let line = world(5).metric(spec, reading).line();
            assert!(line.starts_with("5==5 SucceededGetScale !FailedGet"), "{line}");
        }
    }
}

#[test]
fn targets_that_are_not_positive_fail() {
    for target in [0, -1, i64::MIN] {
        for t in [Target::value(target), Target::average_value(target)] {
            assert!(world(5).metric(object(t.clone()), Reading::Object(7)).first().ends_with("it must be positive"));
            assert!(world(5).metric(external(t), Reading::External(vec![7])).first().ends_with("it must be positive"));
        }
        let line = world(5).metric(custom(Target::average_value(target)), all(5, 1)).line();
        assert_eq!(line, "5==5 SucceededGetScale !FailedGetPodsMetric");
    }
    let line = world(5).metric(cpu(Target::utilization(0)), all(5, 1)).line();
    assert_eq!(line, "5==5 SucceededGetScale !FailedGetResourceMetric");
}

#[test]
fn which_target_counts() {
    // External: the average value wins. Object: the declared type decides, and its field must be there.
    let both = |kind| Target { kind, value: Some(1000), average_value: Some(500), average_utilization: None };
    let with_external = |t| world(2).metric(external(t), Reading::External(vec![2000])).first();
    let with_object = |t| world(2).metric(object(t), Reading::Object(2000)).first();
    expect!["4: 1000m mean r=2.000/1 Scaled"].assert_eq(&with_external(both(TargetKind::Value)));
    expect!["4: 2000m r=2.000/1 Scaled"].assert_eq(&with_object(both(TargetKind::Value)));
    expect!["4: 1000m mean r=2.000/1 Scaled"].assert_eq(&with_object(both(TargetKind::AverageValue)));
    expect!["invalid object metric source: neither a value target nor an average value target was set"]
        .assert_eq(&with_object(Target { kind: TargetKind::AverageValue, ..Target::value(5) }));
    expect!["invalid external metric source: neither a value target nor an average value target was set"]
        .assert_eq(&with_external(Target::utilization(5)));
}

//! Situations that upstream's own unit tests cover, in their settings: cpu initialization 120 s, readiness delay 10 s,
//! a scale-up factor of 8.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_hpa::{Phase, Pod, PodReadings, Reading, ReadyStatus, Requests, Target};

use crate::world::*;

fn upstream(mut w: World) -> World {
    w.settings.cpu_initialization_period = Duration::from_secs(120);
    w.settings.initial_readiness_delay = Duration::from_secs(10);
    w.settings.scale_up_limit_factor = 8.0;
    w
}

/// A pod as those tests make them: started two minutes ago and never changed since, or, if `hot`, just started.
fn ready_pod() -> Pod {
    Pod { started_at: Some(at(NOW - 120)), ready: ready(ReadyStatus::True, NOW - 120), ..pod() }
}

fn unready_pod() -> Pod {
    Pod { ready: ready(ReadyStatus::False, NOW - 120), ..ready_pod() }
}

/// cpu at `percent` over pods that request `request` each.
fn cpu_case(size: i32, percent: i32, request: i64, pods: &[Pod], usages: &[Option<i64>], expected: &Expect) {
    let readings = PodReadings {
        samples: usages.iter().map(|u| u.map(sample)).collect(),
        strangers: vec![],
        requests: Requests::Milli(vec![request; pods.len()]),
    };
    let mut w = upstream(world(size).metric(cpu(Target::utilization(percent)), Reading::Pods(readings)));
    w.pods = pods.to_vec();
    expected.assert_eq(&w.first());
}

#[test]
fn cpu_of_ready_and_unready_pods() {
    let r = ready_pod();
    let u = unready_pod();
    let hot = Pod { started_at: Some(at(NOW - 60)), ready: ready(ReadyStatus::False, NOW - 60), ..pod() };
    let s = Some;
    cpu_case(3, 30, 1000, &[r; 3], &[s(300), s(500), s(700)], &expect!["5: 50% 500m mean r=1.667/3 Scaled"]);
    cpu_case(
        3,
        30,
        1000,
        &[r, r, u],
        &[s(300), s(500), s(700)],
        &expect!["3: 40% 400m mean r=1.333/2 r2=0.867/3 DirectionTurned"],
    );
    cpu_case(3, 30, 1000, &[u, r, r], &[s(300), s(500), s(700)], &expect!["4: 60% 600m mean r=2.000/2 r2=1.333/3 Scaled"]);
    cpu_case(
        3,
        30,
        1000,
        &[r, u, u],
        &[s(400), s(500), s(700)],
        &expect!["3: 40% 400m mean r=1.333/1 r2=0.433/3 DirectionTurned"],
    );
    cpu_case(3, 30, 1000, &[hot, r, r], &[s(300), s(500), s(700)], &expect!["4: 60% 600m mean r=2.000/2 r2=1.333/3 Scaled"]);
    let failed = Pod { phase: Phase::Failed, ..r };
    cpu_case(2, 30, 1000, &[r, r, failed], &[s(500), s(700), None], &expect!["4: 60% 600m mean r=2.000/2 Scaled"]);
    let deleted = Pod { deleted: true, ..r };
    cpu_case(2, 30, 1000, &[r, r, deleted], &[s(500), s(700), s(100)], &expect!["4: 60% 600m mean r=2.000/2 Scaled"]);
    cpu_case(5, 50, 1000, &[r; 5], &[s(100), s(300), s(500), s(250), s(250)], &expect!["3: 28% 280m mean r=0.560/5 Scaled"]);
    // Started long ago, not ready only later: it was ready, so it counts.
    let later = Pod { started_at: Some(at(NOW - 720)), ready: ready(ReadyStatus::False, NOW - 180), ..pod() };
    cpu_case(
        5,
        50,
        1000,
        &[r, r, r, later, later],
        &[s(100), s(300), s(500), s(250), s(250)],
        &expect!["3: 28% 280m mean r=0.560/5 Scaled"],
    );
    cpu_case(
        5,
        50,
        1000,
        &[r, r, r, u, u],
        &[s(100), s(300), s(500), s(250), s(250)],
        &expect!["2: 30% 300m mean r=0.600/3 Scaled"],
    );
    cpu_case(3, 100, 1000, &[r; 3], &[s(1010), s(1030), s(1020)], &expect!["3: 102% 1020m mean r=1.020/3 WithinTolerance"]);
    // Missing samples, and missing together with unready.
    cpu_case(
        4,
        50,
        1000,
        &[r; 4],
        &[s(100), None, None, None],
        &expect!["4: 10% 100m mean r=0.200/1 r2=1.540/4 DirectionTurned"],
    );
    cpu_case(2, 100, 1000, &[r; 2], &[s(900), None], &expect!["2: 90% 900m mean r=0.900/1 r2=0.950/2 WithinToleranceWhenFilled"]);
    cpu_case(
        2,
        100,
        1000,
        &[r; 2],
        &[s(1000), None],
        &expect!["2: 100% 1000m mean r=1.000/1 r2=1.000/1 WithinToleranceWhenFilled"],
    );
    cpu_case(
        2,
        100,
        1000,
        &[r; 2],
        &[s(2000), None],
        &expect!["2: 200% 2000m mean r=2.000/1 r2=1.000/2 WithinToleranceWhenFilled"],
    );
    cpu_case(
        3,
        50,
        1000,
        &[r, r, u],
        &[s(100), s(450), None],
        &expect!["3: 27% 275m mean r=0.540/2 r2=1.020/3 WithinToleranceWhenFilled"],
    );
    cpu_case(
        4,
        50,
        2000,
        &[u, r, r, r],
        &[s(100), s(450), None, s(450)],
        &expect!["4: 22% 450m mean r=0.440/2 r2=0.960/3 WithinToleranceWhenFilled"],
    );
}

#[test]
fn pods_metrics_look_at_pending_pods_only() {
    let w = |pods: &[Pod], values: &[i64]| {
        let values: Vec<Option<i64>> = values.iter().copied().map(Some).collect();
        let mut w = upstream(world(3).metric(custom(Target::average_value(15_000)), Reading::Pods(samples(&values))));
        w.pods = pods.to_vec();
        w.first()
    };
    let (r, u) = (ready_pod(), unready_pod());
    let pending = Pod { phase: Phase::Pending, ..u };
    expect!["4: 20000m mean r=1.333/3 Scaled"].assert_eq(&w(&[r; 3], &[20_000, 10_000, 30_000]));
    expect!["6: 30000m mean r=2.000/3 Scaled"].assert_eq(&w(&[r, u, r], &[50_000, 10_000, 30_000]));
    expect!["3: 15000m mean r=1.000/2 WithinTolerance"].assert_eq(&w(&[r, r, pending], &[20_000, 10_000, 30_000]));
    expect!["4: 30000m mean r=2.000/2 r2=1.333/3 Scaled"].assert_eq(&w(&[r, r, pending], &[50_000, 10_000, 30_000]));
}

#[test]
fn one_value() {
    let object =
        |size, value, target| upstream(world(size).metric(object(Target::value(target)), Reading::Object(value))).first();
    expect!["4: 20000m r=1.333/1 Scaled"].assert_eq(&object(3, 20_000, 15_000));
    expect!["3: 12000m r=0.600/1 Scaled"].assert_eq(&object(5, 12_000, 20_000));
    expect!["2147483647: 9223372036854775807m r=614891469123651.750/1 Scaled"].assert_eq(&object(3, i64::MAX, 15_000));
    let per_pod = |size, value, target| {
        upstream(world(size).metric(external(Target::average_value(target)), Reading::External(vec![value]))).first()
    };
    expect!["4: 2867m mean r=1.333/1 Scaled"].assert_eq(&per_pod(3, 8_600, 2_150));
    expect!["3: 1720m mean r=0.573/1 Scaled"].assert_eq(&per_pod(5, 8_600, 3_000));
    expect!["3: 2867m mean r=0.997/1 WithinTolerance"].assert_eq(&per_pod(3, 8_600, 2_875));
}

#[test]
fn a_factor_of_eight() {
    let w = upstream(world(1).wants(100));
    assert!(w.line().starts_with("1->8 ScaleUpLimit") || w.line().starts_with("1->8 SucceededRescale"), "{}", w.line());
}

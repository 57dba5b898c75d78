//! What differs between releases, each on both sides of its change.

use skala_hpa::{Phase, Pod, Reading, ScalingRules, Target};

use crate::world::*;

fn first(w: &World, release: &str) -> String {
    w.clone().compat(release).first()
}

#[test]
fn the_edge_of_the_tolerance() {
    // |1 - 1.1| is 0.10000000000000009.
    let high = world(10).metric(external(Target::value(1000)), Reading::External(vec![1100]));
    assert_eq!(first(&high, "hpa-1.32"), "11: 1100m r=1.100/1 Scaled");
    assert_eq!(first(&high, "hpa-1.33"), "10: 1100m r=1.100/1 WithinTolerance");
    // 1 - 0.9 is 0.09999999999999998: inside either way.
    let low = world(10).metric(external(Target::value(1000)), Reading::External(vec![900]));
    assert_eq!(first(&low, "hpa-1.32"), first(&low, "hpa-1.33"));
}

#[test]
fn tolerance_per_direction() {
    let r = ScalingRules { tolerance: Some(0.5), ..ScalingRules::default() };
    let w = world(10).metric(external(Target::value(1000)), Reading::External(vec![1400])).behavior(Some(r), None);
    assert_eq!(first(&w, "hpa-1.32"), "14: 1400m r=1.400/1 Scaled");
    assert_eq!(first(&w, "hpa-1.33"), "10: 1400m r=1.400/1 WithinTolerance");
}

#[test]
fn missing_pods_of_a_target_above_the_request() {
    let w = world(4).metric(cpu(Target::utilization(200)), Reading::Pods(samples(&[Some(400), Some(400), None, None])));
    assert_eq!(first(&w, "hpa-1.25"), "2: 40% 400m mean r=0.200/2 r2=0.350/4 Scaled");
    assert_eq!(first(&w, "hpa-1.26"), "3: 40% 400m mean r=0.200/2 r2=0.600/4 Scaled");
}

#[test]
fn missing_pods_exactly_on_target() {
    let w = world(4).metric(custom(Target::average_value(1000)), Reading::Pods(samples(&[Some(1000), Some(1000), None, None])));
    assert_eq!(first(&w, "hpa-1.27"), "2: 1000m mean r=1.000/2 r2=0.500/4 Scaled");
    assert_eq!(first(&w, "hpa-1.28"), "4: 1000m mean r=1.000/2 r2=1.000/2 WithinToleranceWhenFilled");
}

#[test]
fn pods_that_ended_well() {
    let mut w = world(2).metric(cpu(Target::utilization(50)), Reading::Pods(samples(&[Some(1000), None])));
    w.pods[1] = Pod { phase: Phase::Succeeded, ..pod() };
    assert_eq!(first(&w, "hpa-1.37"), "2: 100% 1000m mean r=2.000/1 r2=1.000/2 WithinToleranceWhenFilled");
    assert_eq!(first(&w, "hpa-1.38"), "2: 100% 1000m mean r=2.000/1 Scaled");
}

#[test]
fn the_base_of_a_rate() {
    let r = || Some(rules(0, &[policy(skala_hpa::PolicyKind::Pods, 4, 60)]));
    let size = |wants, release: &str| {
        let w = world(10).wants(wants).behavior(r(), r()).grew(&[(20, 2)]).shrank(&[(10, 3)]);
        w.compat(release).run().desired_replicas
    };
    // Growing from 10 - 2, or from 10 - 2 + 3; shrinking from 10 + 3, or from the same.
    assert_eq!([size(90, "hpa-1.24"), size(90, "hpa-1.25")], [Some(12), Some(15)]);
    assert_eq!([size(1, "hpa-1.24"), size(1, "hpa-1.25")], [Some(9), Some(7)]);
}

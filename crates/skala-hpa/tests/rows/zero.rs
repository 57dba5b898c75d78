//! Size zero: an off switch, or a size like others.

use skala_hpa::{ConditionStatus, ConditionType, Outcome, Reading, Target};

use crate::world::*;

fn at_zero(min: i32, condition: Option<bool>, wants: i64) -> World {
    let mut w = world(0).bounds(min, 9).wants(wants);
    w.scaled_to_zero = condition;
    w
}

const OFF: &str = "0==0 SucceededGetScale !ScalingDisabled";

#[test]
fn zero_is_off_unless_the_condition_says_who_went_there() {
    for condition in [None, Some(false)] {
        for min in [0, 1, 3] {
            assert_eq!(at_zero(min, condition, 5).full_line(), OFF, "{min} {condition:?}");
        }
    }
    assert_eq!(at_zero(0, Some(true), 0).full_line(), "0==0 ReadyForNewScale ValidMetricFound !DesiredWithinRange");
    assert_eq!(
        at_zero(0, Some(true), 3).full_line(),
        "0->3 SucceededRescale ValidMetricFound !DesiredWithinRange !NotScaledToZero"
    );
    // The older rules let the first step reach four.
    assert_eq!(at_zero(0, Some(true), 8).full_line(), "0->4 SucceededRescale ValidMetricFound ScaleUpLimit !NotScaledToZero");
}

#[test]
fn a_raised_minimum_is_reached_from_zero() {
    let line = "0->3 SucceededRescale ValidMetricFound TooFewReplicas !NotScaledToZero";
    assert_eq!(at_zero(3, Some(true), 0).full_line(), line);
    let with_behavior = at_zero(3, Some(true), 0).behavior(None, None);
    assert_eq!(with_behavior.full_line(), "0->3 SucceededRescale ValidMetricFound !DesiredWithinRange !NotScaledToZero");
    assert_eq!(with_behavior.run().reason, "Current number of replicas below Spec.MinReplicas");
}

#[test]
fn only_object_and_external_metrics_leave_zero_by_themselves() {
    let mut w = world(0).bounds(0, 9).metric(cpu(Target::utilization(50)), all(0, 0));
    w.scaled_to_zero = Some(true);
    assert_eq!(w.full_line(), OFF);
    // With a raised minimum they are asked, have no pods, and fail.
    w.spec.min_replicas = Some(1);
    assert_eq!(w.full_line(), "0==0 SucceededGetScale !FailedGetResourceMetric");
}

#[test]
fn from_zero_a_total_needs_neither_pods_nor_tolerance() {
    let from = |value| {
        let mut w = world(0).bounds(0, 99).metric(external(Target::value(1000)), Reading::External(vec![value]));
        w.scaled_to_zero = Some(true);
        w.first()
    };
    assert_eq!(from(0), "0: 0m r=0.000/1 FromZero");
    assert_eq!(from(1), "1: 1m r=0.001/1 FromZero");
    assert_eq!(from(1000), "1: 1000m r=1.000/1 FromZero");
    assert_eq!(from(1001), "2: 1001m r=1.001/1 FromZero");
    assert_eq!(from(i64::MAX), "2147483647: 9223372036854775807m r=9223372036854776.000/1 FromZero");
}

fn zero_condition(outcome: &Outcome) -> Option<ConditionStatus> {
    outcome.condition(ConditionType::ScaledToZero).map(|c| c.status)
}

#[test]
fn every_rescale_says_whether_it_reached_zero() {
    let to = |size: i32, min, wants| zero_condition(&world(size).bounds(min, 9).wants(wants).run());
    assert_eq!(to(3, 0, 0), Some(ConditionStatus::True));
    assert_eq!(to(3, 0, 1), Some(ConditionStatus::False));
    assert_eq!(to(3, 1, 0), Some(ConditionStatus::False));
    assert_eq!(to(3, 0, 3), None);
    // A corrected size is a rescale, too.
    assert_eq!(to(30, 0, 3), Some(ConditionStatus::False));
}

#[test]
fn releases_differ() {
    // Until 1.35 minReplicas: 0 was enough, and a minimum above it an off switch whatever a condition said.
    let old = |min, condition, wants| at_zero(min, condition, wants).compat("hpa-1.35").full_line();
    assert_eq!(old(0, None, 3), "0->3 SucceededRescale ValidMetricFound !DesiredWithinRange");
    assert_eq!(old(0, Some(false), 3), "0->3 SucceededRescale ValidMetricFound !DesiredWithinRange");
    assert_eq!(old(1, Some(true), 3), OFF);
    // 1.36 knows the condition; its gate is off, but an HPA that could not exist without it says otherwise.
    let mid = |w: World| w.compat("hpa-1.36").full_line();
    assert_eq!(mid(at_zero(0, None, 3)), OFF);
    assert_eq!(mid(at_zero(0, Some(true), 3)), "0->3 SucceededRescale ValidMetricFound !DesiredWithinRange !NotScaledToZero");
    assert_eq!(mid(world(3).bounds(0, 9).wants(0)), "3->0 SucceededRescale ValidMetricFound !DesiredWithinRange ScaledToZero");
    let to_one = "3->1 SucceededRescale ValidMetricFound !DesiredWithinRange";
    assert_eq!(mid(world(3).bounds(0, 9).wants(1)), format!("{to_one} !NotScaledToZero"));
    assert_eq!(mid(world(3).bounds(1, 9).wants(1)), to_one);
}

#[test]
fn the_gate_can_be_set() {
    let gate = |name: &str, gate, w: World| {
        let mut w = w.compat(name);
        w.settings.scale_to_zero = Some(gate);
        let outcome = w.run();
        (w.line(), outcome.removes_scaled_to_zero)
    };
    // Off: the condition counts for nothing and is taken away.
    assert_eq!(gate("hpa-1.37", false, at_zero(0, Some(true), 3)), (OFF.to_owned(), true));
    let (line, removes) = gate("hpa-1.37", false, world(3).wants(2));
    assert_eq!((line.as_str(), removes), ("3->2 SucceededRescale ValidMetricFound !DesiredWithinRange", true));
    let (line, removes) = gate("hpa-1.36", true, at_zero(0, Some(true), 3));
    assert!(line.starts_with("0->3 ") && !removes);
}

//! An HPA with `behavior`: windows, policies, events.

use skala_hpa::PolicyKind::{Percent, Pods};
use skala_hpa::{ScalingRules, SelectPolicy};

use crate::world::*;

fn sizes(w: &World) -> (i32, i32) {
    let outcome = w.run();
    (outcome.current_replicas.expect("rows have a scale"), outcome.desired_replicas.expect("rows have a scale"))
}

#[test]
fn defaults_grow_by_four_or_double_and_shrink_freely_after_the_cluster_window() {
    let grow = |size: i32, wants| sizes(&world(size).wants(wants).behavior(None, None)).1;
    assert_eq!([grow(1, 90), grow(3, 90), grow(4, 90), grow(10, 90)], [5, 7, 8, 20]);
    let shrink = |log: &[(u64, i32)]| sizes(&world(10).wants(1).behavior(None, None).recommended(log)).1;
    assert_eq!([shrink(&[]), shrink(&[(299, 7)]), shrink(&[(300, 7)])], [1, 7, 1]);
}

#[test]
fn each_field_and_each_direction_is_filled_alone() {
    // A window alone keeps the default policies; policies alone keep the cluster's window.
    let window = ScalingRules { stabilization_window_seconds: Some(60), ..ScalingRules::default() };
    let w = world(10).wants(1).behavior(None, Some(window)).recommended(&[(61, 9)]);
    assert_eq!(sizes(&w), (10, 1));
    let slow = ScalingRules { policies: Some(vec![policy(Pods, 2, 60)]), ..ScalingRules::default() };
    let w = world(10).wants(1).behavior(None, Some(slow.clone()));
    assert_eq!(sizes(&w), (10, 8));
    assert_eq!(sizes(&w.clone().recommended(&[(299, 10)])), (10, 10));
    // A given list replaces the default: no doubling besides.
    assert_eq!(sizes(&world(10).wants(90).behavior(Some(slow), None)), (10, 12));
}

#[test]
fn windows_are_strict_at_their_far_edge() {
    let down =
        |ago| sizes(&world(10).wants(2).behavior(None, Some(rules(60, &[policy(Percent, 100, 15)]))).recommended(&[(ago, 8)])).1;
    assert_eq!([down(59), down(60), down(61)], [8, 2, 2]);
    let up = |ago| {
        sizes(&world(10).wants(18).behavior(Some(rules(60, &[policy(Percent, 100, 15)])), None).recommended(&[(ago, 12)])).1
    };
    assert_eq!([up(59), up(60), up(61)], [12, 18, 18]);
    // A window of 0 looks at nothing, not even at an entry of this very moment.
    let zero = world(10).wants(2).behavior(None, Some(rules(0, &[policy(Percent, 100, 15)]))).recommended(&[(0, 9)]);
    assert_eq!(sizes(&zero), (10, 2));
}

#[test]
fn the_size_moves_only_as_far_as_both_windows_want() {
    let both = |wants, log: &[(u64, i32)]| {
        let r = || Some(rules(300, &[policy(Percent, 100, 15)]));
        let line = world(10).wants(wants).behavior(r(), r()).recommended(log).line();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    // Rising and falling logs hold the size.
    assert_eq!(both(15, &[(20, 5)]), "10==10 ScaleUpStabilized");
    assert_eq!(both(5, &[(20, 15)]), "10==10 ScaleDownStabilized");
    // Growing to the lowest of the window, shrinking to its highest.
    assert_eq!(both(15, &[(20, 12), (10, 14)]), "10->12 SucceededRescale");
    assert_eq!(both(5, &[(20, 8), (10, 6)]), "10->8 SucceededRescale");
    // The new recommendation is the size, and past ones disagree on both sides.
    assert_eq!(both(10, &[(20, 12), (10, 8)]), "10==10 ReadyForNewScale");
    // Every past one is above, the new one is the size: it stays.
    assert_eq!(both(10, &[(20, 12)]), "10==10 ReadyForNewScale");
}

#[test]
fn the_reason_of_a_held_size_goes_by_what_metrics_want() {
    let held = |wants, log: &[(u64, i32)]| {
        let r = || Some(rules(300, &[policy(Pods, 1, 1800)]));
        world(10).wants(wants).behavior(r(), r()).recommended(log).line()
    };
    assert_eq!(held(15, &[(20, 10)]), "10==10 ScaleUpStabilized ValidMetricFound !DesiredWithinRange");
    assert_eq!(held(5, &[(20, 10)]), "10==10 ScaleDownStabilized ValidMetricFound !DesiredWithinRange");
    // A rate then stops what the window let through, one replica having been added already.
    let w = world(10).wants(15).behavior(Some(rules(0, &[policy(Pods, 1, 1800)])), None).grew(&[(5, 1)]);
    assert_eq!(w.line(), "10==10 ReadyForNewScale ValidMetricFound ScaleUpLimit");
}

#[test]
fn rates_round_up_when_growing_and_towards_zero_when_shrinking() {
    let up = |size, percent| {
        sizes(&world(size).bounds(0, 9999).wants(9999).behavior(Some(rules(0, &[policy(Percent, percent, 60)])), None)).1
    };
    assert_eq!([up(100, 10), up(50, 10), up(10, 1), up(1, 100)], [111, 56, 11, 2]);
    let down = |size, percent| {
        let w = world(size).bounds(1, 9999).wants(0).behavior(None, Some(rules(0, &[policy(Percent, percent, 60)])));
        sizes(&w).1
    };
    assert_eq!([down(100, 90), down(10, 10), down(10, 15), down(10, 99)], [9, 9, 8, 1]);
}

#[test]
fn select_policy_takes_the_biggest_the_smallest_or_no_change() {
    let two = [policy(Pods, 3, 60), policy(Percent, 50, 60)];
    let with = |select, wants| {
        let r = Some(ScalingRules { select_policy: Some(select), ..rules(0, &two) });
        sizes(&world(10).wants(wants).behavior(r.clone(), r)).1
    };
    assert_eq!([with(SelectPolicy::Max, 90), with(SelectPolicy::Min, 90), with(SelectPolicy::Disabled, 90)], [15, 13, 10]);
    assert_eq!([with(SelectPolicy::Max, 1), with(SelectPolicy::Min, 1), with(SelectPolicy::Disabled, 1)], [5, 7, 10]);
}

#[test]
fn no_policy_means_no_change() {
    for select in [SelectPolicy::Max, SelectPolicy::Min] {
        let r = Some(ScalingRules { select_policy: Some(select), ..rules(0, &[]) });
        assert_eq!(sizes(&world(10).wants(90).behavior(r.clone(), r.clone())), (10, 10));
        assert_eq!(sizes(&world(10).wants(1).behavior(r.clone(), r)), (10, 10));
    }
}

#[test]
fn the_base_is_the_size_at_the_start_of_the_period() {
    let r = || Some(rules(0, &[policy(Pods, 4, 60)]));
    let up =
        |grew: &[(u64, i32)], shrank: &[(u64, i32)]| sizes(&world(10).wants(90).behavior(r(), r()).grew(grew).shrank(shrank)).1;
    assert_eq!(up(&[], &[]), 14);
    assert_eq!(up(&[(59, 3)], &[]), 11);
    // Strictly newer than the period's start.
    assert_eq!(up(&[(60, 3)], &[]), 14);
    // More was added than the policy allows now: the size stays, it does not shrink.
    assert_eq!(up(&[(10, 9)], &[]), 10);
    // What was removed in the period may be added again besides.
    assert_eq!(up(&[], &[(10, 5)]), 19);
    assert_eq!(up(&[(20, 2), (15, 1)], &[(10, 5)]), 16);
    let down =
        |grew: &[(u64, i32)], shrank: &[(u64, i32)]| sizes(&world(10).wants(1).behavior(r(), r()).grew(grew).shrank(shrank)).1;
    assert_eq!(down(&[], &[]), 6);
    assert_eq!(down(&[], &[(59, 3)]), 9);
    assert_eq!(down(&[], &[(60, 3)]), 6);
    assert_eq!(down(&[], &[(10, 9)]), 10);
    assert_eq!(down(&[(10, 3)], &[]), 3);
}

#[test]
fn every_policy_has_its_own_period() {
    let r = Some(rules(0, &[policy(Pods, 4, 15), policy(Percent, 100, 600)]));
    // 10 now, 6 at the start of 600 s: 14 by the first, 12 by the second.
    let w = world(10).wants(90).behavior(r, None).grew(&[(100, 4)]);
    assert_eq!(sizes(&w), (10, 14));
}

#[test]
fn bounds_and_rates_name_the_tighter_one() {
    let r = || Some(rules(0, &[policy(Pods, 4, 60)]));
    let line = |wants, min, max| world(10).bounds(min, max).wants(wants).behavior(r(), r()).line();
    assert_eq!(line(90, 1, 15), "10->14 SucceededRescale ValidMetricFound ScaleUpLimit");
    assert_eq!(line(90, 1, 14), "10->14 SucceededRescale ValidMetricFound TooManyReplicas");
    assert_eq!(line(90, 1, 12), "10->12 SucceededRescale ValidMetricFound TooManyReplicas");
    assert_eq!(line(14, 1, 20), "10->14 SucceededRescale ValidMetricFound !DesiredWithinRange");
    assert_eq!(line(1, 5, 20), "10->6 SucceededRescale ValidMetricFound ScaleDownLimit");
    assert_eq!(line(1, 6, 20), "10->6 SucceededRescale ValidMetricFound TooFewReplicas");
    assert_eq!(line(1, 8, 20), "10->8 SucceededRescale ValidMetricFound TooFewReplicas");
    assert_eq!(line(6, 1, 20), "10->6 SucceededRescale ValidMetricFound !DesiredWithinRange");
}

#[test]
fn recommendations_are_reused_when_older_than_both_windows() {
    let logged = |log: &[(u64, i32)]| {
        let r = |s| Some(rules(s, &[policy(Pods, 4, 60)]));
        let history = world(10).wants(10).behavior(r(30), r(60)).recommended(log).run().history.expect("a scale");
        history.recommendations.iter().map(|e| NOW - e.at.as_nanos() / 1_000_000_000).collect::<Vec<_>>()
    };
    assert_eq!(logged(&[(40, 1)]), [40, 0]);
    assert_eq!(logged(&[(60, 1)]), [60, 0]);
    assert_eq!(logged(&[(61, 1)]), [0]);
    assert_eq!(logged(&[(99, 1), (98, 1), (5, 1)]), [99, 0, 5]);
}

#[test]
fn events_are_logged_per_direction_with_that_directions_longest_period() {
    let events = |wants, grew: &[(u64, i32)], shrank: &[(u64, i32)]| {
        let (up, down) = (rules(0, &[policy(Pods, 4, 15), policy(Pods, 4, 60)]), rules(0, &[policy(Pods, 4, 600)]));
        let w = world(10).wants(wants).behavior(Some(up), Some(down)).grew(grew).shrank(shrank);
        let h = w.run().history.expect("a scale");
        let show =
            |l: &[skala_hpa::ScaleEvent]| l.iter().map(|e| (NOW - e.at.as_nanos() / 1_000_000_000, e.change)).collect::<Vec<_>>();
        (show(&h.scale_ups), show(&h.scale_downs))
    };
    assert_eq!(events(13, &[], &[]), (vec![(0, 3)], vec![]));
    assert_eq!(events(8, &[], &[]), (vec![], vec![(0, 2)]));
    assert_eq!(events(10, &[(900, 1)], &[(900, 1)]), (vec![(900, 1)], vec![(900, 1)]));
    assert_eq!(events(13, &[(60, 1)], &[]), (vec![(60, 1), (0, 3)], vec![]));
    assert_eq!(events(13, &[(61, 1), (62, 2), (5, 1)], &[]).0, [(61, 1), (0, 3), (5, 1)]);
    assert_eq!(events(8, &[], &[(600, 1)]).1, [(600, 1), (0, 2)]);
    assert_eq!(events(8, &[], &[(601, 1)]).1, [(0, 2)]);
}

#[test]
fn an_addition_reused_by_its_own_period_is_missed_by_a_longer_one_of_the_other_direction() {
    // The scale-down policy looks back 600 s. 100 s ago 5 were added, but scale-up policies need only 60 s: the next addition
    // takes the slot, and the base of the scale-down then lacks it. Upstream counts too little here, and so does this.
    let r = |period| Some(rules(0, &[policy(Pods, 4, period)]));
    let w = world(10).behavior(r(60), r(600)).grew(&[(100, 5)]);
    assert_eq!(sizes(&w.clone().wants(1)), (10, 1));
    let grown = w.wants(12).run();
    assert_eq!(grown.desired_replicas, Some(12));
    let mut next = world(12).wants(1).behavior(r(60), r(600));
    next.history = grown.history.map(|h| skala_hpa::History { recommendations: vec![], ..h });
    // With both additions the base would be 12 - 5 - 2 = 5 and the limit 1.
    assert_eq!(sizes(&next), (12, 6));
}

#[test]
fn tolerances_per_direction_fall_back_to_the_cluster() {
    let with = |up: Option<f64>, down: Option<f64>, value| {
        let r = |tolerance| Some(ScalingRules { tolerance, ..ScalingRules::default() });
        let w = world(10)
            .behavior(r(up), r(down))
            .metric(external(skala_hpa::Target::value(1000)), skala_hpa::Reading::External(vec![value]));
        sizes(&w).1
    };
    assert_eq!([with(None, None, 1100), with(None, None, 1101), with(None, None, 900), with(None, None, 899)], [10, 12, 10, 9]);
    assert_eq!([with(Some(0.0), None, 1000), with(Some(0.0), None, 1001), with(Some(0.0), None, 901)], [10, 11, 10]);
    assert_eq!([with(None, Some(0.5), 500), with(None, Some(0.5), 499), with(None, Some(0.5), 1101)], [10, 5, 12]);
    // It may exceed 1: then nothing shrinks for being too small.
    assert_eq!([with(None, Some(1.5), 0), with(Some(2.0), None, 3000), with(Some(2.0), None, 3001)], [10, 10, 20]);
    // Unusable ones count as 0, and are told.
    assert_eq!([with(Some(f64::NAN), None, 1001), with(Some(-3.0), None, 1001)], [11, 11]);
}

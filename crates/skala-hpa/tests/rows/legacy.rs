//! An HPA without `behavior`: one window, a doubling per step, bounds.

use std::time::Duration;

use crate::world::*;

#[test]
fn the_window_holds_shrinking_and_its_far_edge_is_inside() {
    let rows: &[(&[(u64, i32)], &str)] = &[
        (&[], "10->3 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (&[(300, 7)], "10->7 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (&[(301, 7)], "10->3 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (&[(10, 10)], "10==10 ScaleDownStabilized ValidMetricFound !DesiredWithinRange"),
        (&[(10, 2)], "10->3 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (&[(200, 5), (100, 8), (10, 6)], "10->8 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        // A past recommendation above the size makes it grow, even though metrics want less.
        (&[(10, 15)], "10->15 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        // One above the maximum was logged as it was, and holds the size at the maximum.
        (&[(10, 500)], "10->20 SucceededRescale ValidMetricFound ScaleUpLimit"),
    ];
    for (log, line) in rows {
        assert_eq!(world(10).wants(3).recommended(log).line(), *line, "{log:?}");
    }
    // The window is the cluster's.
    let mut w = world(10).wants(3).recommended(&[(61, 7)]);
    w.settings.downscale_stabilization = Duration::from_secs(60);
    assert_eq!(w.line(), "10->3 SucceededRescale ValidMetricFound !DesiredWithinRange");
}

#[test]
fn growing_is_not_held() {
    let line = "10->12 SucceededRescale ValidMetricFound !DesiredWithinRange";
    assert_eq!(world(10).wants(12).recommended(&[(1, 3), (2, 11)]).line(), line);
}

#[test]
fn one_step_at_most_doubles_but_reaches_four() {
    let rows = [
        (1, 100, 3, "1->3 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (1, 100, 9, "1->4 SucceededRescale ValidMetricFound ScaleUpLimit"),
        (2, 100, 9, "2->4 SucceededRescale ValidMetricFound ScaleUpLimit"),
        (3, 100, 9, "3->6 SucceededRescale ValidMetricFound ScaleUpLimit"),
        (3, 100, 6, "3->6 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        // The maximum is named where it does not exceed the limit.
        (3, 6, 9, "3->6 SucceededRescale ValidMetricFound TooManyReplicas"),
        (3, 5, 9, "3->5 SucceededRescale ValidMetricFound TooManyReplicas"),
        (3, 7, 9, "3->6 SucceededRescale ValidMetricFound ScaleUpLimit"),
        (6, 6, 9, "6==6 ReadyForNewScale ValidMetricFound TooManyReplicas"),
    ];
    for (size, max, wants, line) in rows {
        assert_eq!(world(size).bounds(1, max).wants(wants).line(), line, "{size} to {wants}, at most {max}");
    }
}

#[test]
fn the_factor_and_the_minimum_are_settings() {
    let mut w = world(3).wants(90);
    w.settings.scale_up_limit_factor = 8.0;
    assert!(w.line().starts_with("3->24 "));
    w.settings.scale_up_limit_minimum = 50.9;
    assert!(w.line().starts_with("3->50 "));
    for odd in [f64::NAN, f64::INFINITY, -1.0] {
        w.settings.scale_up_limit_factor = odd;
        let size = w.run().desired_replicas;
        assert!(size >= Some(3), "{odd}: {size:?}");
    }
}

#[test]
fn the_minimum_is_kept() {
    let line = world(5).bounds(2, 9).wants(1).line();
    assert_eq!(line, "5->2 SucceededRescale ValidMetricFound TooFewReplicas");
    assert_eq!(world(2).bounds(2, 9).wants(1).line(), "2==2 ReadyForNewScale ValidMetricFound TooFewReplicas");
    assert_eq!(world(2).bounds(2, 9).wants(2).line(), "2==2 ReadyForNewScale ValidMetricFound !DesiredWithinRange");
}

#[test]
fn the_raw_recommendation_is_logged_in_the_last_old_slot() {
    let logged = |log: &[(u64, i32)]| {
        let history = world(10).wants(500).recommended(log).run().history.expect("the scale was read");
        assert!(history.scale_ups.is_empty(), "no behavior, no events");
        history.recommendations.iter().map(|r| (NOW - r.at.as_nanos() / 1_000_000_000, r.replicas)).collect::<Vec<_>>()
    };
    assert_eq!(logged(&[]), [(0, 500)]);
    assert_eq!(logged(&[(300, 1)]), [(300, 1), (0, 500)]);
    assert_eq!(logged(&[(301, 1)]), [(0, 500)]);
    assert_eq!(logged(&[(400, 1), (10, 2), (350, 3), (9, 4)]), [(400, 1), (10, 2), (0, 500), (9, 4)]);
}

#[test]
fn a_controller_that_just_started_does_not_shrink() {
    let mut w = world(10).wants(3);
    w.history = None;
    assert_eq!(w.line(), "10==10 ScaleDownStabilized ValidMetricFound !DesiredWithinRange");
    let log = w.run().history.expect("the scale was read").recommendations;
    assert_eq!(log.iter().map(|r| r.replicas).collect::<Vec<_>>(), [10, 3]);
}

//! Several metrics, failures among them, and what happens before metrics are looked at.

use skala_hpa::{Reading, Selector, Step, Target};

use crate::world::*;

/// External metrics that each ask for a size, `None` for one that fails.
fn wanting(size: i32, wants: &[Option<i64>]) -> World {
    wants.iter().fold(world(size), |w, want| match want {
        Some(n) => w.wants(*n),
        None => w.metric(cpu(Target::utilization(50)), failed()),
    })
}

#[test]
fn the_largest_proposal_wins() {
    for wants in [[3, 7, 5], [7, 3, 5], [5, 3, 7]] {
        let w = wanting(5, &wants.map(Some));
        assert_eq!(w.line(), "5->7 SucceededRescale ValidMetricFound !DesiredWithinRange");
    }
}

#[test]
fn of_several_zeros_the_last_is_named_and_of_equals_the_first() {
    let winner = |w: World| {
        w.run().trace.steps.iter().find_map(|s| match s {
            Step::Recommended { metric, replicas } => Some((*metric, *replicas)),
            _ => None,
        })
    };
    assert_eq!(winner(wanting(5, &[Some(0), Some(0), Some(0)])), Some((2, 0)));
    assert_eq!(winner(wanting(5, &[Some(4), Some(4), Some(0)])), Some((0, 4)));
    assert_eq!(winner(wanting(5, &[Some(0), Some(4), Some(4)])), Some((1, 4)));
}

#[test]
fn a_failed_metric_blocks_shrinking_and_nothing_else() {
    let grown = "5->7 SucceededRescale ValidMetricFound !DesiredWithinRange";
    let stays = "5==5 ReadyForNewScale ValidMetricFound !DesiredWithinRange";
    let blocked = "5==5 SucceededGetScale !FailedGetResourceMetric";
    let rows: &[(&[Option<i64>], &str)] = &[
        (&[None, Some(7)], grown),
        (&[Some(7), None], grown),
        (&[None, Some(5)], stays),
        (&[None, Some(4)], blocked),
        (&[Some(4), None], blocked),
        (&[None, Some(4), Some(6)], "5->6 SucceededRescale ValidMetricFound !DesiredWithinRange"),
        (&[None], blocked),
        (&[None, None], blocked),
    ];
    for (wants, line) in rows {
        assert_eq!(wanting(5, wants).line(), *line, "{wants:?}");
    }
}

#[test]
fn the_first_failure_gives_the_reason_and_the_rest_are_told_as_events() {
    let w = world(5).wants(2).metric(custom(Target::average_value(5)), failed()).metric(object(Target::value(5)), failed());
    let outcome = w.run();
    assert_eq!(w.line(), "5==5 SucceededGetScale !FailedGetPodsMetric");
    let reasons: Vec<&str> = outcome.events.iter().map(|e| e.reason).collect();
    assert_eq!(reasons, ["FailedGetPodsMetric", "FailedGetObjectMetric", "FailedComputeMetricsReplicas"]);
    assert_eq!(
        outcome.error.as_deref(),
        Some(
            "invalid metrics (2 invalid out of 3), first error is: failed to get pods metric value: unable to get metric rps: it is gone"
        )
    );
    // Growing in spite of a failure is told as an error, too.
    let grown = wanting(5, &[None, Some(9)]).run();
    assert!(grown.rescale && grown.error.is_some());
}

#[test]
fn a_partial_failure_never_blocks_at_zero() {
    let mut w = wanting(0, &[None, Some(0)]).bounds(0, 9);
    w.scaled_to_zero = Some(true);
    assert_eq!(w.line(), "0==0 ReadyForNewScale ValidMetricFound !DesiredWithinRange");
}

#[test]
fn sizes_outside_the_bounds_are_corrected_at_once() {
    let rules = rules(300, &[policy(skala_hpa::PolicyKind::Pods, 1, 1800)]);
    let w =
        |size: i32| world(size).bounds(3, 6).wants(9).behavior(Some(rules.clone()), Some(rules.clone())).recommended(&[(1, 50)]);
    let (over, under) = (w(40).run(), w(1).run());
    assert_eq!(w(40).line(), "40->6 SucceededRescale");
    assert_eq!(w(1).line(), "1->3 SucceededRescale");
    assert_eq!(over.reason, "Current number of replicas above Spec.MaxReplicas");
    assert_eq!(under.reason, "Current number of replicas below Spec.MinReplicas");
    assert!(over.metrics.is_empty() && under.metrics.is_empty());
    // They are events like any other change, and leave the recommendations alone.
    let (over, under) = (over.history.expect("a scale"), under.history.expect("a scale"));
    assert_eq!((over.scale_downs[0].change, under.scale_ups[0].change), (34, 2));
    assert_eq!((over.recommendations.len(), under.recommendations.len()), (1, 1));
}

#[test]
fn a_new_controller_assumes_the_size_even_when_metrics_are_not_looked_at() {
    let recommendations = |w: &mut World| {
        w.history = None;
        w.run().history.map(|h| h.recommendations.iter().map(|r| r.replicas).collect::<Vec<_>>())
    };
    assert_eq!(recommendations(&mut world(40).bounds(1, 6)), Some(vec![40]));
    assert_eq!(recommendations(&mut world(0)), Some(vec![0]));
    assert_eq!(recommendations(&mut wanting(5, &[None])), Some(vec![5]));
    let mut unknown = world(5);
    unknown.scale = Err("not found".into());
    assert_eq!(recommendations(&mut unknown), None);
    // An empty log is not a missing one.
    assert_eq!(world(0).run().history.map(|h| h.recommendations.len()), Some(0));
}

#[test]
fn a_selector_that_cannot_be_used_holds_the_size() {
    let with = |selector| {
        let mut w = world(5).wants(9);
        w.selector = selector;
        w
    };
    assert_eq!(with(Selector::Empty).line(), "5==5 SucceededGetScale !InvalidSelector");
    assert_eq!(with(Selector::Unparsable("found '='".into())).line(), "5==5 SucceededGetScale !InvalidSelector");
    let two = Selector::Ambiguous { selector: "app=api".into(), autoscalers: "[shop/a shop/b]".into() };
    assert_eq!(with(two.clone()).line(), "5==5 SucceededGetScale !AmbiguousSelector");
    // Bounds come first.
    let mut w = with(two).bounds(7, 9);
    w.history = None;
    assert_eq!(w.line(), "5->7 SucceededRescale");
}

#[test]
fn a_spec_without_metrics_holds_the_size_and_gets_cpu_by_default() {
    assert_eq!(world(5).line(), "5==5 SucceededGetScale !InvalidMetricSourceType");
    let mut w = world(5);
    w.spec = w.spec.with_defaults();
    w.readings = vec![all(5, 960)];
    assert_eq!(w.first(), "6: 96% 960m mean r=1.200/5 Scaled");
    assert_eq!(w.spec.clone().with_defaults(), w.spec);
}

#[test]
fn readings_that_do_not_fit_fail_their_metric() {
    let wrong = Reading::Object(7);
    assert_eq!(world(5).metric(cpu(Target::utilization(50)), wrong).line(), "5==5 SucceededGetScale !FailedGetResourceMetric");
    let mut w = world(5).wants(2);
    w.readings.clear();
    assert_eq!(w.line(), "5==5 SucceededGetScale !FailedGetExternalMetric");
    let mut w = world(5).wants(7);
    w.readings.push(failed());
    assert!(w.line().starts_with("5->7 "));
    assert_eq!(w.run().warnings.len(), 1);
    let moon = skala_hpa::MetricSpec::Unknown { kind: "Moon".into() };
    assert_eq!(world(5).metric(moon, Reading::Object(1)).line(), "5==5 SucceededGetScale !InvalidMetricSourceType");
}

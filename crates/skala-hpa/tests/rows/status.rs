//! Conditions, events and texts, and a write that fails.

use expect_test::{Expect, expect};
use skala_hpa::{ConditionType, MetricId, MetricSpec, Outcome, Selector, Target};

use crate::world::*;

fn told(outcome: &Outcome, expected: &Expect) {
    let mut lines = String::new();
    for c in &outcome.conditions {
        lines += &format!("{:?}={:?} {}: {}\n", c.kind, c.status, c.reason, c.message);
    }
    for e in &outcome.events {
        lines += &format!("{:?} {}: {}\n", e.severity, e.reason, e.message);
    }
    if let Some(error) = &outcome.error {
        lines += &format!("error: {error}\n");
    }
    expected.assert_eq(&lines);
}

#[test]
fn a_rescale() {
    let w = world(5).metric(cpu(Target::utilization(50)), all(5, 800));
    told(
        &w.run(),
        &expect![[r#"
        AbleToScale=True SucceededRescale: the HPA controller was able to update the target scale to 8
        ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)
        ScalingLimited=False DesiredWithinRange: the desired count is within the acceptable range
        ScaledToZero=False NotScaledToZero: the HPA controller did not scale the workload to zero
        Normal SuccessfulRescale: New size: 8; reason: cpu resource utilization (percentage of request) above target
    "#]],
    );
}

#[test]
fn a_rescale_that_could_not_be_written() {
    let w = world(5).metric(cpu(Target::utilization(50)), all(5, 800)).behavior(None, None).grew(&[(900, 1)]);
    let outcome = w.run();
    assert_eq!(outcome.history.as_ref().map(|h| h.scale_ups[0].change), Some(3));
    let failed = outcome.clone().update_failed("the server is busy");
    told(
        &failed,
        &expect![[r#"
        AbleToScale=False FailedUpdateScale: the HPA controller was unable to update the target scale: the server is busy
        ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)
        ScalingLimited=False DesiredWithinRange: the desired count is within the acceptable range
        Warning FailedRescale: New size: 8; reason: cpu resource utilization (percentage of request) above target; error: the server is busy
        error: failed to rescale: the server is busy
    "#]],
    );
    assert_eq!((failed.rescale, failed.desired_replicas), (false, Some(5)));
    // The recommendation stays logged, the change does not, and the slot it took is given back.
    let (before, after) = (outcome.history.expect("a scale"), failed.history.expect("a scale"));
    assert_eq!(after.recommendations, before.recommendations);
    assert_eq!(Some(after.scale_ups), w.history.clone().map(|h| h.scale_ups));
    // Where nothing was to be written, nothing can fail.
    let quiet = world(5).wants(5).run();
    assert_eq!(quiet.clone().update_failed("never"), quiet);
}

#[test]
fn the_scale_cannot_be_read() {
    let mut w = world(5).wants(1);
    w.scale = Err("deployments.apps \"api\" not found".into());
    told(
        &w.run(),
        &expect![[r#"
        AbleToScale=False FailedGetScale: the HPA controller was unable to get the target's current scale: deployments.apps "api" not found
        Warning FailedGetScale: deployments.apps "api" not found
        error: failed to query scale subresource: deployments.apps "api" not found
    "#]],
    );
    assert_eq!((w.run().desired_replicas, w.run().history), (None, w.history));
}

#[test]
fn selectors() {
    let mut w = world(5).wants(1);
    w.selector = Selector::Empty;
    told(
        &w.run(),
        &expect![[r#"
        AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale
        ScalingActive=False InvalidSelector: the HPA target's scale is missing a selector
        Warning SelectorRequired: selector is required
        Warning FailedComputeMetricsReplicas: selector is required
        error: selector is required
    "#]],
    );
    w.selector = Selector::Ambiguous { selector: "app=api".into(), autoscalers: "[shop/a shop/b]".into() };
    told(
        &w.run(),
        &expect![[r#"
        AbleToScale=True SucceededGetScale: the HPA controller was able to get the target's current scale
        ScalingActive=False AmbiguousSelector: pods by selector app=api are controlled by multiple HPAs: [shop/a shop/b]
        Warning AmbiguousSelector: pods by selector app=api are controlled by multiple HPAs: [shop/a shop/b]
        Warning FailedComputeMetricsReplicas: pods by selector app=api are controlled by multiple HPAs: [shop/a shop/b]
        error: pods by selector app=api are controlled by multiple HPAs: [shop/a shop/b]
    "#]],
    );
}

#[test]
fn a_window_and_a_limit() {
    let w = world(5).wants(2).behavior(None, None).recommended(&[(10, 4)]);
    told(
        &w.run(),
        &expect![[r#"
        AbleToScale=True SucceededRescale: the HPA controller was able to update the target scale to 4
        ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from external metric queue(nil)
        ScalingLimited=False DesiredWithinRange: the desired count is within the acceptable range
        ScaledToZero=False NotScaledToZero: the HPA controller did not scale the workload to zero
        Normal SuccessfulRescale: New size: 4; reason: All metrics below target
    "#]],
    );
    told(
        &world(5).bounds(1, 5).wants(9).recommended(&[(10, 4)]).run(),
        &expect![[r#"
        AbleToScale=True ReadyForNewScale: recommended size matches current size
        ScalingActive=True ValidMetricFound: the HPA was able to successfully calculate a replica count from external metric queue(nil)
        ScalingLimited=True TooManyReplicas: the desired replica count is more than the maximum replica count
    "#]],
    );
}

/// What the condition and the error say when a metric of this kind fails.
fn failure(spec: MetricSpec, expected: &Expect) {
    let outcome = world(5).metric(spec, failed()).run();
    let active = outcome.condition(ConditionType::ScalingActive).expect("metrics were looked at");
    let error = outcome.error.clone().unwrap_or_default();
    expected.assert_eq(&format!("{}: {}\n{error}\n", active.reason, active.message));
}

#[test]
fn every_type_words_its_failure() {
    failure(
        cpu(Target::utilization(5)),
        &expect![[r#"
        FailedGetResourceMetric: the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: it is gone
    "#]],
    );
    failure(
        memory(Target::average_value(5)),
        &expect![[r#"
        FailedGetResourceMetric: the HPA was unable to compute the replica count: failed to get memory usage: unable to get metrics for resource memory: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get memory resource metric value: failed to get memory usage: unable to get metrics for resource memory: it is gone
    "#]],
    );
    let container = MetricSpec::ContainerResource { name: "cpu".into(), container: "app".into(), target: Target::utilization(5) };
    failure(
        container,
        &expect![[r#"
        FailedGetContainerResourceMetric: the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get app container metric value: failed to get cpu utilization: unable to get metrics for resource cpu: it is gone
    "#]],
    );
    failure(
        custom(Target::average_value(5)),
        &expect![[r#"
        FailedGetPodsMetric: the HPA was unable to compute the replica count: unable to get metric rps: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get pods metric value: unable to get metric rps: it is gone
    "#]],
    );
    failure(
        object(Target::average_value(5)),
        &expect![[r#"
        FailedGetObjectMetric: the HPA was unable to compute the replica count: unable to get metric hits on Ingress shop/main: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get object metric value: failed to get hits object metric: unable to get metric hits on Ingress shop/main: it is gone
    "#]],
    );
    let metric = MetricId { name: "queue".into(), selector: Some("&LabelSelector{}".into()) };
    failure(
        MetricSpec::External { metric, target: Target::value(5) },
        &expect![[r#"
        FailedGetExternalMetric: the HPA was unable to compute the replica count: unable to get external metric shop/queue/&LabelSelector{}: it is gone
        invalid metrics (1 invalid out of 1), first error is: failed to get queue external metric value: failed to get external metric queue: unable to get external metric shop/queue/&LabelSelector{}: it is gone
    "#]],
    );
    failure(
        MetricSpec::Unknown { kind: "Moon".into() },
        &expect![[r#"
        InvalidMetricSourceType: the HPA was unable to compute the replica count: unknown metric source type "Moon"
        invalid metrics (1 invalid out of 1), first error is: unknown metric source type "Moon"
    "#]],
    );
}

#[test]
fn oddities_are_named() {
    let mut w = world(5).bounds(9, 3).wants(7).recommended(&[(5, 5)]);
    w.settings.tolerance = f64::NAN;
    w.readings.push(failed());
    if let Some(h) = &mut w.history {
        h.recommendations[0].at = at(NOW + 60);
    }
    let told: Vec<String> = w.run().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "1 entries of the history lie in the future: the clock went back",
            "minReplicas exceeds maxReplicas",
            "a tolerance is negative or not a number: 0 is used",
            "1 readings belong to no metric",
        ]
    );
}

#[test]
fn an_entry_from_the_future_holds_the_size() {
    let mut w = world(10).wants(2).recommended(&[(0, 10)]);
    if let Some(h) = &mut w.history {
        h.recommendations[0].at = at(NOW + 3600);
    }
    assert!(w.line().starts_with("10==10 ScaleDownStabilized"));
    assert!(w.behavior(None, None).line().starts_with("10==10 ScaleDownStabilized"));
}

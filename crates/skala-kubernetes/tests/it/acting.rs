//! What the controller does in a healthy cluster.

use std::time::Duration;

use serde_json::json;
use skala_kubernetes::Settings;
use skala_testkit::wait::{throughout, until};

use crate::world::{
    LIMIT, NS, at_once, autoscaler, cluster, condition, deployment, quick, rescales, size, start, status, until_condition,
    until_size,
};

#[test]
fn grows_by_cpu_as_the_hpa_does_and_tells() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, quick());
    // 90 % of the request at a target of 50 %: ceil(2 * 90 / 50) = 4.
    until_size(&cluster, "web", 4);
    until("the status tells", LIMIT, || (status(&cluster, "web")["desiredReplicas"] == 4).then_some(()));
    let status = status(&cluster, "web");
    assert_eq!(status["currentMetrics"][0]["resource"]["current"]["averageUtilization"], 90);
    assert!(status["lastScaleTime"].is_string() && status["observedGeneration"] == 1, "{status}");
    let event =
        until("an event", LIMIT, || cluster.list("events", NS, "").into_iter().find(|e| e["reason"] == "SuccessfulRescale"));
    assert_eq!(event["involvedObject"]["kind"], "Autoscaler");
    assert!(event["message"].as_str().unwrap().contains("New size: 4"), "{event}");
}

#[test]
fn shrinks_and_marks_the_emptiest_pods_first() {
    let cluster = cluster();
    deployment(&cluster, "web", 4);
    for (i, cpu) in ["200m", "10m", "150m", "20m"].into_iter().enumerate() {
        cluster.metrics().set_pod(NS, &format!("web-{i}"), "app", cpu, "10Mi");
    }
    autoscaler(&cluster, "web", "web", &at_once());
    let _running = start(&cluster, quick());
    // 380m of 2000m is 19 %: ceil(4 * 19 / 50) = 2.
    until_size(&cluster, "web", 2);
    let cost = |i: usize| {
        let pod = cluster.get("pods", NS, &format!("web-{i}")).unwrap();
        pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"].as_str().map(str::to_owned)
    };
    assert_eq!([cost(0), cost(1), cost(2), cost(3)], [None, Some("-1000".into()), None, Some("-1000".into())]);
    let writes = cluster.requests().writes();
    let first = |resource: &str, sub: &str| writes.iter().position(|r| r.resource == resource && r.subresource == sub).unwrap();
    assert!(first("pods", "") < first("deployments.apps", "scale"), "marks come before the size");
}

#[test]
fn marks_are_taken_back_from_pods_that_stayed() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    let marked = json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1000", "skala.dev/deletion-cost": "1"}}});
    cluster.patch("pods", NS, "web-0", &marked).unwrap();
    let foreign = json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "7"}}});
    cluster.patch("pods", NS, "web-1", &foreign).unwrap();
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, quick());
    let cost = |pod: &str| {
        cluster.get("pods", NS, pod).unwrap()["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"].clone()
    };
    until("the mark is gone", LIMIT, || cost("web-0").is_null().then_some(()));
    assert_eq!(cost("web-1"), "7", "somebody else's cost stays");
}

#[test]
fn the_default_mode_scales_too() {
    let cluster = cluster();
    deployment(&cluster, "worker", 1);
    cluster.metrics().set_external(NS, "lag", &[("queue", "a")], "30");
    let external = json!({"mode": "default", "metrics": [{"type": "External", "external": {
        "metric": {"name": "lag", "selector": {"matchLabels": {"queue": "a"}}}, "target": {"type": "AverageValue", "averageValue": "10"}}}]});
    autoscaler(&cluster, "worker", "worker", &external);
    let _running = start(&cluster, quick());
    until_size(&cluster, "worker", 3);
    until("why", LIMIT, || status(&cluster, "worker")["why"].as_str().filter(|w| !w.is_empty()).map(str::to_owned));
    assert!(status(&cluster, "worker")["history"]["state"].is_string());
}

#[test]
fn a_dry_run_and_a_pause_report_and_write_no_size() {
    let cluster = cluster();
    deployment(&cluster, "dry", 2);
    deployment(&cluster, "held", 2);
    cluster.metrics().set_pods(NS, "app in (dry,held)", "app", "450m", "10Mi");
    autoscaler(&cluster, "dry", "dry", &json!({"dryRun": true}));
    autoscaler(&cluster, "held", "held", &json!({"paused": true}));
    let _running = start(&cluster, quick());
    until_condition(&cluster, "dry", "AbleToScale", "True", "DryRun");
    until_condition(&cluster, "held", "AbleToScale", "True", "Paused");
    assert_eq!(status(&cluster, "dry")["desiredReplicas"], 4);
    assert!(status(&cluster, "dry")["why"].as_str().unwrap().starts_with("dry run: would have been 4"));
    throughout("no size is written", Duration::from_secs(2), || rescales(&cluster) == 0);
    assert_eq!((size(&cluster, "dry"), size(&cluster, "held")), (2, 2));
}

#[test]
fn a_reporting_controller_writes_nothing_but_statuses_and_events() {
    let cluster = cluster();
    deployment(&cluster, "web", 4);
    cluster.metrics().set_pods(NS, "app=web", "app", "20m", "10Mi");
    autoscaler(&cluster, "web", "web", &at_once());
    let _running = start(&cluster, Settings { dry_run: true, ..quick() });
    until_condition(&cluster, "web", "AbleToScale", "True", "DryRun");
    let written = cluster.requests().writes();
    assert!(written.iter().all(|r| r.subresource == "status" || r.resource == "events"), "{written:?}");
}

#[test]
fn two_on_one_target_and_nobody_acts() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    deployment(&cluster, "api", 2);
    cluster.metrics().set_pods(NS, "app in (web,api)", "app", "450m", "10Mi");
    autoscaler(&cluster, "one", "web", &json!({}));
    autoscaler(&cluster, "two", "web", &json!({}));
    autoscaler(&cluster, "api", "api", &json!({}));
    cluster.put(
        &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "old", "namespace": NS},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "maxReplicas": 5}}),
    );
    let _running = start(&cluster, quick());
    for name in ["one", "two", "api"] {
        until_condition(&cluster, name, "ScalingActive", "False", "AmbiguousTarget");
    }
    assert!(status(&cluster, "api")["why"].as_str().unwrap().contains("HorizontalPodAutoscaler old"));
    assert_eq!(rescales(&cluster), 0);
    cluster.delete("autoscalers.skala.dev", NS, "two").unwrap();
    until_size(&cluster, "web", 4);
    assert_eq!(size(&cluster, "api"), 2);
}

#[test]
fn what_cannot_be_decided_is_a_condition() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    autoscaler(&cluster, "nothing", "absent", &json!({}));
    autoscaler(&cluster, "kind", "web", &json!({"scaleTargetRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "web"}}));
    autoscaler(&cluster, "blind", "web", &json!({}));
    autoscaler(&cluster, "wrong", "other", &json!({"mode": "hpa", "idleReplicas": 0}));
    let _running = start(&cluster, quick());
    until_condition(&cluster, "nothing", "AbleToScale", "False", "FailedGetScale");
    until_condition(&cluster, "kind", "AbleToScale", "False", "FailedGetScale");
    until_condition(&cluster, "blind", "ScalingActive", "False", "FailedGetResourceMetric");
    until_condition(&cluster, "wrong", "ScalingActive", "False", "InvalidSpec");
    assert_eq!(condition(&cluster, "blind", "AbleToScale").unwrap().1, "SucceededGetScale");
    let event = until("an event", LIMIT, || {
        cluster.list("events", NS, "").into_iter().find(|e| e["reason"] == "FailedGetResourceMetric")
    });
    assert_eq!(event["type"], "Warning");
    assert_eq!(rescales(&cluster), 0);
}

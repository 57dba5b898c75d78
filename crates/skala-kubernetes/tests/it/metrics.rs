//! Every kind of metric over the API, and what happens when it fails.

use std::time::Duration;

use serde_json::{Value, json};
use skala_testkit::kubernetes::{Availability, MetricsApi};
use skala_testkit::wait::{throughout, until};

use crate::world::{
    LIMIT, NS, autoscaler, cluster, deployment, quick, rescales, size, start, status, until_condition, until_size,
};

fn metrics(all: &Value) -> Value {
    json!({"metrics": all})
}

#[test]
fn pods_objects_and_containers_are_read_as_the_hpa_reads_them() {
    let cluster = cluster();
    for name in ["pods", "object", "container"] {
        deployment(&cluster, name, 2);
    }
    // 30 per pod at a target of 10: three times as many.
    cluster.metrics().set_pod_metric(NS, "pods-0", "open", "40");
    cluster.metrics().set_pod_metric(NS, "pods-1", "open", "20");
    let open =
        json!([{"type": "Pods", "pods": {"metric": {"name": "open"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]);
    autoscaler(&cluster, "pods", "pods", &metrics(&open));
    // 50 on the object at 10 per pod.
    cluster.metrics().set_object(NS, "services", "front", "hits", "50");
    let hits = json!([{"type": "Object", "object": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "10"},
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "front"}}}]);
    autoscaler(&cluster, "object", "object", &metrics(&hits));
    // The sidecar idles; the container alone is at 90 % of its request.
    cluster.metrics().set_pods(NS, "app=container", "app", "450m", "10Mi");
    cluster.metrics().set_pods(NS, "app=container", "side", "1m", "1Mi");
    let app = json!([{"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app",
        "target": {"type": "Utilization", "averageUtilization": 50}}}]);
    autoscaler(&cluster, "container", "container", &metrics(&app));
    let _running = start(&cluster, quick());
    until_size(&cluster, "pods", 6);
    until_size(&cluster, "object", 5);
    until_size(&cluster, "container", 4);
    until("the status tells", LIMIT, || (status(&cluster, "object")["desiredReplicas"] == 5).then_some(()));
    assert_eq!(status(&cluster, "object")["currentMetrics"][0]["object"]["metric"]["name"], "hits");
}

#[test]
fn the_default_mode_follows_cpu() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({"mode": "default"}));
    let _running = start(&cluster, quick());
    until_size(&cluster, "web", 4);
    until("the report is kept", LIMIT, || status(&cluster, "web")["currentMetrics"][0]["proposal"].as_u64().filter(|p| *p == 4));
}

#[test]
fn a_metric_that_fails_never_shrinks() {
    let cluster = cluster();
    deployment(&cluster, "web", 4);
    cluster.metrics().set_pods(NS, "app=web", "app", "10m", "10Mi");
    cluster.metrics().set_availability(MetricsApi::External, Availability::Unavailable);
    let cpu =
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}});
    let lag = json!({"type": "External", "external": {"metric": {"name": "lag"}, "target": {"type": "Value", "value": "10"}}});
    for mode in ["hpa", "default"] {
        let spec = json!({"mode": mode, "metrics": [cpu, lag], "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}});
        autoscaler(&cluster, "web", "web", &spec);
        let _running = start(&cluster, quick());
        let told = || {
            let conditions = status(&cluster, "web")["conditions"].clone();
            let active = conditions.as_array()?.iter().find(|c| c["type"] == "ScalingActive").cloned()?;
            active["message"].as_str().filter(|m| m.contains("lag") || m.contains("external")).map(str::to_owned)
        };
        until("the failure is told", LIMIT, told);
        throughout("it keeps its size", Duration::from_secs(2), || size(&cluster, "web") == 4);
    }
    assert_eq!(rescales(&cluster), 0);
}

#[test]
fn a_trigger_that_cannot_be_read_falls_back() {
    let cluster = cluster();
    deployment(&cluster, "worker", 1);
    // Nobody reads sources here: every look fails.
    let trigger = json!({"mode": "default", "metrics": [], "triggers": [{"name": "jobs", "averageValue": "5",
        "redis": {"address": "redis://nowhere:6379", "list": "jobs"}, "fallback": {"replicas": 3, "failureThreshold": 1}}]});
    autoscaler(&cluster, "worker", "worker", &trigger);
    let _running = start(&cluster, quick());
    until_size(&cluster, "worker", 3);
    assert!(status(&cluster, "worker")["why"].is_string());
}

#[test]
fn a_window_moves_the_bounds() {
    let cluster = cluster();
    deployment(&cluster, "web", 1);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    // The next end comes long after the next start: the window is shut. The other way round it is open.
    let shut = json!({"mode": "default", "windows": [{"name": "busy", "start": "* * * * *", "end": "0 0 29 2 *", "timezone": "Europe/Berlin",
        "minReplicas": 3}]});
    autoscaler(&cluster, "web", "web", &shut);
    let _running = start(&cluster, quick());
    throughout("a window that is shut moves nothing", Duration::from_secs(2), || size(&cluster, "web") == 1);
    let open = json!({"spec": {"windows": [{"name": "busy", "start": "0 0 29 2 *", "end": "* * * * *", "timezone": "Europe/Berlin", "minReplicas": 3}]}});
    drop(cluster.patch("autoscalers.skala.dev", NS, "web", &open).unwrap());
    until_size(&cluster, "web", 3);
}

#[test]
fn two_targets_that_share_pods_are_told_apart_by_nobody() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shadow", "namespace": NS},
        "spec": {"replicas": 2, "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "shadow"]}]},
            "template": {"metadata": {"labels": {"app": "shadow"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}}},
        "status": {"replicas": 2}}));
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    autoscaler(&cluster, "shadow", "shadow", &json!({"dryRun": true}));
    let _running = start(&cluster, quick());
    until_condition(&cluster, "shadow", "AbleToScale", "True", "DryRun");
    autoscaler(&cluster, "web", "web", &json!({}));
    until_condition(&cluster, "web", "ScalingActive", "False", "AmbiguousSelector");
    until_condition(&cluster, "shadow", "ScalingActive", "False", "AmbiguousSelector");
    let why = status(&cluster, "web")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("shop/shadow") && why.contains("shop/web"), "{why}");
    assert_eq!(rescales(&cluster), 0);
    cluster.delete("autoscalers.skala.dev", NS, "shadow").unwrap();
    until_size(&cluster, "web", 4);
}

#[test]
fn a_downstream_and_a_budget_cap_the_size() {
    let cluster = cluster();
    deployment(&cluster, "db", 1);
    deployment(&cluster, "money", 1);
    cluster.metrics().set_external(NS, "lag", &[], "90");
    let external = json!([{"type": "External", "external": {"metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]);
    let spec = |more: Value| {
        let mut spec = json!({"mode": "default", "metrics": external});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let downstream = json!({"downstream": [{"name": "postgres", "limit": 40, "reserved": 10, "perReplica": 10}]});
    autoscaler(&cluster, "db", "db", &spec(downstream));
    autoscaler(&cluster, "money", "money", &spec(json!({"budget": {"limit": "0.2 EUR/h", "price": "0.04 EUR/h"}})));
    let _running = start(&cluster, quick());
    until_size(&cluster, "db", 3);
    until_size(&cluster, "money", 5);
    until_condition(&cluster, "db", "ScalingLimited", "True", "downstream");
    until_condition(&cluster, "money", "ScalingLimited", "True", "budget");
    let spent = || status(&cluster, "money")["history"]["budget"]["rate"].as_u64();
    until("what is spent is kept", LIMIT, || spent().filter(|rate| *rate >= 40_000));
    let kept = serde_json::to_string(&status(&cluster, "money")).unwrap();
    assert!(kept.len() < 8 * 1024, "the status stays small: {} bytes", kept.len());
}

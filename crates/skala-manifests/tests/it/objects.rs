//! Objects as `kubectl get -o json` prints them.

use serde_json::json;
use skala_manifests::object::{LabelSelector, List, MetricValue, Pod, PodMetrics, Scale, older};
use skala_manifests::{Milli, Selector};

#[test]
fn a_pod_keeps_what_is_read() {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "api-1", "namespace": "default", "labels": {"app": "api"}, "managedFields": [{"x": 1}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "long", "controller.kubernetes.io/pod-deletion-cost": "-5"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api", "uid": "u", "controller": true, "blockOwnerDeletion": true}]},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "image": "x", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "250m", "memory": "1Gi"}}}],
            "initContainers": [{"name": "proxy", "restartPolicy": "Always", "resources": {}}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-11-20T10:00:00Z",
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-20T10:00:05Z"}]}
    }))
    .unwrap();
    let container = &pod.spec.containers[0];
    assert_eq!((container.resources.requests.get("cpu"), container.resources.requests.get("gpu")), (Some(Milli(250)), None));
    assert_eq!(container.resources.requests.get("memory"), Some(Milli(1_073_741_824_000)));
    assert!(pod.spec.init_containers[0].is_sidecar());
    assert_eq!(pod.metadata.annotations.iter().collect::<Vec<_>>(), [("controller.kubernetes.io/pod-deletion-cost", "-5")]);
    assert_eq!((pod.status.conditions.len(), &*pod.status.ready().unwrap().status), (1, "False"));
    let again: Pod = serde_json::from_value(serde_json::to_value(&pod).unwrap()).unwrap();
    assert_eq!(again, pod);
}

#[test]
fn a_pod_is_small() {
    // What a hundred thousand pods take is this, their texts, and little more.
    assert!(size_of::<Pod>() <= 480, "{}", size_of::<Pod>());
}

#[test]
fn wrong_types_are_errors() {
    for bad in [
        json!({"metadata": {"labels": {"a": 1}}}),
        json!({"spec": {"containers": {}}}),
        json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "fast"}}}]}}),
        json!({"status": {"startTime": "soon"}}),
    ] {
        assert!(serde_json::from_value::<Pod>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn metrics_of_both_custom_versions() {
    let list: List<PodMetrics> = serde_json::from_value(json!({"kind": "PodMetricsList", "metadata": {}, "items": [
        {"metadata": {"name": "a"}, "timestamp": "2026-11-20T10:00:00Z", "window": "30.5s", "containers": [{"name": "c", "usage": {"cpu": "12345678n"}}]}]}))
    .unwrap();
    assert_eq!(list.items[0].containers[0].usage.get("cpu"), Some(Milli(13)));
    let old: MetricValue =
        serde_json::from_value(json!({"describedObject": {"kind": "Pod", "name": "a"}, "metricName": "rps", "window": 60, "value": "1500m", "selector": null})).unwrap();
    let new: MetricValue =
        serde_json::from_value(json!({"describedObject": {"kind": "Pod", "name": "a", "apiVersion": "/v1"}, "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}}, "windowSeconds": 60, "value": "1500m"})).unwrap();
    assert_eq!((old.name(), new.name(), old.window_seconds, new.window_seconds), ("rps", "rps", Some(60), Some(60)));
    assert!(old.selector().is_none() && new.selector().is_some());
}

#[test]
fn selectors_of_objects() {
    let selector = |value| Selector::new(&serde_json::from_value::<LabelSelector>(value).unwrap());
    let built = selector(json!({"matchLabels": {"app": "api"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]}))
    .unwrap();
    assert_eq!(built.to_string(), "app=api,tier in (a,b),!old");
    for bad in [
        json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
        json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
        json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
        json!({"matchLabels": {"a b": "x"}}),
        json!({"matchLabels": {"a": "x y"}}),
    ] {
        assert!(selector(bad.clone()).is_err(), "{bad}");
    }
    let scale: Scale = serde_json::from_value(json!({"spec": {}, "status": {"replicas": 3, "selector": "app=api"}})).unwrap();
    assert_eq!((scale.spec.replicas, scale.status.replicas, &*scale.status.selector), (0, 3, "app=api"));
}

#[test]
fn version_one_with_its_annotations() {
    let hpa = older::read(json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "api", "annotations": {
            "autoscaling.alpha.kubernetes.io/metrics": "[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"rps\",\"targetAverageValue\":\"10\"}},{\"type\":\"Object\",\"object\":{\"target\":{\"kind\":\"Ingress\",\"name\":\"main\"},\"metricName\":\"hits\",\"targetValue\":\"2k\"}}]",
            "autoscaling.alpha.kubernetes.io/behavior": "{\"ScaleDown\":null,\"scaleUp\":{\"stabilizationWindowSeconds\":7}}",
            "autoscaling.alpha.kubernetes.io/conditions": "[{\"type\":\"ScaledToZero\",\"status\":\"True\"}]"}},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"kind": "Deployment", "name": "api"}}}))
    .unwrap();
    let kinds: Vec<&str> = hpa.spec.metrics.iter().map(|m| &*m.kind).collect();
    assert_eq!(kinds, ["Resource", "Pods", "Object"]);
    assert_eq!(hpa.spec.metrics[0].resource.as_ref().unwrap().target.average_utilization, Some(50));
    assert_eq!(hpa.spec.metrics[1].pods.as_ref().unwrap().target.average_value.unwrap().milli(), Ok(10_000));
    let object = hpa.spec.metrics[2].object.as_ref().unwrap();
    assert_eq!(
        (&*object.described_object.name, &*object.metric.name, object.target.value.unwrap().milli()),
        ("main", "hits", Ok(2_000_000))
    );
    assert_eq!(hpa.spec.behavior.unwrap().scale_up.unwrap().stabilization_window_seconds, Some(7));
    assert_eq!(&*hpa.status.conditions[0].kind, "ScaledToZero");
    let bare = older::read(json!({"apiVersion": "autoscaling/v1", "spec": {"maxReplicas": 3}})).unwrap();
    assert_eq!(bare.spec.metrics[0].resource.as_ref().unwrap().target.average_utilization, Some(80));
    for bad in [
        json!({"apiVersion": "autoscaling/v1", "metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[1]"}}}),
        json!({"apiVersion": "autoscaling/v1", "spec": {"targetCPUUtilizationPercentage": "much"}}),
        json!({"apiVersion": "autoscaling/v9"}),
        json!({"kind": "Deployment"}),
        json!({"spec": {"maxReplicas": "3"}}),
    ] {
        assert!(older::read(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn the_betas() {
    let beta1 = older::read(json!({"apiVersion": "autoscaling/v2beta1", "spec": {"maxReplicas": 2, "metrics": [
        {"type": "Resource", "resource": {"name": "memory", "targetAverageUtilization": 60}},
        {"type": "External", "external": {"metricName": "q", "metricSelector": {"matchLabels": {"a": "b"}}, "targetAverageValue": "5"}}]}}))
    .unwrap();
    assert_eq!(beta1.spec.metrics[0].resource.as_ref().unwrap().target.average_utilization, Some(60));
    let external = beta1.spec.metrics[1].external.as_ref().unwrap();
    assert_eq!((&*external.metric.name, external.metric.selector.is_some()), ("q", true));
    let beta2 = older::read(json!({"apiVersion": "autoscaling/v2beta2", "spec": {"maxReplicas": 2, "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]}}))
    .unwrap();
    assert_eq!(beta2.spec.metrics[0].resource.as_ref().unwrap().target.average_utilization, Some(60));
}

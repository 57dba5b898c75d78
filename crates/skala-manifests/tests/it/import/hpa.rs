//! HorizontalPodAutoscalers.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::{Value, json};
use skala_manifests::decide;
use skala_manifests::import::To;
use skala_manifests::object::older;
use skala_spec::Scaler;

use super::{check, imported, platform};

/// The spec that decides, of the original and of what was imported.
fn both(hpa: &Value) -> (skala_hpa::Spec, skala_hpa::Spec) {
    let mut original = decide::spec(&older::read(hpa.clone()).unwrap()).unwrap().spec;
    original.min_replicas.get_or_insert(1);
    let imported = imported(&hpa.to_string(), To::Platform);
    let platform = platform(&imported);
    match platform.services["web"].scaler().unwrap().unwrap() {
        Scaler::Hpa { spec, settings } => {
            assert_eq!((settings.tolerance, settings.compat), (0.1, skala_hpa::Compat::default()));
            (original, *spec)
        }
        other => panic!("{other:?}"),
    }
}

fn hpa(spec: &Value) -> Value {
    let mut hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10}});
    hpa["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    hpa
}

fn resource(name: &str, target: &Value) -> Value {
    json!({"type": "Resource", "resource": {"name": name, "target": target}})
}

#[test]
fn an_imported_autoscaler_decides_the_same() {
    let cpu = |n: u32| resource("cpu", &json!({"type": "Utilization", "averageUtilization": n}));
    let rows = [
        json!({}),
        json!({"minReplicas": 3, "metrics": [cpu(60)]}),
        json!({"metrics": [cpu(350), resource("memory", &json!({"type": "AverageValue", "averageValue": "500Mi"}))]}),
        json!({"metrics": [resource("cpu", &json!({"type": "AverageValue", "averageValue": "1500m"}))]}),
        json!({"metrics": [resource("memory", &json!({"type": "AverageValue", "averageValue": "1e9"}))]}),
        json!({"behavior": {}}),
        json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"}}}),
        json!({"behavior": {"scaleUp": {"tolerance": "0.05", "policies": [{"type": "Pods", "value": 3, "periodSeconds": 1800}]},
            "scaleDown": {"tolerance": "50m", "selectPolicy": "Min", "stabilizationWindowSeconds": 3600, "policies": [
                {"type": "Percent", "value": 150, "periodSeconds": 1}, {"type": "Pods", "value": 1, "periodSeconds": 60}]}}}),
    ];
    for row in rows {
        let (original, imported) = both(&hpa(&row));
        // An empty block and one with an empty direction decide alike: each is filled with the same defaults.
        let filled = |spec: &skala_hpa::Spec| {
            let mut spec = spec.clone();
            if let Some(behavior) = &mut spec.behavior {
                behavior.scale_up.get_or_insert_default();
                behavior.scale_down.get_or_insert_default();
            }
            spec
        };
        assert_eq!(filled(&original), filled(&imported), "{row}");
    }
    let mut v1 = hpa(&json!({"targetCPUUtilizationPercentage": 55, "minReplicas": 2}));
    v1["apiVersion"] = json!("autoscaling/v1");
    let (original, imported) = both(&v1);
    assert_eq!(original, imported);
    let mut beta = hpa(&json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 40}}]}));
    beta["apiVersion"] = json!("autoscaling/v2beta1");
    let (original, imported) = both(&beta);
    assert_eq!(original, imported);
}

proptest! {
    #[test]
    fn whatever_an_autoscaler_holds(
        min in 1_i32..50, more in 0_i32..50, percent in 1_u32..1000, milli in 1_i64..100_000, tolerance in 0_u32..2_000_000,
        window in 0_u32..=3600, value in 1_i32..1000, period in 1_i32..=1800, kind in prop::bool::ANY, select in 0_usize..3,
    ) {
        let (kind, select) = (["Pods", "Percent"][usize::from(kind)], ["Max", "Min", "Disabled"][select]);
        let tolerance = format!("{}.{:06}", tolerance / 1_000_000, tolerance % 1_000_000);
        let (mut original, mut imported) = both(&hpa(&json!({"minReplicas": min, "maxReplicas": min + more, "metrics": [
            resource("cpu", &json!({"type": "AverageValue", "averageValue": format!("{milli}m")})),
            resource("memory", &json!({"type": "Utilization", "averageUtilization": percent})),
        ], "behavior": {"scaleUp": {"tolerance": tolerance, "stabilizationWindowSeconds": window, "selectPolicy": select,
            "policies": [{"type": kind, "value": value, "periodSeconds": period}]}}})));
        // The one float: Kubernetes multiplies by a power of ten, and may be off by its last bit.
        let tolerance = |spec: &mut skala_hpa::Spec| {
            let rules = spec.behavior.as_mut().and_then(|b| b.scale_up.as_mut());
            rules.and_then(|rules| rules.tolerance.take()).unwrap()
        };
        let (a, b) = (tolerance(&mut original), tolerance(&mut imported));
        prop_assert!((a - b).abs() <= a * f64::EPSILON, "{a} {b}");
        prop_assert_eq!(original, imported);
    }
}

#[test]
fn what_needs_a_cluster_is_named() {
    check(
        "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 0
  maxReplicas: 5000
  color: red
  metrics:
  - {type: Pods, pods: {metric: {name: http_requests_per_second}, target: {type: AverageValue, averageValue: '1500m'}}}
  - {type: Pods, pods: {metric: {name: jobs}, target: {type: AverageValue, averageValue: 5}}}
  - {type: External, external: {metric: {name: lag, selector: {matchLabels: {q: a}}}, target: {type: AverageValue, averageValue: 30}}}
  - {type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: main}, target: {type: Value, value: 2k}}}
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - {type: ContainerResource, containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 60}}}
  - {type: Magic}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 9000
      policies: [{type: Pods, value: 0, periodSeconds: 60}, {type: Pods, value: 1, periodSeconds: 60}]
",
        &expect![[r#"
            platform: shop
            services:
              web:
                command: [replace-me, $PORT]
                resources: {requests: {cpu: 500m}}
                autoscaling:
                  mode: hpa
                  minReplicas: 1
                  maxReplicas: 1000
                  metrics: [{requestsPerSecond: 1.5}, {cpu: 60%}]
                  behavior:
                    scaleDown:
                      policies: [{type: Pods, value: 1, periodSeconds: 60}]
            in.yaml:1 HorizontalPodAutoscaler shop/web: the program that is scaled is not among the files -> write it in place of `replace-me`, or import its Deployment together with this
            in.yaml:1 HorizontalPodAutoscaler shop/web spec: skala runs at most 1000 replicas of a service -> 0 to 1000 is written; choose bounds
            in.yaml:1 HorizontalPodAutoscaler shop/web spec.minReplicas: at zero replicas nothing could wake it: its metrics come from replicas or from a cluster -> 1 is written; for zero, use `mode: default` with a metric from outside, or with a route
            in.yaml:8 HorizontalPodAutoscaler shop/web spec.color: this field is not known here -> look whether it matters, and write what is meant by hand
            in.yaml:11 HorizontalPodAutoscaler shop/web spec.metrics[1]: the metric `jobs` of each pod comes from a cluster's metrics API -> it is left out; use `requestsPerSecond` or `concurrency`, or read it by `prometheus` with a `target` per replica
            in.yaml:12 HorizontalPodAutoscaler shop/web spec.metrics[2]: the External metric `lag` comes from a cluster's metrics API -> it is left out; read the number itself: `{name: ..., prometheus: {server: ..., query: ...}, target: ...}`, or redis, kafka and others
            in.yaml:13 HorizontalPodAutoscaler shop/web spec.metrics[3]: the Object metric `hits` comes from a cluster's metrics API -> it is left out; read the number itself: `{name: ..., prometheus: {server: ..., query: ...}, target: ...}`, or redis, kafka and others
            in.yaml:14 HorizontalPodAutoscaler shop/web spec.metrics[4]: a percentage of cpu needs a request, and none is among the files -> 500m is written; put in what a replica needs under `resources.requests`
            in.yaml:15 HorizontalPodAutoscaler shop/web spec.metrics[5]: a replica is one program, and container `app` is not known to be it -> it is left out; import its Deployment together with this, or write `cpu` or `memory`
            in.yaml:16 HorizontalPodAutoscaler shop/web spec.metrics[6].type: `Magic` is not a type of metric -> the metric is left out; correct it
            in.yaml:19 HorizontalPodAutoscaler shop/web spec.behavior.scaleDown.stabilizationWindowSeconds: a window is 0 to 3600 seconds -> the default is in force; choose one
            in.yaml:20 HorizontalPodAutoscaler shop/web spec.behavior.scaleDown.policies[0]: a policy is Pods or Percent, with a value above 0 and a period of 1 to 1800 seconds -> it is left out; correct it
        "#]],
    );
}

#[test]
fn without_a_metric_the_size_is_fixed() {
    let external = json!([{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": 1}}}]);
    let imported = imported(&hpa(&json!({"minReplicas": 4, "metrics": external})).to_string(), To::Platform);
    let service = &platform(&imported).services["web"];
    assert_eq!((service.replicas, service.autoscaling.is_none()), (Some(4), true));
    assert!(imported.notes.iter().any(|n| n.reason.contains("the size is fixed")), "{:?}", imported.notes);
}

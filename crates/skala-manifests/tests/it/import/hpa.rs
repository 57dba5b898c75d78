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
        let (original, imported) = both(&hpa(&json!({"minReplicas": min, "maxReplicas": min + more, "metrics": [
            resource("cpu", &json!({"type": "AverageValue", "averageValue": format!("{milli}m")})),
            resource("memory", &json!({"type": "Utilization", "averageUtilization": percent})),
        ], "behavior": {"scaleUp": {"tolerance": tolerance, "stabilizationWindowSeconds": window, "selectPolicy": select,
            "policies": [{"type": kind, "value": value, "periodSeconds": period}]}}})));
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
        &expect![[""]],
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

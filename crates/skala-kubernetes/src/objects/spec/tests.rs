//! What is read of a spec, and what is refused.

use super::trigger::fill;
use super::*;
use serde_json::json;
use skala_hpa::{MetricSpec, Target};

fn read(change: &serde_json::Value) -> Result<Spec, String> {
    let mut spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    Spec::read(&spec)
}

#[test]
fn an_hpa_spec_is_taken_as_it_is() {
    let spec = read(&json!({"mode": "hpa", "minReplicas": 2, "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
        {"type": "External", "external": {"metric": {"name": "lag", "selector": {"matchLabels": {"q": "a"}}},
            "target": {"type": "AverageValue", "averageValue": "1500m"}}}],
        "behavior": {"scaleUp": {"tolerance": "50m", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}}}))
    .unwrap();
    assert_eq!(spec.hpa.metrics[0], MetricSpec::Resource { name: "cpu".into(), target: Target::utilization(60) });
    assert_eq!(spec.selectors, ["", "q=a"]);
    let up = spec.hpa.behavior.unwrap().scale_up.unwrap();
    assert_eq!((up.tolerance, up.policies.unwrap()[0].period_seconds), (Some(0.05), 60));
    assert_eq!(read(&json!({})).unwrap().hpa.metrics.len(), 1, "cpu at 80 % without metrics");
}

#[test]
fn the_example_of_the_manual_can_be_read() {
    let page = include_str!("../../../../../docs/kubernetes.md");
    let example =
        page.split("```yaml\n").find(|block| block.starts_with("apiVersion:")).and_then(|rest| rest.split("```").next()).unwrap();
    let object: serde_json::Value = serde_saphyr::from_str(example).unwrap();
    let spec = Spec::read(&object["spec"]).unwrap();
    assert_eq!((spec.triggers[0].name.as_str(), spec.triggers[0].target), ("jobs", Goal::AverageValue(5.0)));
    assert_eq!(spec.secrets[0].secret_key_ref.name, "redis-login");
}

#[test]
fn what_is_wrong_is_named() {
    let rows = [
        (json!({"minReplicas": 11}), "minReplicas"),
        (json!({"maxReplicas": 0}), "maxReplicas"),
        (json!({"maxReplicas": "many"}), "cannot be read"),
        (json!({"mode": "magic"}), "magic"),
        (json!({"mode": "knative"}), "gateway"),
        (json!({"mode": "hpa", "jumpToIdle": true}), "jumpToIdle"),
        (json!({"repairs": {"everything": true}}), "everything"),
        (json!({"budget": {"limit": "1 EUR/h", "price": "1 USD/h"}}), "budget.price"),
        (json!({"budget": {"limit": "1 EUR/h", "price": "0 EUR/h"}}), "budget.price"),
        (json!({"budget": {"limit": "lots", "price": "1 EUR/h"}}), "cannot be read"),
        (json!({"downstream": [{"name": "db", "limit": 10, "reserved": 8, "perReplica": 3}]}), "downstream[0]"),
        (json!({"downstream": [{"name": "db", "limit": 10, "perReplica": 0}]}), "perReplica"),
        (json!({"compat": "hpa-0.1"}), "compat"),
        (json!({"metrics": [{"type": "Resource"}]}), "metrics[0]"),
        (
            json!({"metrics": [{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "0"}}}]}),
            "metrics[0].external.target",
        ),
        (
            json!({"metrics": [{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "lots"}}}]}),
            "lots",
        ),
        (json!({"staleAfter": "soon"}), "staleAfter"),
        (json!({"mode": "hpa", "idleReplicas": 0}), "idleReplicas"),
        (json!({"triggers": [{"value": 1, "redis": {}}]}), "name"),
        (json!({"triggers": [{"name": "a", "value": 1, "redis": {"address": {"file": "/var/run/token"}}}]}), "own files"),
        (json!({"behavior": {"scaleUp": {"tolerance": "-1"}}}), "tolerance"),
        (json!({"scaleTargetRef": {"kind": "", "name": "x"}}), "scaleTargetRef"),
    ];
    for (change, part) in rows {
        let error = read(&change).unwrap_err();
        assert!(error.contains(part), "{change}: {error}");
    }
}

#[test]
fn placeholders_are_filled_once_and_must_be_known() {
    let known = |name: &str| (name == "PASSWORD").then(|| "${OTHER}".to_owned());
    let definition = json!({"redis": {"address": "redis://:${PASSWORD}@r", "list": ["a"]}, "n": 1});
    assert_eq!(fill(&definition, &known).unwrap()["redis"]["address"], "redis://:${OTHER}@r");
    assert!(fill(&json!("${NOBODY}"), &known).unwrap_err().contains("NOBODY"));
    assert!(fill(&json!("a ${PASSWORD"), &known).is_err());
}

#[test]
fn a_metric_may_have_a_lower_target_and_rules_of_its_own() {
    let cpu = |more: serde_json::Value| {
        let mut metric =
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}});
        metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"metrics": [metric]})
    };
    let spec = read(&cpu(json!({"scaleDownTarget": 40, "staleAfter": "30s",
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}})))
    .unwrap();
    let extra = &spec.extras[0];
    assert_eq!((extra.scale_down_target, extra.stale_after), (Some(40.0), Some(Duration::from_secs(30))));
    let down = extra.behavior.as_ref().unwrap().scale_down.as_ref().unwrap();
    assert_eq!(down.stabilization_window_seconds, Some(60));
    let trigger = json!({"triggers": [{"name": "jobs", "averageValue": 10, "scaleDownTarget": "7", "redis": {"address": "redis://r:6379", "list": "jobs"}}]});
    assert_eq!(read(&trigger).unwrap().triggers[0].extra.scale_down_target, Some(7.0));
    for (bad, part) in [
        (cpu(json!({"scaleDownTarget": 70})), "above the target"),
        (cpu(json!({"scaleDownTarget": 0})), "above 0"),
        (cpu(json!({"behavior": {"scaleUp": {"selectPolicy": "Some"}}})), "behavior.scaleUp.selectPolicy"),
    ] {
        let error = read(&bad).unwrap_err();
        assert!(error.starts_with("metrics[0].") && error.contains(part), "{error}");
    }
}

//! Documents and their answers.

use serde_json::{Value, json};
use skala_manifests::decide::{Answer, Document, decide};

const NOW: &str = "2026-11-20T10:00:00Z";

/// A pod that has been ready for an hour.
fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": "api"}},
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]},
        "status": {"phase": "Running", "startTime": "2026-11-20T09:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T09:00:10Z"}]}})
}

fn usage(name: &str, cpu: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "timestamp": "2026-11-20T09:59:50Z", "window": "30s",
        "containers": [{"name": "app", "usage": {"cpu": cpu, "memory": "512Mi"}}]})
}

fn cpu(percent: i32) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

/// Three pods that each use `used` of one core, target 50 %, from 1 to 10.
fn document(used: &str) -> Value {
    json!({"now": NOW,
        "hpa": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api", "namespace": "default"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 1, "maxReplicas": 10, "metrics": [cpu(50)]}},
        "scale": {"specReplicas": 3, "statusReplicas": 3, "selector": "app=api"},
        "pods": [pod("a"), pod("b"), pod("c")],
        "podMetrics": [usage("a", used), usage("b", used), usage("c", used)],
        "history": {"recommendations": [], "scaleUps": [], "scaleDowns": []}})
}

fn answer(document: &Value) -> Answer {
    let read = Document::from_json(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e:?}"));
    let answer = decide(&read, None);
    let yaml = Document::from_yaml(&document.to_string()).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(decide(&yaml, None), answer, "JSON is YAML");
    if answer.error.is_some() {
        assert!(answer.desired_replicas == answer.current_replicas && !answer.rescale, "{answer:?}");
    }
    answer
}

fn with(mut document: Value, path: &str, value: Value) -> Value {
    match document.pointer_mut(path) {
        Some(place) => *place = value,
        None => {
            let (parent, key) = path.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap()[key] = value;
        }
    }
    document
}

fn desired(document: &Value) -> Option<i32> {
    answer(document).desired_replicas
}

fn condition<'a>(answer: &'a Answer, reason: &str) -> &'a str {
    answer
        .conditions
        .iter()
        .find(|c| c.reason == reason)
        .map_or_else(|| panic!("{reason}: {:?}", answer.conditions), |c| &c.message)
}

#[test]
fn it_grows_shrinks_and_stays() {
    assert_eq!(desired(&document("1")), Some(6));
    assert_eq!(desired(&document("100m")), Some(1));
    assert_eq!(desired(&document("520m")), Some(3));
    let answer = answer(&document("1"));
    assert!(answer.rescale && answer.reason == "cpu resource utilization (percentage of request) above target", "{answer:?}");
    let keys: Vec<String> = serde_json::to_value(&answer).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "schemaVersion",
            "desiredReplicas",
            "currentReplicas",
            "rescale",
            "reason",
            "metrics",
            "conditions",
            "history",
            "report"
        ]
    );
    let metric = serde_json::to_value(&answer.metrics[0]).unwrap();
    assert_eq!(
        metric,
        json!({"type": "Resource", "name": "cpu", "proposal": 6, "current": {"averageUtilization": 100, "averageValue": "1"}, "error": null})
    );
    assert!(!answer.explanation.is_empty());
}

#[test]
fn the_history_goes_on_where_it_ended() {
    // Shrinking is held by what was recommended before; the next document carries it on to the nanosecond.
    let busy = answer(&with(document("1"), "/now", json!("2026-11-20T10:00:00.123456789Z")));
    let history = serde_json::to_value(&busy.history).unwrap();
    assert_eq!(history["recommendations"][0], json!({"at": "2026-11-20T10:00:00.123456789Z", "replicas": 6}));
    let idle = with(with(document("100m"), "/now", json!("2026-11-20T10:01:00Z")), "/history", history.clone());
    let held = answer(&idle);
    assert_eq!(held.desired_replicas, Some(6), "the newer of the two is lower, the higher one holds: {held:?}");
    let later = answer(&with(with(document("100m"), "/now", json!("2026-11-20T10:05:01Z")), "/history", history));
    assert_eq!(later.desired_replicas, Some(1));
    let fresh = answer(&with(document("100m"), "/history", Value::Null));
    assert_eq!(fresh.desired_replicas, Some(3), "a controller that just started does not shrink");
}

#[test]
fn settings_are_durations_or_seconds() {
    for period in [json!("1m0s"), json!("60s"), json!("1m"), json!(60), json!(60.0)] {
        let history = json!({"recommendations": [{"at": "2026-11-20T09:58:00Z", "replicas": 9}]});
        let shrunk =
            with(with(document("100m"), "/settings", json!({"downscaleStabilization": period})), "/history", history.clone());
        assert_eq!(desired(&shrunk), Some(1), "{period}");
        assert_eq!(desired(&with(document("100m"), "/history", history)), Some(6), "nine held it, within twice the size");
    }
    assert_eq!(desired(&with(document("700m"), "/settings", json!({"tolerance": 0.5}))), Some(3));
    assert_eq!(desired(&with(document("1"), "/settings", json!({"scaleUpLimitFactor": 1.0, "scaleUpLimitMinimum": 5}))), Some(5));
    for (settings, path) in [
        (json!({"tolerance": -0.1}), "settings.tolerance"),
        (json!({"scaleUpLimitFactor": -1}), "settings.scaleUpLimitFactor"),
        (json!({"compat": "hpa-9"}), "settings.compat"),
    ] {
        let error = answer(&with(document("1"), "/settings", settings)).error.unwrap();
        assert_eq!(error.path.as_deref(), Some(path));
    }
    for settings in [json!({"downscaleStabilization": "soon"}), json!({"cpuInitializationPeriod": -5}), json!({"tolerence": 0.1})]
    {
        let text = with(document("1"), "/settings", settings.clone()).to_string();
        let error = Document::from_json(text.as_bytes()).unwrap_err();
        assert!(error.path.as_deref().unwrap_or_default().starts_with("settings"), "{settings}: {error:?}");
    }
}

#[test]
fn samples_are_sums_and_absent_when_a_container_lacks_one() {
    let two = json!([{"name": "app", "resources": {"requests": {"cpu": "500m"}}}, {"name": "side", "resources": {"requests": {"cpu": "500m"}}}]);
    let mut doc = document("1");
    for i in 0..3 {
        doc["pods"][i]["spec"]["containers"] = two.clone();
        doc["podMetrics"][i]["containers"] =
            json!([{"name": "app", "usage": {"cpu": "700m"}}, {"name": "side", "usage": {"cpu": "300m"}}]);
    }
    assert_eq!(desired(&doc), Some(6));
    doc["podMetrics"][0]["containers"][1]["usage"] = json!({});
    let lacking = answer(&doc);
    assert_eq!(lacking.desired_replicas, Some(4), "the pod counts as idle when growing: {lacking:?}");
    // One named container of each pod.
    let named = json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": {"type": "Utilization", "averageUtilization": 70}}});
    let alone = with(doc.clone(), "/hpa/spec/metrics", json!([named]));
    assert_eq!(answer(&alone).metrics[0].current.average_utilization, Some(140));
    let mut unknown = alone;
    unknown["hpa"]["spec"]["metrics"][0]["containerResource"]["container"] = json!("db");
    let failed = answer(&unknown);
    assert!(
        failed.metrics[0].error.as_ref().unwrap().contains("did not receive metrics")
            || failed.metrics[0].error.as_ref().unwrap().contains("container db not found in Pod a"),
        "{failed:?}"
    );
}

#[test]
fn requests_come_from_containers_sidecars_or_the_pod() {
    let mut doc = document("500m");
    for i in 0..3 {
        doc["pods"][i]["spec"]["initContainers"] = json!([
            {"name": "setup", "resources": {"requests": {"cpu": "9"}}},
            {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}]);
    }
    assert_eq!(answer(&doc).metrics[0].current.average_utilization, Some(25), "a sidecar counts, a step of the start does not");
    for i in 0..3 {
        doc["pods"][i]["spec"]["resources"] = json!({"requests": {"cpu": "4"}});
    }
    assert_eq!(answer(&doc).metrics[0].current.average_utilization, Some(12), "the pod's own request replaces the sum");
    let mut lacking = document("500m");
    lacking["pods"][1]["spec"]["containers"][0]["resources"] = json!({});
    let failed = answer(&lacking);
    assert_eq!(
        failed.metrics[0].error.as_deref(),
        Some("failed to get cpu utilization: missing request for cpu in container app of Pod b")
    );
    assert_eq!(
        condition(&failed, "FailedGetResourceMetric"),
        "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container app of Pod b"
    );
}

#[test]
fn pods_outside_the_selector_are_not_looked_at() {
    let mut doc = document("1");
    doc["pods"][2]["metadata"]["labels"] = json!({"app": "other"});
    assert_eq!(desired(&doc), Some(4));
    let mut elsewhere = document("1");
    elsewhere["pods"][2]["metadata"]["namespace"] = json!("other");
    elsewhere["podMetrics"][2]["metadata"]["namespace"] = json!("other");
    assert_eq!(desired(&elsewhere), Some(4));
    let lists = with(
        with(document("1"), "/pods", json!({"kind": "List", "items": document("1")["pods"]})),
        "/podMetrics",
        json!({"items": document("1")["podMetrics"]}),
    );
    assert_eq!(desired(&lists), Some(6));
}

#[test]
fn custom_and_external_metrics() {
    let pods = json!({"type": "Pods", "pods": {"metric": {"name": "rps", "selector": {"matchLabels": {"verb": "GET"}}}, "target": {"type": "AverageValue", "averageValue": "10"}}});
    let object = json!({"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}, "target": {"type": "Value", "value": "100"}}});
    let external = json!({"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"q": "a"}}}, "target": {"type": "AverageValue", "averageValue": "30"}}});
    let value = |name: &str, v: &str| json!({"describedObject": {"kind": "Pod", "name": name, "apiVersion": "/v1"}, "metric": {"name": "rps", "selector": {"matchLabels": {"verb": "GET"}}}, "value": v});
    let mut doc = with(document("1"), "/hpa/spec/metrics", json!([pods, object, external]));
    doc["customMetrics"] = json!([
        {"kind": "MetricValueList", "items": [value("a", "20"), value("b", "20"), value("c", "20")]},
        {"describedObject": {"kind": "Pod", "name": "a"}, "metric": {"name": "rps"}, "value": "1"},
        {"describedObject": {"kind": "Ingress", "name": "main", "apiVersion": "networking.k8s.io/v1beta1"}, "metricName": "hits", "value": "150"},
        {"describedObject": {"kind": "Ingress", "name": "other"}, "metricName": "hits", "value": "9k"}]);
    doc["customMetrics"].as_array_mut().unwrap().remove(1);
    doc["externalMetrics"] = json!({"items": [
        {"metricName": "queue", "metricLabels": {"q": "a"}, "value": "100"},
        {"metricName": "queue", "metricLabels": {"q": "a", "z": "2"}, "value": "20"},
        {"metricName": "queue", "metricLabels": {"q": "b"}, "value": "9k"}]});
    let found = answer(&doc);
    let proposals: Vec<_> = found.metrics.iter().map(|m| m.proposal).collect();
    assert_eq!(proposals, [Some(6), Some(5), Some(4)], "{found:?}");
    // Any of them that is called unavailable fails, and the others go on growing.
    let broken = answer(&with(doc.clone(), "/unavailable", json!(["hits"])));
    assert_eq!((broken.desired_replicas, broken.metrics[1].proposal), (Some(6), None));
    assert!(broken.metrics[1].error.as_ref().unwrap().contains("unavailable"));
    let mut negative = doc.clone();
    negative["externalMetrics"]["items"][0]["value"] = json!("-100");
    assert!(answer(&negative).metrics[2].error.as_ref().unwrap().contains("-100 is negative"));
    let mut twice = doc;
    twice["customMetrics"][1]["describedObject"]["name"] = json!("main");
    twice["customMetrics"][2]["describedObject"]["name"] = json!("main");
    assert!(answer(&twice).metrics[1].error.as_ref().unwrap().contains("two values for Ingress main"));
}

#[test]
fn what_the_api_server_would_refuse_is_named() {
    for (path, value, field) in [
        ("/hpa/spec/maxReplicas", json!(0), "hpa.spec.maxReplicas"),
        ("/hpa/spec/minReplicas", json!(11), "hpa.spec.maxReplicas"),
        ("/hpa/spec/minReplicas", json!(-1), "hpa.spec.minReplicas"),
        ("/hpa/spec/metrics", json!([cpu(-5)]), "hpa.spec.metrics[0].resource.target.averageUtilization"),
        ("/hpa/spec/metrics", json!([{"type": "Resource"}]), "hpa.spec.metrics[0].resource"),
        (
            "/hpa/spec/metrics/0/resource/target",
            json!({"type": "AverageValue", "averageValue": "1e30"}),
            "hpa.spec.metrics[0].resource.target.averageValue",
        ),
        ("/hpa/spec/metrics/0/resource/target/type", json!("Average"), "hpa.spec.metrics[0].resource.target.type"),
        ("/hpa/spec/behavior", json!({"scaleUp": {"selectPolicy": "Most"}}), "hpa.spec.behavior.scaleUp.selectPolicy"),
        (
            "/hpa/spec/behavior",
            json!({"scaleDown": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1}]}}),
            "hpa.spec.behavior.scaleDown.policies[0].value",
        ),
        ("/scale/specReplicas", json!(-3), "scale.specReplicas"),
        ("/scale/specReplicas", Value::Null, "scale.specReplicas"),
        ("/now", Value::Null, "now"),
        ("/hpa", Value::Null, "hpa"),
        ("/history", json!({"scaleUps": [{"at": NOW, "change": -1}]}), "history.scaleUps[0].change"),
        ("/pods/2/metadata/name", json!("a"), "pods[2]"),
    ] {
        let answer = answer(&with(document("100m"), path, value));
        let error = answer.error.as_ref().unwrap_or_else(|| panic!("{field}: {answer:?}"));
        assert_eq!(error.path.as_deref(), Some(field), "{error}");
        assert!(answer.conditions.iter().any(|c| c.message.contains(field)));
    }
}

#[test]
fn an_unknown_metric_type_blocks_shrinking_alone() {
    let odd = json!({"type": "Moon"});
    let grows = answer(&with(document("1"), "/hpa/spec/metrics", json!([odd, cpu(50)])));
    assert_eq!((grows.desired_replicas, grows.metrics[0].kind.as_str()), (Some(6), "Moon"));
    let holds = answer(&with(document("100m"), "/hpa/spec/metrics", json!([odd, cpu(50)])));
    assert_eq!(holds.desired_replicas, Some(3));
    condition(&holds, "InvalidMetricSourceType");
}

#[test]
fn selectors_and_rivals() {
    condition(&answer(&with(document("1"), "/scale/selector", json!(""))), "InvalidSelector");
    condition(&answer(&with(document("1"), "/scale/selector", json!("a in"))), "InvalidSelector");
    assert_eq!(desired(&with(document("1"), "/scale/selector", json!({"matchLabels": {"app": "api"}}))), Some(6));
    let mut other = document("1")["hpa"].clone();
    other["metadata"]["name"] = json!("api2");
    let rivals = answer(&with(document("1"), "/hpas", json!([other, document("1")["hpa"]])));
    assert_eq!(
        condition(&rivals, "AmbiguousSelector"),
        "pods by selector app=api are controlled by multiple HPAs: [{api default} {api2 default}]"
    );
    assert_eq!(rivals.desired_replicas, Some(3));
    let pasted = with(
        document("1"),
        "/scale",
        json!({"kind": "Scale", "spec": {"replicas": 3}, "status": {"replicas": 3, "selector": "app=api"}}),
    );
    assert_eq!(desired(&pasted), Some(6));
    let gone = answer(&with(document("1"), "/scale", Value::Null));
    assert_eq!((gone.desired_replicas, gone.rescale), (None, false));
    condition(&gone, "FailedGetScale");
}

#[test]
fn nothing_odd_ever_shrinks() {
    for (path, value) in [
        ("/podMetrics/0/containers/0/usage/cpu", json!("-1")),
        ("/podMetrics/0/containers/0/usage/cpu", json!("1e30")),
        ("/pods/0/spec/containers/0/resources/requests/cpu", json!("1e30")),
        ("/pods/0/spec/containers/0/resources/requests/cpu", json!("-5")),
        ("/podMetrics/1/metadata/name", json!("a")),
        ("/podMetrics", Value::Null),
        ("/pods", Value::Null),
        ("/unavailable", json!(["cpu"])),
        ("/history", json!({"recommendations": [{"at": "2026-11-20T11:00:00Z", "replicas": 1}]})),
        ("/history", json!({"recommendations": [{"at": "2026-11-20T11:00:00Z", "replicas": -1}]})),
    ] {
        let answer = answer(&with(document("100m"), path, value.clone()));
        assert_eq!((answer.desired_replicas, answer.rescale), (Some(3), false), "{path} {value}: {answer:?}");
        let told = answer.error.is_some() || answer.metrics.iter().any(|m| m.error.is_some());
        assert!(told, "{path} {value} is not told: {answer:?}");
    }
}

#[test]
fn wrong_types_have_their_path_and_line() {
    let json = "{\n \"now\": \"2026-11-20T10:00:00Z\",\n \"pods\": [\n  {\"spec\": {\"containers\": 7}}\n ]\n}";
    let error = Document::from_json(json.as_bytes()).unwrap_err();
    assert_eq!((error.path.as_deref(), error.line), (Some("pods[0].spec.containers"), Some(4)), "{error:?}");
    let yaml = "now: 2026-11-20T10:00:00Z\npods:\n  - spec:\n      containers: 7\n";
    let error = Document::from_yaml(yaml).unwrap_err();
    assert_eq!((error.path.as_deref(), error.line), (Some("pods[0].spec.containers"), Some(4)), "{error:?}");
    for bad in [
        "{\"now\": NaN}",
        "{\"settings\": {\"tolerance\": 1e999}}",
        "{\"now\": \"x\"}",
        "{\"now\": null, \"now\": null}",
        "[]",
        "7",
        "{\"hpa\": {\"spec\": {\"maxReplicas\": 99999999999}}}",
    ] {
        let error = Document::from_json(bad.as_bytes()).unwrap_err();
        assert!(!error.message.is_empty() && error.line == Some(1), "{bad}: {error:?}");
    }
    let odd = answer(&with(document("1"), "/podsMetrics", json!([])));
    assert!(odd.report.warnings.iter().any(|w| w.contains("podsMetrics")));
}

#[test]
fn spellings_of_others_mean_the_same() {
    for settings in [
        json!({"tolerance": "0.1", "scaleUpLimitFactor": "2.0"}),
        json!({"compat": "v1.37"}),
        json!({"compat": "1.36"}),
        json!({"tolerance": null, "compat": null, "downscaleStabilization": null}),
    ] {
        assert_eq!(desired(&with(document("1"), "/settings", settings.clone())), Some(6), "{settings}");
    }
    assert_eq!(desired(&with(document("1"), "/podMetrics/0/window", json!(30))), Some(6));
    // Go prints a time that is not set as the first year.
    let unset = json!("0001-01-01T00:00:00Z");
    assert_eq!(desired(&with(document("1"), "/pods/0/status/startTime", unset.clone())), Some(6));
    let history = json!({"recommendations": [{"at": unset, "replicas": 9}]});
    assert_eq!(desired(&with(document("100m"), "/history", history)), Some(1));
}

#[test]
fn an_external_value_without_labels_answers_any_selector() {
    let metric = json!({"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"shard": "a"}}},
        "target": {"type": "AverageValue", "averageValue": "1"}}});
    let of = |labels: Value| {
        let value = json!({"metricName": "queue", "metricLabels": labels, "timestamp": NOW, "value": "6"});
        let doc = with(document("1"), "/hpa/spec/metrics", json!([metric]));
        desired(&with(doc, "/externalMetrics", json!([value])))
    };
    assert_eq!([of(Value::Null), of(json!({})), of(json!({"shard": "a"}))], [Some(6); 3]);
    assert_eq!(of(json!({"shard": "b"})), Some(3), "another series is none of its own");
}

//! Manifests of others, and the platform files that they become.

use serde_json::{Value, json};
use skala_manifests::import::{Imported, import};
use skala_manifests::yaml;

fn hpa() -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}, "minReplicas": 2, "maxReplicas": 9,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
            {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "400Mi"}}},
            {"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "5"}}}],
        "behavior": {"scaleDown": {"tolerance": "50m", "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]}}}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": {"replicas": 3, "template": {"spec": {"containers": [
        {"name": "app", "image": "x", "command": ["gunicorn", "app:app"], "args": ["--bind", "0.0.0.0:80"],
         "env": [{"name": "LEVEL", "value": "yes"}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
         "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}}}]}}}})
}

fn keda() -> Value {
    json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "worker"}, "spec": {
        "scaleTargetRef": {"name": "worker"}, "maxReplicaCount": 20, "cooldownPeriod": 60, "fallback": {"failureThreshold": 3, "replicas": 6},
        "triggers": [
            {"type": "redis", "metadata": {"addressFromEnv": "REDIS", "listName": "celery", "listLength": "7", "activationListLength": "2"}, "authenticationRef": {"name": "a"}},
            {"type": "kafka", "name": "lag", "metadata": {"bootstrapServers": "a:1, b:2", "consumerGroup": "g", "topic": "t"}},
            {"type": "cron", "metadata": {"timezone": "Europe/Berlin", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "5"}},
            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}},
            {"type": "aws-sqs-queue", "metadata": {}}]}})
}

fn fields(imported: &Imported) -> Vec<&str> {
    imported.notes.iter().map(|n| n.field.as_str()).collect()
}

/// The file, which must be without errors.
fn checked(imported: &Imported) -> (Value, Vec<String>) {
    let (text, notes) = imported.platform_file("imported");
    let source = skala_spec::Source { name: "skala.yaml", text: &text };
    let options = skala_spec::LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("none".to_owned()) };
    let loaded = skala_spec::load(&source, &options);
    let errors: Vec<_> = loaded.problems.iter().filter(|p| p.is_error()).collect();
    assert!(errors.is_empty(), "{text}\n{errors:#?}");
    (yaml::parse(&text).unwrap(), notes.into_iter().map(|n| n.field).collect())
}

#[test]
fn an_autoscaler_beside_its_deployment() {
    let imported = import(vec![json!({"kind": "List", "items": [hpa(), deployment()]})]);
    let (file, notes) = checked(&imported);
    let service = &file["services"]["api"];
    assert_eq!(service["command"], json!(["gunicorn", "app:app", "--bind", "0.0.0.0:80"]));
    assert_eq!((&service["env"], &service["replicas"]), (&json!({"LEVEL": "yes"}), &Value::Null));
    assert_eq!(service["autoscaling"]["metrics"], json!([{"cpu": "70%"}, {"memory": "400Mi"}]));
    assert_eq!(
        (&service["autoscaling"]["minReplicas"], &service["autoscaling"]["behavior"]["scaleDown"]["tolerance"]),
        (&json!(2), &json!("5%"))
    );
    assert_eq!(notes, ["env.KEY", "metrics"]);
    let (objects, _) = imported.autoscalers();
    let object = yaml::parse(objects.trim_start_matches("---\n")).unwrap();
    assert_eq!((&object["kind"], &object["spec"]["mode"]), (&json!("Autoscaler"), &json!("hpa")));
    assert_eq!(object["spec"]["metrics"], hpa()["spec"]["metrics"]);
}

#[test]
fn a_scaled_object() {
    let imported = import(vec![keda()]);
    assert_eq!(fields(&imported), ["spec.triggers[0].authenticationRef", "spec.triggers[4]"]);
    let (objects, _) = imported.autoscalers();
    let spec = yaml::parse(objects.trim_start_matches("---\n")).unwrap()["spec"].clone();
    assert_eq!(
        spec["triggers"],
        json!([
            {"name": "redis-0", "redis": {"address": "${REDIS}", "list": "celery"}, "averageValue": "7", "activation": "2", "fallback": {"failureThreshold": 3, "replicas": 6}},
            {"name": "lag", "kafka": {"brokers": ["a:1", "b:2"], "group": "g", "topics": ["t"]}, "averageValue": "10", "fallback": {"failureThreshold": 3, "replicas": 6}}])
    );
    assert_eq!(spec["windows"][0]["minReplicas"], 5);
    assert_eq!((&spec["minReplicas"], &spec["maxReplicas"], &spec["cooldown"]), (&json!(0), &json!(20), &json!("60s")));
    let (file, notes) = checked(&imported);
    let worker = &file["services"]["worker"];
    assert_eq!((&worker["autoscaling"], &worker["replicas"]), (&Value::Null, &json!(1)), "a percentage of what is not known");
    assert!(
        notes.contains(&"triggers".to_owned()) && notes.contains(&"metrics".to_owned()) && notes.contains(&"windows".to_owned()),
        "{notes:?}"
    );
}

#[test]
fn knative_and_what_is_not_known() {
    let service = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"template": {
        "metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "1", "autoscaling.knative.dev/max-scale": "8", "autoscaling.knative.dev/window": "40s"}},
        "spec": {"containerConcurrency": 10, "containers": [{"command": ["serve"]}]}}}});
    let vpa = json!({"kind": "VerticalPodAutoscaler", "metadata": {"name": "v"}, "spec": {}});
    let second = {
        let mut h = hpa();
        h["metadata"]["name"] = json!("twice");
        h
    };
    let imported = import(vec![service, vpa, json!({"kind": "ConfigMap"}), hpa(), second, Value::Null, json!(7)]);
    let (file, _) = checked(&imported);
    assert_eq!(file["services"]["web"]["autoscaling"]["metrics"], json!([{"concurrency": 7.0}]));
    assert_eq!(file["services"]["web"]["concurrency"], 10);
    assert_eq!(fields(&imported), ["autoscaling.knative.dev/window", "spec.updatePolicy", "", "", ""]);
    assert!(imported.notes[3].reason.contains("already scaled"));
}

//! `skala import`: manifests in, a platform file that `check` accepts out.

use serde_json::Value;

use crate::skala;

const HPA: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  minReplicas: 2
  maxReplicas: 6
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}
";

const SCALED: &str = "apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker, namespace: shop}
spec:
  scaleTargetRef: {name: worker}
  maxReplicaCount: 9
  triggers:
  - {type: redis, metadata: {addressFromEnv: REDIS_URL, listName: jobs}}
";

#[test]
fn what_comes_out_passes_check() {
    let skala = skala("").env("REDIS_URL", "redis://cache:6379");
    skala.write("hpa.yaml", HPA);
    skala.write("keda.yaml", SCALED);
    let ran = skala.run(&["import", "hpa.yaml", "keda.yaml", "--output", "new.yaml"]);
    assert!(ran.code == Some(0) && ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.contains("keda.yaml:8") && ran.stderr.contains("set REDIS_URL"), "{}", ran.stderr);
    let checked = skala.run(&["check", "new.yaml", "-o", "json"]);
    let document: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((checked.code, &document["ok"]), (Some(0), &Value::Bool(true)), "{document:#}");
    let again = skala.run(&["import", "hpa.yaml", "--output", "new.yaml"]);
    assert!(again.code == Some(1) && again.stderr.contains("--force"), "a file that is there stays: {again:?}");
    assert_eq!(skala.run(&["import", "hpa.yaml", "--output", "new.yaml", "--force"]).code, Some(0));
}

#[test]
fn documents_for_programs_and_strictness() {
    let skala = skala("").prefix(&["sh", "-c", "exec \"$0\" \"$@\" < keda.yaml"]);
    skala.write("keda.yaml", SCALED);
    let ran = skala.run(&["import", "-", "-o", "json", "--strict"]);
    assert!(ran.code == Some(3) && ran.stderr.is_empty(), "{ran:?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["schemaVersion"], &document["variables"][0]), (&Value::from(1), &Value::from("REDIS_URL")));
    assert_eq!(document["platform"]["services"]["worker"]["autoscaling"]["metrics"][0]["redis"]["address"], "${REDIS_URL}");
    let note = &document["notes"].as_array().unwrap().iter().find(|n| n["line"] == 8).unwrap();
    assert_eq!((&note["file"], &note["object"]), (&Value::from("stdin"), &Value::from("ScaledObject shop/worker")));
    let other = skala.run(&["import", "-", "--to", "autoscaler"]);
    assert!(
        other.code == Some(0) && other.stdout.starts_with("---\napiVersion: skala.dev/v1alpha1\nkind: Autoscaler\n"),
        "{other:?}"
    );
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let skala = skala("");
    skala.write("broken.yaml", "kind: A\nmetadata: {name: [}\n");
    skala.write("values.yaml", "replicaCount: 3\n");
    skala.write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2}\n");
    let rows = [
        (vec!["broken.yaml"], 1, "broken.yaml:2"),
        (vec!["values.yaml"], 1, "values.yaml:1: this document is no Kubernetes object"),
        (vec!["secret.yaml"], 1, "nothing to import"),
        (vec!["nowhere.yaml"], 1, "nowhere.yaml"),
        (vec!["/dev/zero"], 1, "too large"),
        (vec!["values.yaml", "--output", "json"], 2, "-o json"),
        (vec![], 2, "FILE"),
    ];
    for (args, code, part) in rows {
        let ran = skala.run(&[vec!["import"], args.clone()].concat());
        assert!(ran.code == Some(code) && ran.stderr.contains(part) && ran.stdout.is_empty(), "{args:?}: {ran:?}");
        assert!(!ran.stderr.contains("hunter2"));
    }
}

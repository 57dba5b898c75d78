//! `skala import`: the file that it writes passes `skala check`.

use crate::skala;

const MANIFESTS: &str = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {template: {spec: {containers: [{name: app, command: [sleep, '9'], resources: {requests: {cpu: 500m}}, env: [{name: KEY, valueFrom: {}}]}]}}}
";

#[test]
fn what_is_written_passes_check() {
    let skala = skala("");
    skala.write("manifests.yaml", MANIFESTS);
    let ran = skala.run(&["import", "manifests.yaml"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("not carried over: Deployment api env.KEY: "), "{}", ran.stderr);
    skala.write("skala.yaml", &ran.stdout);
    let check = skala.run(&["check"]);
    assert_eq!(check.code, Some(0), "{check:?}\n{}", ran.stdout);
    let objects = skala.run(&["import", "--to", "autoscaler", "manifests.yaml"]);
    assert!(objects.stdout.contains("kind: Autoscaler"), "{objects:?}");
    skala.write("broken.yaml", "a: 1\n---\na: [\n");
    let broken = skala.run(&["import", "broken.yaml"]);
    assert!(broken.code == Some(1) && broken.stderr.contains("broken.yaml:"), "{broken:?}");
    skala.write("nothing.yaml", "kind: ConfigMap\n");
    assert_eq!(skala.run(&["import", "nothing.yaml"]).code, Some(1));
}

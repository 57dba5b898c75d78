//! VerticalPodAutoscalers.

use expect_test::expect;

use super::{WORKER, check};

const VPA: &str = "apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: worker, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
";

#[test]
fn alone_beside_a_workload() {
    let rest = "  updatePolicy: {updateMode: Recreate, minReplicas: 2}
  resourcePolicy:
    containerPolicies:
    - {containerName: '*', minAllowed: {cpu: 100m, memory: 50Mi}, maxAllowed: {cpu: 1, memory: 500Mi}, controlledResources: [cpu, memory], controlledValues: RequestsOnly}
    - {containerName: sidecar, mode: 'Off'}
  recommenders: [{name: mine}]
";
    check(&format!("{VPA}{rest}---\n{WORKER}"), &expect![[""]]);
}

#[test]
fn beside_a_horizontal_one_on_the_same_signal() {
    let hpa = "---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: worker, namespace: shop}
spec:
  scaleTargetRef: {kind: Deployment, name: worker}
  maxReplicas: 4
";
    check(&format!("{VPA}{hpa}---\n{WORKER}"), &expect![[""]]);
    let off = "  updatePolicy: {updateMode: 'Off'}\n  resourcePolicy: {containerPolicies: [{containerName: worker, minAllowed: {cpu: 2}, maxAllowed: {cpu: 1}}]}\n";
    check(&format!("{VPA}{off}"), &expect![[""]]);
}

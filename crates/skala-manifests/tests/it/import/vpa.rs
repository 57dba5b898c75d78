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
    check(
        &format!("{VPA}{rest}---\n{WORKER}"),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 1
                  maxReplicas: 1
                  vertical:
                    mode: apply
                    minAllowed: {cpu: 100m, memory: 50Mi}
                    maxAllowed: {cpu: "1", memory: 500Mi}
            in.yaml:6 VerticalPodAutoscaler shop/worker spec.updatePolicy.updateMode: replicas are not replaced to change their size -> recommendations are applied in place, where that is possible; no replica is replaced for one
            in.yaml:6 VerticalPodAutoscaler shop/worker spec.updatePolicy.minReplicas: no replica is evicted -> nothing, unless you rely on evictions
            in.yaml:9 VerticalPodAutoscaler shop/worker spec.resourcePolicy.containerPolicies[0].controlledValues: limits are not left alone -> requests and limits change alike; leave limits out of `resources` if they should not
            in.yaml:10 VerticalPodAutoscaler shop/worker spec.resourcePolicy.containerPolicies[1]: a replica is one program; `sidecar` is not it -> nothing, unless it becomes a service of its own
            in.yaml:11 VerticalPodAutoscaler shop/worker spec.recommenders: there is one recommender here -> compare its recommendations with those you know
            in.yaml:22 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
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
    check(
        &format!("{VPA}{hpa}---\n{WORKER}"),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  mode: hpa
                  minReplicas: 1
                  maxReplicas: 4
                  metrics: [{cpu: 80%}]
                  vertical: {mode: apply, resources: [memory]}
            in.yaml:1 VerticalPodAutoscaler shop/worker spec: cpu already decides how many replicas there are, and must not change their size too -> cpu is left out of `vertical.resources`
            in.yaml:23 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
    let off = "  updatePolicy: {updateMode: 'Off'}\n  resourcePolicy: {containerPolicies: [{containerName: worker, minAllowed: {cpu: 2}, maxAllowed: {cpu: 1}}]}\n";
    check(
        &format!("{VPA}{off}"),
        &expect![[r#"
        platform: shop
        services:
          worker:
            command: [replace-me, $PORT]
            autoscaling:
              minReplicas: 1
              maxReplicas: 1
              vertical: {mode: recommend, minAllowed: {cpu: "2"}}
        in.yaml:1 VerticalPodAutoscaler shop/worker: the program that is scaled is not among the files -> write it in place of `replace-me`, or import its Deployment together with this
        in.yaml:7 VerticalPodAutoscaler shop/worker spec.resourcePolicy.containerPolicies[0]: minAllowed of cpu is above maxAllowed -> maxAllowed is left out
    "#]],
    );
}

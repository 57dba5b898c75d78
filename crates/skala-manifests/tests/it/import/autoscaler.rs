//! `--to autoscaler`.

use expect_test::expect;
use skala_manifests::import::To;

use super::{imported, scaled, shown};

#[test]
fn an_hpa_passes_unchanged() {
    let text = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 9
  metrics:
  - {type: External, external: {metric: {name: lag, selector: {matchLabels: {q: a}}}, target: {type: AverageValue, averageValue: '30'}}}
  - {type: ContainerResource, containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 60}}}
  behavior: {scaleUp: {tolerance: '0.05'}}
";
    let expected = expect![[r#"
        ---
        apiVersion: skala.dev/v1alpha1
        kind: Autoscaler
        metadata: {name: web, namespace: shop}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
          minReplicas: 2
          maxReplicas: 9
          mode: hpa
          metrics:
            - type: External
              external:
                metric:
                  name: lag
                  selector: {matchLabels: {q: a}}
                target: {type: AverageValue, averageValue: "30"}
            - type: ContainerResource
              containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 60}}
          behavior: {scaleUp: {tolerance: "0.05"}}
    "#]];
    expected.assert_eq(&shown(&imported(text, To::Autoscaler)));
}

#[test]
fn a_scaled_object_with_secrets() {
    let text = scaled(
        "  - type: redis
    metadata: {address: 'redis:6379', listName: jobs, usernameFromEnv: REDIS_USER}
    authenticationRef: {name: redis-login}
  - {type: cpu, metricType: Utilization, metadata: {value: '60'}}
  - {type: cron, metadata: {timezone: Europe/Berlin, start: 0 8 * * *, end: 0 18 * * *, desiredReplicas: '4'}}",
        "  pollingInterval: 5
  cooldownPeriod: 30
  fallback: {failureThreshold: 1, replicas: 2}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: redis-login, namespace: shop}
spec:
  secretTargetRef: [{parameter: password, name: redis-login, key: password}]
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: worker, namespace: shop}
spec: {targetRef: {kind: Deployment, name: worker}}",
    );
    let expected = expect![[r#"
        ---
        apiVersion: skala.dev/v1alpha1
        kind: Autoscaler
        metadata: {name: worker, namespace: shop}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
          minReplicas: 0
          maxReplicas: 100
          metrics:
            - type: Resource
              resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}
          triggers:
            - name: jobs
              redis:
                address: "redis:6379"
                username: "${REDIS_USER}"
                password: "${REDIS_LOGIN_PASSWORD}"
                list: jobs
              averageValue: 5
              fallback: {replicas: 2, failureThreshold: 1}
          secrets:
            - {name: REDIS_LOGIN_PASSWORD, secretKeyRef: {name: redis-login, key: password}}
            - {name: REDIS_USER, secretKeyRef: {name: replace-me, key: REDIS_USER}}
          windows:
            - name: window
              start: "0 8 * * *"
              end: "0 18 * * *"
              timezone: Europe/Berlin
              minReplicas: 4
          cooldown: 30s
        in.yaml:1 ScaledObject shop/worker spec.triggers: `REDIS_USER` must come from a Secret -> put the value into a Secret, and name it under `spec.secrets` in place of `replace-me`
        in.yaml:1 ScaledObject shop/worker spec.pollingInterval: triggers are read once per sync period of the controller -> see its `--sync-period`
        in.yaml:1 ScaledObject shop/worker spec.minReplicaCount: an idle target shrinks through `behavior`, not at once -> loosen `behavior.scaleDown` if it must be at once
        in.yaml:22 VerticalPodAutoscaler shop/worker spec: an Autoscaler does not change the size of pods -> keep the VerticalPodAutoscaler, or import it to a platform file
    "#]];
    expected.assert_eq(&shown(&imported(&text, To::Autoscaler)));
}

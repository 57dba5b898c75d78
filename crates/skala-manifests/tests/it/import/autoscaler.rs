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
    let expected = expect![[""]];
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
    let expected = expect![[""]];
    expected.assert_eq(&shown(&imported(&text, To::Autoscaler)));
}

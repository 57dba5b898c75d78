//! Knative's objects.

use expect_test::expect;

use super::check;

#[test]
fn a_service_with_every_annotation() {
    check(
        "apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/metric: rps
        autoscaling.knative.dev/target: '150'
        autoscaling.knative.dev/minScale: '1'
        autoscaling.knative.dev/max-scale: '12'
        autoscaling.knative.dev/initial-scale: '3'
        autoscaling.knative.dev/activation-scale: '2'
        autoscaling.knative.dev/scale-down-delay: 15m
        autoscaling.knative.dev/window: 40s
        autoscaling.knative.dev/panic-window-percentage: '20.0'
        autoscaling.knative.dev/panic-threshold-percentage: '150'
        autoscaling.knative.dev/target-utilization-percentage: '80'
        autoscaling.knative.dev/target-burst-capacity: '-1'
        autoscaling.knative.dev/scale-to-zero-pod-retention-period: 1m5s
        autoscaling.knative.dev/new-thing: x
    spec:
      containerConcurrency: 50
      timeoutSeconds: 120
      containers:
      - image: hello:2
        command: [./hello]
        ports: [{containerPort: 8080}]
        env: [{name: PORT, value: '8080'}]
  traffic: [{latestRevision: true, percent: 100}]
",
        &expect![[""]],
    );
}

#[test]
fn defaults_wrong_values_and_the_class_hpa() {
    let service = |annotations: &str| {
        format!(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: hello}}\nspec: {{template: {{metadata: {{annotations: {{{annotations}}}}}, spec: {{containers: [{{image: hello}}]}}}}}}\n"
        )
    };
    check(&service("'autoscaling.knative.dev/window': 5s, 'autoscaling.knative.dev/metric': mood"), &expect![[""]]);
    check(
        &service(
            "'autoscaling.knative.dev/class': hpa.autoscaling.knative.dev, 'autoscaling.knative.dev/metric': memory, 'autoscaling.knative.dev/target': '75', 'autoscaling.knative.dev/max-scale': '4'",
        ),
        &expect![[""]],
    );
}

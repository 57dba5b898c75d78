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
        &expect![[r#"
            platform: shop
            services:
              hello:
                command: ["./hello"]
                concurrency: 50
                autoscaling:
                  mode: knative
                  minReplicas: 1
                  maxReplicas: 12
                  knative:
                    metric: rps
                    target: 150
                    utilization: 80%
                    stableWindow: 40s
                    panicWindow: 20%
                    panicThreshold: 150%
                    burstCapacity: -1
                    podRetention: 65s
                    initialScale: 3
                    activationScale: 2
                    scaleDownDelay: 900s
            routes: [{path: /, service: hello, timeout: 120s}]
            in.yaml:21 Service shop/hello spec.template.metadata.annotations['autoscaling.knative.dev/new-thing']: this annotation is not known here -> look whether it matters, and write what is meant by hand
            in.yaml:26 Service shop/hello spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `hello:2` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn defaults_wrong_values_and_the_class_hpa() {
    let service = |annotations: &str| {
        format!(
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: hello}}\nspec: {{template: {{metadata: {{annotations: {{{annotations}}}}}, spec: {{containers: [{{image: hello}}]}}}}}}\n"
        )
    };
    check(
        &service("'autoscaling.knative.dev/window': 5s, 'autoscaling.knative.dev/metric': mood"),
        &expect![[r#"
            platform: imported
            services:
              hello: {command: [replace-me], autoscaling: {mode: knative, minReplicas: 0, maxReplicas: 1000}}
            in.yaml:1 Service hello spec.template.metadata.annotations['autoscaling.knative.dev/max-scale']: there is no bound; 1000 replicas are skala's most -> choose what the machine and its databases can bear
            in.yaml:4 Service hello spec.template.metadata.annotations['autoscaling.knative.dev/metric']: `mood` cannot stand here -> its default is in force; correct it
            in.yaml:4 Service hello spec.template.metadata.annotations['autoscaling.knative.dev/window']: `5s` cannot stand here -> its default is in force; correct it
            in.yaml:4 Service hello spec.template.spec.containers[0].image: the program is known to the image `hello` alone -> write the program in place of `replace-me`; it must listen on $PORT
        "#]],
    );
    check(
        &service(
            "'autoscaling.knative.dev/class': hpa.autoscaling.knative.dev, 'autoscaling.knative.dev/metric': memory, 'autoscaling.knative.dev/target': '75', 'autoscaling.knative.dev/max-scale': '4'",
        ),
        &expect![[r#"
            platform: imported
            services:
              hello:
                command: [replace-me]
                autoscaling:
                  mode: hpa
                  minReplicas: 1
                  maxReplicas: 4
                  metrics: [{memory: 75Mi}]
            in.yaml:4 Service hello spec.template.spec.containers[0].image: the program is known to the image `hello` alone -> write the program in place of `replace-me`; it must listen on $PORT
        "#]],
    );
}

//! Workloads, Services, and lists of both.

use expect_test::expect;

use super::check;

#[test]
fn a_deployment_with_everything() {
    check(
        "apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: api.v1, namespace: shop}
  spec:
    replicas: 3
    strategy: {type: RollingUpdate}
    selector: {matchLabels: {app: api}}
    template:
      metadata: {labels: {app: api, tier: web}}
      spec:
        serviceAccountName: api
        terminationGracePeriodSeconds: 45
        initContainers: [{name: migrate, image: api:1}]
        containers:
        - name: api
          image: api:1
          command: [gunicorn, app:app]
          args: [--bind, '0.0.0.0:8000', --log, $(LEVEL), --key, $(KEY), --note, '${x}', $(NOPE)]
          workingDir: /srv
          ports: [{name: http, containerPort: 8000}, {name: metrics, containerPort: 9090}]
          envFrom: [{secretRef: {name: more}}]
          env:
          - {name: LEVEL, value: debug}
          - {name: KEY, valueFrom: {secretKeyRef: {name: keys, key: openai}}}
          - {name: MODE, valueFrom: {configMapKeyRef: {name: conf, key: mode}}}
          - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
          - {name: URL, value: 'http://$(LEVEL)/${y}'}
          resources: {requests: {cpu: '0.5', memory: 256Mi}, limits: {memory: 128Mi, cpu: 2, nvidia.com/gpu: 1}}
          readinessProbe: {httpGet: {path: /ready, port: http}, initialDelaySeconds: 5, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 4}
          startupProbe: {httpGet: {path: /ready, port: http}, failureThreshold: 30, periodSeconds: 10}
          livenessProbe: {httpGet: {path: /live, port: http}}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
          volumeMounts: [{name: data, mountPath: /data}]
        - {name: proxy, image: envoy}
        volumes: [{name: data, emptyDir: {}}]
- apiVersion: v1
  kind: Service
  metadata: {name: api, namespace: shop}
  spec: {type: LoadBalancer, selector: {app: api}, ports: [{port: 80}]}
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: worker, namespace: shop}
  spec:
    template:
      spec: {containers: [{name: worker, image: worker:1, args: [run]}]}
    volumeClaimTemplates: [{metadata: {name: data}}]
- {apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: shop}, stringData: {openai: hunter2}}
- {apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: shop}}
",
        &expect![[""]],
    );
}

#[test]
fn a_worker_gets_no_requests() {
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec: {template: {spec: {containers: [{name: w, image: w, command: [run]}]}}}",
        &expect![[""]],
    );
}

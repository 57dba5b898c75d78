//! The Deployment of the controller, and the Service under which its metrics are found.

use super::ControllerExport;

pub(super) fn documents(export: &ControllerExport) -> Vec<String> {
    vec![service(export), deployment(export)]
}

fn service(export: &ControllerExport) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata:
  name: skala-controller
  namespace: {namespace}
  labels: {{app.kubernetes.io/name: skala-controller}}
spec:
  clusterIP: None
  selector: {{app.kubernetes.io/name: skala-controller}}
  ports:
  - {{name: http-metrics, port: 8080, targetPort: http-metrics}}",
        namespace = export.namespace
    )
}

fn deployment(export: &ControllerExport) -> String {
    let mut flags = vec![
        "--listen=0.0.0.0:8080".to_owned(),
        format!("--lease-namespace={}", export.namespace),
        "--lease-name=skala-controller".to_owned(),
    ];
    flags.extend(export.watch.iter().map(|namespace| format!("--namespace={namespace}")));
    if export.dry_run {
        flags.push("--dry-run".into());
    }
    if !export.deletion_cost {
        flags.push("--no-deletion-cost".into());
    }
    let flags: String = flags.iter().map(|flag| format!("        - {flag}\n")).collect();
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: skala-controller
  namespace: {namespace}
  labels: {{app.kubernetes.io/name: skala-controller}}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app.kubernetes.io/name: skala-controller}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: skala-controller}}
    spec:
      serviceAccountName: skala-controller
      # Longer than what it takes to finish a round and give the lease back.
      terminationGracePeriodSeconds: 30
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile: {{type: RuntimeDefault}}
      containers:
      - name: controller
        image: {image}
        args:
        - controller
{flags}        env:
        - name: POD_NAME
          valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}
        ports:
        - {{name: http-metrics, containerPort: 8080}}
        livenessProbe:
          httpGet: {{path: /healthz, port: http-metrics}}
          periodSeconds: 10
          timeoutSeconds: 3
          failureThreshold: 3
        readinessProbe:
          httpGet: {{path: /readyz, port: http-metrics}}
          periodSeconds: 5
          timeoutSeconds: 3
        resources:
          requests: {{cpu: 100m, memory: 128Mi}}
          limits: {{memory: 512Mi}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}",
        namespace = export.namespace,
        replicas = export.replicas,
        image = export.image,
    )
}

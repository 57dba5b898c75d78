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
        &expect![[r#"
            platform: shop
            services:
              api-v1:
                command:
                  - gunicorn
                  - "app:app"
                  - "--bind"
                  - "0.0.0.0:$PORT"
                  - "--log"
                  - debug
                  - "--key"
                  - "${KEY}"
                  - "--note"
                  - "$${x}"
                  - $(NOPE)
                workingDir: /srv
                env: {LEVEL: debug, KEY: "${KEY}", MODE: "${MODE}", URL: "http://debug/$${y}"}
                resources: {requests: {cpu: 500m, memory: 256Mi}, limits: {cpu: "2"}}
                readiness: {httpGet: /ready, period: 5s, timeout: 2s, failureThreshold: 4, startTimeout: 300s}
                drain: 45s
                replicas: 3
              worker: {command: [replace-me, run], replicas: 1}
            routes: [{host: api, path: /, service: api-v1}]
            in.yaml:4 Deployment shop/api.v1 metadata.name: the service is called `api-v1` -> rename it in the platform file, if you like
            in.yaml:9 Deployment shop/api.v1 spec.strategy: a rollout replaces replicas one by one, each once the new one is ready -> see to it by hand, if it matters
            in.yaml:14 Deployment shop/api.v1 spec.template.spec.serviceAccountName: a replica is a group of processes of this machine, without this -> see to it by hand, if it matters
            in.yaml:16 Deployment shop/api.v1 spec.template.spec.initContainers[0]: nothing runs before a replica -> let the program do it as it starts
            in.yaml:19 Deployment shop/api.v1 spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `api:1` -> install what the command needs on this machine
            in.yaml:21 Deployment shop/api.v1 spec.template.spec.containers[0].args: `$(NOPE)` is not known here -> write the value
            in.yaml:23 Deployment shop/api.v1 spec.template.spec.containers[0].ports[1].containerPort: a replica has one port -> requests go to the first one; serve the other there too, or choose its number from the environment
            in.yaml:24 Deployment shop/api.v1 spec.template.spec.containers[0].envFrom: values of Secrets and ConfigMaps are not copied, and their names are not in the manifest -> add each under `env`, from `"${VARIABLE}"` or `{file: path}`
            in.yaml:27 Deployment shop/api.v1 spec.template.spec.containers[0].env[1].valueFrom.secretKeyRef: the value stands in key `openai` of Secret `keys` -> set KEY in the environment of skala
            in.yaml:28 Deployment shop/api.v1 spec.template.spec.containers[0].env[2].valueFrom.configMapKeyRef: the value stands in key `mode` of ConfigMap `conf` -> set MODE in the environment of skala
            in.yaml:29 Deployment shop/api.v1 spec.template.spec.containers[0].env[3].valueFrom.fieldRef: this is a fact of a pod, and there is none -> write a value, or leave the variable out
            in.yaml:31 Deployment shop/api.v1 spec.template.spec.containers[0].resources.limits.nvidia.com/gpu: of a replica's resources, cpu and memory are known -> see to it that the machine has enough
            in.yaml:31 Deployment shop/api.v1 spec.template.spec.containers[0].resources.limits: the limit of memory is below the request -> it is left out; correct it
            in.yaml:34 Deployment shop/api.v1 spec.template.spec.containers[0].livenessProbe: a replica is replaced when it exits, not when a probe says so -> let the program exit when it is stuck
            in.yaml:35 Deployment shop/api.v1 spec.template.spec.containers[0].lifecycle: nothing is called around the life of a replica -> let the program do it on SIGTERM
            in.yaml:36 Deployment shop/api.v1 spec.template.spec.containers[0].volumeMounts: a replica is a group of processes of this machine, without this -> see to it by hand, if it matters
            in.yaml:37 Deployment shop/api.v1 spec.template.spec.containers[1]: a replica runs one program, that of the first container -> start it from there, or make it a service of its own
            in.yaml:38 Deployment shop/api.v1 spec.template.spec.volumes: a replica is a group of processes of this machine, without this -> see to it by hand, if it matters
            in.yaml:39 Service shop/api spec: clients find it by the name of the host, at the gateway's port -> let `api` resolve to the gateway, or change `routes`
            in.yaml:42 Service shop/api spec.type: nothing is published beyond the gateway -> point the load balancer at the gateway's port
            in.yaml:48 StatefulSet shop/worker spec.template.spec.containers[0].image: the program is known to the image `worker:1` alone -> write the program in place of `replace-me`; it must listen on $PORT
            in.yaml:48 StatefulSet shop/worker spec.template.spec.containers[0].readinessProbe: nothing says how a replica shows that it is ready -> write `readiness: {logLine: ...}` with a text that it prints; without, its port must open
            in.yaml:49 StatefulSet shop/worker spec.volumeClaimTemplates: a replica is a group of processes of this machine, without this -> give the program a folder of its own
            in.yaml:50 Secret shop/keys: values of Secrets and ConfigMaps are not copied -> set the variables that other notes name
            in.yaml:51 CronJob shop/nightly: objects of kind `CronJob` are not imported -> write what is meant by hand, if it matters
        "#]],
    );
}

#[test]
fn a_worker_gets_no_requests() {
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec: {template: {spec: {containers: [{name: w, image: w, command: [run]}]}}}",
        &expect![[r#"
            platform: imported
            services:
              worker: {command: [run], replicas: 1}
            routes: []
            in.yaml:4 Deployment worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `w` -> install what the command needs on this machine
            in.yaml:4 Deployment worker spec.template.spec.containers[0].readinessProbe: nothing says how a replica shows that it is ready -> write `readiness: {logLine: ...}` with a text that it prints; without, its port must open
        "#]],
    );
}

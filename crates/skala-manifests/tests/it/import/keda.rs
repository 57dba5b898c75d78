//! ScaledObjects.

use expect_test::expect;

use super::{check, scaled};

#[test]
fn redis_list() {
    check(
        &scaled(
            "  - {type: redis, metadata: {addressFromEnv: REDIS_ADDR, listName: jobs-new, listLength: '10', activationListLength: '2', databaseIndex: '3', enableTLS: 'true'}}",
            "  pollingInterval: 15\n  cooldownPeriod: 60\n  minReplicaCount: 0\n  maxReplicaCount: 30",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 30
                  metrics:
                    - name: jobs_new
                      redis: {address: "rediss://cache:6379", database: 3, list: jobs-new}
                      target: 10
                      activation: 2
                      poll: 15s
                  cooldown: 60s
                  jumpToIdle: true
            in.yaml:22 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn redis_streams_with_an_authentication() {
    check(
        &scaled(
            "  - type: redis-streams
    metadata: {host: redis, port: '6379', stream: orders, consumerGroup: workers, lagCount: '7', activationLagCount: '1'}
    authenticationRef: {name: redis-login}
  - {type: redis-streams, metadata: {address: 'redis:6379', stream: all, streamLength: '50'}}
  - {type: redis-sentinel, metadata: {addresses: 'a:1,b:2', listName: jobs, sentinelMaster: m}}
  - {type: redis-cluster-streams, metadata: {addresses: 'a:1', stream: s}}",
            "  idleReplicaCount: 0
  minReplicaCount: 2
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: redis-login, namespace: shop}
spec:
  secretTargetRef:
  - {parameter: username, name: redis-login, key: user}
  - {parameter: password, name: redis-login, key: password}
  - {parameter: colour, name: redis-login, key: colour}
  podIdentity: {provider: azure-workload}",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 2
                  maxReplicas: 100
                  idleReplicas: 0
                  metrics:
                    - name: orders
                      redis:
                        address: "redis:6379"
                        username: "${REDIS_LOGIN_USER}"
                        password: "${REDIS_LOGIN_PASSWORD}"
                        stream: {key: orders, group: workers, by: lag}
                      target: 7
                      activation: 1
                    - name: all
                      redis: {address: "redis:6379", stream: {key: all, by: length}}
                      target: 50
                  jumpToIdle: true
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.username: the value of `username` stands in key `user` of Secret `redis-login` -> set REDIS_LOGIN_USER in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.password: the value of `password` stands in key `password` of Secret `redis-login` -> set REDIS_LOGIN_PASSWORD in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.colour: this parameter of the TriggerAuthentication is not known here -> look whether it matters
            in.yaml:11 ScaledObject shop/worker spec.triggers[2].type: Redis Sentinel is not supported -> name the server itself: `redis: {address: ..., list: ...}`
            in.yaml:12 ScaledObject shop/worker spec.triggers[3].type: Redis Cluster is not supported -> name the node that holds the key: `redis: {address: ..., list: ...}`
            in.yaml:24 TriggerAuthentication shop/redis-login spec.podIdentity: logins are taken from the environment or from files only -> write the login into the metric, from `"${VARIABLE}"` or `{file: path}`
            in.yaml:35 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn prometheus_and_a_fallback() {
    check(
        &scaled(
            "  - type: prometheus
    name: rps
    metricType: Value
    metadata:
      serverAddress: http://prometheus.monitoring:9090
      query: |
        sum(rate(http_requests_total{app=\"worker\"}[2m]))
      threshold: '100.50'
      activationThreshold: '5.5'
      ignoreNullValues: 'false'
      customHeaders: X-Scope-OrgID=shop,X-Other=\"a b\"
      unsafeSsl: 'true'
      timeout: '2500'
      namespace: shop
      authModes: bearer
    authenticationRef: {kind: ClusterTriggerAuthentication, name: prom}",
            "  fallback: {failureThreshold: 2, replicas: 6, behavior: currentReplicasIfHigher}
---
apiVersion: keda.sh/v1alpha1
kind: ClusterTriggerAuthentication
metadata: {name: prom}
spec:
  secretTargetRef: [{parameter: bearerToken, name: prom, key: token}]",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  metrics:
                    - name: rps
                      prometheus:
                        server: "http://prometheus.monitoring:9090"
                        query: "sum(rate(http_requests_total{app=\"worker\"}[2m]))\n"
                        ignoreNull: false
                        bearerToken: "${PROM_TOKEN}"
                        headers: {X-Scope-OrgID: shop, X-Other: "a b"}
                        tls: {insecureSkipVerify: true}
                        timeout: 2500ms
                      targetTotal: 100.5
                      activation: 5.5
                  jumpToIdle: true
                  fallback: {replicas: 6, failureThreshold: 2, behavior: currentReplicasIfHigher}
            in.yaml:11 ScaledObject shop/worker spec.triggers[0].metadata.bearerToken: the value of `bearerToken` stands in key `token` of Secret `prom` -> set PROM_TOKEN in the environment of skala
            in.yaml:20 ScaledObject shop/worker spec.triggers[0].metadata.namespace: a query is sent without parameters of its own -> write a label matcher into the query, or a header
            in.yaml:40 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn cron_becomes_a_window() {
    check(
        &scaled(
            "  - {type: cron, metadata: {timezone: Asia/Kolkata, start: 30 6 * * *, end: 45 18 * * *, desiredReplicas: '10'}}
  - {type: cron, name: weekend, metadata: {timezone: Mars/Base, start: 0 6 * * *, end: 0 18 * * *, desiredReplicas: '3'}}
  - {type: cron, metadata: {timezone: Etc/UTC, start: 0 8 * * 1-5, end: 0 9 * * 1-5, desiredReplicas: '500'}}",
            "",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  windows:
                    - name: window
                      start: "30 6 * * *"
                      end: "45 18 * * *"
                      timezone: Asia/Kolkata
                      minReplicas: 10
                    - name: window_2
                      start: "0 8 * * 1-5"
                      end: "0 9 * * 1-5"
                      timezone: Etc/UTC
                      minReplicas: 100
                  cooldown: 300s
                  jumpToIdle: true
            in.yaml:8 ScaledObject shop/worker spec.triggers[1].metadata.timezone: `timezone` is missing, or is none that is known here -> the window is left out; write it under `windows`
            in.yaml:9 ScaledObject shop/worker spec.triggers[2].metadata: its size is above maxReplicaCount -> 100 is written; choose a size
            in.yaml:21 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn postgresql() {
    check(
        &scaled(
            "  - type: postgresql
    metadata: {query: 'SELECT count(*) FROM jobs', targetQueryValue: '1.1', activationTargetQueryValue: '5', userName: app, host: db.shop, port: '5432', dbName: jobs, sslmode: disable, passwordFromEnv: PG_PASSWORD}
  - {type: postgresql, metadata: {query: SELECT 2, targetQueryValue: '2', connectionFromEnv: DATABASE_URL}}
  - {type: postgresql, metadata: {query: SELECT 3, host: db}}",
            "",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  metrics:
                    - name: query
                      postgres:
                        connection: "host=db.shop port=5432 user=app password='${PG_PASSWORD}' dbname=jobs sslmode=disable"
                        query: "SELECT count(*) FROM jobs"
                      target: 1.1
                      activation: 5
                    - name: query_2
                      postgres: {connection: "${DATABASE_URL}", query: "SELECT 2"}
                      target: 2
                  jumpToIdle: true
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.passwordFromEnv: the value of `passwordFromEnv` stands in variable `PG_PASSWORD` of the target -> set PG_PASSWORD in the environment of skala
            in.yaml:9 ScaledObject shop/worker spec.triggers[1].metadata.connectionFromEnv: the value of `connectionFromEnv` stands in variable `DATABASE_URL` of the target -> set DATABASE_URL in the environment of skala
            in.yaml:10 ScaledObject shop/worker spec.triggers[2].metadata: the trigger does not say its `targetQueryValue` -> the trigger is left out; add it
            in.yaml:22 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn kafka() {
    check(
        &scaled(
            "  - type: kafka
    metadata: {bootstrapServers: 'kafka-0:9092, kafka-1:9092', consumerGroup: workers, topic: orders, lagThreshold: '50', activationLagThreshold: '3', offsetResetPolicy: earliest, allowIdleConsumers: 'false', scaleToZeroOnInvalidOffset: 'true', excludePersistentLag: 'true', version: 1.0.0, partitionLimitation: '1,2,10-12', limitToPartitionsWithLag: 'true', tls: enable, sasl: plaintext}
    authenticationRef: {name: kafka}
  - {type: kafka, metadata: {bootstrapServers: 'kafka:9092', consumerGroup: g, topic: other, sasl: scram_sha512}}",
            "---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: kafka, namespace: shop}
spec:
  secretTargetRef: [{parameter: username, name: kafka, key: user}, {parameter: password, name: kafka, key: password}, {parameter: ca, name: kafka, key: ca}, {parameter: cert, name: kafka, key: cert}]",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  metrics:
                    - name: orders
                      kafka:
                        brokers: ["kafka-0:9092", "kafka-1:9092"]
                        group: workers
                        topics: [orders]
                        partitions: [1, 2, 10, 11, 12]
                        offsetReset: earliest
                        limitToPartitionsWithLag: true
                        excludePersistentLag: true
                        scaleToZeroOnInvalidOffset: true
                        sasl: {username: "${KAFKA_USER}", password: "${KAFKA_PASSWORD}"}
                        tls: {ca: "${KAFKA_CA}"}
                      target: 50
                      activation: 3
                    - name: other
                      kafka: {brokers: ["kafka:9092"], group: g, topics: [other]}
                      target: 10
                  jumpToIdle: true
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.username: the value of `username` stands in key `user` of Secret `kafka` -> set KAFKA_USER in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.password: the value of `password` stands in key `password` of Secret `kafka` -> set KAFKA_PASSWORD in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.ca: the value of `ca` stands in key `ca` of Secret `kafka` -> set KAFKA_CA in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[0].metadata.cert: client certificates are not supported -> let the server take a password
            in.yaml:10 ScaledObject shop/worker spec.triggers[1].metadata.sasl: the login `scram_sha512` is not supported -> let the brokers take SASL/PLAIN, or read the lag by `prometheus` from an exporter
            in.yaml:27 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn rabbitmq() {
    check(
        &scaled(
            "  - {type: rabbitmq, metadata: {host: 'amqp://guest:guest@rabbit:5672/shop', queueName: orders, mode: QueueLength, value: '15', excludeUnacknowledged: 'true'}}
  - {type: rabbitmq, metadata: {protocol: http, hostFromEnv: RABBIT_URL, queueName: mails, vhostName: /, mode: MessageRate, value: '100.5', activationValue: '2'}}
  - {type: rabbitmq, metadata: {host: 'http://rabbit:15672/', queueName: '^a.*', useRegex: 'true', mode: ExpectedQueueConsumptionTime, value: '5'}}
  - {type: rabbitmq, metadata: {host: 'http://rabbit:15672/', queueName: a, mode: Mood, value: '5'}}",
            "",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  metrics:
                    - name: orders
                      rabbitmq:
                        host: "http://rabbit:15672"
                        username: guest
                        password: guest
                        vhost: shop
                        queue: orders
                        by: ready
                      target: 15
                    - name: mails
                      rabbitmq: {host: "${RABBIT_URL}", vhost: /, queue: mails, by: publishRate}
                      target: 100.5
                      activation: 2
                    - name: a
                      rabbitmq: {host: "http://rabbit:15672", queue: "^a.*", by: consumptionTime}
                      target: 5
                  jumpToIdle: true
            in.yaml:7 ScaledObject shop/worker spec.triggers[0].metadata.host: a password stands in the manifest -> take it from `"${VARIABLE}"` or `{file: path}`, as `password`
            in.yaml:7 ScaledObject shop/worker spec.triggers[0].metadata.host: a queue is read from the management plugin, not by AMQP -> see that the plugin answers at the same host, port 15672
            in.yaml:8 ScaledObject shop/worker spec.triggers[1].metadata.hostFromEnv: the value of `hostFromEnv` stands in variable `RABBIT_URL` of the target -> set RABBIT_URL in the environment of skala
            in.yaml:8 ScaledObject shop/worker spec.triggers[1].metadata.host: the variable must hold the management plugin's address; a virtual host in it does not count -> let it be the management plugin's address, such as `http://host:15672`; write `vhost` beside it
            in.yaml:9 ScaledObject shop/worker spec.triggers[2].metadata.useRegex: a queue is named, not matched -> the text is taken as a name; add a metric per queue, and join them in `formula`
            in.yaml:10 ScaledObject shop/worker spec.triggers[3].metadata.mode: `Mood` is not known here -> the trigger is left out; choose another mode
            in.yaml:22 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn nats_and_a_document() {
    check(
        &scaled(
            "  - {type: nats-jetstream, metadata: {natsServerMonitoringEndpoint: 'nats.nats:8222', account: $G, stream: JOBS, consumer: workers, lagThreshold: '20', activationLagThreshold: '4', useHttps: 'false'}}
  - {type: metrics-api, metadata: {url: 'http://app:8000/stats', valueLocation: queue.0.waiting, targetValue: '12', format: json}}
  - {type: metrics-api, metadata: {url: 'http://app:8000/stats', valueLocation: 'queue.#(name==\"a\").n', targetValue: '12'}}
  - {type: aws-sqs-queue, metadata: {queueURL: x}}
  - {type: redis, metadata: {address: ':::', listName: jobs}}",
            "",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 0
                  maxReplicas: 100
                  metrics:
                    - name: JOBS
                      nats: {url: "http://nats.nats:8222", stream: JOBS, consumer: workers}
                      target: 20
                      activation: 4
                    - name: value
                      http: {url: "http://app:8000/stats", path: /queue/0/waiting}
                      target: 12
                  jumpToIdle: true
            in.yaml:9 ScaledObject shop/worker spec.triggers[2].metadata.valueLocation: this place cannot be written as a JSON pointer -> the trigger is left out; write `http` by hand
            in.yaml:10 ScaledObject shop/worker spec.triggers[3].type: there is no source of kind `aws-sqs-queue` -> read the number by `prometheus` or `http`, if it can be had there
            in.yaml:11 ScaledObject shop/worker spec.triggers[4].metadata: `redis.address`: this is no address -> the trigger is left out; write it like `redis://host:6379` or `host:6379`
            in.yaml:23 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn cpu_and_memory_alone_are_always_active() {
    check(
        &scaled(
            "  - {type: cpu, metricType: Utilization, metadata: {value: '60'}}
  - {type: memory, metricType: AverageValue, metadata: {value: 200Mi}}
  - {type: cpu, metadata: {type: Utilization, value: '50', containerName: worker}}
  - {type: cpu, metadata: {value: much}}",
            "  minReplicaCount: 0\n  fallback: {failureThreshold: 3, replicas: 6}",
        ),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 1
                  maxReplicas: 100
                  metrics: [{cpu: 60%}, {memory: 200Mi}]
            in.yaml:9 ScaledObject shop/worker spec.triggers[2].metadata: `cpu` is measured twice -> the first is written; keep the one with the lower target
            in.yaml:10 ScaledObject shop/worker spec.triggers[3].metadata.value: `much` is no target of type `Utilization` -> the trigger is left out; correct it
            in.yaml:12 ScaledObject shop/worker spec.fallback: nothing is left that could fall back -> nothing: skala's own metrics hold the size
            in.yaml:23 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn formula_behavior_and_pauses() {
    check(
        &scaled(
            "  - {type: redis, name: jobs, metadata: {address: 'redis:6379', listName: a}}
  - {type: redis, name: mails, metadata: {address: 'redis:6379', listName: b}}
  - {type: redis, name: spare, metadata: {address: 'redis:6379', listName: c}}
  - {type: cpu, metricType: Utilization, metadata: {value: '80'}}",
            "  initialCooldownPeriod: 120
  minReplicaCount: 1
  maxReplicaCount: 20
  advanced:
    restoreToOriginalReplicaCount: true
    horizontalPodAutoscalerConfig:
      name: keda-worker
      behavior: {scaleDown: {stabilizationWindowSeconds: 60, speed: 1}}
    scalingModifiers: {formula: 'count([jobs, mails], {# > 1}) > 0 ? jobs + mails / 2 : 0', target: '5', activationTarget: '2.5'}
  fallback: {failureThreshold: 3, replicas: 6}
  extra: 1",
        )
        .replace("namespace: shop}\nspec:\n  scaleTargetRef", "namespace: shop, annotations: {autoscaling.keda.sh/paused-replicas: '3', autoscaling.keda.sh/paused-scale-in: 'true', autoscaling.keda.sh/new: x, other.io/x: y}}\nspec:\n  scaleTargetRef"),
        &expect![[r#"
            platform: shop
            services:
              worker:
                command: [python, worker.py]
                env: {REDIS_ADDR: "cache:6379"}
                resources: {requests: {cpu: 250m, memory: 256Mi}}
                autoscaling:
                  minReplicas: 1
                  maxReplicas: 20
                  metrics:
                    - {name: jobs, redis: {address: "redis:6379", list: a}, onlyInFormula: true}
                    - {name: mails, redis: {address: "redis:6379", list: b}, onlyInFormula: true}
                    - {cpu: 80%}
                  formula:
                    expression: "count([jobs, mails], {# > 1}) > 0 ? jobs + mails / 2 : 0"
                    target: 5
                    activation: 2.5
                  behavior: {scaleDown: {stabilizationWindowSeconds: 60, selectPolicy: Disabled}}
                  fallback: {replicas: 6, failureThreshold: 3}
                  paused: true
            in.yaml:1 ScaledObject shop/worker metadata.annotations['autoscaling.keda.sh/paused-replicas']: a pause keeps the size that there is -> set it once: `skala scale worker=3`
            in.yaml:3 ScaledObject shop/worker metadata.annotations['autoscaling.keda.sh/new']: this annotation is not known here -> look whether it matters, and write what is meant by hand
            in.yaml:9 ScaledObject shop/worker spec.triggers[2]: the formula does not name it, and in KEDA it would not count either -> it is left out
            in.yaml:15 ScaledObject shop/worker spec.advanced.restoreToOriginalReplicaCount: no former size is remembered -> set the size by hand when you end the scaling: `skala scale SERVICE=N`
            in.yaml:17 ScaledObject shop/worker spec.advanced.horizontalPodAutoscalerConfig.name: no HorizontalPodAutoscaler is made -> nothing, unless something else reads that object
            in.yaml:18 ScaledObject shop/worker spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.speed: this field is not known here -> look whether it matters, and write what is meant by hand
            in.yaml:21 ScaledObject shop/worker spec.extra: this field is not known here -> look whether it matters, and write what is meant by hand
            in.yaml:32 Deployment shop/worker spec.template.spec.containers[0].image: replicas are processes of this machine, not containers of `worker:1` -> install what the command needs on this machine
        "#]],
    );
}

#[test]
fn a_formula_that_cannot_stand() {
    for (formula, part) in [("cron_a + jobs", "cron_a"), ("jobs +", "no formula"), ("", "")] {
        let text = scaled(
            "  - {type: redis, name: jobs, metadata: {address: 'redis:6379', listName: a, listLength: '3'}}",
            &format!("  advanced: {{scalingModifiers: {{formula: '{formula}', target: '5'}}}}"),
        );
        let imported = super::imported(&text, skala_manifests::import::To::Platform);
        let platform = super::platform(&imported);
        let scaling = platform.services["worker"].autoscaling.as_ref().unwrap();
        assert!(scaling.formula.is_none() && scaling.metrics[0].target.is_some(), "{formula}");
        assert_eq!(imported.notes.iter().any(|n| n.reason.contains(part) && n.field.ends_with("formula")), !formula.is_empty());
    }
}

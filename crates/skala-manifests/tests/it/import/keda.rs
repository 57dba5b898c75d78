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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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
        &expect![[""]],
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

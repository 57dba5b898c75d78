//! One item of `metrics:`, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::source::{
    HttpSource, KafkaSource, NatsSource, PostgresSource, PrometheusSource, RabbitmqSource, RedisSource, SourceEntry,
};
use super::super::v2::{ContainerResourceMetric, ExternalMetric, MetricType, ObjectMetric, PodsMetric, ResourceMetric};
use super::super::{Behavior, Fallback};
use super::{Aim, LatencyMetric, QueueLength, QueueTime};
use crate::scalar::{CpuTarget, Dur, Identifier, MemoryTarget, Positive};

/// A metric: exactly one of the short forms `cpu`, `memory`, `requestsPerSecond`, `latency`, `concurrency`, `queueLength`, `queueAge` and
/// `queueWait`; or a number from outside with its `name` and `target`; or a v2 metric (`type` and the source it names).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricEntry {
    /// CPU of the replicas: `70%` of the request, or `300m` each. Right where replicas are busy with computing. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Aim<CpuTarget>>,
    /// Memory of the replicas: `80%` of the request, or `400Mi` each. Most runtimes do not give memory back, so it rarely shrinks.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Aim<MemoryTarget>>,
    /// Requests per second that one replica should get. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Aim<Positive>>,
    /// Latency from arrival to first byte, waiting included: one of `p50`, `p90`, `p95`, `p99`. Right as a second metric; on its own it
    /// also grows for slowness that replicas do not cure. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyMetric>,
    /// Requests in service and waiting, per replica. Right where requests mostly wait for something else, such as an LLM. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Aim<Positive>>,
    /// Tasks, ready, worked on or due soon, per replica, of each queue that the service works on; or of one:
    /// `{queue: ingestion, perReplica: 10}`. It takes the place of `tasksPerReplica`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_length: Option<QueueLength>,
    /// Age of the oldest ready task: `30s`, or `{queue: ingestion, max: 30s}`. Right as a second metric: it speaks up only once work is
    /// late. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_age: Option<QueueTime>,
    /// How long a task that comes now will wait, from the backlog and what a replica finishes: `10s`, or `{queue: ingestion, max: 10s}`.
    /// Right where tasks differ too much in length to be counted. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_wait: Option<QueueTime>,

    /// Name of a number from outside, in decisions and formulas: letters, digits and `_`. Required with one. Reload: live; what is known of
    /// the old name is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Identifier>,
    /// From outside: the result of a PromQL query. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,
    /// From outside: the length of a list, set, sorted set, hash or stream in Redis. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSource>,
    /// From outside: the number that an SQL query gives. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSource>,
    /// From outside: depth or rate of a RabbitMQ queue. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<RabbitmqSource>,
    /// From outside: messages that a NATS JetStream consumer has yet to finish. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsSource>,
    /// From outside: records that a Kafka consumer group has yet to commit. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSource>,
    /// From outside: a number in a JSON document, fetched over HTTP. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// What each replica's share of the number should be (value / replicas; v2's AverageValue). Right for totals, such as a backlog.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Positive>,
    /// What the number itself should be, whatever the number of replicas (v2's Value). Right for what does not add up, such as an age.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_total: Option<Positive>,
    /// The number counts as activity while it is above this, 0 or more. Default: 0. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub activation: Option<f64>,
    /// Time between two looks at a number from outside, 1s to 15m. Default: 10s. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<Dur>,
    /// A lower target for shrinking, of a number from outside: the service shrinks only to a size at which this one holds. Default:
    /// the target. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<Positive>,
    /// Pace of change of a number from outside; its proposal passes it before the largest is taken. Default: none of its own. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Age from which a number from outside counts as failed, at least `poll`, at most 1h. Default: three times `poll`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
    /// What to ask for while a number from outside fails. Default: `fallback` of the service. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// The number proposes nothing by itself; it is there for `formula`. It then needs no target. Reload: live.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_in_formula: bool,

    /// The source of a v2 metric.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MetricType>,
    /// With `type: Resource`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceMetric>,
    /// With `type: ContainerResource`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResourceMetric>,
    /// With `type: Pods`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsMetric>,
    /// With `type: Object`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectMetric>,
    /// With `type: External`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalMetric>,
}

impl MetricEntry {
    /// The outside sources that are given; a good entry has at most one.
    pub(super) fn outside(&self) -> SourceEntry {
        SourceEntry {
            prometheus: self.prometheus.clone(),
            redis: self.redis.clone(),
            postgres: self.postgres.clone(),
            rabbitmq: self.rabbitmq.clone(),
            nats: self.nats.clone(),
            kafka: self.kafka.clone(),
            http: self.http.clone(),
        }
    }

    /// Whether there is any of them.
    pub(super) fn has_outside(&self) -> bool {
        self.prometheus.is_some()
            || self.redis.is_some()
            || self.postgres.is_some()
            || self.rabbitmq.is_some()
            || self.nats.is_some()
            || self.kafka.is_some()
            || self.http.is_some()
    }

    /// Keys that belong to a number from outside and to nothing else.
    pub(super) fn outside_options(&self) -> Vec<&'static str> {
        let all = [
            ("name", self.name.is_some()),
            ("target", self.target.is_some()),
            ("targetTotal", self.target_total.is_some()),
            ("activation", self.activation.is_some()),
            ("poll", self.poll.is_some()),
            ("scaleDownTarget", self.scale_down_target.is_some()),
            ("behavior", self.behavior.is_some()),
            ("staleAfter", self.stale_after.is_some()),
            ("fallback", self.fallback.is_some()),
            ("onlyInFormula", self.only_in_formula),
        ];
        all.into_iter().filter_map(|(key, given)| given.then_some(key)).collect()
    }

    /// Keys of the v2 sources that are given.
    pub(super) fn v2_sources(&self) -> Vec<&'static str> {
        let all = [
            ("resource", self.resource.is_some()),
            ("containerResource", self.container_resource.is_some()),
            ("pods", self.pods.is_some()),
            ("object", self.object.is_some()),
            ("external", self.external.is_some()),
        ];
        all.into_iter().filter_map(|(key, given)| given.then_some(key)).collect()
    }
}

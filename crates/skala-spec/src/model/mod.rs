//! The platform file as types: what every section means, with its defaults.
//!
//! Decides: the grammar. The JSON schema, `skala explain` and the reference page are generated from these types and their
//!   comments, and the checker walks the same schema.
//! Invariants: a value of these types that `load` returns has passed every check; defaults stand here and nowhere else.
//! Tested: `tests/it/load.rs`, `tests/it/generated.rs`.

mod autoscaling;
mod behavior;
mod budget;
mod capacity;
mod command;
mod downstream;
mod metric;
mod names;
mod platform;
mod probe;
mod queue;
mod route;
mod scaling;
mod service;
mod source;
mod v2;

pub use autoscaling::Autoscaling;
pub use behavior::{Behavior, Policy, PolicyType, Rules, ScalingRules, SelectPolicy};
pub use budget::{Budget, Floor, GivesWay};
pub use capacity::{
    Calls, Capacity, DatabaseCalls, Growth, Load, ProviderCalls, ProviderCapacity, QueueCapacity, Reserved, Scalability,
    Scenario, ServiceCapacity, Sizing, Spot, Stage, StageService, Store, Times, TokenTimes,
};
pub use command::Command;
pub use downstream::{Database, DatabaseUse, Provider, ProviderUse, Uses};
pub use metric::{
    Aim, FullAim, LatencyMetric, LatencyTargets, Measure, Metric, MetricEntry, MetricProblem, Outside, OutsideTarget, Percentile,
    QueueGoal, QueueLength, QueueLengthAim, QueueMeasure, QueueTime, QueueTimeAim,
};
pub use names::{TAKEN_METRIC_NAMES, is_dns_label};
pub use platform::{Admin, Cost, Gateway, Objective, Platform};
pub use probe::{HttpGet, HttpGetAction, Probe, Readiness, TcpSocket};
pub use queue::{
    Celery, CeleryPool, Deliver, HttpMethod, HttpTarget, Misfire, MisfireAll, MisfireWord, Overlap, Queue, QueueAlarm,
    QueueBudget, QueueBudgets, QueueDurability, RateLimit, ResultsKept, Retry, Schedule, TaskRetry, TaskServer, Timing, Way,
};
pub use route::{Balance, Offload, Route};
pub use scaling::{
    Fallback, FallbackBehavior, Formula, Knative, KnativeMetric, KnativeRepairs, Mode, Repairs, TimeWindow, Vertical,
    VerticalMode, VerticalResource,
};
pub use service::{Logs, ResourceList, Resources, Restart, Scale, Service, Waiting, Work, WorksOn};
pub use source::{
    HttpSource, KafkaSasl, KafkaSource, NatsSource, NotOneSource, OffsetReset, PostgresSource, PrometheusSource, RabbitmqBy,
    RabbitmqSource, RedisKey, RedisSource, RedisStream, RedisStreamBy, SaslMechanism, Source, SourceEntry, SourceProblem, Tls,
    Url,
};
pub use v2::{
    ContainerResourceMetric, ExternalMetric, MetricIdentifier, MetricTarget, MetricType, ObjectMetric, ObjectReference,
    PodsMetric, ResourceMetric, TargetType,
};

pub(crate) use names::ENVIRONMENTS;

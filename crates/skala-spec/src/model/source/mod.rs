//! Numbers from outside that scaling can go by: where each is read, and how.
//!
//! Decides: the grammar of sources, for the platform file and for the `Autoscaler` object alike. Nothing here opens a connection.
//! Method: what a source is called and what its value means follow KEDA's scaler of the same kind; docs/signals.md names the
//!   differences.
//! Invariants: two sources that are equal read the same number; what may hold a password is never printed.
//! Tested: `tests/it/sources.rs`.

mod check;
mod http;
mod kafka;
mod nats;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;
mod url;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::SourceProblem;
pub use http::HttpSource;
pub use kafka::{KafkaSasl, KafkaSource, OffsetReset, SaslMechanism};
pub use nats::NatsSource;
pub use postgres::PostgresSource;
pub use prometheus::PrometheusSource;
pub use rabbitmq::{RabbitmqBy, RabbitmqSource};
pub use redis::{RedisKey, RedisSource, RedisStream, RedisStreamBy};
pub use url::Url;

use crate::scalar::{Dur, Secret};

/// Time that one look may take unless the source says otherwise.
const TIMEOUT: Dur = Dur::secs(5);

/// One number from outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "SourceEntry", into = "SourceEntry")]
pub enum Source {
    /// A PromQL query.
    Prometheus(PrometheusSource),
    /// The length of something in Redis.
    Redis(RedisSource),
    /// An SQL query.
    Postgres(PostgresSource),
    /// A queue of RabbitMQ.
    Rabbitmq(RabbitmqSource),
    /// A JetStream consumer's backlog.
    Nats(NatsSource),
    /// A Kafka consumer group's backlog.
    Kafka(KafkaSource),
    /// A number in a JSON document.
    Http(HttpSource),
}

/// A source as it is written: exactly one of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SourceEntry {
    /// The result of a PromQL query. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,
    /// Length of a list, set, sorted set, hash or stream in Redis. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSource>,
    /// The number that an SQL query gives. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSource>,
    /// Depth or rate of a RabbitMQ queue. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<RabbitmqSource>,
    /// Messages that a NATS JetStream consumer has yet to finish. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsSource>,
    /// Records that a Kafka consumer group has yet to commit. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSource>,
    /// A number in a JSON document, fetched over HTTP. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
}

/// How a server's certificate is checked; the platform's web roots (Mozilla's list) are trusted by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates in PEM that are trusted instead of the web roots, mostly `{file: ca.pem}`. Default: the web roots. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Secret>,
    /// Trusts any certificate: then anybody on the way can answer. Default: false. For tests only. Reload: live.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// Why an entry is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source is exactly one of prometheus, redis, postgres, rabbitmq, nats, kafka and http; this has {0}")]
pub struct NotOneSource(usize);

impl TryFrom<SourceEntry> for Source {
    type Error = NotOneSource;

    fn try_from(entry: SourceEntry) -> Result<Source, NotOneSource> {
        let SourceEntry { prometheus, redis, postgres, rabbitmq, nats, kafka, http } = entry;
        let given = [
            prometheus.map(Source::Prometheus),
            redis.map(Source::Redis),
            postgres.map(Source::Postgres),
            rabbitmq.map(Source::Rabbitmq),
            nats.map(Source::Nats),
            kafka.map(Source::Kafka),
            http.map(Source::Http),
        ];
        let mut given: Vec<Source> = given.into_iter().flatten().collect();
        match (given.pop(), given.len()) {
            (Some(source), 0) => Ok(source),
            (last, others) => Err(NotOneSource(others + usize::from(last.is_some()))),
        }
    }
}

impl From<Source> for SourceEntry {
    fn from(source: Source) -> SourceEntry {
        let mut entry = SourceEntry::default();
        match source {
            Source::Prometheus(s) => entry.prometheus = Some(s),
            Source::Redis(s) => entry.redis = Some(s),
            Source::Postgres(s) => entry.postgres = Some(s),
            Source::Rabbitmq(s) => entry.rabbitmq = Some(s),
            Source::Nats(s) => entry.nats = Some(s),
            Source::Kafka(s) => entry.kafka = Some(s),
            Source::Http(s) => entry.http = Some(s),
        }
        entry
    }
}

impl Source {
    /// The key under which it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Prometheus(_) => "prometheus",
            Source::Redis(_) => "redis",
            Source::Postgres(_) => "postgres",
            Source::Rabbitmq(_) => "rabbitmq",
            Source::Nats(_) => "nats",
            Source::Kafka(_) => "kafka",
            Source::Http(_) => "http",
        }
    }

    /// Longest time that one look may take.
    pub fn timeout(&self) -> Duration {
        match self {
            Source::Prometheus(s) => s.timeout,
            Source::Redis(s) => s.timeout,
            Source::Postgres(s) => s.timeout,
            Source::Rabbitmq(s) => s.timeout,
            Source::Nats(s) => s.timeout,
            Source::Kafka(s) => s.timeout,
            Source::Http(s) => s.timeout,
        }
        .get()
    }

    /// The server's host and port, for messages: never with a user or a password.
    pub fn server(&self) -> String {
        let address = match self {
            Source::Prometheus(s) => s.server.expose(),
            Source::Redis(s) => s.address.expose(),
            Source::Postgres(s) => return postgres::host_of(s.connection.expose()),
            Source::Rabbitmq(s) => s.host.expose(),
            Source::Nats(s) => s.url.expose(),
            Source::Kafka(s) => return s.brokers.first().cloned().unwrap_or_default(),
            Source::Http(s) => s.url.expose(),
        };
        url::host_port(address)
    }

    /// What a person should know about it before it is used, worst first. An entry without one can be read.
    pub fn problems(&self) -> Vec<SourceProblem> {
        check::problems(self)
    }
}

fn timeout() -> Dur {
    TIMEOUT
}

fn yes() -> bool {
    true
}

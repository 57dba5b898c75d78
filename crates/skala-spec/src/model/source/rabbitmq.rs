//! `rabbitmq`: depth or rate of a queue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout};
use crate::scalar::{Dur, EnvValue, Secret};

/// Depth or rate of a RabbitMQ queue, from the management plugin. A queue that is not there is an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RabbitmqSource {
    /// The management plugin: `http://host:15672` or `https://`. User and password may stand in the URL; then take it from
    /// `"${RABBITMQ_URL}"`. Reload: live.
    pub host: EnvValue,
    /// User. Default: the URL's, else `guest`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password. Default: the URL's, else `guest`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Virtual host. Default: `/`. Reload: live.
    #[serde(default = "root")]
    pub vhost: String,
    /// Name of the queue. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub queue: String,
    /// What of the queue is read. Default: `depth`. Reload: live.
    #[serde(default)]
    pub by: RabbitmqBy,
    /// How the certificate is checked where `host` is `https://`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

/// What of a queue is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RabbitmqBy {
    /// All messages: ready ones, and those that consumers have not acknowledged.
    #[default]
    Depth,
    /// Messages that no consumer has yet.
    Ready,
    /// Messages that consumers have and have not acknowledged.
    Unacked,
    /// Messages published per second, as RabbitMQ measures it (over five seconds).
    PublishRate,
    /// Messages delivered or fetched per second, as RabbitMQ measures it.
    DeliverRate,
    /// Publish rate over deliver rate; 0 while nothing is delivered.
    PublishedToDelivered,
    /// Seconds until the queue is empty at the present deliver rate; 0 while nothing is delivered and the queue is empty, an error while
    /// nothing is delivered and it is not.
    ConsumptionTime,
}

fn root() -> String {
    "/".to_owned()
}

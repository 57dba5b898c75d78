//! `kafka`: what a consumer group has yet to commit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout};
use crate::scalar::{Dur, Secret};

/// Records that a consumer group has yet to commit, summed over partitions: the end of each partition minus the group's commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaSource {
    /// Brokers to begin with: `host:9092`; the others are learned from them. Reload: live.
    #[schemars(extend("minItems" = 1))]
    pub brokers: Vec<String>,
    /// The consumer group. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub group: String,
    /// Topics whose lag counts. Default: every topic for which the group has a commit. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Partitions whose lag counts. Default: all. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<u32>,
    /// What the group's consumers do where there is no commit (their `auto.offset.reset`). Default: `latest`. Reload: live.
    #[serde(default)]
    pub offset_reset: OffsetReset,
    /// Whether more replicas than partitions may be asked for. Default: false, the lag is capped at one target per partition.
    /// Reload: live.
    #[serde(default)]
    pub allow_idle_consumers: bool,
    /// Whether the cap counts only partitions with lag. Not together with `allowIdleConsumers`. Default: false. Reload: live.
    #[serde(default)]
    pub limit_to_partitions_with_lag: bool,
    /// Whether a partition whose commit did not move since the last look is left out: its consumer is stuck, and more replicas do not
    /// help. It still wakes a service from zero. Default: false. Reload: live.
    #[serde(default)]
    pub exclude_persistent_lag: bool,
    /// Whether the lag is rounded up so that each replica gets the same number of partitions. Not together with `allowIdleConsumers`.
    /// Default: false. Reload: live.
    #[serde(default)]
    pub ensure_even_distribution: bool,
    /// What a partition without a commit counts with `offsetReset: latest`: 1, so that a consumer starts and commits, or with true 0.
    /// With `earliest` and true, 0 in place of the whole partition. Default: false. Reload: live.
    #[serde(default)]
    pub scale_to_zero_on_invalid_offset: bool,
    /// User and password. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<KafkaSasl>,
    /// Turns TLS on: `tls: {}` checks the certificate against the web roots. Default: off. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

/// Where a consumer without a commit begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OffsetReset {
    /// At the end: what is there is not read.
    #[default]
    Latest,
    /// At the first record: everything there is lag.
    Earliest,
}

/// User and password of a Kafka client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaSasl {
    /// How they are sent. Default: `plain`, which belongs into TLS. Reload: live.
    #[serde(default)]
    pub mechanism: SaslMechanism,
    /// User. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub username: String,
    /// Password. Reload: live.
    pub password: Secret,
}

/// How a user and password are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SaslMechanism {
    /// SASL/PLAIN.
    #[default]
    Plain,
}

//! `redis`: how many elements a key has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout};
use crate::scalar::{Dur, EnvValue, Secret};

/// Number of elements of one key: exactly one of `list`, `set`, `sortedSet`, `hash` and `stream`. A key that is not there has 0; a key
/// of another type is an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisSource {
    /// The server: `redis://host:6379/0`, `rediss://` with TLS, or `host:6379`. User and password may stand in the URL; then take it
    /// from `"${REDIS_URL}"`. Reload: live.
    pub address: EnvValue,
    /// Number of the database. Default: the URL's, else 0. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<u16>,
    /// User of Redis' access lists. Default: the URL's, else the default user. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password. Default: the URL's, else none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Key of a list: its length (`LLEN`). Celery's queues are lists. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub list: Option<String>,
    /// Key of a set: its size (`SCARD`). Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub set: Option<String>,
    /// Key of a sorted set: its size (`ZCARD`). Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub sorted_set: Option<String>,
    /// Key of a hash: its number of fields (`HLEN`). Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub hash: Option<String>,
    /// A stream, and what of it is counted. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<RedisStream>,
    /// How the certificate is checked where `address` is `rediss://`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

/// A stream and its consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisStream {
    /// Key of the stream. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub key: String,
    /// Name of the consumer group; `by: pending` and `by: lag` need it. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub group: Option<String>,
    /// What is counted. Default: `pending` with a group, `length` without. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<RedisStreamBy>,
}

/// What of a stream is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RedisStreamBy {
    /// Entries that were given to a consumer of the group and not acknowledged (`XPENDING`).
    Pending,
    /// Entries that the group has yet to be given (`XINFO GROUPS`, Redis 7 and later).
    Lag,
    /// All entries of the stream (`XLEN`).
    Length,
}

/// The key that a source names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisKey<'a> {
    /// `LLEN`.
    List(&'a str),
    /// `SCARD`.
    Set(&'a str),
    /// `ZCARD`.
    SortedSet(&'a str),
    /// `HLEN`.
    Hash(&'a str),
    /// `XLEN`.
    StreamLength(&'a str),
    /// `XPENDING` of a stream and a group.
    StreamPending(&'a str, &'a str),
    /// `XINFO GROUPS` of a stream, and the group in it.
    StreamLag(&'a str, &'a str),
}

impl RedisSource {
    /// What is counted; `None` when the source does not name exactly one key, or a stream's group is missing.
    pub fn key(&self) -> Option<RedisKey<'_>> {
        let keys = [
            self.list.as_deref().map(|k| Some(RedisKey::List(k))),
            self.set.as_deref().map(|k| Some(RedisKey::Set(k))),
            self.sorted_set.as_deref().map(|k| Some(RedisKey::SortedSet(k))),
            self.hash.as_deref().map(|k| Some(RedisKey::Hash(k))),
            self.stream.as_ref().map(RedisStream::counted),
        ];
        let mut keys = keys.into_iter().flatten();
        match (keys.next(), keys.next()) {
            (Some(key), None) => key,
            _ => None,
        }
    }
}

impl RedisStream {
    fn counted(&self) -> Option<RedisKey<'_>> {
        match (self.by, &self.group) {
            (Some(RedisStreamBy::Length), _) | (None, None) => Some(RedisKey::StreamLength(&self.key)),
            (Some(RedisStreamBy::Pending) | None, Some(group)) => Some(RedisKey::StreamPending(&self.key, group)),
            (Some(RedisStreamBy::Lag), Some(group)) => Some(RedisKey::StreamLag(&self.key, group)),
            (Some(RedisStreamBy::Pending | RedisStreamBy::Lag), None) => None,
        }
    }
}

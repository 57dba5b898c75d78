//! What services lean on, and how much of it there is: databases and providers.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::map_by_name;
use crate::scalar::{Positive, Secret};

/// A database that services connect to: the replicas of all of them never ask for more connections than it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Database {
    /// Connections that the database accepts, 1 to 1000000: Postgres' `max_connections`, or the size of a pooler. Reload: live.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: u32,
    /// Connections kept free for people and others, below `maxConnections`. Reload: live.
    #[serde(default = "three")]
    #[schemars(range(max = 1_000_000))]
    pub reserved_connections: u32,
    /// How to ask the database (Postgres) what others use of it, from `pg_stat_activity`: `"${DATABASE_URL}"` or `{file: path}`. Default:
    /// nobody is asked, and only skala's own replicas count. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Secret>,
}

/// A provider of an API with a quota: the replicas of all services together never ask for more than it grants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Provider {
    /// Requests per minute that it grants, above 0. Default: no bound. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<Positive>,
    /// Tokens per minute that it grants, above 0. Default: no bound. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<Positive>,
}

/// What one replica of a service takes of databases and providers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Uses {
    /// By name of the database. Reload: live.
    #[schemars(schema_with = "map_by_name::<DatabaseUse>")]
    pub databases: IndexMap<String, DatabaseUse>,
    /// By name of the provider. Reload: live.
    #[schemars(schema_with = "map_by_name::<ProviderUse>")]
    pub providers: IndexMap<String, ProviderUse>,
}

impl Uses {
    /// Whether nothing is used.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty() && self.providers.is_empty()
    }
}

/// What one replica takes of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseUse {
    /// Most connections that one replica opens, 1 to 100000: pool size plus overflow, times processes. Reload: live.
    #[schemars(range(min = 1, max = 100_000))]
    pub connections_per_replica: u32,
}

/// What one replica takes of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProviderUse {
    /// Requests per minute that one busy replica sends, above 0. Default: none are counted. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute_per_replica: Option<Positive>,
    /// Tokens per minute that one busy replica takes, above 0. Default: none are counted. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute_per_replica: Option<Positive>,
}

fn three() -> u32 {
    3
}

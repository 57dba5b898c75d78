//! `postgres`: the number that a query gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout, url};
use crate::scalar::{Dur, Secret};

/// The number that an SQL query gives: one row with one column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresSource {
    /// How to connect: `postgres://user:password@host:5432/database?sslmode=require`, or `host=... user=...`. Take it from
    /// `"${DATABASE_URL}"`. One connection is used, read-only. Reload: live.
    pub connection: Secret,
    /// SQL that gives one number, such as `SELECT count(*) FROM jobs WHERE state = 'waiting'`. No row, several rows, NULL and text that is no
    /// number are errors. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub query: String,
    /// How the certificate is checked where the connection asks for TLS. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s; the server ends the query then. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

/// The host in a connection text of either form, for messages.
pub(super) fn host_of(connection: &str) -> String {
    if connection.contains("://") {
        return url::host_port(connection);
    }
    let value = |key: &str| connection.split_whitespace().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    match (value("host").or(value("hostaddr")), value("port")) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

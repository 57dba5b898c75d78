//! `prometheus`: the result of an instant query.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout, yes};
use crate::scalar::{Dur, EnvValue, Secret};

/// The result of a PromQL query: an instant vector with one element, or a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusSource {
    /// Where Prometheus answers: `http://` or `https://`, host, port, and a path where it has a prefix. `/api/v1/query` is added.
    /// Reload: live.
    pub server: EnvValue,
    /// PromQL that gives one number, such as `sum(rate(http_requests_total[2m]))`. Several elements are an error. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub query: String,
    /// Whether nothing (an empty vector) and NaN count as 0. Default: true. With false they are errors, and errors hold. An infinite
    /// or negative value is always an error. Reload: live.
    #[serde(default = "yes")]
    pub ignore_null: bool,
    /// Headers that are sent along, such as `X-Scope-OrgID`. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, EnvValue>,
    /// Sent as `Authorization: Bearer ...`. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<Secret>,
    /// User of HTTP basic authentication. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password of HTTP basic authentication. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// How the certificate is checked where `server` is `https://`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

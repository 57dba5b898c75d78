//! `http`: a number in a document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout};
use crate::scalar::{Dur, EnvValue, Secret};

/// A number in a JSON document that an application serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSource {
    /// What to fetch, by GET: `http://` or `https://`. Any status but 200 to 299 is an error. Reload: live.
    pub url: EnvValue,
    /// Where the number stands in the document: a JSON pointer such as `/queue/0/waiting`. It must be a number, or a text that is one.
    /// Default: empty, the whole body is the number. Reload: live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Headers that are sent along. Default: none. Reload: live.
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
    /// How the certificate is checked where `url` is `https://`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

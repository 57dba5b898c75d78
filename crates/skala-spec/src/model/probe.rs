//! Readiness: how a replica shows that it can take requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Dur;

/// Readiness probe. At most one of `httpGet`, `tcpSocket` and `logLine`; without any, a TCP connection to the replica's port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Readiness {
    /// Ready when this path answers with a status from 200 to 399. The best choice where the application has a health page.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// Ready when a TCP connection opens. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// Ready when this text (not a pattern) is in a line of the replica's output. Reload: by replacing replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub log_line: Option<String>,
    /// Time between two probes, at least 100ms. Reload: live.
    pub period: Dur,
    /// Longest time that one probe may take. Reload: live.
    pub timeout: Dur,
    /// Failed probes in a row after which a ready replica gets no more requests. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: u32,
    /// Passed probes in a row after which a replica gets requests. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub success_threshold: u32,
    /// Longest time from the start of a replica until it is first ready; beyond it the replica is stopped and restarted. Raise it for
    /// applications that load models. Reload: live.
    pub start_timeout: Dur,
}

impl Default for Readiness {
    fn default() -> Readiness {
        Readiness {
            http_get: None,
            tcp_socket: None,
            log_line: None,
            period: Dur::secs(1),
            timeout: Dur::secs(1),
            failure_threshold: 3,
            success_threshold: 1,
            start_timeout: Dur::secs(60),
        }
    }
}

/// What one probe does; ports are the replica's own unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe<'a> {
    /// GET this path.
    Http {
        /// Path, with its leading slash.
        path: &'a str,
        /// Another port than the replica's.
        port: Option<u16>,
    },
    /// Open a connection.
    Tcp {
        /// Another port than the replica's.
        port: Option<u16>,
    },
    /// Look for this text in the output.
    LogLine(&'a str),
}

impl Readiness {
    /// The probe in force.
    pub fn probe(&self) -> Probe<'_> {
        match (&self.http_get, &self.log_line) {
            (Some(HttpGet::Path(path)), _) => Probe::Http { path, port: None },
            (Some(HttpGet::Action(HttpGetAction { path, port })), _) => Probe::Http { path, port: *port },
            (None, Some(text)) => Probe::LogLine(text),
            (None, None) => Probe::Tcp { port: self.tcp_socket.as_ref().and_then(|t| t.port) },
        }
    }
}

/// A path, or a path with a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HttpGet {
    /// `httpGet: /health`
    Path(String),
    /// `httpGet: {path: /health, port: 9000}`
    Action(HttpGetAction),
}

/// A path with a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGetAction {
    /// Path with its leading slash.
    #[serde(default = "root")]
    pub path: String,
    /// Port, when the health page is on another than the replica's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
}

fn root() -> String {
    "/".to_owned()
}

/// A TCP connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TcpSocket {
    /// Port, when it is another than the replica's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
}

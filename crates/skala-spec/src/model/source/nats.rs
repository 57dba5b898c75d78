//! `nats`: what a JetStream consumer has yet to finish.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tls, timeout};
use crate::scalar::{Dur, EnvValue};

/// Messages that a JetStream consumer has yet to finish: those that it was not given (`num_pending`), and those that it has not
/// acknowledged (`num_ack_pending`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatsSource {
    /// The server's monitoring port: `http://host:8222` or `https://`. Reload: live.
    pub url: EnvValue,
    /// Account of the stream. Default: `$G`, the account of a server without accounts. Reload: live.
    #[serde(default = "global")]
    #[schemars(extend("minLength" = 1))]
    pub account: String,
    /// Name of the stream. One that is not there is an error. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub stream: String,
    /// Name of the consumer. While it is not there, every message that was ever in the stream counts. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub consumer: String,
    /// How the certificate is checked where `url` is `https://`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Longest time that one look may take, 10ms to 60s. Default: 5s. Reload: live.
    #[serde(default = "timeout")]
    pub timeout: Dur,
}

fn global() -> String {
    "$G".to_owned()
}

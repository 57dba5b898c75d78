//! The server that keeps queues and schedules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::{HostPort, Secret};

/// The task server. It runs when the file has queues or schedules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TaskServer {
    /// Address of its HTTP API. Port 0 takes a free one. Anything but a loopback address needs `token`. Reload: needs a restart of skala.
    pub listen: HostPort,
    /// Bearer token that the API asks for; from `"${VARIABLE}"` or `{file: path}` rather than in the file itself. Replicas find it as
    /// SKALA_TASKS_TOKEN. Reload: needs a restart of skala.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// File that tasks are kept in, from the state folder, or an absolute path. Several skala processes may share one on a local disk:
    /// one leads, the others take over. Reload: needs a restart of skala.
    #[schemars(extend("minLength" = 1))]
    pub store: String,
}

impl Default for TaskServer {
    fn default() -> TaskServer {
        TaskServer { listen: HostPort::known("127.0.0.1", 7702), token: None, store: "tasks.db".to_owned() }
    }
}

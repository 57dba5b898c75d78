//! Who works on a task, and how it gets there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use crate::model::Command;
use crate::model::names::dns_label;
use crate::scalar::{Dur, Secret};

/// Who works on a task: `service` and `path` push it, `service` alone lets replicas take it, `command` runs a process for it, and `service` with
/// `celery` leaves it in a Celery broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Deliver {
    /// The service whose replicas work on the tasks. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_label")]
    pub service: Option<ServiceName>,
    /// Path of a POST per task, beginning with `/`. Default: none; the replicas take tasks by the lease API, whose address is in their
    /// environment as SKALA_TASKS_URL. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Instead of a service: program and arguments of a process per task on this machine, in the folder of the platform file. The task's
    /// body is its input, its output is the result. It needs `concurrency`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Beside a service: the queue lives in a Celery broker, and the service's replicas are Celery workers; or, with `path` and
    /// `consume: true`, skala takes the tasks from the broker and pushes them. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub celery: Option<Celery>,
}

/// A queue in a Celery broker on Redis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Celery {
    /// The broker: `redis://host:6379/0`, or `rediss://` with TLS; from `"${CELERY_BROKER_URL}"` when it holds a password. Never shown. Reload:
    /// live.
    pub broker: Secret,
    /// Name of the queue there. Default: the name of this queue. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub queue: Option<String>,
    /// The result backend, as a URL like `broker`. Default: none; results are not read. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Secret>,
    /// The app's `visibility_timeout`, 1s to 7d: after it Celery gives a task that was not acknowledged to another worker. Reload: live.
    #[serde(default = "an_hour")]
    pub visibility_timeout: Dur,
    /// Bounds within which skala grows and shrinks the pool of each worker, before it adds replicas: `{min: 1, max: 8}`. Default: the pool is
    /// left alone. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<CeleryPool>,
    /// Keeps tasks whose worker is alive from running twice, and gives those of a dead one to another at once. Reload: live.
    #[serde(default = "yes")]
    pub heartbeat: bool,
    /// skala takes the tasks out of the broker and pushes each to the service's `path`, with `{"task", "id", "args", "kwargs"}` as its body;
    /// results go to `results`, by default the broker, where `AsyncResult` finds them. Reload: live.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consume: bool,
    /// The app's `global_keyprefix`. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_prefix: String,
    /// The app's `priority_steps`, in order. Reload: live.
    #[serde(default = "steps")]
    pub priority_steps: Vec<u8>,
}

/// Bounds of a worker's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CeleryPool {
    /// Fewest processes, 1 to 1000. Reload: live.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub min: u32,
    /// Most processes, 1 to 1000. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub max: u32,
}

/// A way of delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way<'a> {
    /// A POST per task to a replica.
    Push(&'a ServiceName, &'a str),
    /// Replicas take tasks.
    Pull(&'a ServiceName),
    /// A process per task.
    Command(&'a Command),
    /// Replicas are workers of a Celery broker.
    Celery(&'a ServiceName, &'a Celery),
}

impl Deliver {
    /// The way; `None` only in a queue that has not passed the checks.
    pub fn way(&self) -> Option<Way<'_>> {
        match (&self.service, &self.path, &self.command, &self.celery) {
            (Some(service), Some(path), None, None) => Some(Way::Push(service, path)),
            (Some(service), Some(path), None, Some(celery)) if celery.consume => Some(Way::Push(service, path)),
            (Some(service), None, None, None) => Some(Way::Pull(service)),
            (Some(service), None, None, Some(celery)) => Some(Way::Celery(service, celery)),
            (None, None, Some(command), None) => Some(Way::Command(command)),
            _ => None,
        }
    }

    /// The broker whose tasks skala takes and pushes.
    pub fn consumes(&self) -> Option<&Celery> {
        self.celery.as_ref().filter(|celery| celery.consume && matches!(self.way(), Some(Way::Push(..))))
    }

    /// The path that tasks are pushed to, where they are pushed.
    pub fn pushes_to(&self) -> Option<(&ServiceName, &str)> {
        match self.way() {
            Some(Way::Push(service, path)) => Some((service, path)),
            _ => None,
        }
    }
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn an_hour() -> Dur {
    Dur::secs(3600)
}

fn steps() -> Vec<u8> {
    vec![0, 3, 6, 9]
}

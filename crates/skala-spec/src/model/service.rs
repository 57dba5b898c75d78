//! A service: what runs, with how much, how requests wait for it, and how many there are.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Autoscaling, Balance, Command, Objective, Percentile, Readiness, Uses};
use crate::scalar::{Cpu, Dur, EnvValue, Size, Spend, Upstream};

/// One service. It has exactly one of `command`, `image` and `upstreams`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Service {
    /// Program and arguments of a replica: a list, or one line that is split at spaces (quotes group; there is no shell). `$PORT` or
    /// `${PORT}` stands for the replica's own port, which the PORT variable names too. Reload: by replacing replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Container image of a replica, for Docker and Kubernetes. Reload: by replacing replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Addresses run by somebody else: balanced and checked, not started and not scaled. `dns://host:port` follows every address
    /// behind a name. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1))]
    pub upstreams: Option<Vec<Upstream>>,
    /// Folder that the command runs in, from the folder of the platform file. Default: that folder. Reload: by replacing replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Environment variables of a replica, on top of skala's own. Values from `"${VARIABLE}"` or `{file: path}` are never shown.
    /// Reload: by replacing replicas.
    pub env: IndexMap<String, EnvValue>,
    /// CPU and memory of one replica. Reload: by replacing replicas.
    pub resources: Resources,
    /// Requests that one replica works on at once, at least 1; more wait in the gateway. Default: no bound. Set it to what the
    /// replica can truly do in parallel (gunicorn: workers x threads), so that requests wait where any replica can take them.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: Option<u32>,
    /// The room in the gateway where requests wait for a replica. Reload: live.
    pub waiting: Waiting,
    /// How a replica shows that it can take requests. Reload: live.
    pub readiness: Readiness,
    /// Longest time that a replica gets to finish its requests before SIGTERM, and then again before SIGKILL. Set it above the
    /// longest request that matters. Reload: live.
    pub drain: Dur,
    /// What happens when a replica exits by itself. Reload: live.
    pub restart: Restart,
    /// How long a connection to a replica may idle before the gateway closes it. Keep it below the replica's own idle time (gunicorn
    /// 2 s, uvicorn 5 s), or requests meet connections that are being closed. Reload: live, for new connections.
    pub keep_alive: Dur,
    /// What is kept of each replica's output. Reload: by replacing replicas.
    pub logs: Logs,
    /// How a replica is chosen for a request, unless the route says otherwise. Reload: live.
    pub balance: Balance,
    /// A fixed number of replicas, 0 to 1000; instead of `autoscaling`. Default: 1. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub replicas: Option<u32>,
    /// Grow and shrink with demand; instead of `replicas`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// What a replica takes of `databases` and `providers`: `{databases: {main: {connectionsPerReplica: 20}}}`. Reload: live.
    #[serde(skip_serializing_if = "Uses::is_empty")]
    pub uses: Uses,
    /// Price of one replica, such as `0.12 EUR/h`, for `budgets` and reports. Default: `cost` times what a replica requests. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Spend>,
    /// Who gives way when a budget, database or provider is short, 0 to 1000: the lowest first. Reload: live.
    #[schemars(range(max = 1000))]
    pub priority: u32,
    /// The objective that the file states for this service; filled in when the file is loaded.
    #[serde(skip)]
    #[schemars(skip)]
    pub promise: Option<Objective>,
    /// How long a replica is expected to take until it is ready, by `capacity`; filled in when the file is loaded.
    #[serde(skip)]
    #[schemars(skip)]
    pub start_up: Option<Duration>,
    /// The queues that it works on; filled in when the file is loaded.
    #[serde(skip)]
    #[schemars(skip)]
    pub works_on: Vec<WorksOn>,
    /// Hidden queues whose tasks it gets besides: requests of schedules. They wake it; filled in when the file is loaded.
    #[serde(skip)]
    #[schemars(skip)]
    pub woken_by: Vec<String>,
    /// How long it works on a request, on average, by `capacity`; filled in when the file is loaded.
    #[serde(skip)]
    #[schemars(skip)]
    pub service_time: Option<Duration>,
}

impl Default for Service {
    fn default() -> Service {
        Service {
            command: None,
            image: None,
            upstreams: None,
            working_dir: None,
            env: IndexMap::new(),
            resources: Resources::default(),
            concurrency: None,
            waiting: Waiting::default(),
            readiness: Readiness::default(),
            drain: Dur::secs(30),
            restart: Restart::default(),
            keep_alive: Dur::millis(1500),
            logs: Logs::default(),
            balance: Balance::default(),
            replicas: None,
            autoscaling: None,
            uses: Uses::default(),
            price: None,
            priority: 100,
            promise: None,
            start_up: None,
            works_on: Vec::new(),
            woken_by: Vec::new(),
            service_time: None,
        }
    }
}

/// A queue that a service works on.
#[derive(Clone, Debug, PartialEq)]
pub struct WorksOn {
    /// Its name.
    pub queue: String,
    /// Tasks per replica to scale by beside `metrics`; `None`: none.
    pub tasks_per_replica: Option<f64>,
}

/// What a replica of a service is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work<'a> {
    /// A process group of this machine.
    Command(&'a Command),
    /// A container.
    Image(&'a str),
    /// Somebody else's server.
    Upstreams(&'a [Upstream]),
}

/// How many replicas a service has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale<'a> {
    /// This many.
    Fixed(u32),
    /// As many as demand asks for.
    Auto(&'a Autoscaling),
    /// As many as its upstreams have addresses: not skala's to choose.
    External,
}

impl Service {
    /// What runs. `None` only in a service that has not passed the checks.
    pub fn work(&self) -> Option<Work<'_>> {
        let command = self.command.as_ref().map(Work::Command);
        let image = || self.image.as_deref().map(Work::Image);
        command.or_else(image).or_else(|| self.upstreams.as_deref().map(Work::Upstreams))
    }

    /// The percentile of latency that decides how many replicas there are, and its bound.
    pub fn promised_latency(&self) -> Option<(Percentile, Duration)> {
        self.promise.as_ref()?.latency.as_ref()?.decisive()
    }

    /// How many replicas there are.
    pub fn scale(&self) -> Scale<'_> {
        match (&self.upstreams, &self.autoscaling) {
            (Some(_), _) => Scale::External,
            (None, Some(autoscaling)) => Scale::Auto(autoscaling),
            (None, None) => Scale::Fixed(self.replicas.unwrap_or(1)),
        }
    }
}

/// CPU and memory of one replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// What a replica needs; utilisation is measured against it. Reload: by replacing replicas.
    pub requests: ResourceList,
    /// What a replica may use at most, enforced by a cgroup where skala may create one. Reload: by replacing replicas.
    pub limits: ResourceList,
}

/// Amounts of CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResourceList {
    /// CPU in cores (`2`) or thousandths (`500m`). Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory, with unit. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}

/// The waiting room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Waiting {
    /// Most requests that wait; more are refused at once with 503 and Retry-After. 0 lets none wait. Raise it for surges that new
    /// replicas can catch up with. Reload: live.
    #[schemars(range(max = 1_000_000))]
    pub max: u32,
    /// Longest wait of one request; 503 with Retry-After beyond it. Reload: live.
    pub timeout: Dur,
}

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting { max: 1000, timeout: Dur::secs(30) }
    }
}

/// Restarts of a replica that exits by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Restart {
    /// Pause before the first restart; it doubles with each exit in a row. Reload: live.
    pub initial: Dur,
    /// Longest pause. Reload: live.
    pub max: Dur,
    /// How long a replica must run for its exits to be forgotten. Reload: live.
    pub reset_after: Dur,
    /// Exits in a row after which the service counts as crash-looping; it is still restarted, at the longest pause. At least 1.
    /// Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub crash_loop_after: u32,
}

impl Default for Restart {
    fn default() -> Restart {
        Restart { initial: Dur::millis(100), max: Dur::secs(30), reset_after: Dur::secs(30), crash_loop_after: 5 }
    }
}

/// What is kept of a replica's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Logs {
    /// Size at which a log file is put aside and a new one begun, at least 4Ki.
    pub max_size: Size,
    /// Files that are kept beside the current one, 0 to 100.
    #[schemars(range(max = 100))]
    pub keep: u32,
}

impl Default for Logs {
    fn default() -> Logs {
        Logs { max_size: Size::mebibytes(10), keep: 3 }
    }
}

//! The top of the file: the platform's name, its gateway, admin API, prices, services, routes, objectives, and what bounds them.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::{dns_label, map_by_name, overlays};
use super::{
    Budget, Capacity, Database, LatencyTargets, Measure, Provider, Queue, QueueGoal, QueueMeasure, Route, Schedule, Service,
    TaskServer, Times, WorksOn,
};
use crate::scalar::{Dur, HostPort, Money, Percent, Secret, Size};

/// Service times that a policy takes from the file lie within these.
const SHORTEST_SERVICE: Duration = Duration::from_micros(1);
const LONGEST_SERVICE: Duration = Duration::from_secs(3600);

/// A platform: the services of one AI backend, and how requests reach them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Platform {
    /// Name of the platform: a DNS label. It labels metrics, logs and decisions. Reload: needs a restart of skala.
    #[schemars(schema_with = "dns_label")]
    pub platform: String,
    /// Where requests come in. Reload: per field.
    #[serde(default)]
    pub gateway: Gateway,
    /// The admin API and console. Reload: needs a restart of skala.
    #[serde(default)]
    pub admin: Admin,
    /// What capacity costs; without it, nothing is shown in money. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The services by name. A name is a DNS label. Reload: live; a service that is new starts, one that is gone drains and stops.
    #[schemars(schema_with = "map_by_name::<Service>", extend("minProperties" = 1))]
    pub services: IndexMap<ServiceName, Service>,
    /// Which requests go to which service; the most particular host wins, then the longest path. Without this section, a platform
    /// with one service sends everything to it. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
    /// The server that keeps queues and schedules; it runs when there are any. Reload: needs a restart of skala.
    #[serde(default)]
    pub tasks: TaskServer,
    /// Queues of tasks by name: `ingestion: {deliver: {service: worker, path: /tasks/ingest}}`. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Queue>")]
    pub queues: IndexMap<String, Queue>,
    /// Tasks by the clock, by name: `nightly: {cron: "0 2 * * *", timezone: Europe/Berlin, queue: ingestion}`. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Schedule>")]
    pub schedules: IndexMap<String, Schedule>,
    /// What users are promised, by service: reported, alerted on, and shown by `skala status`. Reload: live.
    #[serde(default)]
    #[schemars(schema_with = "map_by_name::<Objective>")]
    pub objectives: IndexMap<ServiceName, Objective>,
    /// Databases that services connect to, by name; a service names them under `uses`. Their replicas never need more connections than
    /// there are: `main: {maxConnections: 100}`. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Database>")]
    pub databases: IndexMap<String, Database>,
    /// Providers of APIs with quotas, by name; a service names them under `uses`: `openai: {requestsPerMinute: 5000}`. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Provider>")]
    pub providers: IndexMap<String, Provider>,
    /// Ceilings on what replicas may cost, by name: `everything: {limit: 900 EUR/month}`. A service may be under several. Reload: live; what was spent is kept by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Budget>")]
    pub budgets: IndexMap<String, Budget>,
    /// What the platform is expected to carry and what its parts can do, for `skala plan` and `skala simulate`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Overlays by name, such as `staging`, chosen with `--env`. Mappings merge by key; lists and single values replace; `null`
    /// removes. Every overlay is checked, chosen or not. Reload: as the field that it changes.
    #[serde(default, skip_serializing)]
    #[schemars(schema_with = "overlays")]
    pub(crate) environments: IndexMap<String, serde::de::IgnoredAny>,
    /// The overlay that was applied.
    #[serde(skip)]
    environment: Option<String>,
}

/// Tasks per replica that a service scales by for a queue, beside its metrics: what the queue says, unless a metric of its length does;
/// else its places, where the service has nothing else to scale by.
fn queue_target(name: &str, queue: &Queue, service: &Service) -> Option<f64> {
    let scaling = service.autoscaling.as_ref()?;
    let measured = scaling.metrics().any(|(_, metric)| match metric.measure {
        Measure::Queue(QueueMeasure { queue, goal: QueueGoal::Length(_) }) => queue.is_none_or(|queue| queue == name),
        _ => false,
    });
    let alone = scaling.metrics.is_empty() && scaling.formula.is_none();
    let alone = alone && service.promise.as_ref().is_none_or(|p| p.latency.is_none());
    let places = alone.then_some(f64::from(queue.concurrency_per_replica));
    queue.tasks_per_replica.map(|n| n.get()).or(places).filter(|_| !measured)
}

impl Platform {
    /// Tells each service what the file promises its users, what it says of its times, and which queues it scales by.
    pub(crate) fn keep_promises(&mut self) {
        for (name, capacity) in self.capacity.iter().flat_map(|c| &c.services) {
            if let Some(service) = self.services.get_mut(name) {
                service.start_up = capacity.start_up.as_ref().and_then(Times::nine_in_ten);
                let mean = capacity.service_time.as_ref().map(|times| times.mean.get());
                service.service_time = mean.filter(|mean| (SHORTEST_SERVICE..=LONGEST_SERVICE).contains(mean));
            }
        }
        for (name, objective) in &self.objectives {
            if let Some(service) = self.services.get_mut(name) {
                service.promise = Some(objective.clone());
            }
        }
        for (name, queue) in &self.queues {
            let service = queue.deliver.service.as_ref().and_then(|service| self.services.get_mut(service));
            if let Some(service) = service {
                let tasks_per_replica = queue_target(name, queue, service);
                service.works_on.push(WorksOn { queue: name.clone(), tasks_per_replica });
            }
        }
        for http in self.schedules.values().filter_map(|schedule| schedule.http.as_ref()) {
            let queue = http.hidden_queue();
            if let Some(service) = self.services.get_mut(&http.service).filter(|s| !s.woken_by.contains(&queue)) {
                service.woken_by.push(queue);
            }
        }
    }

    /// Names of the file's overlays.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.environments.keys().map(String::as_str)
    }

    /// The overlay that was applied, if any.
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    pub(crate) fn set_environments(&mut self, names: Vec<String>, chosen: Option<&str>) {
        self.environments = names.into_iter().map(|name| (name, serde::de::IgnoredAny)).collect();
        self.environment = chosen.map(str::to_owned);
    }

    /// The routes in force: those of the file, or one from `/` to the only service. In file order.
    pub fn routes(&self) -> Vec<Route> {
        match (&self.routes, self.services.first()) {
            (Some(routes), _) => routes.clone(),
            (None, Some((name, _))) if self.services.len() == 1 => vec![Route::to(name.clone())],
            (None, _) => Vec::new(),
        }
    }
}

/// The gateway's listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gateway {
    /// Address that requests come to. Port 0 takes a free one. Change it when 8080 is taken or only a local proxy may connect.
    /// Reload: needs a restart of skala.
    pub listen: HostPort,
    /// Longest time that a client may take to send the head of a request, from the first byte; 408 beyond it. Lower it against
    /// clients that trickle. Reload: live, for new connections.
    pub header_timeout: Dur,
    /// Largest head of a request (line and headers), in bytes; 431 beyond it. Raise it for very large cookies. Reload: live, for
    /// new connections.
    pub max_header_size: Size,
    /// How long a client's connection may idle between requests before it is closed. Keep it above the idle time of a load
    /// balancer in front. Reload: live, for new connections.
    pub idle_timeout: Dur,
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway {
            listen: HostPort::known("0.0.0.0", 8080),
            header_timeout: Dur::secs(10),
            max_header_size: Size::kibibytes(64),
            idle_timeout: Dur::secs(75),
        }
    }
}

/// The admin API's listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Admin {
    /// Address of the admin API and console. Anything but a loopback address needs `token`. Reload: needs a restart of skala.
    pub listen: HostPort,
    /// Bearer token that the admin API asks for; from `"${VARIABLE}"` or `{file: path}` rather than in the file itself. Reload: needs
    /// a restart of skala.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

impl Default for Admin {
    fn default() -> Admin {
        Admin { listen: HostPort::known("127.0.0.1", 7700), token: None }
    }
}

/// Prices of capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cost {
    /// ISO 4217 code of every amount of money in the file, such as `EUR`. Reload: live.
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Price of one virtual CPU for one hour. Reload: live.
    pub vcpu_hour: Money,
    /// Price of one GiB of memory for one hour. Reload: live.
    pub gib_hour: Money,
}

/// What the users of a service are promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objective {
    /// Share of requests answered without a server error, above 0% and below 100%. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
    /// Bounds on latency, from arrival to the first byte of the answer. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTargets>,
    /// Time over which the objective is judged, at least an hour. Reload: live.
    #[serde(default = "thirty_days")]
    pub window: Dur,
}

fn thirty_days() -> Dur {
    Dur::secs(30 * 86_400)
}

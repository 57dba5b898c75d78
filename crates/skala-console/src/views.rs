//! What the admin API shows: plain data with stable names, the same that `-o json` prints.
//!
//! Units are in the names: `Ms` milliseconds, `Bytes`, `Cores`; times are RFC 3339 in UTC.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Version of every JSON document that skala shows; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole platform at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Version of this document.
    pub schema_version: u32,
    /// The platform's name.
    pub platform: String,
    /// skala's version.
    pub version: String,
    /// skala's process.
    pub pid: u32,
    /// When skala started.
    pub started_at: String,
    /// Now, by skala's clock.
    pub at: String,
    /// Where requests are taken.
    pub gateway: String,
    /// Money of the `costPerHour` fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Each service.
    pub services: Vec<ServiceStatus>,
    /// Each queue of tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueStatus>,
    /// Each budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetStatus>,
    /// Each database and provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downstreams: Vec<DownstreamStatus>,
    /// What needs attention, in words; empty when all is well.
    pub problems: Vec<String>,
}

/// One queue of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    /// Its name.
    pub name: String,
    /// The service that works on it; none: processes of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How tasks get there: `push`, `pull`, `command` or `celery`.
    pub delivery: String,
    /// Tasks that wait for a worker.
    pub ready: u64,
    /// Tasks that a worker has.
    pub leased: u64,
    /// Tasks that are not due yet, wait for others, or for money.
    pub waiting: u64,
    /// Dead letters since skala started.
    pub dead: u64,
    /// Age of the oldest ready task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Tasks that end per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Whether it gives out nothing.
    pub paused: bool,
    /// Whether a threshold of its alarm is passed.
    pub alarm: bool,
    /// Why its numbers are missing or old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetStatus {
    /// Its name.
    pub name: String,
    /// Money of the amounts.
    pub currency: String,
    /// The ceiling, for its period.
    pub ceiling: f64,
    /// Spent in the running period.
    pub spent: f64,
    /// What may be spent per hour now.
    pub limit_per_hour: f64,
    /// What the services want per hour.
    pub wanted_per_hour: f64,
    /// What they get per hour.
    pub allowed_per_hour: f64,
    /// What will have been spent at the end of the period, at that rate.
    pub projected: f64,
    /// Replicas refused now.
    pub refused_replicas: u64,
    /// Not spent in the running period because it was refused.
    pub saved: f64,
    /// The end of the period.
    pub until: String,
}

/// One database or provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DownstreamStatus {
    /// Its name.
    pub name: String,
    /// What it has: connections, or requests or tokens per minute.
    pub limit: f64,
    /// What the services may use at their present sizes.
    pub used: f64,
    /// What is left for services beside what is kept back and what others use.
    pub for_services: f64,
    /// The same in words, with the largest users.
    pub text: String,
}

/// A number from outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalStatus {
    /// Its name.
    pub name: String,
    /// The last number that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How old it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// Looks that failed in a row.
    pub failures: u32,
    /// Why the last look failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// `false` for upstreams, which somebody else runs.
    pub managed: bool,
    /// Replicas wanted.
    pub desired: u32,
    /// Fewest replicas allowed.
    pub min_replicas: u32,
    /// Most replicas allowed.
    pub max_replicas: u32,
    /// Replicas that take requests.
    pub ready: u32,
    /// Replicas on their way to ready for the first time.
    pub starting: u32,
    /// Replicas that are not ready, wait for a restart, or crash again and again.
    pub unhealthy: u32,
    /// Replicas that finish their last requests.
    pub draining: u32,
    /// The standing order by hand, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directive: Option<String>,
    /// Who decides, where it is not skala's own rules: `hpa`, `knative`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Numbers from outside that it is scaled by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalStatus>,
    /// What keeps it below the size that it wants: budgets, databases, providers; in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<String>,
    /// Open time windows and the bounds that they bring, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<String>,
    /// That its size swings, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<String>,
    /// Arrivals per second over the last ten seconds.
    pub requests_per_second: f64,
    /// Requests in service.
    pub in_flight: u32,
    /// Requests in the waiting room.
    pub waiting: u32,
    /// Share of answers over the last ten seconds that were errors, 0 to 1.
    pub error_ratio: f64,
    /// Requests turned away since the start.
    pub refused: u64,
    /// Arrival to first byte, over the last ten seconds.
    pub latency_ms: Percentiles,
    /// CPU in use by all replicas.
    pub cpu_cores: f64,
    /// Memory in use by all replicas.
    pub memory_bytes: u64,
    /// Learned time from start to ready.
    pub start_up_ms: f64,
    /// Replicas x seconds since skala started.
    pub replica_seconds: f64,
    /// What the replicas cost at present, by requested resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_hour: Option<f64>,
    /// The last decision in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<String>,
}

/// Percentiles in milliseconds; zero when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// The replicas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// Version of this document.
    pub schema_version: u32,
    /// Each replica, by service and number.
    pub replicas: Vec<Replica>,
}

/// One replica, or one address of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// Service and number: `api-7`.
    pub name: String,
    /// Its service.
    pub service: String,
    /// Its number.
    pub id: u64,
    /// `starting`, `ready`, `not ready`, `backoff`, `crash loop`, `draining`, `stopping`.
    pub phase: String,
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its main process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// CPU in use, mean of ten seconds.
    pub cpu_cores: f64,
    /// Memory in use.
    pub memory_bytes: u64,
    /// Requests in service.
    pub in_flight: u32,
    /// Requests served since it joined the gateway.
    pub served: u64,
    /// Restarts after an exit.
    pub restarts: u32,
    /// When its present process started.
    pub started_at: String,
    /// How its last process ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    /// Version of this document.
    pub schema_version: u32,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: String,
    /// Whose, unless skala's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Which replica's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<u64>,
    /// A stable word: `scaled`, `started`, `ready`, `exited`, `crashLoop`, `draining`, `stopped`, ...
    pub kind: String,
    /// A sentence.
    pub text: String,
}

/// A decision and its reasons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// Version of this document.
    pub schema_version: u32,
    /// The service.
    pub service: String,
    /// When the decision was taken.
    pub at: String,
    /// The reasons for people.
    pub text: String,
    /// The reasons for programs: wanted size, actions, inputs with age, each metric's proposal, clamps, winner, outcome,
    /// counterfactuals.
    #[schema(value_type = Object)]
    pub decision: serde_json::Value,
}

/// What replicas should ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendations {
    /// Version of this document.
    pub schema_version: u32,
    /// Each service whose use is recorded (`autoscaling.vertical`).
    pub services: Vec<Recommendation>,
}

/// What the replicas of one service should ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// The service.
    pub service: String,
    /// `recommend` shows it, `apply` sets it on running replicas.
    pub mode: String,
    /// CPU and memory, those that are recommended.
    pub resources: Vec<RecommendedResource>,
    /// The history behind it in days, with a CPU sample per minute; 0 before there is one.
    pub confidence: f64,
    /// CPU samples taken.
    pub samples: u64,
    /// When the first was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Replicas that were given a size in place, as `api-3`.
    pub applied_to: Vec<String>,
    /// What shaped it, and what stands in the way, in words.
    pub why: Vec<String>,
}

/// One resource of a replica; CPU in cores, memory in bytes. No numbers before anything was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendedResource {
    /// `cpu` or `memory`.
    pub resource: String,
    /// The platform file's request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<f64>,
    /// The platform file's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// A request below this starves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// What to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// A request above this wastes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// The target before `minAllowed` and `maxAllowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncapped: Option<f64>,
}

/// A size by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleOrder {
    /// Exactly so many replicas, whatever metrics and bounds say.
    pub replicas: u32,
    /// For how long, milliseconds; until resumed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// A pause of scaling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseOrder {
    /// For how long, milliseconds; until resumed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// An order was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What follows, in words.
    pub message: String,
}

/// Why a request failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What is wrong.
    pub error: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

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
    /// What needs attention, in words; empty when all is well.
    pub problems: Vec<String>,
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

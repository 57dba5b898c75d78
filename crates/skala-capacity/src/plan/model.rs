//! What is planned: loads, services, stores, bounds, stages and scenarios, as plain values.
//!
//! Units: loads and sizes in base units (one, one per second, a byte); shares in millionths; times in seconds.
//! Invariants: an index points into the list of its kind; the lowering from the platform file sees to that.

use serde::Serialize;
use skala_types::Currency;

use super::exact::Exact;
use super::money::PerMonth;
use crate::Goal;

/// Where a figure came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// Stated in the platform file.
    File,
    /// Measured: throughput, service time and scalability of a replica.
    Measured,
    /// Computed from several of the others by a named formula.
    Formula,
    /// Nobody said; the usual value.
    Default,
}

/// A platform to be planned.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name.
    pub platform: String,
    /// What grows.
    pub loads: Vec<Load>,
    /// What answers.
    pub services: Vec<Service>,
    /// What keeps data.
    pub stores: Vec<Store>,
    /// What connections go to.
    pub databases: Vec<Database>,
    /// Whose quotas are used.
    pub providers: Vec<Provider>,
    /// Stages of growth, the smallest first.
    pub stages: Vec<Stage>,
    /// Ways to buy; never empty.
    pub scenarios: Vec<Scenario>,
    /// The currency of every amount; `None` without prices.
    pub currency: Option<Currency>,
    /// How far a rollout exceeds a service's replicas, millionths.
    pub surge: u64,
    /// Shares of time that parts are up.
    pub up: Up,
    /// What the file leaves open, in sentences.
    pub notes: Vec<String>,
}

/// Shares of time that parts are up, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Up {
    /// One replica.
    pub replica: f64,
    /// One region.
    pub region: f64,
    /// What leads requests to a region.
    pub balancer: f64,
}

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Things.
    Count,
    /// Things per second.
    Rate,
    /// Bytes.
    Bytes,
}

/// How a load or size is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What it counts.
    pub dimension: Dimension,
    /// Behind the number: `/day`, `GB`, or nothing.
    pub label: &'static str,
    /// One of it in base units.
    pub scale: Exact,
}

impl Unit {
    /// A plain number.
    pub fn count() -> Unit {
        Unit { dimension: Dimension::Count, label: "", scale: Exact::whole(1) }
    }

    /// A value of base units in this unit.
    pub fn show(&self, value: &Exact) -> f64 {
        value.over(&self.scale).map_or(0.0, |v| v.to_f64())
    }
}

/// Something that grows.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub unit: Unit,
    /// What it is.
    pub base: Base,
    /// What the busiest time has over it, at least 1.
    pub peak: Exact,
}

/// What a load is.
#[derive(Clone, Debug)]
pub enum Base {
    /// So much, growing.
    Now {
        /// Today.
        value: Exact,
        /// By month, millionths; the last goes on; none is no growth.
        growth: Vec<i64>,
    },
    /// So many for each one of another load.
    Of {
        /// The other load, earlier or later in the list; never in a circle.
        load: usize,
        /// How many.
        times: Exact,
    },
}

/// What answers.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it needs.
    pub rules: Vec<Rule>,
    /// Fewest replicas.
    pub floor: u64,
    /// Who says so.
    pub floor_origin: Origin,
    /// Most replicas; `None` when nothing bounds them.
    pub ceiling: Option<u64>,
    /// Thousandths of a core that a replica requests.
    pub millicores: Option<u64>,
    /// Bytes that a replica requests.
    pub memory: Option<u64>,
    /// Price of a replica on demand.
    pub price: Option<PerMonth>,
    /// Replicas below which it is down.
    pub quorum: u64,
    /// The load that comes to it, and its share of that in millionths; what `--target` sets by the service's name.
    pub station: Option<(usize, u64)>,
}

/// Why a service needs replicas.
#[derive(Clone, Debug)]
pub enum Rule {
    /// One replica per so much of a load.
    ReplicaPer {
        /// The load.
        load: usize,
        /// How much of it.
        per: Exact,
        /// Who says so.
        origin: Origin,
    },
    /// One core per so much of a load.
    CorePer {
        /// The load.
        load: usize,
        /// How much of it.
        per: Exact,
        /// Thousandths of a core that a replica has; without, cores are told and replicas are not.
        millicores: Option<u64>,
    },
    /// Memory for each one of a load.
    MemoryPer {
        /// The load.
        load: usize,
        /// Bytes for each.
        each: u64,
        /// Bytes that a replica may use; without, memory is told and replicas are not.
        memory: Option<u64>,
    },
    /// Enough servers that few are later than the objective allows.
    Staffing {
        /// The load, a rate.
        load: usize,
        /// Share of it, millionths.
        share: u64,
        /// Mean service time, seconds.
        mean: f64,
        /// Its coefficient of variation.
        cv: f64,
        /// Servers of a replica.
        concurrency: u32,
        /// What shall be in time.
        goal: Goal,
    },
    /// The Universal Scalability Law: throughput grows less than replicas do.
    Scalability {
        /// The load, a rate.
        load: usize,
        /// Share of it, millionths.
        share: u64,
        /// Throughput of one replica, per second.
        gamma: f64,
        /// Contention.
        alpha: f64,
        /// Coherency.
        beta: f64,
    },
}

impl Rule {
    /// The load that it follows.
    pub fn load(&self) -> usize {
        match self {
            Rule::ReplicaPer { load, .. }
            | Rule::CorePer { load, .. }
            | Rule::MemoryPer { load, .. }
            | Rule::Staffing { load, .. }
            | Rule::Scalability { load, .. } => *load,
        }
    }
}

/// What keeps data.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its name.
    pub name: String,
    /// How its size is written.
    pub unit: Unit,
    /// Bytes before any load.
    pub base: u64,
    /// Bytes for each base unit of loads.
    pub per: Vec<(usize, Exact)>,
    /// Bytes for each connection to databases.
    pub per_connection: Vec<(usize, u64)>,
    /// Bytes that there are.
    pub available: Option<u64>,
    /// Machines.
    pub nodes: u64,
    /// Price of a machine.
    pub price: Option<PerMonth>,
    /// Price of a GB.
    pub price_per_gb: Option<PerMonth>,
    /// Share of time that a machine is up; `None` leaves the store out.
    pub up: Option<f64>,
}

/// What connections go to.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Connections that it accepts.
    pub max: u64,
    /// Of them, kept free.
    pub reserved: u64,
    /// Services and connections of one replica.
    pub users: Vec<(usize, u64)>,
}

/// Whose quota is used.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Requests per minute granted.
    pub requests: Option<Exact>,
    /// Tokens per minute granted.
    pub tokens: Option<Exact>,
    /// Services with requests and tokens per minute of one busy replica.
    pub users: Vec<(usize, Exact, Exact)>,
}

/// A stage of growth.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Loads that it ends at.
    pub below: Vec<(usize, Exact)>,
    /// Service, replicas, thousandths of a core, bytes.
    pub services: Vec<(String, u64, Option<u64>, Option<u64>)>,
    /// Store and bytes.
    pub stores: Vec<(String, u64)>,
    /// Signs to leave it.
    pub triggers: Vec<String>,
    /// What else it has.
    pub notes: Vec<String>,
}

/// A way to buy.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it may cost.
    pub budget: Option<PerMonth>,
    /// The fewest replicas instead of what the load needs.
    pub minimal: bool,
    /// Replicas that stay whatever the load, by service.
    pub replicas: Vec<(usize, u64)>,
    /// Machines of stores, by store.
    pub nodes: Vec<(usize, u64)>,
    /// Regions.
    pub regions: u64,
    /// On machines that may be taken back.
    pub spot: Option<Spot>,
    /// On machines that are committed to: saving and share, millionths.
    pub reserved: Option<(u64, u64)>,
    /// What else is paid.
    pub extra: PerMonth,
    /// Loads that it is meant for.
    pub carries: Vec<(usize, Exact)>,
    /// Availability that it is meant to have, 0 to 1.
    pub availability: Option<f64>,
}

/// Machines that may be taken back.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Saving, millionths.
    pub saving: u64,
    /// Share of a service's replicas, millionths.
    pub share: u64,
    /// Which services; `None` is all.
    pub services: Option<Vec<usize>>,
    /// Interruptions per hour of one machine.
    pub interruptions: f64,
    /// Hours until a replacement works.
    pub replacement: f64,
    /// Hours of work done twice.
    pub lost: f64,
}

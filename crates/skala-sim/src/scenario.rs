//! What is simulated: services with their policies and times, the faults that meet them, and how.
//!
//! Units: durations; offsets are from the beginning of the trace.

use std::sync::Arc;
use std::time::Duration;

use skala_autoscaler::ceilings::Limits;
use skala_autoscaler::{Directive, Policy, Quantile};
use skala_balance::Settings;
use skala_trace::TraceError;
use skala_types::{Money, Replicas, ServiceName, Time};

use crate::{Dist, Need, Network};

/// How time advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each request by itself, through `skala_balance::Station`.
    Exact,
    /// Step by step with the queueing formulas: for long traces.
    Fluid {
        /// Length of a step; 1 s is the controller's own.
        step: Duration,
    },
}

/// A platform under load.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Determines every draw.
    pub seed: u64,
    /// How time advances.
    pub mode: Mode,
    /// The time of day and week at which the trace begins, for cron windows and seasons.
    pub begins: Time,
    /// Simulate no longer than this; `None` until the trace ends.
    pub horizon: Option<Duration>,
    /// Time from one decision to the next; skala's own is a second.
    pub interval: Duration,
    /// The services; the first takes the trace's arrivals.
    pub services: Vec<Service>,
    /// Budgets, databases and providers, as the live loop has them.
    pub limits: Limits,
    /// Queues, schedules, providers and databases as stations of their own.
    pub network: Network,
    /// What goes wrong, in any order.
    pub faults: Vec<Fault>,
}

/// A service as the simulator sees it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// How it is scaled: any mode.
    pub policy: Policy,
    /// Bounds and balancing of its station.
    pub station: Settings,
    /// Its share of the trace's arrivals, 0 to 1.
    pub share: f64,
    /// How long a replica holds a server for one request.
    pub service_time: Dist,
    /// From the start of a replica until it is ready.
    pub start_up: Dist,
    /// Longest time that a draining replica may take.
    pub drain: Duration,
    /// Replicas at the beginning, ready; default the policy's minimum, at least 1.
    pub initial: Option<Replicas>,
    /// CPU cores that a replica uses while all its servers are busy; none when the file says nothing of CPU.
    pub busy_cores: Option<f64>,
    /// Price of a replica per hour.
    pub price_per_hour: Option<Money>,
    /// Who is served first when a budget or a database is short: the highest.
    pub priority: i32,
    /// The order that the platform file gives (`paused`, `replicas: 0`).
    pub standing: Option<Directive>,
    /// What its users are promised.
    pub objective: Option<Objective>,
    /// Replicas needed over time, for the measures of elasticity; `None` leaves them at zero. See [`crate::optimum`].
    pub need: Option<Arc<Need>>,
}

/// What is promised: a share of requests within a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which percentile.
    pub quantile: Quantile,
    /// Its bound, from arrival to the answer.
    pub latency: Duration,
    /// Share of requests that must be answered at all, such as 0.999; refusals count against it.
    pub availability: Option<f64>,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// Index of the service in [`Scenario::services`].
    pub service: usize,
    /// When it begins.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// So many ready replicas die at once, with what they work on.
    ReplicaLoss {
        /// How many.
        replicas: u32,
    },
    /// One ready replica takes longer.
    SlowReplica {
        /// So many times as long, >= 1.
        factor: f64,
        /// For so long.
        lasts: Duration,
    },
    /// The station's numbers stand still; their age grows.
    StaleMetrics {
        /// For so long.
        lasts: Duration,
    },
    /// There are no numbers of the station.
    MissingMetrics {
        /// For so long.
        lasts: Duration,
    },
    /// The controller is away; then it comes back with the state that it saved.
    ControllerRestart {
        /// For so long.
        lasts: Duration,
    },
    /// What the service calls fails. With providers in the network, those that it calls answer with errors, to every service; else
    /// every request takes as long and ends as an error.
    ProviderOutage {
        /// For so long.
        lasts: Duration,
    },
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The trace is at fault.
    #[error("the trace {0}")]
    Trace(#[from] TraceError),
    /// Whoever asked for the run no longer wants it.
    #[error("was cancelled")]
    Cancelled,
    /// A setting that cannot stand.
    #[error("{field}: {reason}")]
    Setting {
        /// Its place, such as `services.api.serviceTime`.
        field: String,
        /// Why, and what to do.
        reason: String,
    },
}

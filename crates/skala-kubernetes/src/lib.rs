//! The controller on Kubernetes: watches `Autoscaler` objects, asks the pure core, scales through `/scale`.
//!
//! Decides: nothing about sizes; only when to look, whether what it sees is fresh enough, and whether it may act at all.
//! Inputs: the API server (objects, metrics APIs), triggers read through [`Sources`], the clock.
//! Method: shared watches into lean stores, a bounded queue of objects that are due, one decision per object and sync period,
//!   writes guarded by leadership, freshness and the target's `resourceVersion`.
//! Invariants: without leadership nothing is written; on stale data nothing is scaled; every request has a time limit.
//! Tested: `tests/it` against testkit's API server.

mod api;
mod cluster;
mod connect;
mod controller;
mod decide;
mod election;
mod events;
mod jitter;
mod objects;
mod queue;
mod reconcile;
mod selectors;
mod serve;
mod settings;
mod sources;
mod stats;
mod targets;
mod watch;

pub use api::{Api, ApiError, ApiTotals};
pub use connect::{ConnectError, Target, connect};
pub use controller::{Controller, RunError};
pub use election::{Leadership, LeaseSettings};
pub use settings::Settings;
pub use sources::{Measured, NoSources, SourceError, Sources};

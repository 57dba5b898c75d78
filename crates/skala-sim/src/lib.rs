//! A discrete-event simulator of a platform: its stations in virtual time, driven by the code that decides in production.
//!
//! Decides: nothing of its own: `skala_balance::Station` admits and balances, `skala_queue::Core` and its scheduler give out tasks,
//!   `skala_autoscaler::plan` scales.
//! Inputs: a [`Scenario`], a stream of arrivals, a seed.
//! Invariants: the same seed gives the same outcome, byte for byte; work is conserved; memory does not grow with the trace.

pub mod control;
mod dist;
mod draw;
mod exact;
mod fluid;
pub mod measure;
mod need;
mod network;
mod normal;
pub mod optimum;
mod outcome;
mod platform;
mod quantile;
mod rivals;
mod scenario;
mod stations;
pub mod tune;
pub mod whole;

pub use control::Watch;
pub use dist::Dist;
pub use exact::{Flow, Progress, simulate, simulate_watched};
pub use fluid::{simulate_steps, simulate_steps_watched};
pub use need::Need;
pub use network::{Calls, Network, Pool, PoolCall, Provider, ProviderCall, Schedule, TaskQueue};
pub use outcome::{Elasticity, Outcome, Point, PoolOutcome, ProviderOutcome, QueueOutcome, ServiceOutcome};
pub use platform::{Assumed, Setup, scenario};
pub use rivals::{Rival, rival};
pub use scenario::{Fault, FaultKind, Mode, Objective, Scenario, Service, SimError};

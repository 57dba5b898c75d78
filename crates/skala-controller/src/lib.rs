//! Observe, plan, act: the control loop, its platforms and its journal.

mod control;
mod follow;
pub mod journal;
mod managed;
mod observe;
pub mod platform;
pub mod probe;
mod replay;
mod upstreams;

pub use control::{ControlConfig, Controller, LOOKS, ServiceView};
pub use managed::{Decided, ServiceConfig};
pub use replay::{Difference, Replay, replay};
pub use upstreams::{HealthCheck, Target, Upstreams, watch_upstreams};

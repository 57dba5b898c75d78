//! Observe, plan, act: the control loop, its platforms and its journal.

mod control;
mod follow;
pub mod journal;
mod managed;
mod observe;
pub mod platform;
pub mod probe;
mod replay;
mod sizing;
mod upstreams;
mod work;

pub use control::{ControlConfig, Controller, LOOKS, Outside, ServiceView};
pub use managed::{Decided, ServiceConfig};
pub use replay::{Difference, Replay, replay};
pub use sizing::{SizingView, Vertical};
pub use upstreams::{HealthCheck, Target, Upstreams, watch_upstreams};
pub use work::{Held, Work};

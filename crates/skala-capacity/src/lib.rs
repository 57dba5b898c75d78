//! Queueing formulas, staffing, growth and cost: what a load needs, which station saturates first, and what it costs.
//!
//! Pure: every function takes plain numbers with stated units and returns plain numbers or says why there is none.

mod number;
pub mod queue;

pub use number::round_up;
pub use queue::demand::{Demand, Queue};
pub use queue::drain::{Drain, drain_time, drain_workers};
pub use queue::erlang::{erlang_b, erlang_c};
pub use queue::service::Service;
pub use queue::staffing::{Goal, Measure, Unreachable, staff};
pub use queue::unstable::Unstable;

//! Observe, plan, act: the control loop, its platforms and its journal.

pub mod platform;
pub mod probe;

//! Observe, plan, act: the control loop, its platforms and its journal.

pub mod journal;

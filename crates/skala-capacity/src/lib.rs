//! Queueing formulas, staffing, growth and cost: what a load needs, which station saturates first, and what it costs.
//!
//! Pure: every function takes plain numbers with stated units and returns plain numbers or says why there is none.

pub mod plan;

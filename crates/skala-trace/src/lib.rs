//! Arrivals: read from traces or generated, as a stream of any length in bounded memory.
//!
//! Decides: when requests come, and how large they are.
//! Invariants: times never go backwards; what a recording does not know (a hole) is told, and is not zero load.

mod arrival;

pub use arrival::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};

//! Arrivals: read from traces or generated, as a stream of any length in bounded memory.
//!
//! Decides: when requests come, and how large they are.
//! Invariants: times never go backwards; what a recording does not know (a hole) is told, and is not zero load.

mod arrival;
mod bin;
pub mod change;
mod draw;
mod gaps;
pub mod generate;
pub mod inspect;
mod limits;
mod read;
mod restep;
mod samples;
mod tokens;
mod trace;
pub mod write;

pub use arrival::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};
pub use bin::Binned;
pub use change::{Holes, Window};
pub use draw::{Drawing, Drawn};
pub use gaps::GapFamily;
pub use limits::{MAX_CV, MAX_LENGTH, MAX_RATE, MAX_TOKENS};
pub use read::{Format, ReadOptions, RowKind, Spread};
pub use restep::Restep;
pub use samples::Sample;
pub use tokens::{LogNormalTokens, TokenPairs};
pub use trace::{BoxArrivals, BoxSteps, Input, Kind, Opener, Trace};

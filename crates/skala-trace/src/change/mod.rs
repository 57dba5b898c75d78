//! Changes of a trace: scaled, cut, moved, joined, with holes; of arrivals and of steps alike.
//!
//! Invariants: each is an adapter over a stream, in bounded memory; time is never compressed.
//! Tested: `tests/it/change.rs`.

mod concat;
mod linear;
mod mask;
mod merge;
pub(crate) mod scale;
mod window;

pub use concat::{ConcatArrivals, ConcatSteps};
pub use linear::Linear;
pub use mask::{Holes, MaskedArrivals, MaskedSteps};
pub use merge::{MergedArrivals, MergedSteps};
pub use scale::{ScaledSteps, Superposed, Thinned};
pub use window::{Window, WindowArrivals, WindowSteps};

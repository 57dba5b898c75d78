//! The words every skala crate shares: time, quantities, money, ids, seeded randomness, distributions and station samples.
//!
//! Pure: no clock, no sockets, no global randomness. Whoever decides takes these as arguments and can therefore be replayed.

mod ids;
mod money;
mod quantities;
mod rng;
mod sample;
mod sketch;
mod text;
mod time;

pub use ids::{ReplicaId, ServiceName};
pub use money::{Currency, MICROS, Money, ParseMoneyError};
pub use quantities::{Bytes, Cores, Replicas, Rps, Utilisation};
pub use rng::{Stream, Streams};
pub use sample::{Distribution, Sampled, StationSample};
pub use sketch::{Sketch, SketchLayout, SketchPart};
pub use text::Text;
pub use time::Time;

//! What edge crates share: the clock, live stations, and the names of their parts.

mod clock;
mod station;

pub use clock::Clock;
pub use station::{Endpoint, Lease, LiveEndpoint, Refused, Station};

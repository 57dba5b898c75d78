//! What edge crates share: the clock, live stations, the names of their parts, and private files.

mod clock;
pub mod private;
mod station;

pub use clock::Clock;
pub use station::{Endpoint, Lease, LiveEndpoint, Places, Refused, Station};

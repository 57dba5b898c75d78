//! Gives tasks to those who work on them: [`push`] to a service's replicas, [`command`] to processes of this machine. Workers that
//! pull come by the HTTP API instead.
//!
//! ```text
//! Source (wakes, takes) -> push: a server of a replica (skala_runtime::Places) -> lane: one connection, one attempt at a time
//!                       -> command: a process per attempt
//!          keep: extends leases, passes on cancels <-> attempts -> settle: acks and nacks, many at once -> Source
//! ```

pub mod command;
mod ending;
mod figures;
mod keep;
pub mod push;
mod quantity;
mod result;
mod settle;
mod source;

pub use ending::{Ending, LONGEST_RESULT};
pub use figures::Deliveries;
pub use source::Source;

use skala_types::{ReplicaId, Text};

/// The number of a replica among the instances of all services, as [`crate::TakeAsk::instance`] wants it: the replica's own number,
/// and above it 21 bits of the service's name. JSON carries it exactly.
pub fn instance(service: &str, replica: ReplicaId) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let name = service.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    ((name ^ (name >> 32)) & 0x1f_ffff) << 32 | (replica.0 & 0xffff_ffff)
}

/// The name under which a replica holds leases: `worker-3`.
pub fn worker_name(service: &str, replica: ReplicaId) -> Text {
    format!("{service}-{replica}").into()
}

//! Balancing and admission: which replica serves a request, who waits, who is refused, and with which honest `Retry-After`.
//!
//! [`Station`] is the state machine of one service, driven with time as an argument. The live gateway wraps it in a lock
//! (`skala-runtime`), the simulator drives it in virtual time: the same code decides in both.

mod endpoints;
mod line;
mod pick;
pub mod replica;
mod room;
mod station;
mod stats;
mod terms;

pub use pick::{Balance, Pool, pick};
pub use room::{Outlook, Refusal, RefusalKind, RoomInputs, RoomVerdict, judge};
pub use station::Station;
pub use stats::Totals;
pub use terms::{Admission, Dispatch, EndpointId, EndpointState, EndpointView, Outcome, RequestId, Settings};

//! The HTTP/1.1 gateway: accepts requests, finds their route, waits with them for a replica, and carries both directions.
//!
//! Who decides what: `codec` what is a request, [`RouteTable`] whose it is, [`skala_runtime::Station`] when and by which replica it is
//! served, `dispatch` whether it is tried again. The
//! rest moves bytes.
//!
//! ```text
//! gateway (threads, accept) -> conn (one client connection) -> job (one request)
//!                                   -> dispatch (lease, retries) -> attempt (connection) -> exchange | tunnel
//! ```
//!
//! The data path is the project's own loop over tokio and httparse, one thread per core without shared locks besides the
//! station's: per proxied request two reads and two writes, and no allocation where a buffer can be used again.

mod answer;
mod attempt;
mod buffer;
mod codec;
mod config;
mod conn;
mod counters;
mod dispatch;
mod exchange;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod job;
pub mod offload;
mod pool;
mod request_id;
mod routes;
mod shared;
mod timer;
mod tunnel;

pub use config::{GatewayConfig, GatewayError, Limits};
pub use counters::{CounterValues, GatewayCounters};
pub use gateway::Gateway;
pub use routes::{HostPattern, RouteError, RouteSpec, RouteTable};

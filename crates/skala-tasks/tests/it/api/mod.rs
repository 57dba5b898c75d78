//! The HTTP API over real sockets.

mod calls;
mod crash;
mod faults;
mod live;
mod server;
mod wrong;

//! The gateway over real sockets, with backends and clients that do exactly what a test says.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test that asked for it")]

mod faults;
mod forward;
mod lifecycle;
mod offload;
mod retry;
mod strict;
mod support;
mod upgrade;

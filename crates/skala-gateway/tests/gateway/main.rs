//! The gateway over real sockets, with backends and clients that do exactly what a test says.

mod faults;
mod forward;
mod lifecycle;
mod retry;
mod strict;
mod support;
mod upgrade;

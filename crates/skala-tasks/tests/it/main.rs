//! The task server from outside: its stores, its writer, what crashes leave, delivery over real sockets and processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod api;
mod conformance;
mod deliver;
mod crash;
mod damage;
mod full;
mod layered;
mod writer;

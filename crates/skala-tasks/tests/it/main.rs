//! The task server from outside: its API, its stores, its writer, what crashes leave, delivery over real sockets and processes, schedules.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod api;
mod conformance;
mod crash;
mod damage;
mod deliver;
mod full;
mod layered;
mod log;
mod queues;
mod schedules;
mod writer;

//! The task server from outside: its stores, its writer, what crashes leave, delivery over real sockets and processes, schedules.

mod api;
mod conformance;
mod crash;
mod damage;
mod deliver;
mod full;
mod layered;
mod schedules;
mod writer;

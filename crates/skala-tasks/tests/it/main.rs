//! The task server from outside: its stores, its writer, what crashes leave, delivery over real sockets and processes.

mod api;
mod conformance;
mod deliver;
mod crash;
mod damage;
mod full;
mod writer;

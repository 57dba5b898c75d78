//! The task server from outside: its stores, its writer, what crashes leave.

mod conformance;
mod crash;
mod damage;
mod full;
mod layered;
mod writer;

<<<<<<< HEAD
//! The task server from outside: its stores, its writer, what crashes leave, delivery over real sockets and processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]
=======
//! The task server from outside: its stores, its writer, what crashes leave, delivery over real sockets and processes, schedules.
>>>>>>> t-deliver

mod api;
mod conformance;
mod crash;
mod damage;
mod deliver;
mod full;
<<<<<<< HEAD
mod layered;
=======
mod schedules;
>>>>>>> t-deliver
mod writer;

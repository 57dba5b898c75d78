//! Delivery: what a replica's answer, a process's end and their deaths do to a task.

mod command;
mod fake;
mod pull;
mod push;
mod tasks;

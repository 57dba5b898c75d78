//! A station in steady state: how busy it is, how long requests wait, and how many servers keep an objective.

pub mod abandon;
pub mod bounded;
pub mod demand;
pub mod drain;
pub mod erlang;
pub mod little;
pub mod retry;
pub mod sakasegawa;
pub mod service;
pub mod staffing;
pub mod unstable;

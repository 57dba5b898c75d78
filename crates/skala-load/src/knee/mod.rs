//! What a live service sustains: rising rates until its objective fails, and what its throughput says about more at once.
//!
//! [`find_knee`] takes a [`KneePlan`] to a [`KneeReport`]; [`capacity_yaml`] writes what `plan` and `simulate` read.

mod find;
mod report;
mod search;
mod yaml;

pub use find::{KneePlan, find_knee};
pub use report::{KNEE_SCHEMA_VERSION, KneeReport, KneeStep, ServiceTime, StepEnd, render_knee};
pub use yaml::{Measured, capacity_yaml};

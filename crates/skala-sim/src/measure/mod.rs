//! What a run is judged by, measured while it runs, in memory that does not grow with it.
//!
//! Decides: which minutes kept the promise, and what the replicas did meanwhile.
//! Inputs: what became of each request ([`Recorder::ended`]) or of those of a step ([`Recorder::step`]), sizes, decisions, holes.
//! Method: a request belongs to the minute and the point of the timeline in which it arrived. A minute is aligned to the trace's
//!   beginning and counts when something arrived in it and no hole touches it. It is missed when more than `1 - q` of its requests
//!   were late (refused and failed ones are), or when fewer were answered than promised and at least two were not: one failure
//!   alone is no evidence. Sizes are integrals over time.
//! Invariants: order of `ended` within a minute does not matter; every minute is judged once.
//! Tested: `tests/it/measure.rs`.

mod histogram;
mod minutes;
mod record;
mod timeline;
mod watch;

pub use record::{Ended, Flow, Recorder, Sizes};

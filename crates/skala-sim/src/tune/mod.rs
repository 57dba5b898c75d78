//! Better settings for a policy, searched on recorded or generated load.
//!
//! Decides: which settings are tried, which of two outcomes is better, and whether what was found holds on load that it was not
//!   found on.
//! Inputs: a service's `autoscaling`, a [`Goal`] with its [`Limits`], a budget, a seed; somebody who evaluates points.
//! Method: [`knobs()`] makes a grid of the settings; [`search()`] spreads a third of the budget over it and descends from the best.
//! Invariants: the same seed and the same outcomes give the same result, however many evaluate at a time; the budget is never
//!   exceeded; no value outside a knob's list is tried.
//! Tested: `tests/it/tune.rs`; parts in their modules.

mod goal;
mod knobs;
mod search;

pub use goal::{Effect, Goal, Limits, Verdict, verdict};
pub use knobs::{Knob, Value, apply, knobs, untouched};
pub use search::{Evaluate, Found, Point, Search, search};

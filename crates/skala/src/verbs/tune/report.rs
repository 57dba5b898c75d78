//! What a search came to: the document behind both forms of output.
//!
//! Decides: nothing.
//! Units: milliseconds from the beginning of the trace; those of [`Effect`].

use serde::Serialize;
use skala_sim::tune::{Effect, Goal, Limits, Value, Verdict};

/// Version of the document; fields are only added within one.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The seed behind every draw.
    pub seed: u64,
    /// What better means.
    pub goal: Goal,
    /// What is allowed.
    pub limits: Limits,
    /// The trace's name.
    pub trace: String,
    /// The part that was searched on.
    pub searched: PartReport,
    /// The part that was held back.
    pub held_back: PartReport,
    /// Currency of every cost; without one, replica-hours are what is paid.
    pub currency: Option<String>,
    /// Per service.
    pub services: Vec<ServiceReport>,
    /// Better settings as a unified diff to the platform file.
    pub diff: Option<String>,
    /// The same as blocks to paste, where the file could not be edited in place.
    pub paste: Vec<String>,
    /// Whether they were written into the file.
    pub written: bool,
    /// Whether the search was ended before its budget was used.
    pub interrupted: bool,
    /// What had to be assumed, and what was not searched.
    pub remarks: Vec<String>,
}

/// A part of the trace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartReport {
    /// Its beginning.
    pub from_ms: u64,
    /// Its length.
    pub length_ms: u64,
    /// `exact` or `fluid`.
    pub mode: String,
}

/// One service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceReport {
    /// Its name.
    pub service: String,
    /// The objective in words.
    pub objective: String,
    /// What to make of it.
    pub verdict: Verdict,
    /// Settings that were tried, the file's own included.
    pub evaluations: usize,
    /// Every setting that was searched.
    pub settings: Vec<Setting>,
    /// On the part that was searched on.
    pub searched: Pair,
    /// On the part that was held back.
    pub held_back: Pair,
    /// Of all that was tried, what nothing else beats in both price and misses, cheapest first; on the part that was searched on.
    pub front: Vec<FrontPoint>,
}

/// One setting.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its path below `autoscaling`.
    pub name: String,
    /// As the file has it.
    pub now: String,
    /// The new value; none when it stays.
    pub found: Option<Value>,
    /// Least and most that was searched.
    pub range: [String; 2],
    /// How many values.
    pub values: usize,
}

/// The file and the finding on the same load.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The file as it is.
    pub now: Effect,
    /// What was found.
    pub found: Effect,
}

/// A trade between price and misses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontPoint {
    /// What it came to.
    pub effect: Effect,
    /// Its settings that differ from the file's: `minReplicas 3`.
    pub settings: Vec<String>,
}

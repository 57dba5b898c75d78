//! What a simulation of several policies on several traces came to: the document behind every form of output.
//!
//! Decides: nothing.
//! Units: as in [`Figures`]; times in milliseconds where an integer.

use serde::Serialize;
use skala_sim::ServiceOutcome;

use super::condition::Verdict;
use super::figures::Figures;

/// Version of the document; fields are only added within one.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole comparison.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The seed behind every draw.
    pub seed: u64,
    /// Currency of every cost.
    pub currency: Option<String>,
    /// Per policy what it is.
    pub policies: Vec<PolicyNote>,
    /// Per trace, in the order given.
    pub traces: Vec<TraceReport>,
    /// What became of each condition on each trace.
    pub conditions: Vec<Verdict>,
    /// What had to be assumed, and what cannot be judged.
    pub remarks: Vec<String>,
}

/// A policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyNote {
    /// Its name in rows.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether the others are measured against it by `--fail-if`.
    pub baseline: bool,
}

/// One trace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceReport {
    /// Its file, or the generator's words.
    pub name: String,
    /// Simulated time.
    pub duration_ms: u64,
    /// Time within holes of the recording: not judged.
    pub masked_ms: u64,
    /// `exact` or `fluid`.
    pub mode: String,
    /// What the mode gives up.
    pub caveats: Vec<String>,
    /// Per policy and service.
    pub rows: Vec<Row>,
    /// Per policy, where the platform has queues, or says what its services call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stations: Vec<Stations>,
}

/// Queues, providers and databases under one policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stations {
    /// The policy.
    pub policy: String,
    /// Its queues.
    pub queues: Vec<skala_sim::QueueOutcome>,
    /// Its providers.
    pub providers: Vec<skala_sim::ProviderOutcome>,
    /// Its databases.
    pub pools: Vec<skala_sim::PoolOutcome>,
}

/// One policy on one service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The policy.
    pub policy: String,
    /// The service.
    pub service: String,
    /// The objective in words; none without one.
    pub objective: Option<String>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Everything that the run measured; for plots.
    #[serde(skip)]
    pub outcome: ServiceOutcome,
    /// The bound of the objective in seconds, and its percentile in words; for plots.
    #[serde(skip)]
    pub bound: Option<(f64, &'static str)>,
}

impl Report {
    /// Whether a condition failed.
    pub fn failed(&self) -> bool {
        self.conditions.iter().any(|v| v.failed)
    }
}

impl TraceReport {
    /// The services, in order, without repetition.
    pub fn services(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.service.as_str()) {
                names.push(&row.service);
            }
        }
        names
    }

    /// The rows of a service.
    pub fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Row> + Clone + 'a {
        self.rows.iter().filter(move |r| r.service == service)
    }
}

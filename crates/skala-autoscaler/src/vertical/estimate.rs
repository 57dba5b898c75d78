//! From usage to a recommendation.
//!
//! Decides: target, lower and upper bound of CPU and memory per container.
//! Inputs: the [`State`] of each container, `now`.
//! Method: kubernetes/autoscaler `recommender/logic`: percentile, then margin, then confidence (upper x (1 + 1/c), lower x
//!   (1 + 0.001/c)^-2, c the smaller of history's length and samples per minute in confidence intervals), then the replica's
//!   minimum split over its containers, then `minAllowed` and `maxAllowed`. Each step cuts to whole amounts, as upstream does.
//! Invariants: lower <= target <= upper; without usage, or with one that is too old, there is no recommendation.
//! Tested: `super::tests` rows `estimate`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::config::Percentiles;
use super::{Amount, Config, State};

/// Upper and lower bound's multiplier and exponent of the confidence.
const UPPER: (f64, f64) = (1.0, 1.0);
const LOWER: (f64, f64) = (0.001, -2.0);

/// A range with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// A request below this starves.
    pub lower_bound: Amount,
    /// What to ask for.
    pub target: Amount,
    /// A request above this wastes.
    pub upper_bound: Amount,
    /// The target before `minAllowed` and `maxAllowed`.
    pub uncapped_target: Amount,
}

/// What shaped a recommendation beyond percentiles and margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "note")]
pub enum Note {
    /// The CPU target was raised to the container's share of the replica's minimum.
    CpuReplicaMin,
    /// The memory target was raised to the container's share of the replica's minimum.
    MemoryReplicaMin,
    /// `minAllowed` or `maxAllowed` moved the CPU target.
    CpuCapped,
    /// `minAllowed` or `maxAllowed` moved the memory target.
    MemoryCapped,
    /// OOM kills hold the memory (repair).
    OomFloor {
        /// What they asked for.
        needed: Amount,
        /// How many there were.
        kills: u32,
        /// Until when it is held.
        until: Time,
    },
}

/// What a container should ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// CPU in millicores.
    pub cpu: Span,
    /// Memory in bytes.
    pub memory: Span,
    /// How much history stands behind it: 1 is a confidence interval with a sample per minute.
    pub confidence: f64,
    /// What shaped it.
    pub notes: Vec<Note>,
}

/// The recommendation for the only container of a replica; none without usage.
pub fn recommend(config: &Config, state: &State, now: Time) -> Option<Recommendation> {
    one_of(config, state, now, 1)
}

/// The recommendation for each container of a replica; those without usage are left out, and still count for the split.
pub fn recommend_all<'a>(
    config: &Config,
    containers: &'a BTreeMap<String, State>,
    now: Time,
) -> BTreeMap<&'a str, Recommendation> {
    let count = containers.len();
    containers.iter().filter_map(|(name, state)| Some((name.as_str(), one_of(config, state, now, count)?))).collect()
}

fn one_of(config: &Config, state: &State, now: Time, containers: usize) -> Option<Recommendation> {
    if state.expired(config, now) || state.cpu.is_empty() && state.memory.is_empty() {
        return None;
    }
    let spec = config.spec();
    let confidence = confidence(config, state);
    let least = spec.replica_min.map(|m| m.scaled(1.0 / containers.max(1) as f64));
    let mut notes = Vec::new();
    let cpu_at = |p: f64| Amount::from_f64(state.cpu.percentile(p) * 1000.0);
    let memory_at = |p: f64| Amount::from_f64(state.memory.percentile(p));
    let mut cpu = Estimate::new(spec.percentiles.cpu, spec.margin, confidence, cpu_at);
    let mut memory = Estimate::new(spec.percentiles.memory, spec.margin, confidence, memory_at);
    if cpu.at_least(least.cpu) {
        notes.push(Note::CpuReplicaMin);
    }
    if memory.at_least(least.memory) {
        notes.push(Note::MemoryReplicaMin);
    }
    if let Some(floor) = state.oom.filter(|f| spec.oom_floor && now.since(f.at) < spec.memory_interval) {
        memory.at_least(floor.needed);
        notes.push(Note::OomFloor { needed: floor.needed, kills: floor.kills, until: floor.at + spec.memory_interval });
    }
    let cpu = cpu.within(spec.min_allowed.cpu, spec.max_allowed.cpu);
    let memory = memory.within(spec.min_allowed.memory, spec.max_allowed.memory);
    if cpu.target != cpu.uncapped_target {
        notes.push(Note::CpuCapped);
    }
    if memory.target != memory.uncapped_target {
        notes.push(Note::MemoryCapped);
    }
    Some(Recommendation { cpu, memory, confidence, notes })
}

/// How much history there is: the smaller of its length and its samples per minute, in confidence intervals.
pub fn confidence(config: &Config, state: &State) -> f64 {
    let interval = config.spec().confidence_interval.as_secs_f64();
    let (Some(first), Some(last)) = (state.first_sample, state.last_sample) else { return 0.0 };
    ((last - first).as_secs_f64() / interval).min(state.samples as f64 / (interval / 60.0))
}

#[derive(Clone, Copy)]
struct Estimate {
    lower: Amount,
    target: Amount,
    upper: Amount,
}

impl Estimate {
    fn new(p: Percentiles, margin: f64, confidence: f64, at: impl Fn(f64) -> Amount) -> Estimate {
        let with_margin = |percentile: f64| {
            let base = at(percentile);
            Amount(base.0 + base.scaled(margin).0)
        };
        let by =
            |amount: Amount, (multiplier, exponent): (f64, f64)| amount.scaled((1.0 + multiplier / confidence).powf(exponent));
        Estimate { lower: by(with_margin(p.lower), LOWER), target: with_margin(p.target), upper: by(with_margin(p.upper), UPPER) }
    }

    /// Raises all three; whether the target moved.
    fn at_least(&mut self, least: Amount) -> bool {
        let raised = self.target < least;
        (self.lower, self.target, self.upper) = (self.lower.max(least), self.target.max(least), self.upper.max(least));
        raised
    }

    fn within(self, min: Option<Amount>, max: Option<Amount>) -> Span {
        let clamp = |a: Amount| a.max(min.unwrap_or_default()).min(max.unwrap_or(super::MAX_AMOUNT));
        Span {
            lower_bound: clamp(self.lower),
            target: clamp(self.target),
            upper_bound: clamp(self.upper),
            uncapped_target: self.target,
        }
    }
}

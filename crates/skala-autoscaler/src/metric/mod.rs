//! What each metric proposes.
//!
//! Decides: per metric, a size or the reason why there is none.
//! Inputs: the policy's target, the replicas' samples, the station's windows, each with its age.
//! Method: `replicas` (CPU, memory: sort the replicas, refill the gaps), `station` (totals), `latency` (a quantile).
//! Invariants: a proposal is made of finite numbers only; a value that is missing, stale or absurd is a [`Failure`].
//! Tested: each module; `tests/decisions`.

mod latency;
mod noise;
mod replicas;
mod station;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

use crate::report::{Input, InputName, Unit};
use crate::state::Average;
use crate::{Direction, MetricName, MetricSpec, Observation, Phase, Policy, State};

/// What a metric read and what it proposes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricReport {
    /// Which metric.
    pub name: MetricName,
    /// The unit of the target and of the reading.
    pub unit: Unit,
    /// The target; per replica for rates and concurrency.
    pub target: f64,
    /// What was measured; none when nothing could be.
    pub reading: Option<Reading>,
    /// The proposal, or why there is none.
    pub result: MetricResult,
}

/// A metric's measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// The mean per replica for resources, the total for rates and concurrency, the quantile for latency.
    pub value: f64,
    /// Value over target at the current size: 1 is on target. None at size 0.
    pub ratio: Option<f64>,
    /// The window that was believed.
    pub window: Window,
    /// How old the youngest sample is.
    pub age: Duration,
}

/// Which window a reading is from, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Window {
    /// The slow window, the usual one.
    Slow {
        /// Its length.
        length: Duration,
    },
    /// The fast window, because its value is above all that the slow one explains.
    Fast {
        /// Its length.
        length: Duration,
        /// The slow window's value.
        slow: f64,
        /// The highest value that would have been put down to chance.
        explained: f64,
    },
    /// The average of the last minutes: too few requests to trust ten seconds of them.
    Sustained {
        /// How much time it covers.
        length: Duration,
    },
}

/// What came of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MetricResult {
    /// A size.
    Proposes {
        /// The size.
        replicas: Replicas,
        /// What led to it.
        why: Why,
    },
    /// No size: the service does not shrink because of it.
    Failed {
        /// What is missing.
        failure: Failure,
    },
}

/// What led to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Why {
    /// More than the target.
    AboveTarget,
    /// Less than the target.
    BelowTarget,
    /// Close enough to the target.
    WithinTolerance,
    /// Above the target, but not by more than chance explains.
    WithinNoise,
    /// Above the target, but replicas that are starting will take their share.
    StillStarting,
    /// Below the target, but the samples are from before the last change of size.
    Settling,
    /// Too few answers for a quantile, and fewer requests than replicas.
    FewRequests {
        /// Answers in the window.
        seen: u64,
    },
    /// At size 0 there is no ratio; the total over the target.
    FromZero,
}

/// Why a metric proposes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Failure {
    /// The station has not reported yet.
    NoStation,
    /// The station has only just begun to count.
    JustStarted {
        /// Length of its slow window so far.
        window: Duration,
    },
    /// The youngest sample is too old.
    Stale {
        /// Its age.
        age: Duration,
    },
    /// No replica that counts has a sample.
    NoSamples,
    /// A sample is not a finite number of at least 0.
    NotANumber,
    /// Too few answers for a quantile, while the replicas are busy.
    TooFewAnswers {
        /// Answers in the window.
        seen: u64,
        /// Answers needed.
        needed: u64,
    },
}

/// What every metric may look at.
pub(crate) struct Scene<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a State,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Time,
    pub(crate) counts: Counts,
}

/// The replicas by what they are good for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ready: u32,
    pub(crate) starting: u32,
    pub(crate) failing: u32,
}

impl Counts {
    pub(crate) fn of(observation: &Observation) -> Counts {
        let mut counts = Counts::default();
        for replica in &observation.replicas {
            match replica.phase {
                Phase::Ready => counts.ready += 1,
                Phase::Starting => counts.starting += 1,
                Phase::NotReady | Phase::Backoff | Phase::CrashLooping => counts.failing += 1,
                Phase::Draining => {}
            }
        }
        counts
    }
}

/// What the metrics leave behind besides their reports.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) inputs: Vec<Input>,
    pub(crate) averages: Vec<Average>,
}

impl Scene<'_> {
    pub(crate) fn current(&self) -> u32 {
        self.observation.current.0
    }

    pub(crate) fn tolerance(&self, direction: Direction) -> f64 {
        self.policy.rules(direction).tolerance
    }

    pub(crate) fn is_stale(&self, age: Duration) -> bool {
        age > self.policy.spec().stale_after
    }

    /// Whether a sample over `window` up to `at` still shows the size before the last change.
    fn shows_an_old_size(&self, at: Time, window: Duration) -> bool {
        self.state.last_scale.is_some_and(|scale| at < scale.at + window)
    }
}

/// Evaluates one metric.
pub(crate) fn evaluate(scene: &Scene<'_>, metric: &MetricSpec, notes: &mut Notes) -> MetricReport {
    let requests = &scene.policy.spec().requests;
    match *metric {
        MetricSpec::Cpu { target } => replicas::cpu(scene, target, requests.cpu, notes),
        MetricSpec::Memory { target } => replicas::memory(scene, target, requests.memory, notes),
        MetricSpec::RequestsPerSecond { target } => station::requests_per_second(scene, target.0, notes),
        MetricSpec::Concurrency { target } => station::concurrency(scene, target, notes),
        MetricSpec::Latency { quantile, target } => latency::latency(scene, quantile, target, notes),
    }
}

fn proposes(replicas: u32, why: Why) -> MetricResult {
    MetricResult::Proposes { replicas: Replicas(replicas), why }
}

fn input(name: InputName, value: f64, unit: Unit) -> Input {
    Input { name, value, unit, age: None, window: None }
}

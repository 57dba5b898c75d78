//! What each metric proposes.
//!
//! Decides: per metric, a size or the reason why there is none.
//! Inputs: the policy's target, the replicas' samples, the station's windows, each with its age.
//! Method: `replicas` (CPU, memory: sort the replicas, refill the gaps), `station` (totals), `latency` (a quantile), `signal`,
//!   `queue` and `formula` (numbers from outside); `fallback` speaks for a source that fails.
//! Invariants: a proposal is made of finite numbers only; a value that is missing, stale or absurd is a [`Failure`].
//! Tested: each module; `tests/decisions`.

mod fallback;
mod formula;
mod latency;
mod noise;
mod queue;
mod replicas;
mod signal;
mod station;
mod takeover;
mod wait;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

use crate::math::{ceil_replicas, within};
use crate::report::{Input, InputName, Unit};
use crate::state::Average;
use crate::wait::{Prediction, WaitMemory};
use crate::{Direction, MetricEntry, MetricName, MetricOptions, MetricSpec, Observation, Phase, Policy, Repairs, State, Text};

/// What a metric read and what it proposes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// For a trigger whose value is known: whether it lies above its activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// What the metric's own `behavior` made of the proposal; none without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Replicas>,
    /// What predicted wait expects; none for other metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Box<Prediction>>,
}

impl MetricReport {
    /// The size that it asks for, if it asks for one.
    pub fn proposal(&self) -> Option<Replicas> {
        match self.result {
            MetricResult::Proposes { replicas, .. } | MetricResult::FallsBack { replicas, .. } => Some(replicas),
            MetricResult::Failed { .. } => None,
        }
    }
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// No value, and the fallback's size instead.
    FallsBack {
        /// The size.
        replicas: Replicas,
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
    /// Below the target, but not below the one for shrinking at any smaller size.
    AboveScaleDownTarget,
    /// Needed a short while ago: keeping it costs less than starting it again.
    Kept,
}

/// Why a metric proposes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Nothing was observed under this name.
    NoSignal {
        /// The name.
        name: Text,
    },
    /// The source could not be read, and what it last said is too old or was never said.
    Unreachable {
        /// The signal's name.
        name: Text,
        /// Attempts that failed in a row.
        failures: u32,
        /// What the last one failed with.
        error: Option<Text>,
    },
    /// The queue does not say how old its oldest task is.
    NoAge,
    /// Nothing was worked off lately, so that nobody knows how fast the queue drains.
    NoDrainRate,
    /// The formula has no finite result of at least 0 for these values.
    NoResult,
}

/// What every metric may look at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a State,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Time,
    pub(crate) counts: Counts,
    /// The metric's own options.
    pub(crate) options: &'a MetricOptions,
    /// The metric's place in the policy.
    pub(crate) index: usize,
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
    /// What predicted wait has learned, where there is such a metric.
    pub(crate) wait: Option<Box<WaitMemory>>,
}

impl Scene<'_> {
    pub(crate) fn current(&self) -> u32 {
        self.observation.current.0
    }

    pub(crate) fn tolerance(&self, direction: Direction) -> f64 {
        self.policy.rules(direction).tolerance
    }

    pub(crate) fn is_stale(&self, age: Duration) -> bool {
        self.repairs().sample_age && age > self.options.stale_after.unwrap_or(self.policy.spec().stale_after)
    }

    pub(crate) fn repairs(&self) -> &Repairs {
        &self.policy.spec().repairs
    }

    /// The target for shrinking, where it is a separate one.
    fn down_target(&self) -> Option<f64> {
        self.options.scale_down_target.filter(|_| self.repairs().separate_targets)
    }

    /// Replicas that exist only for a rolling update.
    fn surge(&self) -> u32 {
        if !self.repairs().rollouts {
            return 0;
        }
        self.observation.rollout.map_or(0, |r| r.surge.0)
    }

    /// Ready replicas that a ratio multiplies: without those that exist only for a rolling update.
    fn serving(&self, ready: u32) -> u32 {
        ready.saturating_sub(self.surge()).max(ready.min(1))
    }

    /// How far a size that is not above its target may shrink: `needed` replicas' worth of load at a target of 1, `ratio` as it is
    /// now. With a target of its own for shrinking, the smallest size at which that one holds; else by the tolerance.
    fn shrink(&self, needed: f64, ratio: f64, target: f64) -> (u32, Why) {
        let current = self.current();
        match self.down_target() {
            Some(down) => {
                let holds_at = ceil_replicas(needed * (target / down));
                if holds_at < current { (holds_at, Why::BelowTarget) } else { (current, Why::AboveScaleDownTarget) }
            }
            None if within(ratio, self.tolerance(Direction::Down), self.tolerance(Direction::Up)) => {
                (current, Why::WithinTolerance)
            }
            None => (ceil_replicas(needed).min(current), Why::BelowTarget),
        }
    }

    /// Whether a sample over `window` up to `at` still shows the size before the last change.
    fn shows_an_old_size(&self, at: Time, window: Duration) -> bool {
        self.state.last_scale.is_some_and(|scale| at <= scale.at || at < scale.at + window)
    }
}

/// Evaluates one metric.
pub(crate) fn evaluate(scene: &Scene<'_>, metric: &MetricEntry, notes: &mut Notes) -> MetricReport {
    let requests = &scene.policy.spec().requests;
    let report = match metric.what {
        MetricSpec::Cpu { target } => replicas::cpu(scene, target, requests.cpu, notes),
        MetricSpec::Memory { target } => replicas::memory(scene, target, requests.memory, notes),
        MetricSpec::RequestsPerSecond { target } => station::requests_per_second(scene, target.0, notes),
        MetricSpec::Concurrency { target } => station::concurrency(scene, target, notes),
        MetricSpec::Latency { quantile, target } => latency::latency(scene, quantile, target, notes),
        MetricSpec::PredictedWait { .. } => wait::predicted_wait(scene, &metric.what, notes),
        MetricSpec::Signal { ref name, target } => signal::signal(scene, name, target, notes),
        MetricSpec::Queue { ref name, target } => queue::queue(scene, name, target, notes),
        MetricSpec::Formula { ref name, target, .. } => formula::formula(scene, name, target, notes),
    };
    fallback::apply(scene, &metric.what, report)
}

fn proposes(replicas: u32, why: Why) -> MetricResult {
    MetricResult::Proposes { replicas: Replicas(replicas), why }
}

pub(crate) fn input(name: InputName, value: f64, unit: Unit) -> Input {
    Input { name, value, unit, age: None, window: None }
}

/// A report without a reading.
fn failed(name: MetricName, unit: Unit, target: f64, failure: Failure) -> MetricReport {
    MetricReport {
        name,
        unit,
        target,
        reading: None,
        result: MetricResult::Failed { failure },
        active: None,
        allowed: None,
        prediction: None,
    }
}

/// A report with one.
fn read(name: MetricName, unit: Unit, target: f64, reading: Reading, result: MetricResult) -> MetricReport {
    MetricReport { name, unit, target, reading: Some(reading), result, active: None, allowed: None, prediction: None }
}

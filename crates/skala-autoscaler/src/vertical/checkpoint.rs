//! The recommender's own checkpoint, to take a history over from a cluster and to give it back.
//!
//! Decides: nothing.
//! Inputs: the status of a `VerticalPodAutoscalerCheckpoint` (`autoscaling.k8s.io/v1`), version `v3`.
//! Method: kubernetes/autoscaler `SaveToCheckpoint`: bucket weights as whole numbers up to 10000 of the heaviest, and the total.
//! Invariants: loading what was saved gives the same percentiles to within a ten-thousandth of the weight.
//! Tested: `super::tests` rows `checkpoint`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::{Config, Histogram, State};

/// The version that is read and written.
const VERSION: &str = "v3";
/// The heaviest bucket's stored weight.
const HEAVIEST: f64 = 10_000.0;

/// A checkpoint's status; times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Version of the format.
    pub version: String,
    /// First CPU sample.
    #[serde(default)]
    pub first_sample_start: Option<String>,
    /// Last CPU sample.
    #[serde(default)]
    pub last_sample_start: Option<String>,
    /// CPU samples.
    #[serde(default)]
    pub total_samples_count: i64,
    /// CPU usage.
    #[serde(default)]
    pub cpu_histogram: HistogramCheckpoint,
    /// Memory peaks.
    #[serde(default)]
    pub memory_histogram: HistogramCheckpoint,
}

/// A stored histogram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HistogramCheckpoint {
    /// The decay's reference.
    pub reference_timestamp: Option<String>,
    /// Weight per bucket, the heaviest 10000.
    pub bucket_weights: BTreeMap<usize, u32>,
    /// Sum of the real weights.
    pub total_weight: f64,
}

/// Why a checkpoint cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Another version has other buckets.
    #[error("checkpoint version '{0}' is not {VERSION}")]
    Version(String),
    /// A time that is none.
    #[error("{field}: '{value}' is not an RFC 3339 time")]
    Time {
        /// The field.
        field: &'static str,
        /// What was written.
        value: String,
    },
    /// Weights that no histogram has.
    #[error("{0}: buckets or weights that cannot be")]
    Weights(&'static str),
    /// A negative number of samples.
    #[error("totalSamplesCount is negative")]
    Samples,
}

impl State {
    /// Saves the histograms; the running intervals of single replicas are not part of the format.
    pub fn to_checkpoint(&self) -> Checkpoint {
        Checkpoint {
            version: VERSION.to_owned(),
            first_sample_start: self.first_sample.map(|t| t.to_string()),
            last_sample_start: self.last_sample.map(|t| t.to_string()),
            total_samples_count: i64::try_from(self.samples).unwrap_or(i64::MAX),
            cpu_histogram: save(&self.cpu),
            memory_histogram: save(&self.memory),
        }
    }

    /// Loads a checkpoint.
    ///
    /// # Errors
    /// Another version, a time that is none, weights that cannot be.
    pub fn from_checkpoint(config: &Config, checkpoint: &Checkpoint) -> Result<State, CheckpointError> {
        if checkpoint.version != VERSION {
            return Err(CheckpointError::Version(checkpoint.version.clone()));
        }
        let mut state = State::new(config);
        state.first_sample = time("firstSampleStart", checkpoint.first_sample_start.as_deref())?;
        state.last_sample = time("lastSampleStart", checkpoint.last_sample_start.as_deref())?;
        state.samples = u64::try_from(checkpoint.total_samples_count).map_err(|_| CheckpointError::Samples)?;
        load(&mut state.cpu, &checkpoint.cpu_histogram, "cpuHistogram")?;
        load(&mut state.memory, &checkpoint.memory_histogram, "memoryHistogram")?;
        Ok(state)
    }
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<Time>, CheckpointError> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|_| CheckpointError::Time { field, value: text.to_owned() })
}

fn save(histogram: &Histogram) -> HistogramCheckpoint {
    let (reference, total_weight, weights) = histogram.parts();
    let most = weights.iter().copied().fold(0.0, f64::max);
    let scaled = |w: f64| if most > 0.0 { (w * (HEAVIEST / most) + 0.5).floor() as u32 } else { 0 };
    let kept = weights.iter().enumerate().map(|(i, w)| (i, scaled(*w))).filter(|(_, w)| *w > 0);
    HistogramCheckpoint { reference_timestamp: Some(reference.to_string()), bucket_weights: kept.collect(), total_weight }
}

fn load(histogram: &mut Histogram, stored: &HistogramCheckpoint, field: &'static str) -> Result<(), CheckpointError> {
    let reference = time("referenceTimestamp", stored.reference_timestamp.as_deref())?.unwrap_or(Time::ZERO);
    let sum: u64 = stored.bucket_weights.values().map(|w| u64::from(*w)).sum();
    let ratio = if sum == 0 { 0.0 } else { stored.total_weight / sum as f64 };
    let total = if sum == 0 { 0.0 } else { stored.total_weight };
    let weights = stored.bucket_weights.iter().map(|(bucket, w)| (*bucket, f64::from(*w) * ratio));
    if histogram.restore(reference, total, weights) { Ok(()) } else { Err(CheckpointError::Weights(field)) }
}

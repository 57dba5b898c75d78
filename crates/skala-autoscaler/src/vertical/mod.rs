//! How much CPU and memory a replica should ask for: the Vertical Pod Autoscaler's recommender.
//!
//! Decides: target, lower and upper bound per container, from what its replicas used; when a change is worth it; which metrics
//!   must not scale the same service horizontally.
//! Inputs: usage samples and OOM kills per replica, a [`Config`], the durable [`State`].
//! Method: kubernetes/autoscaler `vertical-pod-autoscaler/pkg/recommender` (decaying histograms, daily memory peaks, margins,
//!   confidence) and `pkg/updater/priority`. The repair of OOM handling is off unless asked for.
//! Units: CPU in millicores, memory in bytes; whole numbers, cut as upstream cuts them.
//! Invariants: lower <= target <= upper; within `minAllowed` and `maxAllowed`; the state is bounded.
//! Tested: `tests`; the parts in their modules.

mod buckets;
mod checkpoint;
mod config;
mod conflict;
mod estimate;
mod histogram;
mod peaks;
mod state;
#[cfg(test)]
mod tests;
mod update;

pub use buckets::Buckets;
pub use checkpoint::{Checkpoint, CheckpointError, HistogramCheckpoint};
pub use config::{Config, ConfigProblem, ConfigSpec, Percentiles};
pub use conflict::{Conflict, Signal, conflicts};
pub use estimate::{Note, Recommendation, Span, confidence, recommend, recommend_all};
pub use histogram::Histogram;
pub use state::{OomFloor, ReplicaPeaks, State};
pub use update::{Running, Update, UpdateRule, Worth, worth_updating};

use serde::{Deserialize, Serialize};

/// An amount of a resource: millicores of CPU, or bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(pub u64);

/// The largest amount (upstream's `MaxResourceAmount`): 100 billion cores, or 91 TiB.
pub const MAX_AMOUNT: Amount = Amount(100_000_000_000_000);

impl Amount {
    /// Cuts a number to a whole amount within `0..=MAX_AMOUNT`; what is not a number is 0.
    pub fn from_f64(x: f64) -> Amount {
        // The cast cuts towards zero, saturates, and makes 0 of what is not a number.
        Amount((x as u64).min(MAX_AMOUNT.0))
    }

    /// As a float, exact up to 2^53.
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Times a factor, cut to a whole amount.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Amount {
        Amount::from_f64(self.as_f64() * factor)
    }
}

/// One number per resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources<T> {
    /// CPU, in millicores.
    pub cpu: T,
    /// Memory, in bytes.
    pub memory: T,
}

impl<T> Resources<T> {
    /// The same for both.
    pub(crate) fn map<U>(self, mut f: impl FnMut(T) -> U) -> Resources<U> {
        Resources { cpu: f(self.cpu), memory: f(self.memory) }
    }
}

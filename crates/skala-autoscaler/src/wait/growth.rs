//! How much more comes by the time that a new replica is ready than was expected when it was ordered.
//!
//! Decides: the factor on the expected rate that covers a given share of what has happened.
//! Inputs: the rate that was expected one horizon ago, the rate now.
//! Method: a histogram of the ratio's logarithm with a fading memory of [`MEMORY`] entries, read by quantile; what is expected now
//!   waits in a short ring until its horizon has passed. A prior of a few entries stands for the time before.
//! Invariants: the factor is within [1, 4], and rises with the quantile; at most [`PENDING`] expectations wait.
//! Tested: `wait::tests`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// Expectations that wait for their horizon.
const PENDING: usize = 12;
/// Entries that are remembered: with eight per horizon, 250 horizons.
const MEMORY: f64 = 2000.0;
/// Upper edges of the bins, as factors.
const EDGES: [f64; 20] =
    [0.8, 0.9, 0.95, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.13, 1.16, 1.2, 1.25, 1.3, 1.4, 1.55, 1.75, 2.0, 2.5, 4.0];
/// What is believed before anything was seen: entries per bin, ten horizons' worth; one in ten brings a fifth more.
const PRIOR: [f64; 20] = [5.0, 5.0, 10.0, 30.0, 4.0, 3.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// What is known of growth within one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Growth {
    bins: Vec<f64>,
    pending: Vec<(Time, f64)>,
}

impl Default for Growth {
    fn default() -> Growth {
        Growth { bins: PRIOR.to_vec(), pending: Vec::new() }
    }
}

impl Growth {
    /// Compares what was expected for now with what came, and remembers what is expected for later.
    pub(crate) fn feed(&mut self, now: Time, rate: f64, expected: f64, horizon: Duration) {
        self.bins.resize(EDGES.len(), 0.0);
        let mut due = None;
        self.pending.retain(|(at, what)| {
            let over = now.since(*at) >= horizon;
            if over {
                due = Some(*what);
            }
            !over
        });
        if let Some(before) = due.filter(|before| *before > 0.0) {
            self.count(rate / before);
        }
        let spacing = horizon / (PENDING as u32 - 4);
        if self.pending.last().is_none_or(|(at, _)| now.since(*at) >= spacing) && self.pending.len() < PENDING {
            self.pending.push((now, expected));
        }
    }

    fn count(&mut self, factor: f64) {
        let bin = EDGES.iter().position(|edge| factor <= *edge).unwrap_or(EDGES.len() - 1);
        self.bins[bin] += 1.0;
        let total: f64 = self.bins.iter().sum();
        if total > MEMORY {
            self.bins.iter_mut().for_each(|n| *n *= MEMORY / total);
        }
    }

    /// The factor that a share of what happened stayed within.
    pub(crate) fn factor(&self, share: f64) -> f64 {
        let total: f64 = self.bins.iter().sum();
        let mut rest = share * total;
        for (i, n) in self.bins.iter().enumerate().take(EDGES.len()) {
            if rest <= *n && *n > 0.0 {
                let low = if i == 0 { EDGES[0] } else { EDGES[i - 1] };
                return (low + (EDGES[i] - low) * rest / n).clamp(1.0, 4.0);
            }
            rest -= n;
        }
        1.0
    }
}

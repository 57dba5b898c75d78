//! A histogram of durations with weights, for steps whose requests are not whole.

use skala_types::{Sketch, SketchLayout};

/// Weights by [`SketchLayout`] bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    counts: Vec<f64>,
    /// Sum of duration x weight, nanoseconds.
    sum: f64,
}

impl Weights {
    pub(super) fn add(&mut self, nanos: u64, weight: f64) {
        if self.counts.is_empty() {
            self.counts.resize(SketchLayout::BUCKETS, 0.0);
        }
        self.counts[SketchLayout::index(nanos)] += weight;
        self.sum += nanos as f64 * weight;
    }

    /// The nearest histogram of whole requests; what rounding drops in one bucket it adds in a later one.
    pub(super) fn sketch(&self) -> Sketch {
        let mut carried = 0.0;
        let whole = |weight: &f64| {
            carried += weight;
            let count = (carried + 1e-6).floor().max(0.0);
            carried -= count;
            count as u64
        };
        let counts: Vec<u64> = self.counts.iter().map(whole).collect();
        Sketch::from_counts(counts, self.sum.max(0.0) as u128)
    }
}

/// Parts of a power of two in a [`Coarse`] histogram: 1/4 of the sketch's, so a value is known to 12 %.
const COARSE_SHIFT: usize = 2;
/// Buckets of a [`Coarse`] histogram.
const COARSE: usize = SketchLayout::BUCKETS >> COARSE_SHIFT;

/// A small histogram, for each point of the timeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Coarse(Vec<f32>);

impl Coarse {
    pub(super) fn add(&mut self, nanos: u64, weight: f32) {
        if self.0.is_empty() {
            self.0.resize(COARSE, 0.0);
        }
        self.0[SketchLayout::index(nanos) >> COARSE_SHIFT] += weight;
    }

    pub(super) fn merge(&mut self, other: &Coarse) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The `q` quantile in seconds, interpolated within its bucket.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        let total: f64 = self.0.iter().map(|w| f64::from(*w)).sum();
        if total <= 0.0 {
            return None;
        }
        let rank = q * total;
        let mut seen = 0.0;
        for (i, weight) in self.0.iter().enumerate() {
            let weight = f64::from(*weight);
            if weight > 0.0 && seen + weight >= rank * (1.0 - 1e-9) {
                let (from, to) = (lower(i), SketchLayout::upper_nanos(((i + 1) << COARSE_SHIFT) - 1) as f64);
                let part = ((rank - seen) / weight).clamp(0.0, 1.0);
                return Some((from + (to - from) * part) / 1e9);
            }
            seen += weight;
        }
        None
    }
}

fn lower(index: usize) -> f64 {
    if index == 0 { 0.0 } else { SketchLayout::upper_nanos((index << COARSE_SHIFT) - 1) as f64 }
}

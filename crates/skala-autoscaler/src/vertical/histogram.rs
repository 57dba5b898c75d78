//! A histogram with exponential buckets whose samples fade.
//!
//! Decides: nothing; `estimate` reads percentiles.
//! Inputs: values (cores or bytes) with weight and time.
//! Method: kubernetes/autoscaler `recommender/util`: bucket n starts at `first x (1.05^n - 1) / 0.05`; a weight is multiplied by
//!   2^((time - reference) / half-life), and the reference moves on when that exponent exceeds 100; a percentile is the upper
//!   edge of its bucket. Buckets lighter than epsilon count as empty.
//! Invariants: as many buckets as the layout has, all weights finite and >= 0.
//! Tested: `super::tests` rows `histogram`, against the formulas and upstream's scenarios.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::Buckets;

/// The lightest weight that a bucket keeps: a thousandth of the weight of a CPU sample.
pub(super) const EPSILON: f64 = 0.0001;
/// The exponent of the decay from which on the reference moves.
const MAX_EXPONENT: u32 = 100;

/// The histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    buckets: Buckets,
    half_life: Duration,
    pub(super) reference: Time,
    weights: Vec<f64>,
    pub(super) total: f64,
}

impl Histogram {
    /// An empty one.
    pub fn new(buckets: Buckets, half_life: Duration) -> Histogram {
        let half_life = half_life.max(Duration::from_secs(1));
        Histogram { buckets, half_life, reference: Time::ZERO, weights: vec![0.0; buckets.count()], total: 0.0 }
    }

    /// Adds a sample; a value or weight that is no number is not taken.
    pub fn add(&mut self, value: f64, weight: f64, at: Time) {
        if !(value.is_finite() && weight.is_finite() && weight >= 0.0) {
            return;
        }
        let weight = weight * self.decay(at);
        self.weights[self.buckets.of(value)] += weight;
        self.total += weight;
    }

    /// Takes a sample out again.
    pub fn subtract(&mut self, value: f64, weight: f64, at: Time) {
        if !(value.is_finite() && weight.is_finite() && weight >= 0.0) {
            return;
        }
        let (mut weight, bucket) = (weight * self.decay(at), self.buckets.of(value));
        if weight > self.weights[bucket] - EPSILON {
            weight = self.weights[bucket];
        }
        self.weights[bucket] -= weight;
        self.total -= weight;
    }

    /// Adds all samples of another one with the same layout and half-life; another layout is not mixed in.
    pub fn merge(&mut self, other: &Histogram) {
        if self.buckets != other.buckets || self.half_life != other.half_life {
            return;
        }
        let mut other = other.clone();
        if self.reference < other.reference {
            self.shift(other.reference);
        } else {
            other.shift(self.reference);
        }
        for (mine, theirs) in self.weights.iter_mut().zip(&other.weights) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The upper edge of the bucket in which the percentile (0 to 1) lies; 0 when nothing was seen.
    pub fn percentile(&self, percentile: f64) -> f64 {
        let heavy = |w: &f64| *w >= EPSILON;
        let (Some(first), Some(last)) = (self.weights.iter().position(heavy), self.weights.iter().rposition(heavy)) else {
            return 0.0;
        };
        let threshold = percentile * self.total;
        let mut sum = 0.0;
        let mut bucket = first;
        while bucket < last {
            sum += self.weights[bucket];
            if sum >= threshold {
                break;
            }
            bucket += 1;
        }
        // The last bucket of the layout has no upper edge.
        self.buckets.start((bucket + 1).min(self.weights.len() - 1))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.weights.iter().all(|w| *w < EPSILON)
    }

    fn decay(&mut self, at: Time) -> f64 {
        if at > self.reference + self.half_life.saturating_mul(MAX_EXPONENT) {
            self.shift(at);
        }
        let half_lives = signed_seconds(at, self.reference) / self.half_life.as_secs_f64();
        half_lives.exp2()
    }

    /// Moves the reference to the multiple of the half-life that is nearest to `to`.
    fn shift(&mut self, to: Time) {
        let step = u64::try_from(self.half_life.as_nanos()).unwrap_or(u64::MAX);
        let nanos = to.as_nanos();
        let below = nanos - nanos % step;
        let rounded = if nanos - below >= step.div_ceil(2) { below.saturating_add(step) } else { below };
        let to = Time::from_nanos(rounded);
        let exponent = (signed_seconds(self.reference, to) / self.half_life.as_secs_f64() + 0.5).floor();
        let factor = exponent.clamp(-2000.0, 1000.0).exp2();
        for weight in &mut self.weights {
            *weight *= factor;
        }
        self.total *= factor;
        self.reference = to;
    }

    pub(super) fn parts(&self) -> (Time, f64, &[f64]) {
        (self.reference, self.total, &self.weights)
    }

    /// Puts stored weights back.
    pub(super) fn restore(&mut self, reference: Time, total: f64, weights: impl IntoIterator<Item = (usize, f64)>) -> bool {
        let sound = |w: f64| (0.0..1e40).contains(&w);
        for (bucket, weight) in weights {
            if bucket >= self.weights.len() || !sound(weight) {
                return false;
            }
            self.weights[bucket] += weight;
        }
        (self.reference, self.total) = (reference, total);
        sound(total)
    }
}

fn signed_seconds(a: Time, b: Time) -> f64 {
    if a >= b { (a - b).as_secs_f64() } else { -(b - a).as_secs_f64() }
}

/// Stored as the buckets that have any weight.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    buckets: Buckets,
    half_life: Duration,
    reference: Time,
    total: f64,
    weights: Vec<(usize, f64)>,
}

impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let weights = self.weights.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect();
        let (buckets, half_life, reference, total) = (self.buckets, self.half_life, self.reference, self.total);
        Stored { buckets, half_life, reference, total, weights }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Histogram, D::Error> {
        let stored = Stored::deserialize(d)?;
        if ![Buckets::CPU, Buckets::MEMORY].contains(&stored.buckets) {
            return Err(serde::de::Error::custom("a histogram with an unknown layout"));
        }
        let mut histogram = Histogram::new(stored.buckets, stored.half_life);
        if !histogram.restore(stored.reference, stored.total, stored.weights) {
            return Err(serde::de::Error::custom("a histogram with weights that cannot be"));
        }
        Ok(histogram)
    }
}

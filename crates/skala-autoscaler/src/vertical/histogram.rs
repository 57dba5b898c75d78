//! A histogram with exponential buckets whose samples fade.
//!
//! Decides: nothing; `estimate` reads percentiles.
//! Inputs: values (cores or bytes) with weight and time.
//! Method: kubernetes/autoscaler `recommender/util`: bucket n starts at `first x (1.05^n - 1) / 0.05`; a weight is multiplied by
//!   2^((time - reference) / half-life), and the reference moves on when that exponent exceeds 100; a percentile is the upper
//!   edge of its bucket. Buckets lighter than epsilon count as empty.
//! Invariants: as many buckets as the layout has, all weights finite and >= 0.
//! Tested: `tests` below, against the formulas and upstream's scenarios.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// Each bucket is this much wider than the one before.
const RATIO: f64 = 1.05;
/// The lightest weight that a bucket keeps: a thousandth of the weight of a CPU sample.
pub(super) const EPSILON: f64 = 0.0001;
/// The exponent of the decay from which on the reference moves.
const MAX_EXPONENT: u32 = 100;

/// The bucket layout: the first bucket's width, and the value from which on the last one starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Buckets {
    /// Width of the first bucket.
    pub first: f64,
    /// Largest value told apart.
    pub most: f64,
}

impl Buckets {
    /// CPU in cores: from 0.01 to 1000.
    pub const CPU: Buckets = Buckets { first: 0.01, most: 1000.0 };
    /// Memory in bytes: from 10 MB to 1 TB.
    pub const MEMORY: Buckets = Buckets { first: 1e7, most: 1e12 };

    /// How many buckets there are.
    pub fn count(&self) -> usize {
        log(self.most * (RATIO - 1.0) / self.first + 1.0).ceil() as usize + 1
    }

    /// The bucket of a value; what lies outside belongs to the first or the last.
    pub fn of(&self, value: f64) -> usize {
        if value < self.first {
            return 0;
        }
        (log(value * (RATIO - 1.0) / self.first + 1.0) as usize).min(self.count() - 1)
    }

    /// Where a bucket starts.
    pub fn start(&self, bucket: usize) -> f64 {
        if bucket == 0 {
            return 0.0;
        }
        self.first * (RATIO.powf(bucket as f64) - 1.0) / (RATIO - 1.0)
    }
}

fn log(x: f64) -> f64 {
    x.ln() / RATIO.ln()
}

/// The histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    buckets: Buckets,
    half_life: Duration,
    reference: Time,
    weights: Vec<f64>,
    total: f64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u64) -> Time {
        Time::from_secs(1_234_567_890 + hours * 3600)
    }

    fn cpu(half_life: Duration) -> Histogram {
        Histogram::new(Buckets::CPU, half_life)
    }

    /// The upper edge of a value's bucket, by adding up widths.
    fn edge(buckets: Buckets, value: f64) -> f64 {
        let (mut start, mut width) = (0.0, buckets.first);
        while start + width <= value {
            start += width;
            width *= RATIO;
        }
        start + width
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn buckets_grow_by_a_twentieth() {
        // log_1.05(5001) = 174.6, rounded up, and one for what lies beyond.
        assert_eq!([Buckets::CPU.count(), Buckets::MEMORY.count()], [176, 176]);
        let starts = [0, 1, 2, 3].map(|b| Buckets::CPU.start(b));
        for (start, expected) in starts.into_iter().zip([0.0, 0.01, 0.0205, 0.031_525]) {
            assert!((start - expected).abs() < 1e-12, "{start} is not {expected}");
        }
        assert_eq!([0.0, 0.0099, 0.011, 0.03, 5000.0].map(|v| Buckets::CPU.of(v)), [0, 0, 1, 2, 175]);
        for value in [0.005, 0.5, 1.0, 7.0, 200.0] {
            let upper = Buckets::CPU.start(Buckets::CPU.of(value) + 1);
            assert!(close(upper, edge(Buckets::CPU, value)), "{value}: {upper}");
        }
    }

    #[test]
    fn a_percentile_is_the_upper_edge_of_its_bucket() {
        let mut h = cpu(DAY);
        assert!(h.is_empty());
        assert_eq!([-0.5, 0.5, 1.5].map(|p| h.percentile(p)), [0.0; 3]);
        for value in 1u32..=4 {
            h.add(f64::from(value), f64::from(value), Time::ZERO);
        }
        for (p, value) in
            [(-1.0, 1.0), (0.0, 1.0), (0.1, 1.0), (0.2, 2.0), (0.3, 2.0), (0.4, 3.0), (0.6, 3.0), (0.7, 4.0), (2.0, 4.0)]
        {
            assert!(close(h.percentile(p), edge(Buckets::CPU, value)), "{p}: {}", h.percentile(p));
        }
        // Beyond the layout: the start of its last bucket.
        h.add(1e6, 1e6, Time::ZERO);
        assert!(close(h.percentile(1.0), Buckets::CPU.start(175)));
    }

    #[test]
    fn each_half_life_halves() {
        let mut h = cpu(HOUR);
        for i in 1u32..=4 {
            h.add(f64::from(i), f64::from(i), at(u64::from(i)));
        }
        // Weights 1/8, 2/4, 3/2 and 4: 2 %, 10 %, 34 % and 100 %.
        for (p, value) in [(0.0, 1.0), (0.02, 1.0), (0.03, 2.0), (0.10, 2.0), (0.11, 3.0), (0.34, 3.0), (0.35, 4.0), (1.0, 4.0)] {
            assert!(close(h.percentile(p), edge(Buckets::CPU, value)), "{p}");
        }
    }

    #[test]
    fn the_reference_moves_when_the_exponent_grows_too_large() {
        let mut h = cpu(HOUR);
        h.add(2.0, 1000.0, at(0));
        h.add(1.0, 1.0, at(20));
        assert!(close(h.percentile(0.999), edge(Buckets::CPU, 1.0)) && close(h.percentile(1.0), edge(Buckets::CPU, 2.0)));
        let before = h.reference;
        h.add(1.0, 1.0, at(140));
        assert!(h.reference > before && h.reference.as_nanos().is_multiple_of(3_600_000_000_000));
        // What is left of the heavy sample is lighter than epsilon.
        assert!(close(h.percentile(1.0), edge(Buckets::CPU, 1.0)));
    }

    #[test]
    fn a_sample_can_be_taken_out_again() {
        let mut h = cpu(DAY);
        h.add(3.0, 1.0, at(0));
        h.add(5.0, 1.0, at(0));
        h.subtract(5.0, 1.0, at(0));
        assert!(close(h.percentile(1.0), edge(Buckets::CPU, 3.0)));
        // Less than epsilon would stay: all goes.
        h.subtract(3.0, 1.0, at(0));
        assert!(h.is_empty() && h.total.abs() < 1e-9);
        h.add(f64::NAN, 1.0, at(0));
        h.add(1.0, -1.0, at(0));
        assert!(h.is_empty());
    }

    #[test]
    fn merging_aligns_the_references() {
        let (mut a, mut b, mut all) = (cpu(HOUR), cpu(HOUR), cpu(HOUR));
        for (h, value, hour) in [(0, 1.0, 0), (0, 2.0, 1), (1, 2.0, 200), (1, 3.0, 201)] {
            (if h == 0 { &mut a } else { &mut b }).add(value, 1.0, at(hour));
            all.add(value, 1.0, at(hour));
        }
        a.merge(&b);
        for p in [0.1, 0.5, 0.9] {
            assert!(close(a.percentile(p), all.percentile(p)));
        }
        let text = serde_json::to_string(&a).unwrap();
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), a);
    }

    #[test]
    fn nonsense_is_refused_when_read_back() {
        let good = serde_json::to_string(&{
            let mut h = cpu(DAY);
            h.add(1.0, 1.0, Time::ZERO);
            h
        })
        .unwrap();
        for (from, to) in [("0.01", "0.0000001"), ("[[36,", "[[3600,"), ("1.0]", "-1.0]")] {
            assert!(good.contains(from), "{good}");
            assert!(serde_json::from_str::<Histogram>(&good.replacen(from, to, 1)).is_err());
        }
    }

    proptest! {
        #[test]
        fn percentiles_rise_and_lie_within_the_samples(
            samples in proptest::collection::vec((0.0f64..900.0, 0u64..400), 1..60), p in 0.0f64..1.0, q in 0.0f64..1.0,
        ) {
            let mut h = cpu(DAY);
            samples.iter().for_each(|(v, hour)| h.add(*v, 0.1, at(*hour)));
            let (low, high) = (p.min(q), p.max(q));
            prop_assert!(h.percentile(low) <= h.percentile(high));
            let most = samples.iter().map(|s| s.0).fold(0.0, f64::max);
            prop_assert!(h.percentile(1.0) <= edge(Buckets::CPU, most) * (1.0 + 1e-9));
        }
    }
}

//! A log-linear histogram of durations with fixed memory, the instrument behind every percentile in skala.
//!
//! Decides: what a quantile of recorded durations is.
//! Inputs: durations in nanoseconds.
//! Method: HDR-style log-linear buckets: 32 linear buckets per power of two above 1 us, so that a reported value is at most
//!   1/32 (3.1 %) above the true one; values above an hour land in the last bucket.
//! Invariants: merging equals recording everything in one; a quantile is never below the recorded value it stands for.
//! Tested: `tests` below. The live, atomic twin in `skala-runtime` uses the same [`SketchLayout`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a duration lands; shared by the plain and the atomic histogram.
pub struct SketchLayout;

impl SketchLayout {
    /// Linear buckets per power of two.
    const SUB: u64 = 32;
    /// Resolution: durations below this many nanoseconds share linear buckets of 32 ns.
    const UNIT_NS: u64 = 32;
    /// log2(one hour / 32 ns) is just under 37; five of those powers are the linear start.
    const POWERS: u64 = 33;
    /// Number of buckets.
    pub const BUCKETS: usize = ((Self::POWERS + 1) * Self::SUB) as usize;

    /// The bucket of a duration in nanoseconds.
    #[inline]
    pub const fn index(nanos: u64) -> usize {
        let units = nanos / Self::UNIT_NS;
        if units < Self::SUB {
            return units as usize;
        }
        let power = 63 - units.leading_zeros() as u64 - 5;
        let index = (power + 1) * Self::SUB + ((units >> power) - Self::SUB);
        let last = Self::BUCKETS as u64 - 1;
        (if index < last { index } else { last }) as usize
    }

    /// The largest duration (nanoseconds) that lands in a bucket: what quantiles report.
    #[inline]
    pub const fn upper_nanos(index: usize) -> u64 {
        let index = index as u64;
        if index < Self::SUB {
            return (index + 1) * Self::UNIT_NS - 1;
        }
        let power = index / Self::SUB - 1;
        let sub = index % Self::SUB + Self::SUB;
        ((sub + 1) << power) * Self::UNIT_NS - 1
    }
}

/// The middle of each bucket, nanoseconds.
const MIDDLES: [f64; SketchLayout::BUCKETS] = {
    let mut middles = [0.0; SketchLayout::BUCKETS];
    let (mut index, mut low) = (0, 0);
    while index < SketchLayout::BUCKETS {
        let high = SketchLayout::upper_nanos(index);
        middles[index] = (low as f64 + high as f64) / 2.0;
        (index, low) = (index + 1, high);
    }
    middles
};

/// Buckets that are looked at together where most are empty.
const CHUNK: usize = 16;

/// A histogram of durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// Counts per bucket, as long as the highest bucket used.
    counts: Vec<u64>,
    count: u64,
    sum_ns: u128,
}

impl Sketch {
    /// An empty histogram.
    pub fn new() -> Sketch {
        Sketch::default()
    }

    /// Builds one from counts per [`SketchLayout`] bucket and the exact sum of the values in nanoseconds.
    pub fn from_counts(mut counts: Vec<u64>, sum_ns: u128) -> Sketch {
        counts.truncate(SketchLayout::BUCKETS);
        while counts.last() == Some(&0) {
            counts.pop();
        }
        let count = counts.iter().sum();
        Sketch { counts, count, sum_ns }
    }

    /// Records one duration.
    #[inline]
    pub fn record(&mut self, d: Duration) {
        let ns = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        let index = SketchLayout::index(ns);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.count += 1;
        self.sum_ns += u128::from(ns);
    }

    /// Adds everything that another histogram recorded.
    pub fn merge(&mut self, other: &Sketch) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
    }

    /// Adds a part that [`Sketch::take_part`] took out of another histogram.
    pub fn add_part(&mut self, part: &SketchPart) {
        let Some((highest, _)) = part.buckets.last() else { return };
        let needed = usize::from(*highest) + 1;
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
        }
        for (index, n) in &part.buckets {
            self.counts[usize::from(*index)] += n;
        }
        self.count += part.count;
        self.sum_ns += part.sum_ns;
    }

    /// Takes away a part that was added before.
    pub fn subtract_part(&mut self, part: &SketchPart) {
        for (index, n) in &part.buckets {
            if let Some(count) = self.counts.get_mut(usize::from(*index)) {
                *count = count.saturating_sub(*n);
            }
        }
        self.count = self.count.saturating_sub(part.count);
        self.sum_ns = self.sum_ns.saturating_sub(part.sum_ns);
        while self.counts.last() == Some(&0) {
            self.counts.pop();
        }
    }

    /// Takes everything out, in a form that holds only what is there; the histogram keeps its memory for what comes next.
    pub fn take_part(&mut self) -> SketchPart {
        // Never more than there are values; a busy window grows it a few times.
        let mut buckets = Vec::with_capacity(self.count.min(128) as usize);
        if self.count > 0 {
            for (chunk, counts) in self.counts.chunks(CHUNK).enumerate() {
                // Most are empty: one comparison tells for all of them.
                if counts.iter().fold(0, |any, n| any | n) != 0 {
                    let there = counts.iter().enumerate().filter(|(_, n)| **n > 0);
                    buckets.extend(there.map(|(i, n)| ((chunk * CHUNK + i) as u16, *n)));
                }
            }
        }
        self.counts.clear();
        SketchPart { buckets, count: std::mem::take(&mut self.count), sum_ns: std::mem::take(&mut self.sum_ns) }
    }

    /// Several quantiles at once, as [`Sketch::quantile`] gives each; `qs` ascend.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> [Option<Duration>; N] {
        let mut found = [None; N];
        let ranks = qs.map(|q| ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1));
        let (mut seen, mut next) = (0, 0);
        for (chunk, counts) in self.counts.chunks(CHUNK).enumerate() {
            if next == N {
                break;
            }
            // Most chunks hold no quantile: one sum tells for all of their buckets.
            let sum: u64 = counts.iter().sum();
            if seen + sum < ranks[next] {
                seen += sum;
                continue;
            }
            for (i, n) in counts.iter().enumerate() {
                seen += n;
                while next < N && seen >= ranks[next] {
                    found[next] = Some(Duration::from_nanos(SketchLayout::upper_nanos(chunk * CHUNK + i)));
                    next += 1;
                }
            }
        }
        found
    }

    /// Number of recorded durations.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of all recorded durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.sum_ns).unwrap_or(u64::MAX))
    }

    /// Exact mean; `None` when empty.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum_ns.checked_div(u128::from(self.count))?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// Squared coefficient of variation, to bucket resolution (1/32); `None` for fewer than two values or a mean of zero.
    pub fn scv(&self) -> Option<f64> {
        let mean = self.sum_ns as f64 / self.count as f64;
        if self.count < 2 || mean <= 0.0 {
            return None;
        }
        let deviation = |(n, middle): (&u64, &f64)| *n as f64 * (middle - mean) * (middle - mean);
        let filled = |(counts, _): &(&[u64], &[f64])| counts.iter().fold(0, |any, n| any | n) != 0;
        let chunks = self.counts.chunks(CHUNK).zip(MIDDLES.chunks(CHUNK));
        let square: f64 = chunks.filter(filled).map(|(n, m)| n.iter().zip(m).map(deviation).sum::<f64>()).sum();
        Some(square / self.count as f64 / (mean * mean))
    }

    /// The `q` quantile (0..=1, clamped): the smallest bucket bound that at least `ceil(q * count)` values do not exceed.
    /// `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, n) in self.counts.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return Some(Duration::from_nanos(SketchLayout::upper_nanos(index)));
            }
        }
        None
    }

    /// Number of recorded durations that do not exceed `limit` (to bucket resolution, counting the bucket of `limit` whole).
    pub fn count_at_most(&self, limit: Duration) -> u64 {
        let index = SketchLayout::index(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        self.counts.iter().take(index + 1).sum()
    }
}

/// What a histogram held when it was emptied: a window of a sliding sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SketchPart {
    /// Bucket and count, ascending; only those with some.
    buckets: Vec<(u16, u64)>,
    count: u64,
    sum_ns: u128,
}

impl SketchPart {
    /// Number of recorded durations.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_hour_fits_and_more_is_clamped() {
        let hour = 3_600_000_000_000;
        assert!(SketchLayout::index(hour) < SketchLayout::BUCKETS - 1);
        assert_eq!(SketchLayout::index(u64::MAX), SketchLayout::BUCKETS - 1);
        assert_eq!(Sketch::new().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_bucket_bound_is_close_above_its_values(ns in 1_000u64..3_600_000_000_000) {
            let upper = SketchLayout::upper_nanos(SketchLayout::index(ns));
            prop_assert!(upper >= ns);
            prop_assert!((upper - ns) as f64 <= ns as f64 / 31.0 + 32.0);
        }

        #[test]
        fn merging_equals_recording_all(a in proptest::collection::vec(0u64..10_000_000_000, 0..50), b in proptest::collection::vec(0u64..10_000_000_000, 0..50)) {
            let of = |v: &[u64]| { let mut s = Sketch::new(); v.iter().for_each(|n| s.record(Duration::from_nanos(*n))); s };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let all: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(merged, of(&all));
        }

        #[test]
        fn a_sliding_sum_of_parts_is_the_histogram_of_what_is_left(
            windows in proptest::collection::vec(proptest::collection::vec(0u64..10_000_000_000, 0..20), 1..12), kept in 1usize..5
        ) {
            let of = |v: &[u64]| { let mut s = Sketch::new(); v.iter().for_each(|n| s.record(Duration::from_nanos(*n))); s };
            let (mut sum, mut open, mut parts) = (Sketch::new(), Sketch::new(), Vec::new());
            for window in &windows {
                window.iter().for_each(|n| open.record(Duration::from_nanos(*n)));
                let part = open.take_part();
                sum.add_part(&part);
                parts.push(part);
                if parts.len() > kept {
                    sum.subtract_part(&parts.remove(0));
                }
            }
            let left: Vec<u64> = windows.iter().rev().take(kept).flatten().copied().collect();
            prop_assert_eq!(&sum, &of(&left));
            let qs = [0.0, 0.5, 0.5, 0.95, 1.0];
            prop_assert_eq!(sum.quantiles(qs), qs.map(|q| sum.quantile(q)));
        }

        #[test]
        fn quantiles_bound_the_exact_ones(mut v in proptest::collection::vec(1_000u64..10_000_000_000, 1..200), q in 0.0f64..=1.0) {
            let mut s = Sketch::new();
            v.iter().for_each(|n| s.record(Duration::from_nanos(*n)));
            v.sort_unstable();
            let exact = v[(((q * v.len() as f64).ceil() as usize).max(1)) - 1];
            let got = s.quantile(q).unwrap().as_nanos() as f64;
            prop_assert!(got >= exact as f64 && got <= exact as f64 * 1.034 + 32.0);
        }
    }
}

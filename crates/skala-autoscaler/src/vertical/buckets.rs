//! The layout of a histogram: buckets that grow by a twentieth.
//!
//! Decides: which bucket a value belongs to.
//! Method: kubernetes/autoscaler `recommender/util/histogram_options.go`: bucket n starts at `first x (1.05^n - 1) / 0.05`.
//! Invariants: `of` and `start` are inverse up to rounding; there are 176 buckets in both layouts.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};

/// Each bucket is this much wider than the one before.
const RATIO: f64 = 1.05;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The upper edge of a value's bucket, by adding up widths.
    fn upper(value: f64) -> f64 {
        let (mut start, mut width) = (0.0, Buckets::CPU.first);
        while start + width <= value {
            start += width;
            width *= RATIO;
        }
        start + width
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
            let got = Buckets::CPU.start(Buckets::CPU.of(value) + 1);
            assert!((got / upper(value) - 1.0).abs() < 1e-9, "{value}: {got}");
        }
    }
}

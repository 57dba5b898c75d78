//! Percentiles of token counts in a fixed number of buckets.

use serde::Serialize;

/// Buckets grow by 1 %: percentiles are right to half of that.
const GROWTH: f64 = 1.01;

/// Enough for 100 million tokens.
const BUCKETS: usize = 1860;

/// Statistics of token counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenStats {
    /// Mean.
    pub mean: f64,
    /// Median; none where only means are known, as for rates.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

#[derive(Default)]
pub(super) struct Sizes {
    buckets: Vec<u64>,
    n: f64,
    sum: f64,
    max: u32,
}

impl Sizes {
    pub(super) fn add(&mut self, tokens: u32) {
        if tokens == 0 && self.buckets.is_empty() {
            self.n += 1.0;
            return;
        }
        if self.buckets.is_empty() {
            self.buckets = vec![0; BUCKETS];
            // The zeros from before.
            self.buckets[0] = self.n as u64;
        }
        let bucket = if tokens < 1 { 0 } else { 1 + (f64::from(tokens).ln() / GROWTH.ln()) as usize };
        self.buckets[bucket.min(BUCKETS - 1)] += 1;
        self.n += 1.0;
        self.sum += f64::from(tokens);
        self.max = self.max.max(tokens);
    }

    /// So many requests whose mean alone is known.
    pub(super) fn add_mean(&mut self, mean: f64, requests: f64) {
        self.n += requests;
        self.sum += mean * requests;
    }

    fn percentile(&self, q: f64) -> Option<f64> {
        let wanted = (q * self.n).ceil() as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        // The middle of the bucket, but never beyond the largest.
        let middle = if bucket == 0 { 0.0 } else { GROWTH.powf(bucket as f64 - 0.5) };
        Some(middle.round().min(f64::from(self.max)))
    }

    pub(super) fn told(&self) -> Option<TokenStats> {
        (self.sum > 0.0).then(|| TokenStats {
            mean: self.sum / self.n,
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99: self.percentile(0.99),
            max: (self.max > 0).then(|| self.max.into()),
        })
    }
}

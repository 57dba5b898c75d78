//! The Universal Scalability Law: what more servers, or more work at once, gain.
//!
//! Decides: throughput at a size, the size beyond which more makes less, the throughput there, and the least size for a rate.
//! Inputs: throughput of one (gamma, per second), contention (alpha), coherency (beta).
//! Method: `X(N) = gamma N / (1 + alpha (N-1) + beta N (N-1))` (N. J. Gunther, 1993); beta = 0 is Amdahl's law.
//! Tested: `tests/it/usl.rs`.

use serde::Serialize;

use crate::number::at_least_0;

/// Most replicas that are looked for.
const MOST: u64 = 10_000_000;

/// A scalability curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usl {
    /// Throughput of one, per second, >= 0 (gamma).
    pub per_one: f64,
    /// Share of work that only one can do at a time, 0 to 1 (alpha).
    pub contention: f64,
    /// Cost of keeping two in agreement, >= 0 (beta).
    pub coherency: f64,
}

impl Usl {
    /// Throughput at size `n`, per second.
    pub fn throughput(&self, n: f64) -> f64 {
        let n = at_least_0(n).min(1e100);
        let slower = 1.0 + at_least_0(self.contention) * (n - 1.0) + at_least_0(self.coherency) * n * (n - 1.0);
        // Below one, contention cannot make it faster than in proportion.
        at_least_0(self.per_one) * n / if n < 1.0 { 1.0 } else { slower }
    }

    /// The size of the highest throughput, at least 1; infinite without coherency (Amdahl's case).
    pub fn knee(&self) -> f64 {
        let (alpha, beta) = (at_least_0(self.contention), at_least_0(self.coherency));
        match beta {
            0.0 => f64::INFINITY,
            _ => (at_least_0(1.0 - alpha) / beta).sqrt().max(1.0),
        }
    }

    /// The highest throughput, per second; Amdahl's `gamma / alpha` without coherency, and infinite without contention either.
    pub fn peak(&self) -> f64 {
        match (self.knee(), at_least_0(self.contention)) {
            (f64::INFINITY, 0.0) if self.per_one > 0.0 => f64::INFINITY,
            (f64::INFINITY, 0.0) => 0.0,
            (f64::INFINITY, alpha) => at_least_0(self.per_one) / alpha,
            (knee, _) => self.throughput(knee),
        }
    }

    /// The whole number of replicas that serves the most, at least 1; ten million where more never serve less.
    pub fn best(&self) -> u64 {
        let below = (self.knee() as u64).clamp(1, MOST);
        let at = |n: u64| self.throughput(n as f64);
        if below < MOST && at(below + 1) > at(below) { below + 1 } else { below }
    }

    /// The fewest replicas that serve `rate` per second.
    ///
    /// # Errors
    /// When none do: the size that serves the most, and what it serves.
    pub fn fewest(&self, rate: f64) -> Result<u64, (u64, f64)> {
        let best = self.best();
        let most = self.throughput(best as f64);
        if most < rate {
            return Err((best, most));
        }
        let (mut low, mut high) = (0, best);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.throughput(middle as f64) >= rate { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }
}

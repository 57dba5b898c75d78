//! From a wait in parts to the distribution of latency.
//!
//! Method: wait and service time are independent. The share beyond a bound takes the service time's survival in closed form for those
//!   who do not wait by chance, and the exponential tail in closed form over quantiles of the service time for those who do. The
//!   histograms get [`POINTS`] quantiles, shifted from call to call by the golden ratio, so that over many steps every value is hit.

use super::law::Law;
use super::station::{Served, Turn};

/// Quantiles per call.
const POINTS: usize = 32;
/// A chance of waiting that is not told.
const NEVER: f64 = 1e-4;
/// The golden ratio's fraction.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Values with weights that sum to 1, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    pub(crate) latency: Vec<(u64, f64)>,
    pub(crate) wait: Vec<(u64, f64)>,
    shift: f64,
    /// Quantiles of an exponential of mean 1.
    tail: [f64; POINTS],
}

impl Points {
    pub(crate) fn new() -> Points {
        let mut tail = [0.0; POINTS];
        for (i, x) in tail.iter_mut().enumerate() {
            *x = -(1.0 - (i as f64 + 0.5) / POINTS as f64).ln();
        }
        Points { latency: Vec::new(), wait: Vec::new(), shift: 0.5, tail }
    }

    /// Fills the points for requests of a turn.
    pub(crate) fn fill(&mut self, law: &Law, turn: &Turn, served: &Served) {
        self.latency.clear();
        self.wait.clear();
        self.shift = (self.shift + GOLDEN).fract();
        let waits = turn.chance > NEVER;
        let chance = if waits { turn.chance } else { 0.0 };
        let part = 1.0 / POINTS as f64;
        let (first, last) = served.waits;
        for i in 0..POINTS {
            let service = turn.service * law.quantile((i as f64 + self.shift) * part);
            let wait = first + (last - first) * ((i * 17 % POINTS) as f64 + 0.5) * part;
            self.latency.push((nanos(service + wait), (1.0 - chance) * part));
            if waits {
                let more = wait + turn.tail * self.tail[i * 19 % POINTS];
                self.latency.push((nanos(service + more), chance * part));
                self.wait.push((nanos(more), chance * part));
            }
            if last > 0.0 || first > 0.0 {
                self.wait.push((nanos(wait), (1.0 - chance) * part));
            }
        }
        if last <= 0.0 && first <= 0.0 {
            self.wait.push((0, 1.0 - chance));
        }
    }

    /// The share of these requests whose latency is beyond `bound` seconds.
    pub(crate) fn late(&self, law: &Law, turn: &Turn, served: &Served, bound: f64) -> f64 {
        const PARTS: usize = 4;
        let (first, last) = served.waits;
        let parts = if last == first { 1 } else { PARTS };
        let wait = |i: usize| first + (last - first) * (i as f64 + 0.5) / parts as f64;
        let at_once: f64 = (0..parts).map(|i| law.survival(bound - wait(i), turn.service)).sum::<f64>() / parts as f64;
        if turn.chance <= NEVER {
            return at_once;
        }
        let slack = bound - f64::midpoint(first, last);
        let beyond = |i: usize| {
            let left = slack - turn.service * law.quantile((i as f64 + 0.5) / POINTS as f64);
            if left <= 0.0 { 1.0 } else { (-left / turn.tail.max(1e-12)).exp() }
        };
        let waited = (0..POINTS).map(beyond).sum::<f64>() / POINTS as f64;
        (1.0 - turn.chance) * at_once + turn.chance * waited.max(at_once)
    }
}

fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

//! Index of dispersion for counts: how much burstier than Poisson a load is, at several lengths of time.
//!
//! Method: Welford's variance of counts in windows that lie side by side; windows that touch a hole are left out, and so are windows
//!   shorter than a step of the recording, in which there is nothing to see.

use std::time::Duration;

use serde::Serialize;

/// Lengths of windows, seconds.
const LENGTHS: [u64; 5] = [1, 10, 60, 600, 3600];

/// Fewer windows tell nothing.
const FEWEST: f64 = 8.0;

/// Variance over mean of counts in windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispersion {
    /// Length of a window.
    pub window_seconds: u64,
    /// Windows counted.
    pub windows: u64,
    /// Variance over mean; 1 for Poisson.
    pub index: f64,
}

pub(super) struct Scales(Vec<Scale>);

impl Default for Scales {
    fn default() -> Scales {
        Scales(LENGTHS.iter().map(|l| Scale { length: *l, ..Scale::default() }).collect())
    }
}

#[derive(Default)]
struct Scale {
    length: u64,
    /// The window that is being counted, and whether it is whole.
    window: u64,
    whole: bool,
    began: bool,
    count: f64,
    coarse: bool,
    n: f64,
    mean: f64,
    squares: f64,
}

impl Scale {
    fn close(&mut self, windows: f64) {
        if self.whole && windows > 0.0 {
            self.merge(self.count, 1.0);
        }
        self.count = 0.0;
        self.whole = true;
    }

    /// So many windows of the same count.
    fn merge(&mut self, count: f64, windows: f64) {
        let total = self.n + windows;
        let off = count - self.mean;
        self.mean += off * windows / total;
        self.squares += off * off * self.n * windows / total;
        self.n = total;
    }

    fn add(&mut self, from: Duration, to: Duration, requests: f64) {
        // A step longer than the window says nothing of it.
        if requests > 0.0 && to - from > Duration::from_secs(self.length) {
            self.coarse = true;
        }
        if self.coarse {
            return;
        }
        if !self.began {
            self.began = true;
            self.whole = from.is_zero();
            self.window = from.as_secs() / self.length;
        }
        let window = from.as_secs() / self.length;
        if window > self.window {
            self.close(1.0);
            self.window = window;
        }
        self.count += requests;
        // What lasts beyond this window is empty, or ends soon: a step is not longer than a window.
        let last = to.as_secs() / self.length;
        if requests == 0.0 && last > self.window {
            self.close(1.0);
            let empty = last - self.window - 1;
            if empty > 0 {
                self.merge(0.0, empty as f64);
            }
            self.window = last;
        }
    }

    fn hole(&mut self, to: Duration) {
        self.began = true;
        self.count = 0.0;
        self.whole = false;
        self.window = to.as_secs() / self.length;
    }
}

impl Scales {
    pub(super) fn add(&mut self, from: Duration, to: Duration, requests: f64) {
        self.0.iter_mut().for_each(|s| s.add(from, to, requests));
    }

    pub(super) fn hole(&mut self, to: Duration) {
        self.0.iter_mut().for_each(|s| s.hole(to));
    }

    pub(super) fn told(&self) -> Vec<Dispersion> {
        let worth = self.0.iter().filter(|s| !s.coarse && s.n >= FEWEST && s.mean > 0.0);
        worth.map(|s| Dispersion { window_seconds: s.length, windows: s.n as u64, index: s.squares / s.n / s.mean }).collect()
    }
}

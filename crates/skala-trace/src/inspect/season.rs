//! Whether a load repeats itself by day and by week.
//!
//! Method: the load in bins of a minute, merged by pairs whenever there are more than [`MOST`] of them; Pearson's correlation of each
//!   bin with the one a period before, over pairs that are known. A season is found when that is 0.5 or more.

use std::time::Duration;

use serde::Serialize;

/// The most bins.
const MOST: usize = 16_384;

/// Correlation from which a season counts as found.
const FOUND: f64 = 0.5;

/// How a load resembles itself a period before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Season {
    /// The period: `day` or `week`.
    pub period: &'static str,
    /// Correlation, -1 to 1.
    pub correlation: f64,
    /// Whether that is a season.
    pub found: bool,
}

pub(super) struct Series {
    /// Requests and seconds known of each bin.
    bins: Vec<(f64, f64)>,
    /// Length of a bin, seconds; divides a day until there are too many weeks.
    length: f64,
}

impl Default for Series {
    fn default() -> Series {
        Series { bins: Vec::new(), length: 60.0 }
    }
}

impl Series {
    pub(super) fn add(&mut self, from: Duration, to: Duration, rate: Option<f64>) {
        let (mut at, to) = (from.as_secs_f64(), to.as_secs_f64());
        while to / self.length >= MOST as f64 {
            self.halve();
        }
        // At most MOST + 1 bins are walked through.
        while at < to {
            let bin = (at / self.length) as usize;
            let edge = ((bin + 1) as f64 * self.length).min(to);
            if bin >= self.bins.len() {
                self.bins.resize(bin + 1, (0.0, 0.0));
            }
            if let Some(rate) = rate {
                let seconds = edge - at;
                self.bins[bin].0 += rate * seconds;
                self.bins[bin].1 += seconds;
            }
            at = if edge > at { edge } else { to };
        }
    }

    fn halve(&mut self) {
        self.bins = self.bins.chunks(2).map(|c| c.iter().fold((0.0, 0.0), |s, b| (s.0 + b.0, s.1 + b.1))).collect();
        self.length *= 2.0;
    }

    pub(super) fn seasons(&self) -> Vec<Season> {
        let periods = [("day", 86_400.0), ("week", 604_800.0)];
        periods.iter().filter_map(|(name, seconds)| self.season(name, (seconds / self.length).round() as usize)).collect()
    }

    /// The mean rate of a bin, when at least half of it is known.
    fn rate(&self, bin: usize) -> Option<f64> {
        self.bins.get(bin).filter(|b| b.1 >= self.length / 2.0).map(|b| b.0 / b.1)
    }

    fn season(&self, period: &'static str, lag: usize) -> Option<Season> {
        if lag < 2 || self.bins.len() < 2 * lag {
            return None;
        }
        let pairs = || (lag..self.bins.len()).filter_map(|i| self.rate(i).zip(self.rate(i - lag)));
        let n = pairs().count() as f64;
        if n < 2.0 {
            return None;
        }
        let (sx, sy) = pairs().fold((0.0, 0.0), |s, (x, y)| (s.0 + x, s.1 + y));
        let (mx, my) = (sx / n, sy / n);
        let moments = pairs()
            .fold((0.0, 0.0, 0.0), |s, (x, y)| (s.0 + (x - mx) * (y - my), s.1 + (x - mx) * (x - mx), s.2 + (y - my) * (y - my)));
        let norm = (moments.1 * moments.2).sqrt();
        let correlation = if norm > 0.0 { (moments.0 / norm).clamp(-1.0, 1.0) } else { 0.0 };
        Some(Season { period, correlation, found: correlation >= FOUND })
    }
}

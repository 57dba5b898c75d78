//! A metric's average over a window of one-second buckets.
//!
//! Decides: nothing; `scale` asks it for the stable and the panic value.
//! Inputs: samples with their time, `now`; buckets are seconds since the epoch.
//! Method: knative/serving `aggregation.TimedFloat64Buckets`: samples of one second add up; a gap counts as zeros; the average
//!   is over the filled part of the window, and is cut after six digits. The running total is kept as upstream keeps it, so
//!   that the same sums give the same bits.
//! Invariants: as many buckets as the window has seconds; a sample that is no number, or absurd, is not taken.
//! Tested: `tests` below.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// Digits after the point that an average keeps.
const PRECISION: f64 = 1e6;
/// Samples beyond this are a fault of the instrument.
const ABSURD: f64 = 1e15;
/// Most buckets: the longest window that a configuration may have.
const MOST: u64 = 3600;

/// A ring of buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Stored")]
pub struct Buckets {
    /// First second with a sample, counted from when the window was last empty.
    first: Option<u64>,
    /// Last second with a sample.
    last: Option<u64>,
    /// Sum of the buckets.
    total: f64,
    /// The bucket of second `s` is at `s % len`.
    values: Vec<f64>,
}

/// The ring as it is read back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    first: Option<u64>,
    last: Option<u64>,
    total: f64,
    values: Vec<f64>,
}

impl TryFrom<Stored> for Buckets {
    type Error = &'static str;

    fn try_from(s: Stored) -> Result<Buckets, &'static str> {
        let sound = s.first.is_some() == s.last.is_some() && s.first <= s.last;
        let numbers = s.values.iter().chain([&s.total]).all(|v| v.is_finite());
        if s.values.is_empty() || s.values.len() as u64 > MOST || !sound || !numbers {
            return Err("buckets that no window can hold");
        }
        Ok(Buckets { first: s.first, last: s.last, total: s.total, values: s.values })
    }
}

impl Buckets {
    /// An empty window, of at least one and at most 3600 seconds.
    pub fn new(window: Duration) -> Buckets {
        Buckets { first: None, last: None, total: 0.0, values: vec![0.0; length(window) as usize] }
    }

    fn window(&self) -> u64 {
        self.values.len() as u64
    }

    fn at(&self, second: u64) -> usize {
        (second % self.window()) as usize
    }

    /// Adds a sample. One that is a whole window older than the newest is dropped.
    pub(super) fn record(&mut self, at: Time, value: f64) {
        if !(0.0..ABSURD).contains(&value) {
            return;
        }
        let second = seconds(at);
        if let Some(last) = self.last
            && last.saturating_sub(second) >= self.window()
        {
            return;
        }
        if self.first.is_none_or(|first| first > second) {
            self.first = Some(second);
        }
        match self.last {
            Some(last) if second <= last => {}
            Some(last) if second - last < self.window() => {
                for gap in last + 1..=second {
                    let i = self.at(gap);
                    self.total -= self.values[i];
                    self.values[i] = 0.0;
                }
                self.last = Some(second);
            }
            // Nothing for a whole window: as if it were the first.
            _ => {
                self.values.fill(0.0);
                (self.total, self.first, self.last) = (0.0, Some(second), Some(second));
            }
        }
        let i = self.at(second);
        self.values[i] += value;
        self.total += value;
    }

    /// Whether no sample came for more than a window.
    pub(super) fn is_empty(&self, now: Time) -> bool {
        self.last.is_none_or(|last| seconds(now).saturating_sub(last) > self.window())
    }

    /// The average over the filled part of the window; 0 when it is empty.
    pub(super) fn average(&self, now: Time) -> f64 {
        let (Some(first), Some(last)) = (self.first, self.last) else { return 0.0 };
        let idle = seconds(now).saturating_sub(last);
        if idle >= self.window() {
            return 0.0;
        }
        let stale: Vec<u64> = (last + 1..=last + idle).collect();
        let sum = stale.iter().fold(self.total, |sum, second| sum - self.values[self.at(*second)]);
        let filled = (last - first + 1).min(self.window() - idle);
        ((sum / filled as f64) * PRECISION).floor() / PRECISION
    }

    /// Changes the window, keeping the newest buckets.
    pub(super) fn resize(&mut self, window: Duration, now: Time) {
        if length(window) == self.window() {
            return;
        }
        let mut resized = Buckets::new(window);
        if let Some(last) = self.last.filter(|last| seconds(now).saturating_sub(*last) <= self.window()) {
            let kept = self.window().min(resized.window()).min(last + 1);
            for second in (last + 1 - kept..=last).rev() {
                let (from, to) = (self.at(second), resized.at(second));
                resized.values[to] = self.values[from];
                resized.total += self.values[from];
            }
            // As upstream: the old window counts as filled.
            resized.first = Some((last + 1).saturating_sub(self.window()));
            resized.last = Some(last);
        }
        *self = resized;
    }
}

fn length(window: Duration) -> u64 {
    let whole = window.as_secs() + u64::from(window.subsec_nanos() > 0);
    whole.clamp(1, MOST)
}

fn seconds(t: Time) -> u64 {
    t.as_nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(window: u64, samples: &[(u64, f64)]) -> Buckets {
        let mut b = Buckets::new(Duration::from_secs(window));
        samples.iter().for_each(|(at, v)| b.record(Time::from_secs(*at), *v));
        b
    }

    fn average(b: &Buckets, now: u64) -> f64 {
        b.average(Time::from_secs(now))
    }

    #[test]
    fn the_average_is_over_the_filled_part() {
        let b = filled(5, &[(100, 10.0), (101, 10.0), (102, 5.0), (103, 5.0)]);
        assert_eq!(average(&b, 103), 7.5);
        // A second without a sample is not filled yet, and the oldest leave as the window moves on.
        assert_eq!(
            [average(&b, 104), average(&b, 105), average(&b, 106), average(&b, 107)],
            [7.5, 20.0 / 3.0_f64, 5.0, 5.0].map(cut)
        );
        assert_eq!([average(&b, 108), average(&b, 500)], [0.0, 0.0]);
        assert!(!b.is_empty(Time::from_secs(108)) && b.is_empty(Time::from_secs(109)));
    }

    fn cut(x: f64) -> f64 {
        (x * 1e6).floor() / 1e6
    }

    #[test]
    fn samples_of_one_second_add_up_and_gaps_are_zeros() {
        let mut b = filled(6, &[(100, 1.0), (103, 2.0)]);
        b.record(Time::from_millis(103_900), 4.0);
        assert_eq!(average(&b, 103), 1.75);
        // A late one counts where it belongs; one that is a window old does not.
        b.record(Time::from_secs(101), 1.0);
        assert_eq!(average(&b, 103), 2.0);
        b.record(Time::from_secs(97), 600.0);
        assert_eq!(average(&b, 103), 2.0);
        // Six digits, cut off.
        assert_eq!(average(&filled(3, &[(1, 1.0), (2, 0.0), (3, 0.0)]), 3), 0.333_333);
    }

    #[test]
    fn a_window_without_samples_starts_anew() {
        let mut b = filled(4, &[(10, 8.0), (11, 8.0)]);
        b.record(Time::from_secs(15), 2.0);
        assert_eq!(average(&b, 15), 2.0);
        b.record(Time::from_secs(18), 2.0);
        assert_eq!(average(&b, 18), 1.0);
    }

    #[test]
    fn nonsense_is_not_taken() {
        let b = filled(4, &[(1, f64::NAN), (1, -1.0), (1, f64::INFINITY), (1, 1e15)]);
        assert!(b.is_empty(Time::from_secs(1)));
        assert_eq!(average(&b, 1), 0.0);
    }

    #[test]
    fn a_resized_window_keeps_the_newest() {
        let samples: Vec<_> = (0..10).map(|s| (100 + s, s as f64)).collect();
        let now = Time::from_secs(109);
        let mut b = filled(10, &samples);
        b.resize(Duration::from_secs(4), now);
        assert_eq!(average(&b, 109), 7.5);
        b.resize(Duration::from_secs(8), now);
        assert_eq!(average(&b, 109), 30.0 / 4.0);
        b.resize(Duration::from_secs(5), Time::from_secs(1000));
        assert!(b.is_empty(Time::from_secs(1000)));
    }

    #[test]
    fn survives_a_restart_and_refuses_nonsense() {
        let b = filled(3, &[(1, 0.1), (2, 0.2)]);
        let text = serde_json::to_string(&b).unwrap();
        assert_eq!(serde_json::from_str::<Buckets>(&text).unwrap(), b);
        for bad in [r#"{"first":null,"last":null,"total":0,"values":[]}"#, r#"{"first":3,"last":1,"total":0,"values":[0]}"#] {
            assert!(serde_json::from_str::<Buckets>(bad).is_err());
        }
    }
}

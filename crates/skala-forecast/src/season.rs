//! The seasons that arrivals follow: week, day, or a shorter one.
//!
//! Decides: which season lengths there is evidence for.
//! Inputs: the coarse history.
//! Method: autocorrelation at the few lengths that people and clocks make. A length counts when the correlation there is high, and
//!   clearly higher than at half of it: what only changes slowly correlates at every lag. Lengths under a day are looked for in the
//!   changes from bucket to bucket, where the day's slow swing is gone. Two whole seasons must be known.
//! Invariants: no season without two of them in the history.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};

use crate::history::{COARSE, DAY, History};

/// Lengths shorter than a day that are looked for, in minutes.
const SHORT: [u64; 7] = [60, 120, 180, 240, 360, 480, 720];
/// Minutes in a week.
pub(crate) const WEEK: u64 = 7 * DAY;
/// Least correlation at a season's length.
const LEAST: f64 = 0.3;
/// How much higher it must be than at half the length.
const ABOVE_HALF: f64 = 0.1;
/// How much higher a week's correlation must be than a day's: days are alike in every week.
const ABOVE_DAY: f64 = 0.03;

/// The seasons found, in minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seasons {
    /// The best one shorter than a day.
    pub short: Option<u64>,
    /// Whether there is one of a day.
    pub day: bool,
    /// Whether weeks are more alike than days.
    pub week: bool,
}

impl Seasons {
    /// The longest season: what the plain seasonal naive forecast looks back.
    pub(crate) fn longest(&self) -> Option<u64> {
        if self.week {
            Some(WEEK)
        } else if self.day {
            Some(DAY)
        } else {
            self.short
        }
    }

    /// These seasons, when they are some that could have been found.
    pub(crate) fn checked(self) -> Option<Seasons> {
        self.short.is_none_or(|minutes| SHORT.contains(&minutes)).then_some(self)
    }

    /// The seasons that the history shows.
    pub(crate) fn find(history: &History) -> Seasons {
        let (begin, end) = history.buckets();
        let levels: Vec<Option<f64>> = (begin..end).map(|bucket| history.bucket(bucket).map(f64::sqrt)).collect();
        let oldest = levels.iter().position(Option::is_some).unwrap_or(levels.len());
        let levels = &levels[oldest..];
        let changes: Vec<Option<f64>> = levels.windows(2).map(|pair| Some(pair[1]? - pair[0]?)).collect();
        let day = stands_out(levels, DAY);
        let week = stands_out(levels, WEEK).filter(|week| day.is_none_or(|day| *week > day + ABOVE_DAY));
        let short = SHORT.into_iter().filter_map(|minutes| Some((minutes, stands_out(&changes, minutes)?)));
        // The shortest of nearly equals: what comes every hour comes every two.
        let short = short.reduce(|best, next| if next.1 > best.1 + ABOVE_HALF { next } else { best });
        Seasons { short: short.map(|(minutes, _)| minutes), day: day.is_some(), week: week.is_some() }
    }
}

/// The correlation at a length of `minutes`, when it is evidence for a season.
fn stands_out(series: &[Option<f64>], minutes: u64) -> Option<f64> {
    let lag = (minutes / COARSE) as usize;
    let here = correlation(series, lag)?;
    let half = correlation(series, lag / 2)?;
    (here >= LEAST && here - half.max(0.0) >= ABOVE_HALF).then_some(here)
}

/// Correlation of the series with itself `lag` places before; `None` unless a whole lag of pairs is known.
fn correlation(series: &[Option<f64>], lag: usize) -> Option<f64> {
    let pairs = series.iter().zip(series.iter().skip(lag)).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let (mut n, mut a1, mut b1, mut a2, mut b2, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in pairs {
        (n, a1, b1, a2, b2, ab) = (n + 1.0, a1 + a, b1 + b, a2 + a * a, b2 + b * b, ab + a * b);
    }
    // A few unknown buckets do not take a season away.
    if n < 0.9 * lag as f64 || n < 12.0 {
        return None;
    }
    let spread = ((a2 - a1 * a1 / n) * (b2 - b1 * b1 / n)).sqrt();
    let correlation = (ab - a1 * b1 / n) / spread;
    (spread > 1e-9 && correlation.is_finite()).then_some(correlation)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::time::Duration;

    use rand::RngExt as _;
    use skala_types::{Streams, Time};

    use super::*;

    fn found(days: u64, rate: impl Fn(u64) -> f64) -> Seasons {
        let mut history = History::new();
        for minute in (0..days * DAY).step_by(5) {
            let mut piece = history.admit(Time::from_secs(minute * 60), Duration::from_secs(300), rate(minute) * 300.0).unwrap();
            while history.take(&mut piece).is_some() {}
        }
        Seasons::find(&history)
    }

    fn noise(minute: u64) -> f64 {
        Streams::new(7).stream(&format!("minute-{minute}")).random()
    }

    fn day(minute: u64) -> f64 {
        100.0 + 50.0 * (TAU * minute as f64 / DAY as f64).sin()
    }

    #[test]
    fn seasons_are_found_where_they_are() {
        let weekend = |minute: u64| if minute / DAY % 7 < 5 { 1.0 } else { 0.3 };
        let hourly = |minute: u64| if minute % 60 < 10 { 100.0 } else { 0.0 };
        let none = Seasons::default();
        assert_eq!(found(3, |m| day(m) + 20.0 * noise(m)), Seasons { day: true, ..none });
        assert_eq!(found(16, |m| day(m) * weekend(m)), Seasons { day: true, week: true, ..none });
        assert_eq!(found(3, |m| day(m) + hourly(m) + noise(m)), Seasons { day: true, short: Some(60), ..none });
        assert_eq!(found(1, |m| 50.0 + hourly(m)).short, Some(60));
    }

    #[test]
    fn noise_and_slow_change_are_no_season() {
        assert_eq!(found(8, |m| 100.0 + 50.0 * noise(m)), Seasons::default());
        assert_eq!(found(4, |m| 100.0 + m as f64 / 50.0), Seasons::default());
        assert_eq!(found(4, |_| 100.0), Seasons::default());
    }

    #[test]
    fn one_season_is_no_evidence() {
        assert!(!found(1, day).day);
        assert!(!found(13, |m| day(m) * if m / DAY % 7 < 5 { 1.0 } else { 0.3 }).week);
    }
}

//! Seasons and trend apart, and both continued.
//!
//! Decides: the course of the rate over the next hours, when two whole seasons are known.
//! Inputs: the coarse history, joined to quarters of an hour; the seasons that it shows.
//! Units: quarters of an hour counted from the epoch; logarithms of rates inside, rates outside.
//! Method: MSTL (Bandara, Hyndman and Bergmeir 2021) of the logarithms, the trend of the last two days continued by exponential
//!   smoothing with damped additive trend (Hyndman's ETS(A,Ad,N)), both by `augurs`. Holes are filled with the day before.
//! Invariants: at most 2016 quarters go in; what is not finite coming out is no course.
//! Tested: `tests` below; `tests/it`.

use std::borrow::Cow;
use std::error::Error;

use augurs::ets::AutoETS;
use augurs::ets::trend::AutoETSTrendModel;
use augurs::mstl::{FittedTrendModel, MSTLModel, TrendModel};
use augurs::{Fit, Predict};
use serde::{Deserialize, Serialize};

use crate::code;
use crate::history::{COARSE, DAY, History, between};
use crate::season::{Seasons, WEEK};

/// Minutes in a quarter.
const QUARTER: u64 = 15;
/// Quarters in a day.
const DAY_QUARTERS: usize = (DAY / QUARTER) as usize;
/// Quarters of the past that a course begins with: what its level is compared over.
const PAST: usize = 4;
/// Quarters that a course goes on for: six hours until the next one is made, and the longest horizon.
const FUTURE: usize = 28;
/// Seasons shorter than this many quarters are blurred by quarters.
const SHORTEST: usize = 8;
/// Share of the quarters that must be known.
const LEAST_KNOWN: f64 = 0.7;
/// Quarters whose trend is continued.
const TAIL: usize = 2 * DAY_QUARTERS;
/// One arrival a minute: quiet quarters have a logarithm too.
const QUIET: f64 = 1.0 / 60.0;

/// The expected rates of the quarters from `begin` on.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    begin: u64,
    rates: Vec<f32>,
}

/// A course as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedCourse {
    begin: u64,
    rates: String,
}

impl Course {
    /// The course that follows from the history; `None` when it shows no season, too little of it, or the models fail.
    pub(crate) fn of(history: &History, seasons: &Seasons) -> Option<Course> {
        let (begin, levels) = quarters(history)?;
        let periods = periods(seasons, levels.len());
        if periods.is_empty() || is_flat(&levels) {
            return None;
        }
        let fitted = MSTLModel::new(periods, Tail).fit(&levels).ok()?;
        let parts = fitted.fit();
        let past = (levels.len().checked_sub(PAST)?..levels.len()).map(|at| {
            let seasonal: f64 = parts.seasonal().iter().map(|season| f64::from(season[at])).sum();
            f64::from(parts.trend()[at]) + seasonal
        });
        let mut course: Vec<f64> = past.collect();
        course.extend(fitted.predict(FUTURE, None).ok()?.point);
        let fits = course.len() == PAST + FUTURE && course.iter().all(|level| level.is_finite() && level.abs() < 30.0);
        let rates = course.iter().map(|level| code::rounded((level.exp() - QUIET).max(0.0))).collect();
        fits.then(|| Course { begin: begin + (levels.len() - PAST) as u64, rates })
    }

    /// The expected rate in a minute; `None` outside the course.
    pub(crate) fn rate(&self, minute: u64) -> Option<f64> {
        let at = |quarter: u64| self.rates.get(usize::try_from(quarter.checked_sub(self.begin)?).ok()?).copied().map(f64::from);
        between(minute, QUARTER, at)
    }

    /// The course as it is stored.
    pub(crate) fn save(&self) -> SavedCourse {
        SavedCourse { begin: self.begin, rates: code::to_text(self.rates.iter().copied()) }
    }

    /// The course that was stored, when it is one.
    pub(crate) fn restore(saved: &SavedCourse) -> Option<Course> {
        let rates = code::from_text(&saved.rates, PAST + FUTURE)?;
        rates.iter().all(|rate| rate.is_finite()).then_some(Course { begin: saved.begin, rates })
    }
}

/// Season lengths in quarters of which the history holds two.
fn periods(seasons: &Seasons, len: usize) -> Vec<usize> {
    let minutes = [seasons.short, seasons.day.then_some(DAY), seasons.week.then_some(WEEK)];
    let periods = minutes.into_iter().flatten().map(|minutes| (minutes / QUARTER) as usize);
    periods.filter(|&period| period >= SHORTEST && 2 * period <= len).collect()
}

fn is_flat(levels: &[f64]) -> bool {
    let (low, high) = levels.iter().fold((f64::MAX, f64::MIN), |(low, high), &level| (low.min(level), high.max(level)));
    high - low < 1e-6
}

/// The first quarter known and the logarithms from there on, holes filled; `None` when too few are known.
fn quarters(history: &History) -> Option<(u64, Vec<f64>)> {
    const JOINED: u64 = QUARTER / COARSE;
    let (begin, end) = history.buckets();
    let first = (begin..end).find(|&bucket| history.bucket(bucket).is_some())?.div_ceil(JOINED);
    let mean = |quarter: u64| {
        let known = (quarter * JOINED..(quarter + 1) * JOINED).filter_map(|bucket| history.bucket(bucket));
        let (n, sum) = known.fold((0.0, 0.0), |(n, sum), rate| (n + 1.0, sum + rate));
        (n > 0.0).then(|| (sum / n + QUIET).ln())
    };
    let seen: Vec<Option<f64>> = (first..end / JOINED).map(mean).collect();
    let known = seen.iter().flatten().count();
    (known as f64 >= LEAST_KNOWN * seen.len() as f64 && known > 0).then(|| (first, filled(&seen)))
}

/// The series with each hole filled from a day before, or else from the value before it.
fn filled(seen: &[Option<f64>]) -> Vec<f64> {
    let mut levels: Vec<f64> = Vec::with_capacity(seen.len());
    let first = seen.iter().flatten().next().copied().unwrap_or(0.0);
    for (at, level) in seen.iter().enumerate() {
        let day_before = at.checked_sub(DAY_QUARTERS).and_then(|at| levels.get(at)).copied();
        let stand_in = day_before.or(levels.last().copied()).unwrap_or(first);
        levels.push(level.unwrap_or(stand_in));
    }
    levels
}

/// Exponential smoothing of the end of a series: its beginning says nothing about the next hours, and takes time.
#[derive(Debug)]
struct Tail;

impl TrendModel for Tail {
    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("damped ETS of the last days")
    }

    fn fit(&self, y: &[f64]) -> Result<Box<dyn FittedTrendModel + Sync + Send>, Box<dyn Error + Send + Sync + 'static>> {
        let tail = y.get(y.len().saturating_sub(TAIL)..).unwrap_or(y);
        AutoETSTrendModel::from(AutoETS::new(1, "AAN")?.damped(true)?).fit(tail)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::time::Duration;

    use skala_types::Time;

    use super::*;

    const DAILY: Seasons = Seasons { short: None, day: true, week: false };

    fn history(days: u64, rate: impl Fn(u64) -> Option<f64>) -> History {
        let mut history = History::new();
        for minute in (0..days * DAY).step_by(5) {
            if let Some(rate) = rate(minute) {
                let mut piece = history.admit(Time::from_secs(minute * 60), Duration::from_secs(300), rate * 300.0).unwrap();
                while history.take(&mut piece).is_some() {}
            }
        }
        history
    }

    fn day(minute: u64) -> f64 {
        100.0 + 50.0 * (TAU * minute as f64 / DAY as f64).sin()
    }

    #[test]
    fn a_day_goes_on_as_it_was() {
        for hole in [None, Some(3000..3300)] {
            let history = history(4, |m| hole.as_ref().is_none_or(|hole| !hole.contains(&m)).then(|| day(m)));
            let course = Course::of(&history, &DAILY).unwrap();
            for minute in [4 * DAY, 4 * DAY + 60, 4 * DAY + 360] {
                let rate = course.rate(minute).unwrap();
                assert!((rate / day(minute) - 1.0).abs() < 0.05, "{rate} is not near {}", day(minute));
            }
        }
    }

    #[test]
    fn too_little_to_go_by_is_no_course() {
        assert!(Course::of(&history(1, |m| Some(day(m))), &DAILY).is_none(), "one day");
        assert!(Course::of(&history(4, |m| Some(day(m))), &Seasons::default()).is_none(), "no season");
        assert!(Course::of(&history(4, |_| Some(5.0)), &DAILY).is_none(), "flat");
        assert!(Course::of(&history(4, |_| Some(0.0)), &DAILY).is_none(), "quiet");
        assert!(Course::of(&history(4, |m| (m % DAY < 600).then(|| day(m))), &DAILY).is_none(), "mostly unknown");
        assert!(Course::of(&History::new(), &DAILY).is_none(), "nothing");
    }

    #[test]
    fn a_stored_course_comes_back() {
        let course = Course::of(&history(3, |m| Some(day(m))), &DAILY).unwrap();
        let back = Course::restore(&course.save()).unwrap();
        assert_eq!(back.rate(3 * DAY + 7), course.rate(3 * DAY + 7));
    }
}

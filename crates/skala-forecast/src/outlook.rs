//! What every model says after a minute has closed.
//!
//! Decides: the point forecasts of all models.
//! Inputs: the history; the seasons, trend weights and course that were found in it.
//! Units: rates in requests per second; steps in minutes after the last closed one.
//! Method: lag models repeat the rate a season ago times the level of the last hour over the level of that hour then; the level is
//!   compared once per minute, so that a forecast is a look-up. Where the shape comes from many days (profile, course), the level is
//!   that of the trend of the last minutes.
//! Invariants: every forecast is finite and not negative; what looks into a hole is none.
//! Tested: `tests/it`.

use crate::Model;
use crate::decompose::Course;
use crate::history::{DAY, History};
use crate::season::{Seasons, WEEK};
use crate::trend::{Trend, Weights};

/// Minutes over which levels are compared.
const LEVEL: u64 = 60;
/// How far a level may be from that of the season before.
const LEVELS: std::ops::RangeInclusive<f64> = 0.1..=10.0;
/// The last value may be this many minutes old.
const LAST: u64 = 10;
/// Days that a profile is the mean of.
const PROFILE_DAYS: usize = 7;
/// Weight of a day in a profile, against the day after it.
const PROFILE_FADE: f64 = 0.75;
/// Minutes that a trend is drawn through.
pub(crate) const TREND: u64 = 180;
/// One arrival a minute: quiet hours have a level too.
const QUIET: f64 = 1.0 / 60.0;

/// A rate some time ago, brought to the level of now.
#[derive(Clone, Copy, Debug)]
struct Lagged {
    lag: u64,
    ratio: f64,
}

/// The models as of one minute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlook {
    now: u64,
    last: Option<f64>,
    plain: Option<u64>,
    day: Option<Lagged>,
    week: Option<Lagged>,
    cycle: Option<Lagged>,
    profile: [Option<Lagged>; PROFILE_DAYS],
    trend: Option<Trend>,
    profile_ratio: Option<f64>,
    course_ratio: Option<f64>,
}

impl Outlook {
    /// The models as of the last closed minute.
    pub(crate) fn new(history: &History, seasons: &Seasons, weights: Weights, course: Option<&Course>) -> Outlook {
        let Some(now) = history.end().checked_sub(1) else { return Outlook::default() };
        let lagged = |lag: u64| {
            let ratio = ratio(history, now, LEVEL, |minute| history.rate(minute.checked_sub(lag)?))?;
            Some(Lagged { lag, ratio })
        };
        let profile = std::array::from_fn(|days_before| lagged((days_before as u64 + 1) * DAY));
        let mut outlook = Outlook {
            now,
            last: (0..LAST).find_map(|age| history.minute(now.checked_sub(age)?)),
            plain: seasons.longest(),
            day: profile[0],
            week: lagged(WEEK),
            cycle: seasons.short.and_then(lagged),
            profile,
            trend: Trend::of(&minutes(history, TREND), weights),
            ..Outlook::default()
        };
        outlook.profile_ratio = outlook.level_over(|minute| outlook.profiled(minute, history));
        outlook.course_ratio = outlook.level_over(|minute| course?.rate(minute));
        outlook
    }

    /// The trend's level over what is expected of the minutes around now.
    fn level_over(&self, expected: impl Fn(u64) -> Option<f64>) -> Option<f64> {
        let around = (self.now.saturating_sub(1)..=self.now + 1).map(expected).sum::<Option<f64>>()? / 3.0;
        Some(((self.trend?.level() + QUIET) / (around + QUIET)).clamp(*LEVELS.start(), *LEVELS.end()))
    }

    /// What a model expects `step` minutes after the last closed one.
    pub(crate) fn at(&self, model: Model, step: u64, history: &History, course: Option<&Course>) -> Option<f64> {
        let minute = self.now + step;
        match model {
            Model::LastValue => self.last,
            Model::SeasonalNaive => self.plain.map_or(self.last, |lag| history.rate(minute.checked_sub(lag)?)),
            Model::Day => self.day?.at(minute, history),
            Model::Week => self.week?.at(minute, history),
            Model::Cycle => self.cycle?.at(minute, history),
            Model::Profile => Some(self.profiled(minute, history)? * self.profile_ratio?),
            Model::Trend => Some(self.trend?.ahead(step)),
            Model::MstlEts => Some(course?.rate(minute)? * self.course_ratio?),
        }
    }

    /// The weighted mean of the days before; `None` unless two of them are known, for one is [`Model::Day`].
    fn profiled(&self, minute: u64, history: &History) -> Option<f64> {
        let (mut n, mut sum, mut weights, mut weight) = (0, 0.0, 0.0, 1.0);
        for lagged in &self.profile {
            if let Some(rate) = lagged.and_then(|lagged| lagged.at(minute, history)) {
                (n, sum, weights) = (n + 1, sum + weight * rate, weights + weight);
            }
            weight *= PROFILE_FADE;
        }
        (n >= 2).then(|| sum / weights)
    }
}

impl Lagged {
    fn at(&self, minute: u64, history: &History) -> Option<f64> {
        Some(history.rate(minute.checked_sub(self.lag)?)? * self.ratio)
    }
}

/// The newest minutes, oldest first.
pub(crate) fn minutes(history: &History, len: u64) -> Vec<Option<f64>> {
    (history.end().saturating_sub(len)..history.end()).map(|minute| history.minute(minute)).collect()
}

/// The level of the last `len` minutes over what `expected` says of them; `None` when fewer than half are known on both sides.
fn ratio(history: &History, now: u64, len: u64, expected: impl Fn(u64) -> Option<f64>) -> Option<f64> {
    let pair = |minute: u64| Some((history.minute(minute)?, expected(minute)?));
    let known = ((now + 1).saturating_sub(len)..=now).filter_map(pair);
    let (n, seen, then) = known.fold((0, 0.0, 0.0), |(n, seen, then), (a, b)| (n + 1, seen + a + QUIET, then + b + QUIET));
    (2 * n >= len).then(|| (seen / then).clamp(*LEVELS.start(), *LEVELS.end()))
}

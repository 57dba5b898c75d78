//! Shapes of load over time.

use std::f64::consts::TAU;
use std::time::Duration;

use skala_types::Streams;

use super::mmpp::Mmpp;
use super::{checked, checked_length};
use crate::limits::{MAX_RATE, nanos};
use crate::trace::BoxSteps;
use crate::{RateStep, Steps, TraceError};

const DAY: f64 = 86_400.0;

/// How the rate goes over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Always the same, requests per second.
    Constant(f64),
    /// By day and week.
    Diurnal(Diurnal),
    /// A crowd that comes at once and leaves slowly.
    Flash(Flash),
    /// From one rate to another over the whole length, requests per second.
    Ramp(f64, f64),
    /// Rates, each for a time; the last goes on.
    Steps(Vec<(f64, Duration)>),
    /// Rates that change at random.
    Mmpp(Mmpp),
}

/// A day's wave times a week's days; the mean is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diurnal {
    /// Height of the wave of a day, 0 to 1.
    pub daily: f64,
    /// Height of the wave of half a day, 0 to 1.
    pub half_daily: f64,
    /// The hour of the daily wave's top, 0 to 24.
    pub peak_hour: f64,
    /// Saturday's and Sunday's load over that of other days.
    pub weekend: f64,
    /// The weekday on which the trace begins, at midnight: 0 is Monday.
    pub first_day: u8,
}

impl Default for Diurnal {
    fn default() -> Diurnal {
        Diurnal { daily: 0.6, half_daily: 0.15, peak_hour: 14.0, weekend: 0.6, first_day: 0 }
    }
}

impl Diurnal {
    /// Never less than this share of a day's mean: some load is always there.
    const FLOOR: f64 = 0.02;

    fn rate(&self, at: f64) -> f64 {
        let angle = TAU * (at / DAY - self.peak_hour / 24.0);
        let wave = 1.0 + self.daily * angle.cos() + self.half_daily * (2.0 * angle + 1.0).cos();
        let day = (u64::from(self.first_day) + (at / DAY) as u64) % 7;
        wave.max(Diurnal::FLOOR) * if day >= 5 { self.weekend } else { 1.0 }
    }
}

/// Load that multiplies within seconds, then falls back exponentially.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flash {
    /// Requests per second before.
    pub base: f64,
    /// So many times as many at the top.
    pub times: f64,
    /// When it begins.
    pub at: Duration,
    /// How long it rises, in a straight line.
    pub rise: Duration,
    /// How long until the surplus has fallen to 1/e.
    pub decay: Duration,
}

impl Flash {
    fn rate(&self, at: f64) -> f64 {
        let (since, rise, decay) = (at - self.at.as_secs_f64(), self.rise.as_secs_f64(), self.decay.as_secs_f64());
        let part = match since {
            s if s < 0.0 => 0.0,
            s if s < rise => s / rise,
            s if decay > 0.0 => (-(s - rise) / decay).exp(),
            _ => 0.0,
        };
        self.base * (1.0 + (self.times - 1.0) * part)
    }
}

impl Shape {
    /// Pieces of a trace: short where the load changes quickly.
    fn grid(&self, length: Duration) -> Duration {
        let grid = match self {
            Shape::Constant(_) => Duration::from_secs(3600),
            Shape::Diurnal(_) => Duration::from_secs(60),
            Shape::Flash(f) => f.rise.max(Duration::from_millis(100)).min(f.decay.max(Duration::from_millis(100))) / 20,
            Shape::Ramp(..) => length / 1000,
            Shape::Steps(_) | Shape::Mmpp(_) => Duration::from_secs(1),
        };
        grid.clamp(Duration::from_millis(5), Duration::from_secs(3600)).max(length / 10_000_000)
    }

    fn rate(&self, at: f64, length: f64) -> f64 {
        match self {
            Shape::Constant(rate) => *rate,
            Shape::Diurnal(d) => d.rate(at),
            Shape::Flash(f) => f.rate(at),
            Shape::Ramp(from, to) => from + (to - from) * (at / length),
            Shape::Steps(_) | Shape::Mmpp(_) => 0.0,
        }
    }

    /// The mean rate over a length.
    pub(super) fn mean(&self, length: Duration) -> Result<f64, TraceError> {
        if let Shape::Mmpp(mmpp) = self {
            return Ok(mmpp.mean());
        }
        let mut steps = self.steps(length, 1.0, Streams::new(0));
        let (mut requests, mut seconds) = (0.0, 0.0);
        while let Some(step) = steps.next()? {
            requests += step.requests();
            seconds += step.seconds();
        }
        Ok(requests / seconds)
    }

    /// Refuses values out of bounds, scaled.
    pub(super) fn check(&self, scale: f64) -> Result<(), TraceError> {
        let rate = |rate: f64| checked("rate", rate, MAX_RATE).and_then(|r| checked("rate", r * scale, MAX_RATE)).map(drop);
        match self {
            Shape::Constant(r) => rate(*r),
            Shape::Diurnal(d) => {
                checked("daily", d.daily, 1.0)?;
                checked("halfDaily", d.half_daily, 1.0)?;
                checked("peakHour", d.peak_hour, 24.0)?;
                checked("weekend", d.weekend, 1000.0)?;
                rate(3.0 * d.weekend.max(1.0))
            }
            Shape::Flash(f) => {
                checked("times", f.times, 1e6)?;
                checked_length(f.at + Duration::from_secs(1)).and(checked_length(f.rise + f.decay + Duration::from_secs(1)))?;
                rate(f.base).and(rate(f.base * f.times))
            }
            Shape::Ramp(from, to) => rate(*from).and(rate(*to)),
            Shape::Steps(steps) => steps.iter().try_for_each(|(r, lasts)| rate(*r).and(checked_length(*lasts).map(drop))),
            Shape::Mmpp(mmpp) => mmpp.check().and(mmpp.states.iter().try_for_each(|s| rate(s.rate))),
        }
    }

    /// The rates over a length.
    pub(super) fn steps(&self, length: Duration, scale: f64, streams: Streams) -> BoxSteps {
        match self {
            Shape::Mmpp(mmpp) => Box::new(mmpp.path(length, scale, streams)),
            Shape::Steps(list) => {
                Box::new(Listed { list: list.clone().into_iter(), at: Duration::ZERO, last: 0.0, length, scale })
            }
            shape => Box::new(Pieces { shape: shape.clone(), at: Duration::ZERO, grid: shape.grid(length), length, scale }),
        }
    }
}

/// A piece of generated load: Poisson unless drawn otherwise.
pub(super) fn piece(from: Duration, to: Duration, rate: f64) -> RateStep {
    RateStep { from, to, rate: Some(rate.clamp(0.0, MAX_RATE)), gap_scv: 1.0, tokens: (0.0, 0.0) }
}

struct Pieces {
    shape: Shape,
    at: Duration,
    grid: Duration,
    length: Duration,
    scale: f64,
}

impl Steps for Pieces {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if self.at >= self.length {
            return Ok(None);
        }
        let (from, to) = (self.at, (self.at + self.grid).min(self.length));
        self.at = to;
        let middle = (nanos(from) + nanos(to)) as f64 / 2e9;
        Ok(Some(piece(from, to, self.shape.rate(middle, self.length.as_secs_f64()) * self.scale)))
    }
}

struct Listed {
    list: std::vec::IntoIter<(f64, Duration)>,
    at: Duration,
    last: f64,
    length: Duration,
    scale: f64,
}

impl Steps for Listed {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if self.at >= self.length {
            return Ok(None);
        }
        let from = self.at;
        let to = match self.list.next() {
            Some((rate, lasts)) => {
                self.last = rate;
                (from + lasts).min(self.length)
            }
            None => self.length,
        };
        self.at = to;
        Ok(Some(piece(from, to, self.last * self.scale)))
    }
}

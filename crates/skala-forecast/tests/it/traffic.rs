//! Made traffic: rates per minute, with noise and holes.

use std::f64::consts::TAU;
use std::time::Duration;

use rand::RngExt as _;
use skala_forecast::Forecaster;
use skala_types::{Stream, Streams, Time};

pub(crate) const DAY: u64 = 1440;

/// A seeded source of noise.
pub(crate) fn chance(name: &str) -> Stream {
    Streams::new(11).stream(name)
}

/// A factor around 1.
pub(crate) fn noise(stream: &mut Stream, share: f64) -> f64 {
    // The sum of four uniform numbers is near enough to a normal one.
    let sum: f64 = (0..4).map(|_| stream.random::<f64>() - 0.5).sum();
    1.0 + share * sum * 1.73
}

/// A day's smooth swing between 20 and 180 requests per second.
pub(crate) fn day(minute: u64) -> f64 {
    100.0 - 80.0 * (TAU * minute as f64 / DAY as f64).cos()
}

/// Hands one minute in.
pub(crate) fn feed(forecaster: &mut Forecaster, minute: u64, rate: f64) {
    forecaster.observe(at(minute), Duration::from_secs(60), rate * 60.0);
}

/// When a minute begins.
pub(crate) fn at(minute: u64) -> Time {
    Time::from_secs(minute * 60)
}

/// How forecasts of the 0.9 quantile ten minutes ahead turned out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Minutes with a forecast, and without.
    pub(crate) spoken: u64,
    pub(crate) silent: u64,
    /// Minutes whose rate was at most the forecast.
    pub(crate) covered: u64,
    /// Pinball losses of the forecasts, and of the rate as it was when they were made, over the same minutes.
    pub(crate) loss: f64,
    pub(crate) loss_now: f64,
    /// Highest forecast over the rate that came.
    pub(crate) worst: f64,
}

impl Outcome {
    pub(crate) fn coverage(&self) -> f64 {
        self.covered as f64 / self.spoken.max(1) as f64
    }

    pub(crate) fn spoken_share(&self) -> f64 {
        self.spoken as f64 / (self.spoken + self.silent).max(1) as f64
    }
}

/// Feeds `minutes` of a series (`None` is a hole), and looks at the forecasts made from minute `from` on.
pub(crate) fn run(minutes: u64, from: u64, mut rate: impl FnMut(u64) -> Option<f64>) -> (Forecaster, Outcome) {
    const AHEAD: u64 = 10;
    let series: Vec<Option<f64>> = (0..minutes).map(&mut rate).collect();
    let (mut forecaster, mut outcome) = (Forecaster::new(), Outcome::default());
    for (minute, rate) in (0..minutes).zip(&series) {
        let Some(now) = *rate else { continue };
        feed(&mut forecaster, minute, now);
        let due = series.get((minute + AHEAD) as usize).copied().flatten();
        let Some(due) = due.filter(|_| minute >= from) else { continue };
        match forecaster.forecast(at(minute + 1), Duration::from_secs(60 * (AHEAD - 1)), [0.9]) {
            Ok(forecast) => outcome.add(forecast.at_end[0].0, now, due),
            Err(_) => outcome.silent += 1,
        }
    }
    (forecaster, outcome)
}

impl Outcome {
    fn add(&mut self, forecast: f64, now: f64, due: f64) {
        let pinball = |forecast: f64| if due > forecast { 0.9 * (due - forecast) } else { 0.1 * (forecast - due) };
        self.spoken += 1;
        self.covered += u64::from(due <= forecast);
        self.loss += pinball(forecast);
        self.loss_now += pinball(now);
        self.worst = self.worst.max(forecast / due.max(1e-9));
    }
}

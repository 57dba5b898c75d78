//! The forecaster of one service.
//!
//! Decides: which model speaks at which horizon, and what it says.
//! Inputs: arrivals with their interval; `now`.
//! Units: minutes counted from the epoch; rates in requests per second.
//! Method: all work is done when a minute closes: forecasts that fell due are scored, models are refitted when it is their turn
//!   (seasons and course every six hours, trend weights every quarter of an hour), all make their next forecasts, and the one with the
//!   lowest loss of those in force is chosen per horizon. A question is a few look-ups.
//! Invariants: same feed, same answers; a restart changes none; memory never grows.
//! Tested: `tests/it`.

use std::time::Duration;

use skala_types::{Rps, Time};

use crate::decompose::Course;
use crate::history::{self, DAY, History};
use crate::outlook::{self, Outlook};
use crate::season::Seasons;
use crate::track::{HORIZONS, Track, rung};
use crate::trend::Weights;
use crate::{Fed, Forecast, Model, Score, Silence, Why};

/// The longest horizon that forecasts are made for.
const LONGEST: Duration = Duration::from_secs(1800);
/// The last closed minute may be this many minutes before the one that is open now.
const STALE: u64 = 6;
/// Minutes between looks for seasons and courses.
const REFIT: u64 = 360;
/// The same while the history is younger than [`YOUNG`].
const REFIT_YOUNG: u64 = 60;
/// Minutes of history up to which seasons are looked for more often.
const YOUNG: u64 = 3 * DAY;
/// Minutes between looks for trend weights.
const REFIT_TREND: u64 = 15;
/// A model takes over from the one that speaks when its loss is lower by this factor.
const TAKES_OVER: f64 = 0.98;

const MODELS: usize = Model::ALL.len();
const RUNGS: usize = HORIZONS.len();

/// Forecasts the arrival rate of one service, from what it was fed.
#[derive(Clone, Debug)]
pub struct Forecaster {
    pub(crate) history: History,
    pub(crate) begin: u64,
    pub(crate) seasons: Seasons,
    pub(crate) weights: Weights,
    pub(crate) course: Option<Course>,
    /// Per horizon one track per model, in the order of [`Model::ALL`].
    pub(crate) tracks: Vec<Track>,
    /// Per horizon the model that speaks.
    pub(crate) voices: [Option<Model>; RUNGS],
    /// Follows from the fields above.
    pub(crate) outlook: Outlook,
}

impl Default for Forecaster {
    fn default() -> Forecaster {
        Forecaster::new()
    }
}

impl Forecaster {
    /// A forecaster that has seen nothing.
    pub fn new() -> Forecaster {
        Forecaster {
            history: History::new(),
            begin: 0,
            seasons: Seasons::default(),
            weights: Weights::default(),
            course: None,
            tracks: HORIZONS.iter().flat_map(|&horizon| (0..MODELS).map(move |_| Track::new(horizon))).collect(),
            voices: [None; RUNGS],
            outlook: Outlook::default(),
        }
    }

    /// Takes `count` arrivals in the `span` from `from` on. What was seen before the end of the last call is ignored, so the
    /// same interval may be handed in twice. Time between intervals is unknown, not quiet.
    pub fn observe(&mut self, from: Time, span: Duration, count: f64) -> Fed {
        match self.history.admit(from, span, count) {
            Ok(mut piece) => {
                let mut before = self.history.end();
                while let Some(minute) = self.history.take(&mut piece) {
                    self.close(before, minute);
                    before = minute + 1;
                }
                Fed::Taken
            }
            Err(Fed::Restarted) => {
                *self = Forecaster::new();
                self.observe(from, span, count);
                Fed::Restarted
            }
            Err(fed) => fed,
        }
    }

    /// The arrival rate from `now` to `now + horizon` at the given quantiles (each between 0 and 1).
    ///
    /// # Errors
    ///
    /// [`Silence`] when no model is in force; a reactive policy goes on alone.
    pub fn forecast<const N: usize>(&self, now: Time, horizon: Duration, quantiles: [f64; N]) -> Result<Forecast<N>, Silence> {
        if horizon > LONGEST {
            return Err(Silence::HorizonTooLong { asked: horizon, most: LONGEST });
        }
        if !quantiles.iter().all(|q| (0.0..=1.0).contains(q)) {
            return Err(Silence::BadQuantile);
        }
        let (first, last) = self.steps(now, horizon)?;
        let rung = rung(last);
        let model = self.voices[rung].ok_or_else(|| self.silence(rung))?;
        let at_end = self.rate(model, last, quantiles).ok_or(Silence::NoneWins)?;
        let minutes = (first..last).filter_map(|step| self.rate(model, step, quantiles));
        let peak = minutes.fold(at_end, |peak, rate| std::array::from_fn(|i| peak[i].max(rate[i])));
        let why = self.track(rung, model).tally.why(HORIZONS[rung]);
        Ok(Forecast { at_end: at_end.map(Rps), peak: peak.map(Rps), model, why })
    }

    /// The first and the last minute that a question is about, counted from the last closed one.
    fn steps(&self, now: Time, horizon: Duration) -> Result<(u64, u64), Silence> {
        let end = self.history.end();
        if end == 0 {
            return Err(Silence::NoHistory);
        }
        let step = |time: Time| (history::minute_of(time) + 1).saturating_sub(end).max(1);
        let (first, last) = (step(now), step(now + horizon));
        if first > STALE { Err(Silence::Stale { age: now - history::begin_of(end) }) } else { Ok((first, last)) }
    }

    fn silence(&self, rung: usize) -> Silence {
        let judged =
            Model::ALL.iter().any(|&model| model != Model::LastValue && self.track(rung, model).tally.judged(HORIZONS[rung]));
        if judged { Silence::NoneWins } else { Silence::OnTrial }
    }

    /// A model's quantiles for one minute, by its own errors at that horizon.
    fn rate<const N: usize>(&self, model: Model, step: u64, quantiles: [f64; N]) -> Option<[f64; N]> {
        let point = self.outlook.at(model, step, &self.history, self.course.as_ref())?;
        self.track(rung(step), model).residuals.around(point, quantiles)
    }

    fn track(&self, rung: usize, model: Model) -> &Track {
        &self.tracks[rung * MODELS + model.index()]
    }

    /// The seasons found so far.
    pub fn seasons(&self) -> Seasons {
        self.seasons
    }

    /// How every model has done at every horizon, for display.
    pub fn scores(&self) -> Vec<Score> {
        (0..RUNGS).flat_map(|rung| Model::ALL.map(|model| self.score(rung, model))).collect()
    }

    fn score(&self, rung: usize, model: Model) -> Score {
        let tally = &self.track(rung, model).tally;
        let (minutes, [loss, loss_last_value, loss_seasonal_naive], coverage) = tally.means();
        let silent = self.outlook.at(model, HORIZONS[rung], &self.history, self.course.as_ref()).is_none();
        let why = match model {
            Model::LastValue => Why::IsReference,
            Model::SeasonalNaive if self.seasons.longest().is_none() => Why::IsReference,
            _ if silent => Why::NoData,
            _ => tally.why(HORIZONS[rung]),
        };
        let speaks = self.voices[rung] == Some(model);
        let horizon_minutes = HORIZONS[rung] as u32;
        Score { model, horizon_minutes, minutes, loss, loss_last_value, loss_seasonal_naive, coverage, why, speaks }
    }

    /// Does all that is to do when `minute` has closed; `before` would have been the next one without a hole.
    fn close(&mut self, before: u64, minute: u64) {
        if before == 0 {
            self.begin = minute;
        }
        self.score_due(before, minute);
        self.refit(before, minute);
        self.look_ahead();
        for (rung, horizon) in HORIZONS.into_iter().enumerate() {
            for model in Model::ALL {
                let point = self.outlook.at(model, horizon, &self.history, self.course.as_ref());
                self.tracks[rung * MODELS + model.index()].note(minute, point);
            }
            self.voices[rung] = self.choose(rung);
        }
    }

    /// Brings the outlook to the last closed minute.
    pub(crate) fn look_ahead(&mut self) {
        self.outlook = Outlook::new(&self.history, &self.seasons, self.weights, self.course.as_ref());
    }

    fn score_due(&mut self, before: u64, minute: u64) {
        let rate = self.history.minute(minute);
        for (tracks, horizon) in self.tracks.chunks_exact_mut(MODELS).zip(HORIZONS) {
            // What was forecast for minutes in a hole can never be scored.
            for missed in before.max(minute.saturating_sub(horizon))..minute {
                tracks.iter_mut().for_each(|track| track.note(missed, None));
            }
            let Some(rate) = rate else { continue };
            let loss = |model: Model| tracks[model.index()].loss(minute, rate);
            let references = (loss(Model::LastValue), loss(Model::SeasonalNaive));
            for (track, model) in tracks.iter_mut().zip(Model::ALL) {
                // Plain seasonal naive may speak too, where it beats the other reference.
                let references = if model == Model::SeasonalNaive { (references.0, None) } else { references };
                track.score(minute, rate, references);
            }
        }
    }

    fn refit(&mut self, before: u64, minute: u64) {
        let turn = |every: u64| (minute + 1) / every > before / every;
        if turn(REFIT_TREND) {
            self.weights = Weights::fit(&outlook::minutes(&self.history, outlook::TREND));
        }
        let young = minute - self.begin.min(minute) < YOUNG;
        if turn(if young { REFIT_YOUNG } else { REFIT }) {
            self.seasons = Seasons::find(&self.history);
        }
        if turn(REFIT) {
            self.course = Course::of(&self.history, &self.seasons);
        }
    }

    /// The model with the lowest loss of those that are in force and have a forecast; the one that speaks, when it is a tie.
    fn choose(&self, rung: usize) -> Option<Model> {
        let speaks = self.voices[rung];
        let loss = |model: Model| {
            let factor = if speaks == Some(model) { TAKES_OVER } else { 1.0 };
            self.track(rung, model).tally.over_last_value() * factor
        };
        let may = |&model: &Model| {
            let point = self.outlook.at(model, HORIZONS[rung], &self.history, self.course.as_ref());
            model != Model::LastValue && self.track(rung, model).tally.on() && point.is_some()
        };
        Model::ALL.into_iter().filter(may).min_by(|&a, &b| loss(a).total_cmp(&loss(b)))
    }
}

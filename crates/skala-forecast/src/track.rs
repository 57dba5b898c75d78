//! One model at one horizon: its forecasts that are not due yet, its errors, and its score.
//!
//! Decides: nothing; it keeps the account.
//! Inputs: forecasts as they are made, rates as they come.
//! Units: the horizon in minutes; rates in requests per second.
//! Invariants: a forecast is scored with the quantiles that it had when it was made; one for a minute in a hole is never scored.
//! Tested: `tests/it`.

use serde::{Deserialize, Serialize};

use crate::code;
use crate::residuals::{BINS, Residuals};
use crate::tally::{SCORED, Tally, Verdict, pinball};

/// Horizons that are scored, in minutes; a horizon between two uses the longer one's errors.
pub(crate) const HORIZONS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// The place in [`HORIZONS`] of the first one that is not shorter.
pub(crate) fn rung(step: u64) -> usize {
    HORIZONS.iter().position(|&horizon| step <= horizon).unwrap_or(HORIZONS.len() - 1)
}

/// A forecast for one minute: the point, and its scored quantiles. NaN where there is none.
type Due = [f32; 4];
const NONE: Due = [f32::NAN; 4];

/// The account of one model at one horizon.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    due: Vec<Due>,
    pub(crate) residuals: Residuals,
    pub(crate) tally: Tally,
}

/// A track as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedTrack {
    due: String,
    errors: String,
    unit: f64,
    tally: Tally,
}

impl Track {
    pub(crate) fn new(horizon: u64) -> Track {
        Track { due: vec![NONE; horizon as usize], residuals: Residuals::new(), tally: Tally::default() }
    }

    fn horizon(&self) -> u64 {
        self.due.len() as u64
    }

    fn slot(&self, minute: u64) -> usize {
        (minute % self.horizon()) as usize
    }

    /// The loss that the forecast for `minute` turned out to have, once `rate` is known.
    pub(crate) fn loss(&self, minute: u64, rate: f64) -> Option<f64> {
        let [_, quantiles @ ..] = self.due[self.slot(minute)];
        let loss = pinball(rate, quantiles.map(f64::from));
        loss.is_finite().then_some(loss)
    }

    /// Scores the forecast for `minute`; `references` are the losses of last value and of seasonal naive for it.
    pub(crate) fn score(&mut self, minute: u64, rate: f64, references: (Option<f64>, Option<f64>)) {
        let [point, quantiles @ ..] = self.due[self.slot(minute)];
        if let (Some(loss), (Some(last_value), seasonal_naive)) = (self.loss(minute, rate), references) {
            let seasonal_naive = seasonal_naive.unwrap_or(last_value);
            let covered = quantiles.map(|quantile| rate <= f64::from(quantile));
            self.tally.add(Verdict { loss, last_value, seasonal_naive, covered }, self.horizon());
        }
        if !point.is_nan() {
            self.residuals.add(rate, f64::from(point));
        }
    }

    /// Notes what is forecast at `minute` for the minute that lies the horizon ahead, in place of the one for `minute`.
    pub(crate) fn note(&mut self, minute: u64, point: Option<f64>) {
        let slot = self.slot(minute);
        self.due[slot] = point.map_or(NONE, |point| {
            let [a, b, c] = self.residuals.around(point, SCORED).unwrap_or([f64::NAN; 3]);
            [point, a, b, c].map(code::rounded)
        });
    }

    /// The track as it is stored.
    pub(crate) fn save(&self) -> SavedTrack {
        let (errors, unit) = self.residuals.save();
        let due = code::to_text(self.due.iter().flatten().copied());
        SavedTrack { due, errors: code::to_text(errors.iter().copied()), unit, tally: self.tally.clone() }
    }

    /// The track that was stored, when it is one of that horizon.
    pub(crate) fn restore(saved: SavedTrack, horizon: u64) -> Option<Track> {
        let due = code::from_text(&saved.due, 4 * horizon as usize)?;
        let due = due.chunks_exact(4).filter_map(|due| due.try_into().ok()).collect();
        let residuals = Residuals::restore(&code::from_text(&saved.errors, BINS)?, saved.unit)?;
        saved.tally.is_sound().then_some(Track { due, residuals, tally: saved.tally })
    }
}

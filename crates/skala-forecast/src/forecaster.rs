//! The forecaster of one service.
//!
//! Decides: which model speaks at which horizon, and what it says.
//! Inputs: arrivals with their interval; `now`.
//! Tested: `tests/it`.

use std::time::Duration;

use skala_types::Time;

use crate::saved::VERSION;
use crate::{Fed, Forecast, RestoreError, Saved, Score, Silence};

/// Forecasts the arrival rate of one service, from what it was fed.
#[derive(Clone, Debug, Default)]
pub struct Forecaster {}

impl Forecaster {
    /// A forecaster that has seen nothing.
    pub fn new() -> Forecaster {
        Forecaster::default()
    }

    /// Takes `count` arrivals in the `span` from `from` on. What was seen before the end of the last call is ignored, so the
    /// same interval may be handed in twice. Time between intervals is unknown, not quiet.
    pub fn observe(&mut self, from: Time, span: Duration, count: f64) -> Fed {
        let _ = (from, span, count);
        Fed::Taken
    }

    /// The arrival rate from `now` to `now + horizon` at the given quantiles (each between 0 and 1).
    ///
    /// # Errors
    ///
    /// [`Silence`] when no model is in force; a reactive policy goes on alone.
    pub fn forecast<const N: usize>(&self, now: Time, horizon: Duration, quantiles: [f64; N]) -> Result<Forecast<N>, Silence> {
        let _ = (now, horizon, quantiles);
        Err(Silence::NoHistory)
    }

    /// How every model has done at every horizon, for display.
    pub fn scores(&self) -> Vec<Score> {
        Vec::new()
    }

    /// The state, to be stored.
    pub fn save(&self) -> Saved {
        Saved { version: VERSION, body: serde_json::Value::Null }
    }

    /// A forecaster that goes on where the stored one was.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when the state is of another version or damaged: begin with [`Forecaster::new`].
    pub fn restore(saved: &Saved) -> Result<Forecaster, RestoreError> {
        if saved.version != VERSION {
            return Err(RestoreError::Version { found: saved.version });
        }
        Ok(Forecaster::new())
    }
}

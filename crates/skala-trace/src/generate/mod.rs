//! Loads made up, for when there is no recording, or to ask what if.
//!
//! Decides: the rate over time. Single requests are drawn from it as from any other rate (`draw`).
//! Inputs: a shape, a length, optionally the mean that it is scaled to; a seed for random shapes.
//! Method: shapes are functions of time evaluated in the middle of pieces of a grid; MMPP is a Markov chain of rates (its path is
//!   drawn once per seed, so that arrivals and steps show the same one); clients are a sum of loads, as ServeGen describes them.
//! Invariants: rates are finite, >= 0 and at most [`MAX_RATE`]; with a mean given, a shape's mean over its length is that mean.
//! Tested: `tests/it/generate.rs`.

mod clients;
mod mmpp;
mod shape;

use std::time::Duration;

pub use clients::{Clients, clients};
pub use mmpp::{Mmpp, State};
pub use shape::{Diurnal, Flash, Shape};

use crate::limits::{MAX_CV, MAX_LENGTH, MAX_RATE};
use crate::{Drawing, Trace, TraceError};

/// A load of some length.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// Its shape.
    pub shape: Shape,
    /// How long.
    pub length: Duration,
    /// Requests per second on average, that the shape is scaled to.
    pub mean: Option<f64>,
    /// How single requests are drawn.
    pub drawing: Drawing,
}

impl Generator {
    /// The load as a trace.
    ///
    /// # Errors
    /// [`TraceError::Setting`] for a value out of bounds.
    pub fn trace(&self) -> Result<Trace, TraceError> {
        let length = checked_length(self.length)?;
        if let Some(cv) = self.drawing.cv {
            checked("cv", cv, MAX_CV)?;
        }
        let scale = match self.mean {
            Some(mean) => {
                let mean = checked("mean", mean, MAX_RATE)?;
                let own = self.shape.mean(length)?;
                if own <= 0.0 && mean > 0.0 {
                    return Err(TraceError::setting("mean", format!("{mean} cannot come of a shape whose rate is always 0")));
                }
                if mean > 0.0 { mean / own } else { 0.0 }
            }
            None => 1.0,
        };
        self.shape.check(scale)?;
        let shape = self.shape.clone();
        let trace = Trace::from_steps(move |streams| Ok(shape.steps(length, scale, streams)));
        Ok(trace.drawn(self.drawing))
    }
}

pub(crate) fn checked_length(length: Duration) -> Result<Duration, TraceError> {
    if length < Duration::from_millis(1) || length > MAX_LENGTH {
        return Err(TraceError::setting("length", format!("{length:?} is not within 1ms and 100 years")));
    }
    Ok(length)
}

/// A number from 0 to `most`.
pub(crate) fn checked(field: &str, value: f64, most: f64) -> Result<f64, TraceError> {
    if !(0.0..=most).contains(&value) {
        return Err(TraceError::setting(field, format!("{value} is not within 0 and {most}")));
    }
    Ok(value)
}

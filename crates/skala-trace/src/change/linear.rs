//! Rates that change steadily instead of in steps.
//!
//! Method: each step becomes [`PIECES`] pieces on the lines from its middle to its neighbours' middles, scaled so that its requests
//!   stay what they were. Beside a hole, and at both ends, the rate stays level.

use std::time::Duration;

use crate::{RateStep, Steps, TraceError};

/// Pieces of a step.
const PIECES: u32 = 16;

/// Steps cut into pieces along lines.
pub struct Linear<S> {
    steps: S,
    before: Option<f64>,
    current: Option<RateStep>,
    after: Option<RateStep>,
    piece: u32,
    scale: f64,
    began: bool,
}

impl<S: Steps> Linear<S> {
    /// Interpolates between the middles of steps.
    pub fn new(steps: S) -> Linear<S> {
        Linear { steps, before: None, current: None, after: None, piece: PIECES, scale: 1.0, began: false }
    }

    fn advance(&mut self) -> Result<(), TraceError> {
        if !self.began {
            self.began = true;
            self.after = self.steps.next()?;
        }
        self.before = self.current.and_then(|s| s.rate);
        self.current = self.after.take();
        if self.current.is_some() {
            self.after = self.steps.next()?;
        }
        self.piece = 0;
        self.scale = self.scale_of();
        Ok(())
    }

    /// The rate of a piece before scaling.
    fn raw(&self, rate: f64, piece: u32) -> f64 {
        let x = (f64::from(piece) + 0.5) / f64::from(PIECES) - 0.5;
        let neighbour = if x < 0.0 { self.before } else { self.after.and_then(|s| s.rate) };
        rate + (neighbour.unwrap_or(rate) - rate) * x.abs()
    }

    fn scale_of(&self) -> f64 {
        let Some(rate) = self.current.and_then(|s| s.rate) else { return 1.0 };
        let mean = (0..PIECES).map(|p| self.raw(rate, p)).sum::<f64>() / f64::from(PIECES);
        if mean > 0.0 { rate / mean } else { 1.0 }
    }
}

impl<S: Steps> Steps for Linear<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if self.piece >= PIECES {
            self.advance()?;
        }
        let Some(step) = self.current else { return Ok(None) };
        let Some(rate) = step.rate else {
            self.piece = PIECES;
            return Ok(Some(step));
        };
        let edge = |piece: u32| -> Duration { step.from + (step.to - step.from) * piece / PIECES };
        let piece = self.piece;
        self.piece += 1;
        let to = if self.piece == PIECES { step.to } else { edge(self.piece) };
        Ok(Some(RateStep { from: edge(piece), to, rate: Some(self.raw(rate, piece) * self.scale), ..step }))
    }
}

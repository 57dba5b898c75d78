//! The load, cut to the length of a run's steps.

use std::time::Duration;

use skala_trace::{RateStep, Steps, TraceError};

use crate::SimError;

/// A stretch of constant load within one step of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slice {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    /// None in a hole of the recording.
    pub(crate) rate: Option<f64>,
    pub(crate) gap_scv: f64,
    pub(crate) tokens: (f64, f64),
}

/// Cuts a trace's steps at the ends of the grid's.
pub(crate) struct Cutter<'a> {
    steps: &'a mut dyn Steps,
    grid: Duration,
    current: Option<RateStep>,
    at: Duration,
    end: Duration,
    any: bool,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(steps: &'a mut dyn Steps, grid: Duration, end: Option<Duration>) -> Cutter<'a> {
        Cutter { steps, grid, current: None, at: Duration::ZERO, end: end.unwrap_or(Duration::MAX), any: false }
    }

    /// The next stretch; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Slice>, SimError> {
        while self.current.is_none_or(|s| s.to <= self.at) {
            let Some(step) = self.steps.next()? else {
                return if self.any { Ok(None) } else { Err(TraceError::Empty.into()) };
            };
            check(&step, self.current.as_ref())?;
            self.any |= step.rate.is_some_and(|r| r > 0.0);
            self.current = Some(step);
        }
        let Some(step) = self.current else { return Ok(None) };
        if self.at >= self.end {
            return Ok(None);
        }
        let grid = self.grid.as_nanos().max(1);
        let cut = Duration::from_nanos(u64::try_from((self.at.as_nanos() / grid + 1) * grid).unwrap_or(u64::MAX));
        // Between two steps nothing came.
        let idle = self.at < step.from;
        let to = if idle { step.from } else { step.to }.min(cut).min(self.end);
        let rate = if idle { Some(0.0) } else { step.rate };
        let slice = Slice { from: self.at, to, rate, gap_scv: step.gap_scv, tokens: step.tokens };
        self.at = to;
        Ok(Some(slice))
    }
}

fn check(step: &RateStep, before: Option<&RateStep>) -> Result<(), SimError> {
    let sound = |x: f64| x.is_finite() && x >= 0.0;
    let refuse = |reason: String| Err(SimError::Trace(TraceError::Setting { field: "step".into(), reason }));
    let at = step.from.as_secs_f64();
    if step.to <= step.from || before.is_some_and(|b| step.from < b.to) {
        return refuse(format!("at {at:.3} s overlaps the one before or has no length; sort the trace by time"));
    }
    if !step.rate.is_none_or(sound) || !sound(step.gap_scv) || !sound(step.tokens.0) || !sound(step.tokens.1) {
        return refuse(format!("at {at:.3} s has a number that is negative or not finite"));
    }
    Ok(())
}

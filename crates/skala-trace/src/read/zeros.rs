//! Runs of zero in a busy series, which are holes of the recording and not quiet.
//!
//! Decides: whether a run of rows of exactly 0 is a hole.
//! Method: a run is a hole when it lasts a minute or more, there are rows with requests on both sides, and the quieter side (the mean
//!   of up to four rows before; the row behind) says that the run should have had 500 requests or more, and 50 or more in each row
//!   of the length of the row before it. Under Poisson arrivals a run as quiet as that comes with probability exp(-500).
//! Invariants: a run at the beginning or the end stays zero; rows with requests are never touched; a run is held as one step.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{RateStep, Steps, TraceError};

/// Requests that a hole must be missing.
const MISSING: f64 = 500.0;

/// Requests that a row nearby must have had.
const BUSY: f64 = 50.0;

/// The shortest run that can be a hole.
const SHORTEST: Duration = Duration::from_secs(60);

/// Rows before a run that tell how busy it should have been.
const BEFORE: usize = 4;

pub(super) struct Zeros<S> {
    steps: S,
    /// Rates of the last rows with requests.
    before: VecDeque<f64>,
    /// Length of the last row with requests, seconds.
    row: f64,
    ahead: Option<RateStep>,
}

impl<S: Steps> Zeros<S> {
    pub(super) fn new(steps: S) -> Zeros<S> {
        Zeros { steps, before: VecDeque::new(), row: 0.0, ahead: None }
    }

    fn regard(&mut self, step: &RateStep) {
        match step.rate {
            Some(rate) if rate > 0.0 => {
                self.before.truncate(BEFORE - 1);
                self.before.push_front(rate);
                self.row = step.seconds();
            }
            // What is on the other side of a hole says nothing of this one.
            None => self.before.clear(),
            Some(_) => {}
        }
    }

    fn is_hole(&self, run: &RateStep, behind: &RateStep) -> bool {
        let (Some(rate), false) = (behind.rate, self.before.is_empty()) else { return false };
        let before = self.before.iter().sum::<f64>() / self.before.len() as f64;
        let expected = before.min(rate);
        run.to - run.from >= SHORTEST && expected * run.seconds() >= MISSING && expected * self.row >= BUSY
    }
}

fn is_zero(step: &RateStep) -> bool {
    step.rate == Some(0.0)
}

impl<S: Steps> Steps for Zeros<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let next = match self.ahead.take() {
            Some(step) => Some(step),
            None => self.steps.next()?,
        };
        let Some(mut step) = next else { return Ok(None) };
        if !is_zero(&step) {
            self.regard(&step);
            return Ok(Some(step));
        }
        while let Some(behind) = self.steps.next()? {
            if is_zero(&behind) {
                step.to = behind.to;
                continue;
            }
            if self.is_hole(&step, &behind) {
                step.rate = None;
            }
            self.ahead = Some(behind);
            break;
        }
        Ok(Some(step))
    }
}

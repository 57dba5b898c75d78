//! A trace of what a platform saw itself: windows with counts of arrivals, such as its journal keeps.
//!
//! Decides: the rate over steps, from windows that may overlap, repeat or be missing.
//! Method: of windows in order of their ends, the part that no earlier one covered counts (with its share of the arrivals). Time that
//!   none covers is a hole when it is longer than the slack, and takes the next window's rate otherwise. Windows are gathered into
//!   steps, so that a fortnight of seconds stays small.
//! Tested: `tests/it/read.rs`.

use std::time::Duration;

use skala_types::{StationSample, Time};

use crate::limits::MAX_RATE;
use crate::{RateStep, Trace, TraceError};

/// A window with a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its end.
    pub at: Time,
    /// Its length.
    pub window: Duration,
    /// Arrivals in it.
    pub arrivals: u64,
}

impl From<&StationSample> for Sample {
    fn from(station: &StationSample) -> Sample {
        Sample { at: station.at, window: station.window, arrivals: station.arrivals }
    }
}

/// Time without a window that is no hole yet.
const SLACK: Duration = Duration::from_secs(5);

/// The most steps: a year of ten seconds.
const MOST: usize = 3_200_000;

impl Trace {
    /// The load that samples tell of, in steps of about `step`; begins with the first window.
    ///
    /// # Errors
    /// [`TraceError::Empty`] without a sample that has a window; [`TraceError::Setting`] for an absurd rate or too many steps.
    pub fn from_samples(samples: impl IntoIterator<Item = Sample>, step: Duration) -> Result<Trace, TraceError> {
        let mut gathering = Gathering::new(step.max(Duration::from_millis(1)));
        for sample in samples {
            gathering.add(&sample)?;
        }
        gathering.trace()
    }
}

struct Gathering {
    step: Duration,
    begins: Option<Time>,
    /// Everything before it is covered.
    covered: Time,
    from: Duration,
    requests: f64,
    steps: Vec<RateStep>,
}

impl Gathering {
    fn new(step: Duration) -> Gathering {
        Gathering { step, begins: None, covered: Time::ZERO, from: Duration::ZERO, requests: 0.0, steps: Vec::new() }
    }

    fn add(&mut self, sample: &Sample) -> Result<(), TraceError> {
        if sample.window.is_zero() || sample.at <= self.covered {
            return Ok(());
        }
        let start = sample.at.minus(sample.window);
        let begins = *self.begins.get_or_insert(start);
        if self.covered < begins {
            self.covered = begins;
        }
        if start.since(self.covered) > SLACK {
            self.close(self.covered.since(begins))?;
            let to = start.since(begins);
            self.push(RateStep { from: self.from, to, rate: None, gap_scv: 1.0, tokens: (0.0, 0.0) })?;
            self.from = to;
            self.covered = start;
        }
        let rate = sample.arrivals as f64 / sample.window.as_secs_f64();
        if rate > MAX_RATE {
            return Err(TraceError::setting("samples", format!("{rate:.3e} requests per second at {}", sample.at)));
        }
        self.requests += rate * sample.at.since(self.covered).as_secs_f64();
        self.covered = sample.at;
        let now = self.covered.since(begins);
        if now - self.from >= self.step { self.close(now) } else { Ok(()) }
    }

    fn close(&mut self, to: Duration) -> Result<(), TraceError> {
        let seconds = to.saturating_sub(self.from).as_secs_f64();
        if seconds > 0.0 {
            let rate = Some(std::mem::take(&mut self.requests) / seconds);
            self.push(RateStep { from: self.from, to, rate, gap_scv: 1.0, tokens: (0.0, 0.0) })?;
            self.from = to;
        }
        Ok(())
    }

    fn push(&mut self, step: RateStep) -> Result<(), TraceError> {
        if self.steps.len() >= MOST {
            return Err(TraceError::setting("step", format!("makes more than {MOST} steps: give a longer one")));
        }
        self.steps.push(step);
        Ok(())
    }

    fn trace(mut self) -> Result<Trace, TraceError> {
        let begins = self.begins.ok_or(TraceError::Empty)?;
        self.close(self.covered.since(begins))?;
        Ok(Trace::from_sampled(self.steps, begins))
    }
}

//! What a trace yields: single arrivals, or rates over steps of time.
//!
//! Units: times are offsets from the trace's beginning.

use std::time::Duration;

/// One request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// When, from the beginning of the trace.
    pub at: Duration,
    /// Tokens of the prompt; 0 when the trace does not say.
    pub input_tokens: u32,
    /// Tokens of the answer; 0 when the trace does not say.
    pub output_tokens: u32,
}

/// What comes next in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A request.
    Arrival(Arrival),
    /// A hole in the recording: nothing is known of this time, and nothing may be concluded from it. Holes come in order with the arrivals.
    Hole {
        /// Its beginning.
        from: Duration,
        /// Its end; the next item is not before it.
        to: Duration,
    },
}

/// A stream of requests in order of time.
pub trait Arrivals {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the trace, and where. The stream ends with it.
    fn next(&mut self) -> Result<Option<Item>, TraceError>;

    /// Where the trace ends, when that is known (some know it only once `next` has given `None`): it may go on after the last
    /// arrival.
    fn end(&self) -> Option<Duration>;
}

impl<T: Arrivals + ?Sized> Arrivals for Box<T> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        (**self).next()
    }

    fn end(&self) -> Option<Duration> {
        (**self).end()
    }
}

/// The load over a step of time, for simulation by steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateStep {
    /// Beginning of the step.
    pub from: Duration,
    /// End of the step; the next one begins here or later.
    pub to: Duration,
    /// Requests per second; `None` in a hole of the recording.
    pub rate: Option<f64>,
    /// Squared coefficient of variation of the gaps between arrivals; 1 is Poisson.
    pub gap_scv: f64,
    /// Mean tokens of a prompt and of an answer; 0 when the trace does not say.
    pub tokens: (f64, f64),
}

/// A stream of steps in order of time.
pub trait Steps {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the trace, and where. The stream ends with it.
    fn next(&mut self) -> Result<Option<RateStep>, TraceError>;
}

impl<T: Steps + ?Sized> Steps for Box<T> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        (**self).next()
    }
}

impl RateStep {
    /// Its length, seconds.
    pub fn seconds(&self) -> f64 {
        self.to.saturating_sub(self.from).as_secs_f64()
    }

    /// Requests expected in it; 0 in a hole.
    pub fn requests(&self) -> f64 {
        self.rate.unwrap_or(0.0) * self.seconds()
    }
}

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A row that cannot be understood.
    #[error("line {line}: {reason}")]
    Row {
        /// Which one, from 1.
        line: u64,
        /// Why, and what to do.
        reason: String,
    },
    /// It could not be read to its end.
    #[error("cannot be read: {0}")]
    Read(String),
    /// There is not one arrival in it.
    #[error("holds no arrivals")]
    Empty,
    /// A setting of a generator or of a change that cannot stand.
    #[error("{field}: {reason}")]
    Setting {
        /// Its name.
        field: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl TraceError {
    pub(crate) fn row(line: u64, reason: impl Into<String>) -> TraceError {
        TraceError::Row { line, reason: reason.into() }
    }

    pub(crate) fn setting(field: impl Into<String>, reason: impl Into<String>) -> TraceError {
        TraceError::Setting { field: field.into(), reason: reason.into() }
    }
}

//! A Markov-modulated Poisson process: rates that change at random.
//!
//! Method: the chain stays in a state for an exponential time, then goes to any other state alike; so the share of time of a state is
//!   its mean stay over the sum of mean stays. It begins in a state drawn by those shares.

use std::time::Duration;

use rand_distr::{Distribution, Exp1, StandardUniform};
use skala_types::{Stream, Streams};

use super::shape::piece;
use super::{checked, checked_length};
use crate::limits::{MAX_RATE, seconds};
use crate::{RateStep, Steps, TraceError};

/// The most states.
const MOST: usize = 1000;

/// A state of the chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// Requests per second.
    pub rate: f64,
    /// How long it lasts on average.
    pub stay: Duration,
}

/// The chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmpp {
    /// Its states, two or more.
    pub states: Vec<State>,
}

impl Mmpp {
    pub(super) fn check(&self) -> Result<(), TraceError> {
        if !(2..=MOST).contains(&self.states.len()) {
            return Err(TraceError::setting("states", format!("{} states; there must be 2 to {MOST}", self.states.len())));
        }
        self.states.iter().try_for_each(|s| {
            checked("rate", s.rate, MAX_RATE)?;
            checked_length(s.stay).map(drop)
        })
    }

    /// Its mean rate in the long run.
    pub fn mean(&self) -> f64 {
        let time: f64 = self.states.iter().map(|s| s.stay.as_secs_f64()).sum();
        self.states.iter().map(|s| s.rate * s.stay.as_secs_f64()).sum::<f64>() / time
    }

    pub(super) fn path(&self, length: Duration, scale: f64, streams: Streams) -> Path {
        let mut stream = streams.stream("trace.mmpp");
        let time: f64 = self.states.iter().map(|s| s.stay.as_secs_f64()).sum();
        let mut left = uniform(&mut stream) * time;
        let within = |s: &State| {
            left -= s.stay.as_secs_f64();
            left < 0.0
        };
        let state = self.states.iter().position(within).unwrap_or(0);
        Path { states: self.states.clone(), state, at: Duration::ZERO, length, scale, stream }
    }
}

pub(super) struct Path {
    states: Vec<State>,
    state: usize,
    at: Duration,
    length: Duration,
    scale: f64,
    stream: Stream,
}

fn uniform(stream: &mut Stream) -> f64 {
    StandardUniform.sample(stream)
}

impl Steps for Path {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if self.at >= self.length {
            return Ok(None);
        }
        let state = self.states[self.state];
        let stay: f64 = Exp1.sample(&mut self.stream);
        // At least a microsecond, so that a path always ends.
        let lasts = seconds(stay * state.stay.as_secs_f64()).max(Duration::from_micros(1));
        let (from, to) = (self.at, (self.at + lasts).min(self.length));
        let others = self.states.len() - 1;
        let hop = 1 + ((uniform(&mut self.stream) * others as f64) as usize).min(others - 1);
        self.state = (self.state + hop) % self.states.len();
        self.at = to;
        Ok(Some(piece(from, to, state.rate * self.scale)))
    }
}

//! More or less of the same load.
//!
//! Decides: which arrivals stay (factor below 1), and which are added (factor above 1).
//! Method: independent thinning; superposition with arrivals drawn from the local rate and gap variation, measured over a minute,
//!   with tokens of that minute. Steps: the rate times the factor; thinning by p turns an SCV c into 1 - p + p c (exact for renewal
//!   processes), superposition keeps it.
//! Invariants: expected arrivals are the original's times the factor; times stay as they are.

use std::collections::VecDeque;
use std::time::Duration;

use rand_distr::{Distribution, StandardUniform};
use skala_types::{Stream, Streams};

use crate::bin::Moments;
use crate::draw::{Drawing, Drawn};
use crate::gaps::GapFamily;
use crate::limits::{MAX_RATE, SCALES};
use crate::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};

/// Over so long the local rate is measured.
const STRETCH: Duration = Duration::from_secs(60);

/// At most so many arrivals are held for that.
const HELD: usize = 65_536;

pub(crate) fn checked(factor: f64) -> Result<f64, TraceError> {
    if !(SCALES.0..=SCALES.1).contains(&factor) {
        return Err(TraceError::setting("scale", format!("{factor} is not within {} and {}", SCALES.0, SCALES.1)));
    }
    Ok(factor)
}

/// Arrivals that stay with a probability.
pub struct Thinned<A> {
    arrivals: A,
    keep: f64,
    stream: Stream,
}

impl<A: Arrivals> Thinned<A> {
    /// Keeps each arrival with probability `keep`, 0 to 1.
    pub fn new(arrivals: A, keep: f64, streams: Streams) -> Thinned<A> {
        Thinned { arrivals, keep, stream: streams.stream("trace.thinning") }
    }
}

impl<A: Arrivals> Arrivals for Thinned<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            match self.arrivals.next()? {
                Some(Item::Arrival(a)) => {
                    let place: f64 = StandardUniform.sample(&mut self.stream);
                    if place < self.keep {
                        return Ok(Some(Item::Arrival(a)));
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.arrivals.end()
    }
}

/// Arrivals with more of their kind among them.
pub struct Superposed<A> {
    arrivals: A,
    more: f64,
    streams: Streams,
    stream: Stream,
    /// In order, ready to go.
    ready: VecDeque<Item>,
    /// Read, but behind the stretch that is ready.
    ahead: Option<Item>,
    from: Duration,
    stretches: u64,
    gaps: Moments,
    over: bool,
}

impl<A: Arrivals> Superposed<A> {
    /// The arrivals, and `factor - 1` times as many drawn ones; `factor` >= 1.
    pub fn new(arrivals: A, factor: f64, streams: Streams) -> Superposed<A> {
        Superposed {
            arrivals,
            more: (factor - 1.0).max(0.0),
            streams,
            stream: streams.stream("trace.superposition"),
            ready: VecDeque::new(),
            ahead: None,
            from: Duration::ZERO,
            stretches: 0,
            gaps: Moments::default(),
            over: false,
        }
    }

    /// Reads a stretch and mixes the drawn arrivals in.
    fn stretch(&mut self) -> Result<(), TraceError> {
        let mut own: Vec<Arrival> = Vec::new();
        let full = self.from + STRETCH;
        let to;
        loop {
            let next = match self.ahead.take() {
                Some(item) => Some(item),
                None => self.arrivals.next()?,
            };
            match next {
                Some(Item::Arrival(a)) if a.at < full && own.len() < HELD => {
                    self.gaps.add(a.at);
                    own.push(a);
                }
                Some(Item::Arrival(a)) => {
                    to = full.min(a.at);
                    // An empty stretch of hours is passed in one go.
                    if own.is_empty() {
                        self.from = a.at;
                    }
                    self.ahead = Some(Item::Arrival(a));
                    break;
                }
                Some(hole @ Item::Hole { from, to: end }) => {
                    self.gaps.forget();
                    self.mix(own, from);
                    self.ready.push_back(hole);
                    self.from = end;
                    return Ok(());
                }
                None => {
                    self.over = true;
                    let last = own.last().map_or(self.from, |a| a.at + Duration::from_nanos(1));
                    to = self.arrivals.end().unwrap_or(last).clamp(last, full.max(last));
                    break;
                }
            }
        }
        if !own.is_empty() {
            self.mix(own, to);
            self.from = to;
        }
        Ok(())
    }

    fn mix(&mut self, own: Vec<Arrival>, to: Duration) {
        let (Some(_), true) = (own.first(), to > self.from) else {
            self.ready.extend(own.into_iter().map(Item::Arrival));
            return;
        };
        let seconds = (to - self.from).as_secs_f64();
        let rate = (own.len() as f64 * self.more / seconds).min(MAX_RATE);
        let step = RateStep { from: self.from, to, rate: Some(rate), gap_scv: self.gaps.scv(), tokens: (0.0, 0.0) };
        self.stretches += 1;
        let seed = self.streams.stream(&format!("trace.superposition.{}", self.stretches));
        let drawing = Drawing { family: GapFamily::Gamma, cv: None, tokens: None };
        let mut drawn = Drawn::of_stream(Once(Some(step)), drawing, seed);
        let mut added = std::iter::from_fn(|| match drawn.next() {
            Ok(Some(Item::Arrival(a))) => Some(a.at),
            _ => None,
        })
        .peekable();
        for arrival in &own {
            while let Some(at) = added.next_if(|at| *at < arrival.at) {
                self.ready.push_back(Item::Arrival(like(&own, at, &mut self.stream)));
            }
            self.ready.push_back(Item::Arrival(*arrival));
        }
        for at in added {
            self.ready.push_back(Item::Arrival(like(&own, at, &mut self.stream)));
        }
    }
}

/// An arrival with the tokens of one of `own`.
fn like(own: &[Arrival], at: Duration, stream: &mut Stream) -> Arrival {
    let part: f64 = StandardUniform.sample(stream);
    let index = ((part * own.len() as f64) as usize).min(own.len() - 1);
    Arrival { at, ..own[index] }
}

/// A single step.
struct Once(Option<RateStep>);

impl Steps for Once {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        Ok(self.0.take())
    }
}

impl<A: Arrivals> Arrivals for Superposed<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.over {
                return Ok(None);
            }
            self.stretch()?;
        }
    }

    fn end(&self) -> Option<Duration> {
        self.arrivals.end()
    }
}

/// Steps with the rate times a factor.
pub struct ScaledSteps<S> {
    steps: S,
    factor: f64,
    thins: bool,
}

impl<S: Steps> ScaledSteps<S> {
    /// Rates times `factor`; `thins` when single arrivals are thinned, so that bursts become milder.
    pub fn new(steps: S, factor: f64, thins: bool) -> ScaledSteps<S> {
        ScaledSteps { steps, factor, thins: thins && factor < 1.0 }
    }
}

impl<S: Steps> Steps for ScaledSteps<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let Some(mut step) = self.steps.next()? else { return Ok(None) };
        if let Some(rate) = step.rate {
            let scaled = rate * self.factor;
            if scaled > MAX_RATE {
                let reason = format!("makes {scaled:.3e} requests per second of {rate}; {MAX_RATE:.0e} is the most");
                return Err(TraceError::setting("scale", reason));
            }
            step.rate = Some(scaled);
        }
        if self.thins {
            step.gap_scv = 1.0 - self.factor + self.factor * step.gap_scv;
        }
        Ok(Some(step))
    }
}

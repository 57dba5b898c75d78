//! Arrivals of one second spread over it: access logs do not say more.
//!
//! Method: the arrivals of a second are given even places, or sorted uniform ones (what a Poisson process looks like, given its
//!   count). They keep their order.

use std::collections::VecDeque;
use std::time::Duration;

use rand_distr::{Distribution, StandardUniform};
use skala_types::{Stream, Streams};

use crate::limits::MAX_REORDERED;
use crate::{Arrival, Arrivals, Item, TraceError};

/// How arrivals of the same second are spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// They stay where they are.
    None,
    /// At equal distances.
    Even,
    /// At random.
    Random,
}

pub(super) struct SpreadOut<A> {
    arrivals: A,
    spread: Spread,
    stream: Stream,
    ready: VecDeque<Item>,
    ahead: Option<Item>,
    places: Vec<f64>,
}

impl<A: Arrivals> SpreadOut<A> {
    pub(super) fn new(arrivals: A, spread: Spread, streams: Streams) -> SpreadOut<A> {
        let stream = streams.stream("trace.spread");
        SpreadOut { arrivals, spread, stream, ready: VecDeque::new(), ahead: None, places: Vec::new() }
    }

    /// Reads a second's arrivals.
    fn gather(&mut self) -> Result<(), TraceError> {
        let mut same: Vec<Arrival> = Vec::new();
        loop {
            let next = match self.ahead.take() {
                Some(item) => Some(item),
                None => self.arrivals.next()?,
            };
            match next {
                Some(Item::Arrival(a)) if same.first().is_none_or(|f| f.at.as_secs() == a.at.as_secs()) => same.push(a),
                other => {
                    self.ahead = other;
                    break;
                }
            }
            if same.len() > MAX_REORDERED {
                return Err(TraceError::setting("spread", format!("more than {MAX_REORDERED} arrivals in one second")));
            }
        }
        self.place(same.len());
        for (arrival, place) in same.into_iter().zip(&self.places) {
            let second = Duration::from_secs(arrival.at.as_secs());
            let at = second + Duration::from_nanos((place * 1e9) as u64);
            self.ready.push_back(Item::Arrival(Arrival { at, ..arrival }));
        }
        if let Some(hole @ Item::Hole { .. }) = self.ahead {
            self.ahead = None;
            self.ready.push_back(hole);
        }
        Ok(())
    }

    fn place(&mut self, n: usize) {
        self.places.clear();
        for i in 0..n {
            let place: f64 = match self.spread {
                Spread::Random => StandardUniform.sample(&mut self.stream),
                _ => (i as f64 + 0.5) / n as f64,
            };
            self.places.push(place);
        }
        self.places.sort_unstable_by(f64::total_cmp);
    }
}

impl<A: Arrivals> Arrivals for SpreadOut<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        if self.ready.is_empty() {
            self.gather()?;
        }
        Ok(self.ready.pop_front())
    }

    fn end(&self) -> Option<Duration> {
        self.arrivals.end()
    }
}

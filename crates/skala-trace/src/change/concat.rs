//! One trace after the other.
//!
//! Method: the second begins where the first ends; where that is not known, a mean gap behind its last arrival.

use std::time::Duration;

use crate::limits::MAX_LENGTH;
use crate::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};

/// Arrivals one after the other.
pub struct ConcatArrivals<A> {
    rest: std::vec::IntoIter<A>,
    current: Option<A>,
    offset: Duration,
    /// Of the current one: where it is, and how many there were.
    last: Duration,
    seen: u32,
}

impl<A: Arrivals> ConcatArrivals<A> {
    /// In the given order.
    pub fn new(all: Vec<A>) -> ConcatArrivals<A> {
        let mut rest = all.into_iter();
        let current = rest.next();
        ConcatArrivals { rest, current, offset: Duration::ZERO, last: Duration::ZERO, seen: 0 }
    }

    fn step_over(&mut self) -> Result<(), TraceError> {
        let known = self.current.as_ref().and_then(Arrivals::end);
        let mean_gap = self.last.checked_div(self.seen.saturating_sub(1)).unwrap_or_default();
        self.offset += known.unwrap_or(self.last + mean_gap).max(self.last);
        if self.offset > MAX_LENGTH {
            return Err(TraceError::setting("concatenation", "is longer than 100 years"));
        }
        (self.last, self.seen) = (Duration::ZERO, 0);
        self.current = self.rest.next();
        Ok(())
    }
}

impl<A: Arrivals> Arrivals for ConcatArrivals<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            let Some(current) = &mut self.current else { return Ok(None) };
            match current.next()? {
                Some(Item::Arrival(a)) => {
                    self.last = a.at;
                    self.seen = self.seen.saturating_add(1);
                    return Ok(Some(Item::Arrival(Arrival { at: self.offset + a.at, ..a })));
                }
                Some(Item::Hole { from, to }) => {
                    self.last = to;
                    return Ok(Some(Item::Hole { from: self.offset + from, to: self.offset + to }));
                }
                None => self.step_over()?,
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.current.is_none().then_some(self.offset)
    }
}

/// Steps one after the other.
pub struct ConcatSteps<S> {
    rest: std::vec::IntoIter<S>,
    current: Option<S>,
    offset: Duration,
    last: Duration,
}

impl<S: Steps> ConcatSteps<S> {
    /// In the given order.
    pub fn new(all: Vec<S>) -> ConcatSteps<S> {
        let mut rest = all.into_iter();
        let current = rest.next();
        ConcatSteps { rest, current, offset: Duration::ZERO, last: Duration::ZERO }
    }
}

impl<S: Steps> Steps for ConcatSteps<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        loop {
            let Some(current) = &mut self.current else { return Ok(None) };
            if let Some(step) = current.next()? {
                self.last = step.to;
                return Ok(Some(RateStep { from: self.offset + step.from, to: self.offset + step.to, ..step }));
            }
            self.offset += std::mem::take(&mut self.last);
            if self.offset > MAX_LENGTH {
                return Err(TraceError::setting("concatenation", "is longer than 100 years"));
            }
            self.current = self.rest.next();
        }
    }
}

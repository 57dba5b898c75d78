//! Steps counted from single arrivals.
//!
//! Decides: the rate, the variation of gaps and the mean tokens of each step.
//! Method: a step's rate is its count over its length. The gaps' SCV is measured over some hundred gaps (moments that fade with
//!   weight 1/512), since few gaps say little; before 16 gaps it is taken as 1.
//! Invariants: the sum of rate x length is the number of arrivals; holes are steps of their own; empty steps have rate 0.
//! Tested: `tests/it/steps.rs`.

use std::time::Duration;

use crate::limits::nanos;
use crate::{Arrivals, Item, RateStep, Steps, TraceError};

/// Gaps over which moments fade.
const MEMORY: f64 = 512.0;

/// Fewer gaps than this say nothing of their variation.
const FEWEST: f64 = 16.0;

/// Counts arrivals into steps.
pub struct Binned<A> {
    arrivals: A,
    step: u64,
    /// What was read but belongs to a later step.
    ahead: Option<Item>,
    over: bool,
    /// Beginning of the step that is being counted.
    from: Duration,
    gaps: Moments,
}

/// Fading moments of gaps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    last: Option<Duration>,
    seen: f64,
    mean: f64,
    square: f64,
}

impl Moments {
    pub(crate) fn add(&mut self, at: Duration) {
        let Some(last) = self.last.replace(at) else { return };
        let gap = at.saturating_sub(last).as_secs_f64();
        self.seen += 1.0;
        let weight = 1.0 / self.seen.min(MEMORY);
        self.mean += (gap - self.mean) * weight;
        self.square += (gap * gap - self.square) * weight;
    }

    /// Behind a hole, the next gap is not known.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    pub(crate) fn scv(&self) -> f64 {
        if self.seen < FEWEST || self.mean <= 0.0 {
            return 1.0;
        }
        (self.square / (self.mean * self.mean) - 1.0).max(0.0)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    arrivals: u64,
    input: u64,
    output: u64,
}

impl<A: Arrivals> Binned<A> {
    /// Steps of `step`, counted from the beginning of the trace.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when `step` is below a millisecond.
    pub fn try_new(arrivals: A, step: Duration) -> Result<Binned<A>, TraceError> {
        if step < Duration::from_millis(1) || step > crate::limits::MAX_LENGTH {
            return Err(TraceError::setting("step", format!("{step:?} is not within 1ms and 100 years")));
        }
        Ok(Binned { arrivals, step: nanos(step), ahead: None, over: false, from: Duration::ZERO, gaps: Moments::default() })
    }

    fn item(&mut self) -> Result<Option<Item>, TraceError> {
        match self.ahead.take() {
            Some(item) => Ok(Some(item)),
            None if self.over => Ok(None),
            None => self.arrivals.next(),
        }
    }

    fn close(&mut self, to: Duration, count: Count) -> RateStep {
        let step = RateStep { from: self.from, to, rate: None, gap_scv: self.gaps.scv(), tokens: (0.0, 0.0) };
        self.from = to;
        let n = count.arrivals.max(1) as f64;
        let tokens = (count.input as f64 / n, count.output as f64 / n);
        RateStep { rate: Some(count.arrivals as f64 / step.seconds()), tokens, ..step }
    }

    /// Ends the last step where the trace ends, but never within what was counted.
    fn last(&mut self, to: Duration, count: Count) -> Option<RateStep> {
        self.over = true;
        let to = match self.arrivals.end() {
            Some(end) if end > self.from => end,
            _ if count.arrivals > 0 => to,
            _ => return None,
        };
        Some(self.close(to, count))
    }
}

impl<A: Arrivals> Steps for Binned<A> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let to = Duration::from_nanos((nanos(self.from) / self.step + 1) * self.step);
        let mut count = Count::default();
        loop {
            match self.item()? {
                Some(Item::Arrival(a)) if a.at < to => {
                    count.arrivals += 1;
                    count.input += u64::from(a.input_tokens);
                    count.output += u64::from(a.output_tokens);
                    self.gaps.add(a.at);
                }
                Some(Item::Hole { from: begin, to: end }) if begin < to => {
                    if begin > self.from {
                        self.ahead = Some(Item::Hole { from: begin, to: end });
                        return Ok(Some(self.close(begin, count)));
                    }
                    let end = end.max(self.from);
                    let hole = RateStep { from: self.from, to: end, rate: None, gap_scv: 1.0, tokens: (0.0, 0.0) };
                    self.gaps.forget();
                    self.from = end;
                    return Ok(Some(hole));
                }
                Some(later) => {
                    self.ahead = Some(later);
                    return Ok(Some(self.close(to, count)));
                }
                None if self.over => return Ok(None),
                // The end may lie whole steps behind the last arrival.
                None if self.arrivals.end().is_some_and(|end| end > to) => return Ok(Some(self.close(to, count))),
                None => return Ok(self.last(to, count)),
            }
        }
    }
}

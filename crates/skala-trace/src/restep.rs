//! Steps of a wanted length from steps of any length.
//!
//! Decides: the load of each step of a regular grid.
//! Method: what is known within a step is averaged over time (variation and tokens over requests). Where a hole begins or ends, the
//!   step is cut, so that nothing is averaged with the unknown.
//! Invariants: requests are conserved; steps follow one another without overlap and none is longer than wanted.
//! Tested: `tests/it/steps.rs`.

use std::time::Duration;

use crate::limits::nanos;
use crate::{RateStep, Steps, TraceError};

/// Steps on a grid.
pub struct Restep<S> {
    steps: S,
    step: u64,
    /// What is left of the step that was read last.
    rest: Option<RateStep>,
    gathered: Option<Gathered>,
}

/// What is known of a step so far.
#[derive(Clone, Copy, Debug)]
struct Gathered {
    from: Duration,
    to: Duration,
    hole: bool,
    requests: f64,
    scv: f64,
    tokens: (f64, f64),
    /// Weight of `scv` and `tokens`: requests, or a trifle of time where there are none.
    weight: f64,
}

impl Gathered {
    fn of(part: &RateStep) -> Gathered {
        let mut gathered = Gathered {
            from: part.from,
            to: part.from,
            hole: part.rate.is_none(),
            requests: 0.0,
            scv: 0.0,
            tokens: (0.0, 0.0),
            weight: 0.0,
        };
        gathered.add(part);
        gathered
    }

    fn add(&mut self, part: &RateStep) {
        let requests = part.requests();
        let weight = requests.max(1e-12 * part.seconds());
        self.to = part.to;
        self.requests += requests;
        self.scv += part.gap_scv * weight;
        self.tokens.0 += part.tokens.0 * weight;
        self.tokens.1 += part.tokens.1 * weight;
        self.weight += weight;
    }

    fn step(&self) -> RateStep {
        let seconds = (self.to - self.from).as_secs_f64();
        let mean = |sum: f64| if self.weight > 0.0 { sum / self.weight } else { 0.0 };
        RateStep {
            from: self.from,
            to: self.to,
            rate: (!self.hole).then(|| if seconds > 0.0 { self.requests / seconds } else { 0.0 }),
            gap_scv: if self.weight > 0.0 { self.scv / self.weight } else { 1.0 },
            tokens: (mean(self.tokens.0), mean(self.tokens.1)),
        }
    }
}

impl<S: Steps> Restep<S> {
    /// Steps of `step`, counted from the beginning of the trace.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when `step` is below a millisecond.
    pub fn try_new(steps: S, step: Duration) -> Result<Restep<S>, TraceError> {
        if step < Duration::from_millis(1) || step > crate::limits::MAX_LENGTH {
            return Err(TraceError::setting("step", format!("{step:?} is not within 1ms and 100 years")));
        }
        Ok(Restep { steps, step: nanos(step), rest: None, gathered: None })
    }

    /// The next part that does not cross the grid.
    fn part(&mut self) -> Result<Option<RateStep>, TraceError> {
        let whole = match self.rest.take() {
            Some(rest) => rest,
            None => match self.steps.next()? {
                Some(step) => step,
                None => return Ok(None),
            },
        };
        let edge = self.edge(whole.from);
        if whole.to <= edge {
            return Ok(Some(whole));
        }
        self.rest = Some(RateStep { from: edge, ..whole });
        Ok(Some(RateStep { to: edge, ..whole }))
    }

    /// The grid line behind `at`.
    fn edge(&self, at: Duration) -> Duration {
        Duration::from_nanos((nanos(at) / self.step + 1).saturating_mul(self.step))
    }

    /// Whether a part belongs to what is gathered.
    fn fits(&self, gathered: &Gathered, part: &RateStep) -> bool {
        gathered.hole == part.rate.is_none() && gathered.to == part.from && part.from < self.edge(gathered.from)
    }
}

impl<S: Steps> Steps for Restep<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        loop {
            let Some(part) = self.part()? else { return Ok(self.gathered.take().map(|g| g.step())) };
            if part.from >= part.to {
                continue;
            }
            match self.gathered.take() {
                Some(mut gathered) if self.fits(&gathered, &part) => {
                    gathered.add(&part);
                    self.gathered = Some(gathered);
                }
                Some(gathered) => {
                    self.gathered = Some(Gathered::of(&part));
                    return Ok(Some(gathered.step()));
                }
                None => self.gathered = Some(Gathered::of(&part)),
            }
        }
    }
}

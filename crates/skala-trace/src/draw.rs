//! Arrivals drawn from a load that is known as a rate.
//!
//! Decides: when single requests come, given requests per second over steps.
//! Method: a renewal process with gaps of mean 1 in operational time (the integral of the rate), carried back to clock time: a
//!   non-homogeneous Poisson process where the gaps' SCV is 1, Gamma or Weibull renewal where it is not. A rate of zero waits; a
//!   hole forgets, and begins anew behind it.
//! Invariants: times never decrease; expected arrivals of a step are rate x length; the same seed gives the same arrivals.
//! Tested: `tests/it/draw.rs`.

use std::time::Duration;

use skala_types::{Stream, Streams};

use crate::gaps::{GapFamily, Gaps};
use crate::limits::nanos;
use crate::{Arrival, Arrivals, Item, RateStep, Steps, TokenPairs, TraceError};

/// How single requests are drawn from rates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawing {
    /// The family of gaps.
    pub family: GapFamily,
    /// Coefficient of variation of gaps, instead of what the steps say.
    pub cv: Option<f64>,
    /// Tokens of each request; without them, log-normal ones around the steps' means where those are known.
    pub tokens: Option<TokenPairs>,
}

/// Draws arrivals from steps.
pub struct Drawn<S> {
    steps: S,
    drawing: Drawing,
    gaps: Gaps,
    scv: f64,
    stream: Stream,
    token_stream: Stream,
    /// The step, in nanoseconds: where the last arrival was within it, and its end.
    now: f64,
    to: u64,
    /// Nanoseconds of clock time per unit of operational time, and the reverse.
    slowness: f64,
    rate: f64,
    /// Operational time to the next arrival; negative when a residual gap is to be drawn.
    left: f64,
    tokens: Option<TokenPairs>,
    means: (f64, f64),
    end: Duration,
    over: bool,
}

/// Stands in `left` when nothing is known of the last arrival.
const FRESH: f64 = -1.0;

impl<S: Steps> Drawn<S> {
    /// Draws from `steps` with the seed's streams.
    pub fn new(steps: S, drawing: Drawing, streams: Streams) -> Drawn<S> {
        let mut drawn = Drawn::of_stream(steps, drawing, streams.stream("trace.gaps"));
        drawn.token_stream = streams.stream("trace.tokens");
        drawn
    }

    /// Draws with one stream for everything.
    pub(crate) fn of_stream(steps: S, drawing: Drawing, stream: Stream) -> Drawn<S> {
        Drawn {
            steps,
            drawing,
            gaps: Gaps::Poisson,
            scv: 1.0,
            token_stream: stream.clone(),
            stream,
            now: 0.0,
            to: 0,
            slowness: 0.0,
            rate: 0.0,
            left: FRESH,
            tokens: drawing.tokens,
            means: (0.0, 0.0),
            end: Duration::ZERO,
            over: false,
        }
    }

    /// The next step with requests; a hole on the way.
    fn advance(&mut self) -> Result<Advanced, TraceError> {
        let Some(step) = self.steps.next()? else { return Ok(Advanced::Over) };
        self.end = step.to;
        let Some(rate) = step.rate else {
            self.left = FRESH;
            self.rate = 0.0;
            self.to = nanos(step.to);
            return Ok(Advanced::Hole(step.from, step.to));
        };
        self.now = nanos(step.from) as f64;
        self.to = nanos(step.to);
        self.rate = rate / 1e9;
        self.slowness = if rate > 0.0 { 1e9 / rate } else { 0.0 };
        self.regard(&step);
        if self.left == FRESH {
            self.left = self.gaps.residual(&mut self.stream);
        }
        Ok(Advanced::Step)
    }

    /// Takes over the step's variation and tokens.
    fn regard(&mut self, step: &RateStep) {
        let scv = self.drawing.cv.map_or(step.gap_scv, |cv| cv * cv);
        if scv != self.scv {
            self.scv = scv;
            self.gaps = Gaps::new(self.drawing.family, scv);
        }
        if self.drawing.tokens.is_none() && step.tokens != self.means {
            self.means = step.tokens;
            self.tokens = TokenPairs::around(step.tokens);
        }
    }
}

enum Advanced {
    Step,
    Hole(Duration, Duration),
    Over,
}

impl<S: Steps> Arrivals for Drawn<S> {
    #[inline]
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            let at = self.now + self.left * self.slowness;
            if self.rate > 0.0 && at < self.to as f64 {
                self.now = at;
                self.left = self.gaps.draw(&mut self.stream);
                let (input_tokens, output_tokens) = self.tokens.map_or((0, 0), |t| t.draw(&mut self.token_stream));
                return Ok(Some(Item::Arrival(Arrival { at: Duration::from_nanos(at as u64), input_tokens, output_tokens })));
            }
            if self.left > 0.0 {
                self.left = (self.left - (self.to as f64 - self.now).max(0.0) * self.rate).max(0.0);
            }
            match self.advance()? {
                Advanced::Step => {}
                Advanced::Hole(from, to) => return Ok(Some(Item::Hole { from, to })),
                Advanced::Over => {
                    self.rate = 0.0;
                    self.over = true;
                    return Ok(None);
                }
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.over.then_some(self.end)
    }
}

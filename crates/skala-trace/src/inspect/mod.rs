//! What a trace is like, after one pass over it.
//!
//! Decides: nothing; it counts.
//! Method: arrivals are counted as they come, rates as they are (no drawing). Peak: the busiest minute, or the recording's own step
//!   when that is longer. Index of dispersion: variance over mean of counts in windows of several lengths (1 at every length for
//!   Poisson). Season: correlation of the load with itself a day and a week before.
//! Bounds: memory does not grow with the trace: some 16,000 numbers, merged by pairs as it gets longer.
//! Tested: `tests/it/inspect.rs`.

mod dispersion;
mod season;
mod sizes;

use std::time::Duration;

use serde::Serialize;
use skala_types::Time;

use crate::trace::Kind;
use crate::{Arrivals, Item, RateStep, Steps, Trace, TraceError};
use dispersion::Scales;
use season::Series;
use sizes::Sizes;

pub use dispersion::Dispersion;
pub use season::Season;
pub use sizes::TokenStats;

/// Version of [`Inspection`] as a document.
pub const SCHEMA_VERSION: u32 = 1;

/// Holes that are told one by one.
const TOLD: usize = 100;

/// The finest resolution of a peak.
const MINUTE: Duration = Duration::from_secs(60);

/// A hole, seconds from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoleStats {
    /// Its beginning.
    pub from_seconds: f64,
    /// Its end.
    pub to_seconds: f64,
}

/// What a trace is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// Of this document.
    pub schema_version: u32,
    /// `arrivals` or `rates`.
    pub kind: &'static str,
    /// The moment of its beginning, where it tells.
    pub begins: Option<String>,
    /// Its length, holes included.
    pub duration_seconds: f64,
    /// Requests; expected ones for rates.
    pub requests: f64,
    /// Rows or arrivals read.
    pub items: u64,
    /// Requests per second outside holes.
    pub mean_rate: f64,
    /// Requests per second in the busiest stretch.
    pub peak_rate: f64,
    /// Length of that stretch.
    pub peak_over_seconds: f64,
    /// When it began, seconds from the beginning.
    pub peak_at_seconds: f64,
    /// Peak over mean.
    pub peak_to_mean: Option<f64>,
    /// Coefficient of variation of gaps between arrivals: measured over the whole, changes of rate included, or the rates' own.
    pub gap_cv: Option<f64>,
    /// Variance over mean of counts, by window.
    pub dispersion: Vec<Dispersion>,
    /// Correlation with itself a day and a week before; only where there are two of them.
    pub seasons: Vec<Season>,
    /// Holes of the recording.
    pub holes: u64,
    /// Time within holes.
    pub hole_seconds: f64,
    /// The first of them.
    pub hole_list: Vec<HoleStats>,
    /// Tokens of prompts.
    pub input_tokens: Option<TokenStats>,
    /// Tokens of answers.
    pub output_tokens: Option<TokenStats>,
}

impl Inspection {
    /// Reads a trace to its end; `progress` is told from time to time where it is, seconds from the beginning.
    ///
    /// # Errors
    /// What is wrong with the trace; [`TraceError::Empty`] when there is no request in it.
    pub fn of(trace: &Trace, mut progress: impl FnMut(f64)) -> Result<Inspection, TraceError> {
        let kind = trace.kind()?;
        let mut counting = Counting::default();
        match kind {
            Kind::Arrivals => counting.arrivals(&mut trace.arrivals()?, &mut progress)?,
            Kind::Rates => counting.rates(&mut trace.own_steps(MINUTE)?, &mut progress)?,
        }
        if counting.requests <= 0.0 {
            return Err(TraceError::Empty);
        }
        Ok(counting.told(kind, trace.begins()?))
    }
}

/// What is counted on the way.
#[derive(Default)]
struct Counting {
    items: u64,
    requests: f64,
    until: Duration,
    scales: Scales,
    series: Series,
    peak: Peak,
    gaps: Gaps,
    holes: u64,
    hole: Duration,
    hole_list: Vec<HoleStats>,
    input: Sizes,
    output: Sizes,
}

/// The busiest stretch.
#[derive(Default)]
struct Peak {
    from: Duration,
    length: Duration,
    requests: f64,
    best: Option<(f64, Duration, Duration)>,
}

impl Peak {
    fn close(&mut self) {
        let seconds = self.length.as_secs_f64();
        if seconds > 0.0 {
            let rate = self.requests / seconds;
            if self.best.is_none_or(|(best, ..)| rate > best) {
                self.best = Some((rate, self.from, self.length));
            }
        }
        (self.requests, self.length) = (0.0, Duration::ZERO);
    }

    /// Requests of a step; steps are gathered to a minute.
    fn step(&mut self, from: Duration, to: Duration, requests: f64) {
        if self.length.is_zero() {
            self.from = from;
        }
        self.requests += requests;
        self.length += to - from;
        if self.length >= MINUTE {
            self.close();
        }
    }
}

/// Moments of gaps.
#[derive(Default)]
struct Gaps {
    last: Option<Duration>,
    n: f64,
    mean: f64,
    squares: f64,
}

impl Gaps {
    fn add(&mut self, at: Duration) {
        let Some(last) = self.last.replace(at) else { return };
        let gap = (at - last).as_secs_f64();
        self.n += 1.0;
        let from_mean = gap - self.mean;
        self.mean += from_mean / self.n;
        self.squares += from_mean * (gap - self.mean);
    }

    fn cv(&self) -> Option<f64> {
        (self.n >= 2.0 && self.mean > 0.0).then(|| (self.squares / self.n).sqrt() / self.mean)
    }
}

/// Items between two words of progress.
const OFTEN: u64 = 1 << 16;

impl Counting {
    fn arrivals(&mut self, arrivals: &mut dyn Arrivals, progress: &mut dyn FnMut(f64)) -> Result<(), TraceError> {
        // Counts of whole seconds feed everything that does not need the single arrival.
        let (mut second, mut count) = (0, 0.0);
        while let Some(item) = arrivals.next()? {
            match item {
                Item::Arrival(a) => {
                    self.items += 1;
                    self.gaps.add(a.at);
                    self.input.add(a.input_tokens);
                    self.output.add(a.output_tokens);
                    if a.at.as_secs() != second {
                        self.second(second, count, a.at.as_secs());
                        (second, count) = (a.at.as_secs(), 0.0);
                    }
                    count += 1.0;
                    self.until = a.at;
                }
                Item::Hole { from, to } => {
                    self.second(second, count, from.as_secs());
                    (second, count) = (to.as_secs(), 0.0);
                    self.hole(from, to);
                }
            }
            if self.items.is_multiple_of(OFTEN) {
                progress(self.until.as_secs_f64());
            }
        }
        let end = arrivals.end().unwrap_or(self.until).max(self.until);
        self.second(second, count, end.as_secs().max(second + u64::from(count > 0.0)));
        self.until = end;
        self.peak.close();
        Ok(())
    }

    /// A second with its count, and empty ones up to `next`.
    fn second(&mut self, second: u64, count: f64, next: u64) {
        let at = Duration::from_secs(second);
        let after = at + Duration::from_secs(1);
        self.requests += count;
        if next > second || count > 0.0 {
            self.stretch(at, after, count);
        }
        let next = Duration::from_secs(next);
        if next > after {
            self.stretch(after, next, 0.0);
        }
    }

    fn stretch(&mut self, from: Duration, to: Duration, requests: f64) {
        self.scales.add(from, to, requests);
        self.series.add(from, to, Some(requests / (to - from).as_secs_f64()));
        self.peak.step(from, to, requests);
    }

    fn rates(&mut self, steps: &mut dyn Steps, progress: &mut dyn FnMut(f64)) -> Result<(), TraceError> {
        let (mut weighted, mut weight) = (0.0, 0.0);
        while let Some(step) = steps.next()? {
            self.items += 1;
            self.until = step.to;
            if step.rate.is_none() {
                self.hole(step.from, step.to);
                continue;
            }
            self.step(&step);
            weighted += step.gap_scv * step.requests();
            weight += step.requests();
            if self.items.is_multiple_of(1024) {
                progress(step.to.as_secs_f64());
            }
        }
        self.peak.close();
        if weight > 0.0 {
            // The variation that steps tell of stands in for measured gaps.
            self.gaps = Gaps { last: None, n: 2.0, mean: 1.0, squares: 2.0 * weighted / weight };
        }
        Ok(())
    }

    fn step(&mut self, step: &RateStep) {
        self.requests += step.requests();
        self.stretch(step.from, step.to, step.requests());
        self.input.add_mean(step.tokens.0, step.requests());
        self.output.add_mean(step.tokens.1, step.requests());
    }

    fn hole(&mut self, from: Duration, to: Duration) {
        // A hole may come in pieces.
        let (a, b) = (from.as_secs_f64(), to.as_secs_f64());
        match self.hole_list.last_mut() {
            Some(last) if last.to_seconds == a => last.to_seconds = b,
            _ => {
                self.holes += 1;
                if self.hole_list.len() < TOLD {
                    self.hole_list.push(HoleStats { from_seconds: a, to_seconds: b });
                }
            }
        }
        self.hole += to - from;
        self.until = self.until.max(to);
        self.gaps.last = None;
        self.scales.hole(to);
        self.series.add(from, to, None);
        self.peak.close();
    }

    fn told(self, kind: Kind, begins: Option<Time>) -> Inspection {
        let known = self.until.saturating_sub(self.hole).as_secs_f64();
        let mean_rate = if known > 0.0 { self.requests / known } else { 0.0 };
        let busiest = self.peak.best.unwrap_or_default();
        // Of less than a minute whole seconds are counted, which the trace may not fill: then it is its own peak.
        let (peak_rate, peak_at, peak_over) =
            if busiest.0 < mean_rate { (mean_rate, Duration::ZERO, self.until) } else { busiest };
        Inspection {
            schema_version: SCHEMA_VERSION,
            kind: if kind == Kind::Arrivals { "arrivals" } else { "rates" },
            begins: begins.map(|t| t.to_string()),
            duration_seconds: self.until.as_secs_f64(),
            requests: self.requests,
            items: self.items,
            mean_rate,
            peak_rate,
            peak_over_seconds: peak_over.as_secs_f64(),
            peak_at_seconds: peak_at.as_secs_f64(),
            peak_to_mean: (mean_rate > 0.0).then(|| peak_rate / mean_rate),
            gap_cv: self.gaps.cv(),
            dispersion: self.scales.told(),
            seasons: self.series.seasons(),
            holes: self.holes,
            hole_seconds: self.hole.as_secs_f64(),
            hole_list: self.hole_list,
            input_tokens: self.input.told(),
            output_tokens: self.output.told(),
        }
    }
}

//! A part of a trace, its times counted from the part's beginning; or the whole of it, later.

use std::time::Duration;

use crate::limits::MAX_LENGTH;
use crate::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};

/// A part of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning, from the beginning of the trace.
    pub from: Duration,
    /// Its end; the trace's when `None`.
    pub to: Option<Duration>,
}

impl Window {
    /// From `from` to `to`.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when it is empty.
    pub fn try_new(from: Duration, to: Option<Duration>) -> Result<Window, TraceError> {
        match to {
            Some(to) if to <= from => {
                Err(TraceError::setting("window", format!("ends ({to:?}) no later than it begins ({from:?})")))
            }
            _ => Ok(Window { from, to }),
        }
    }

    fn last(&self) -> Duration {
        self.to.unwrap_or(MAX_LENGTH).min(MAX_LENGTH)
    }

    /// The part of a stretch within the window, counted from its beginning.
    fn part(&self, from: Duration, to: Duration) -> Option<(Duration, Duration)> {
        let (from, to) = (from.max(self.from), to.min(self.last()));
        (from < to).then(|| (from - self.from, to - self.from))
    }
}

/// Arrivals within a window.
pub struct WindowArrivals<A> {
    arrivals: A,
    window: Window,
    over: bool,
}

impl<A: Arrivals> WindowArrivals<A> {
    /// The part of `arrivals` within `window`.
    pub fn new(arrivals: A, window: Window) -> WindowArrivals<A> {
        WindowArrivals { arrivals, window, over: false }
    }
}

impl<A: Arrivals> Arrivals for WindowArrivals<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        while !self.over {
            match self.arrivals.next()? {
                Some(Item::Arrival(a)) if a.at < self.window.from => {}
                Some(Item::Arrival(a)) if a.at < self.window.last() => {
                    return Ok(Some(Item::Arrival(Arrival { at: a.at - self.window.from, ..a })));
                }
                Some(Item::Hole { from, to }) if from < self.window.last() => {
                    if let Some((from, to)) = self.window.part(from, to) {
                        return Ok(Some(Item::Hole { from, to }));
                    }
                }
                _ => self.over = true,
            }
        }
        Ok(None)
    }

    fn end(&self) -> Option<Duration> {
        // Ended by the window: the trace goes on behind it. Ended by itself: as it says.
        let own = self.arrivals.end().map(|end| end.saturating_sub(self.window.from));
        match (own, self.window.to.map(|to| to - self.window.from)) {
            (Some(own), Some(to)) => Some(own.min(to)),
            (None, Some(to)) if self.over => Some(to),
            (own, _) => own,
        }
    }
}

/// Steps within a window.
pub struct WindowSteps<S> {
    steps: S,
    window: Window,
}

impl<S: Steps> WindowSteps<S> {
    /// The part of `steps` within `window`.
    pub fn new(steps: S, window: Window) -> WindowSteps<S> {
        WindowSteps { steps, window }
    }
}

impl<S: Steps> Steps for WindowSteps<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        loop {
            let Some(step) = self.steps.next()? else { return Ok(None) };
            if step.from >= self.window.last() {
                return Ok(None);
            }
            if let Some((from, to)) = self.window.part(step.from, step.to) {
                return Ok(Some(RateStep { from, to, ..step }));
            }
        }
    }
}

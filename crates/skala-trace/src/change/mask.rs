//! Holes by hand: stretches of a trace that nothing is to be concluded from.

use std::time::Duration;

use crate::{Arrivals, Item, RateStep, Steps, TraceError};

/// Stretches of time, in order and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes(Vec<(Duration, Duration)>);

impl Holes {
    /// In any order; those that overlap become one.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when one ends no later than it begins.
    pub fn try_new(mut stretches: Vec<(Duration, Duration)>) -> Result<Holes, TraceError> {
        stretches.sort_unstable();
        let mut holes: Vec<(Duration, Duration)> = Vec::new();
        for (from, to) in stretches {
            if to <= from {
                return Err(TraceError::setting("holes", format!("{from:?}..{to:?} ends no later than it begins")));
            }
            match holes.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => holes.push((from, to)),
            }
        }
        Ok(Holes(holes))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Arrivals outside holes.
pub struct MaskedArrivals<A> {
    arrivals: A,
    holes: std::iter::Peekable<std::vec::IntoIter<(Duration, Duration)>>,
    /// Behind it nothing was told yet.
    until: Duration,
    ahead: Option<Item>,
}

impl<A: Arrivals> MaskedArrivals<A> {
    /// `arrivals` without those in `holes`.
    pub fn new(arrivals: A, holes: Holes) -> MaskedArrivals<A> {
        MaskedArrivals { arrivals, holes: holes.0.into_iter().peekable(), until: Duration::ZERO, ahead: None }
    }

    fn hole(&mut self, from: Duration, to: Duration) -> Option<Item> {
        let from = from.max(self.until);
        self.until = self.until.max(to);
        (from < to).then_some(Item::Hole { from, to })
    }
}

impl<A: Arrivals> Arrivals for MaskedArrivals<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            let next = match self.ahead.take() {
                Some(item) => Some(item),
                None => self.arrivals.next()?,
            };
            let Some(item) = next else { return Ok(None) };
            let at = match item {
                Item::Arrival(a) => a.at,
                Item::Hole { from, .. } => from,
            };
            if let Some((from, to)) = self.holes.next_if(|(from, _)| *from <= at) {
                self.ahead = Some(item);
                match self.hole(from, to) {
                    Some(hole) => return Ok(Some(hole)),
                    None => continue,
                }
            }
            match item {
                Item::Arrival(a) if a.at < self.until => {}
                Item::Arrival(_) => return Ok(Some(item)),
                Item::Hole { from, to } => {
                    if let Some(hole) = self.hole(from, to) {
                        return Ok(Some(hole));
                    }
                }
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.arrivals.end()
    }
}

/// Steps outside holes.
pub struct MaskedSteps<S> {
    steps: S,
    holes: std::iter::Peekable<std::vec::IntoIter<(Duration, Duration)>>,
    rest: Option<RateStep>,
}

impl<S: Steps> MaskedSteps<S> {
    /// `steps`, unknown within `holes`.
    pub fn new(steps: S, holes: Holes) -> MaskedSteps<S> {
        MaskedSteps { steps, holes: holes.0.into_iter().peekable(), rest: None }
    }
}

impl<S: Steps> Steps for MaskedSteps<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let next = match self.rest.take() {
            Some(rest) => Some(rest),
            None => self.steps.next()?,
        };
        let Some(step) = next else { return Ok(None) };
        while self.holes.next_if(|(_, to)| *to <= step.from).is_some() {}
        let (rate, edge) = match self.holes.peek() {
            Some((from, to)) if *from <= step.from => (None, *to),
            Some((from, _)) => (step.rate, *from),
            None => (step.rate, step.to),
        };
        if edge < step.to {
            self.rest = Some(RateStep { from: edge, ..step });
        }
        Ok(Some(RateStep { to: edge.min(step.to), rate, ..step }))
    }
}

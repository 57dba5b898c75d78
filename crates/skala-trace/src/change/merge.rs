//! Several clients at once: their arrivals in order of time, their rates summed.
//!
//! Method: a heap of one arrival per client; steps on a common grid, whose gap variation is the mean over clients by rate (the
//!   asymptotic method of superposition: index of dispersion of the sum). Where one client is unknown, the sum is unknown.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};

/// Arrivals of several clients.
pub struct MergedArrivals<A> {
    all: Vec<A>,
    /// Time and client of each client's next item.
    heap: BinaryHeap<Reverse<(Duration, usize)>>,
    items: Vec<Option<Item>>,
    /// End of the last hole: what comes before it is dropped.
    until: Duration,
    began: bool,
}

impl<A: Arrivals> MergedArrivals<A> {
    /// All of them.
    pub fn new(all: Vec<A>) -> MergedArrivals<A> {
        let items = all.iter().map(|_| None).collect();
        MergedArrivals { all, heap: BinaryHeap::new(), items, until: Duration::ZERO, began: false }
    }

    fn begin(&mut self) -> Result<(), TraceError> {
        self.began = true;
        for client in 0..self.all.len() {
            if let Some(item) = self.all[client].next()? {
                self.items[client] = Some(item);
                self.heap.push(Reverse((time(&item), client)));
            }
        }
        Ok(())
    }

    /// The earliest item, replaced by its client's next one.
    fn pop(&mut self) -> Result<Option<Item>, TraceError> {
        let Some(mut first) = self.heap.peek_mut() else { return Ok(None) };
        let client = first.0.1;
        let item = self.items[client].take();
        if let Some(next) = self.all[client].next()? {
            self.items[client] = Some(next);
            first.0.0 = time(&next);
        } else {
            std::collections::binary_heap::PeekMut::pop(first);
        }
        Ok(item)
    }
}

fn time(item: &Item) -> Duration {
    match item {
        Item::Arrival(Arrival { at, .. }) => *at,
        Item::Hole { from, .. } => *from,
    }
}

impl<A: Arrivals> Arrivals for MergedArrivals<A> {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        if !self.began {
            self.begin()?;
        }
        loop {
            match self.pop()? {
                Some(Item::Arrival(a)) if a.at < self.until => {}
                Some(Item::Hole { from, to }) => {
                    let from = from.max(self.until);
                    if from < to {
                        self.until = to;
                        return Ok(Some(Item::Hole { from, to }));
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.all.iter().map(Arrivals::end).try_fold(Duration::ZERO, |latest, end| Some(latest.max(end?)))
    }
}

/// Steps of several clients, summed.
pub struct MergedSteps<S> {
    all: Vec<S>,
    /// What is left of each client's present step.
    parts: Vec<Option<RateStep>>,
    now: Duration,
    began: bool,
}

impl<S: Steps> MergedSteps<S> {
    /// All of them.
    pub fn new(all: Vec<S>) -> MergedSteps<S> {
        let parts = all.iter().map(|_| None).collect();
        MergedSteps { all, parts, now: Duration::ZERO, began: false }
    }

    fn refill(&mut self) -> Result<(), TraceError> {
        for (part, steps) in self.parts.iter_mut().zip(&mut self.all) {
            let past = part.is_some_and(|p| p.to <= self.now);
            if past || !self.began {
                *part = steps.next()?;
                while part.is_some_and(|p| p.to <= self.now) {
                    *part = steps.next()?;
                }
            }
        }
        self.began = true;
        Ok(())
    }
}

impl<S: Steps> Steps for MergedSteps<S> {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        self.refill()?;
        let edges = self.parts.iter().flatten().map(|p| if p.from > self.now { p.from } else { p.to });
        let Some(to) = edges.min() else { return Ok(None) };
        let mut sum = RateStep { from: self.now, to, rate: Some(0.0), gap_scv: 0.0, tokens: (0.0, 0.0) };
        let mut weight = 0.0;
        for part in self.parts.iter().flatten().filter(|p| p.from <= self.now) {
            sum.rate = sum.rate.zip(part.rate).map(|(a, b)| a + b);
            let w = part.rate.unwrap_or(0.0);
            sum.gap_scv += w * part.gap_scv;
            sum.tokens.0 += w * part.tokens.0;
            sum.tokens.1 += w * part.tokens.1;
            weight += w;
        }
        if weight > 0.0 {
            sum.gap_scv /= weight;
            sum.tokens = (sum.tokens.0 / weight, sum.tokens.1 / weight);
        } else {
            sum.gap_scv = 1.0;
        }
        self.now = to;
        Ok(Some(sum))
    }
}

//! How many ready replicas a load needs at each moment.
//!
//! Invariants: at most [`Need::MOST`] steps: longer runs have longer steps, each with the largest need within it.

use std::time::Duration;

/// Needs by step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    step: Duration,
    values: Vec<u32>,
    merged: u32,
}

impl Need {
    /// The most steps that are kept: 4 MiB.
    pub const MOST: usize = 1 << 20;

    /// Needs by steps of a length; zero counts as a nanosecond.
    pub fn new(step: Duration) -> Need {
        Need { step: step.max(Duration::from_nanos(1)), values: Vec::new(), merged: 1 }
    }

    /// Length of a step as it was given.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Length of a step as it is kept.
    pub fn kept_step(&self) -> Duration {
        self.step.saturating_mul(self.merged)
    }

    /// Raises the need of the step at `index` (in steps as given) to at least `replicas`.
    pub fn raise(&mut self, index: u64, replicas: u32) {
        while index / u64::from(self.merged) >= Self::MOST as u64 {
            self.halve();
        }
        let index = (index / u64::from(self.merged)) as usize;
        if index >= self.values.len() {
            self.values.resize(index + 1, 0);
        }
        self.values[index] = self.values[index].max(replicas);
    }

    /// No need is above `replicas`.
    pub(crate) fn cap(&mut self, replicas: u32) {
        self.values.iter_mut().for_each(|need| *need = (*need).min(replicas));
    }

    /// Replicas are kept through what was not recorded: whoever does not know the load lets nobody go.
    pub(crate) fn bridge(&mut self, holes: &[(Duration, Duration)]) {
        for (from, to) in holes {
            let kept = self.at(from.saturating_sub(Duration::from_nanos(1))).0;
            let index = |at: Duration| u64::try_from(at.as_nanos() / self.step.as_nanos()).unwrap_or(u64::MAX);
            // By steps as they are kept, so that a hole of years is no work.
            let (mut step, last) = (index(*from), index(to.saturating_sub(Duration::from_nanos(1))));
            while kept > 0 && step <= last {
                self.raise(step, kept);
                step = step.saturating_add(u64::from(self.merged));
            }
            self.raise(last, kept);
        }
    }

    fn halve(&mut self) {
        self.merged = self.merged.saturating_mul(2);
        self.values = self.values.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
    }

    /// The need at a time, and until when it holds; zero beyond the end.
    pub fn at(&self, at: Duration) -> (u32, Duration) {
        let step = self.kept_step();
        let index = (at.as_nanos() / step.as_nanos()) as usize;
        match self.values.get(index) {
            Some(need) => (*need, step.saturating_mul(u32::try_from(index + 1).unwrap_or(u32::MAX))),
            None => (0, Duration::MAX),
        }
    }

    /// The needs in order, with the time at which each begins.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u32)> + '_ {
        let step = self.kept_step();
        self.values.iter().enumerate().map(move |(i, need)| (step.saturating_mul(u32::try_from(i).unwrap_or(u32::MAX)), *need))
    }
}

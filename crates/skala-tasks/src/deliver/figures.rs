//! What became of a deliverer's attempts, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Ending;

/// Attempts of a deliverer by how they ended, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Attempts that run, or whose end is not on disk yet.
    pub running: u64,
    /// Well.
    pub done: u64,
    /// Badly.
    pub failed: u64,
    /// Handed back: they never reached their worker, or skala stopped.
    pub handed_back: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Figures {
    done: AtomicU64,
    failed: AtomicU64,
    handed_back: AtomicU64,
}

impl Figures {
    pub(crate) fn count(&self, ending: &Ending) {
        let counter = match ending {
            Ending::Done { .. } => &self.done,
            Ending::Failed { .. } => &self.failed,
            Ending::Unbegun => &self.handed_back,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, running: usize) -> Deliveries {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Deliveries {
            running: running as u64,
            done: read(&self.done),
            failed: read(&self.failed),
            handed_back: read(&self.handed_back),
        }
    }
}

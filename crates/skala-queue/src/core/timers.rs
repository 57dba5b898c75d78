//! What is to be done at a time, earliest first.
//!
//! Method: a binary heap whose entries may be outdated: whoever takes one looks whether it still holds. When most are outdated they are
//!   cleared away, so the heap stays in proportion to the tasks that live.
//! Units: 16 bytes an entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use skala_types::Time;

/// Below so many entries nothing is cleared.
const FEW: usize = 1024;

/// Times, each with a task's id or a lease.
#[derive(Debug)]
pub(super) struct Timers<T: Ord>(BinaryHeap<Reverse<(Time, T)>>);

impl<T: Ord> Default for Timers<T> {
    fn default() -> Timers<T> {
        Timers(BinaryHeap::new())
    }
}

impl<T: Ord + Copy> Timers<T> {
    pub(super) fn push(&mut self, at: Time, what: T) {
        self.0.push(Reverse((at, what)));
    }

    /// The earliest time.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.peek().map(|e| e.0.0)
    }

    /// The earliest entry, if its time has come.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, T)> {
        self.0.peek().filter(|e| e.0.0 <= now)?;
        self.0.pop().map(|e| e.0)
    }

    /// Clears outdated entries when there are more than twice as many as `live`.
    pub(super) fn tidy(&mut self, live: usize, mut holds: impl FnMut(Time, T) -> bool) {
        if self.0.len() > FEW + 2 * live {
            self.0.retain(|Reverse((at, what))| holds(*at, *what));
        }
    }
}

//! The earliest of many times, of which most change before they matter.
//!
//! Decides: nothing. A time that no longer holds stays until it is the first, or until half of all are such.
//! Invariants: the first is always one that holds, if [`Marks::tidy`] was called after each change.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use skala_types::Time;

/// So many that no longer hold are always borne.
const SPARE: usize = 64;

/// Times, each of somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(BinaryHeap<Reverse<(Time, u32)>>);

impl Marks {
    pub(super) fn add(&mut self, at: Time, whose: u32) {
        self.0.push(Reverse((at, whose)));
    }

    pub(super) fn first(&self) -> Option<(Time, u32)> {
        self.0.peek().map(|Reverse(first)| *first)
    }

    /// Drops those at the front for which nothing holds. `most`: how many may hold at all.
    pub(super) fn tidy(&mut self, most: usize, holds: impl Fn(Time, u32) -> bool) {
        if self.0.len() > 2 * most + SPARE {
            self.0.retain(|Reverse((at, whose))| holds(*at, *whose));
        }
        while self.first().is_some_and(|(at, whose)| !holds(at, whose)) {
            self.0.pop();
        }
    }
}

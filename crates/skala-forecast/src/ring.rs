//! The newest values of a series on a fixed grid, with unknown ones among them.
//!
//! Decides: which values are still known.
//! Inputs: values with the number of their place on the grid, counted from the epoch.
//! Invariants: memory never grows; values are rounded as they are stored, so a restart changes none.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};

use crate::code;

/// A bounded series; a place is unknown until it is set, and again once it has fallen out.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    values: Vec<f32>,
    end: u64,
}

/// A ring as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedRing {
    end: u64,
    values: String,
}

impl Ring {
    /// A ring of `len` unknown values.
    pub(crate) fn new(len: usize) -> Ring {
        Ring { values: vec![f32::NAN; len], end: 0 }
    }

    /// Place after the newest one.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The oldest place that the ring can hold.
    pub(crate) fn begin(&self) -> u64 {
        self.end.saturating_sub(self.values.len() as u64)
    }

    /// Sets the value at `place`, which must not lie before the newest one; places between become unknown.
    pub(crate) fn push(&mut self, place: u64, value: f64) {
        debug_assert!(place >= self.end, "values come in order");
        let skipped = place.saturating_sub(self.end).min(self.values.len() as u64);
        for gap in place - skipped..place {
            self.put(gap, f32::NAN);
        }
        self.put(place, code::rounded(value));
        self.end = place + 1;
    }

    fn put(&mut self, place: u64, value: f32) {
        let slot = self.slot(place);
        self.values[slot] = value;
    }

    fn slot(&self, place: u64) -> usize {
        (place % self.values.len() as u64) as usize
    }

    /// The value at `place`, when it is known.
    pub(crate) fn get(&self, place: u64) -> Option<f64> {
        if place >= self.end || place < self.begin() {
            return None;
        }
        let value = self.values[self.slot(place)];
        (!value.is_nan()).then_some(f64::from(value))
    }

    /// The ring as it is stored.
    pub(crate) fn save(&self) -> SavedRing {
        let oldest_first = (self.begin()..self.end).map(|place| self.values[self.slot(place)]);
        SavedRing { end: self.end, values: code::to_text(oldest_first) }
    }

    /// The ring that was stored, when it is one of `len` values.
    pub(crate) fn restore(saved: &SavedRing, len: usize) -> Option<Ring> {
        let mut ring = Ring { end: saved.end, ..Ring::new(len) };
        let values = code::from_text(&saved.values, (ring.end - ring.begin()) as usize)?;
        for (place, value) in (ring.begin()..ring.end).zip(values) {
            ring.put(place, value);
        }
        Some(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ring: &Ring) -> Vec<(u64, f64)> {
        (0..ring.end() + 3).filter_map(|place| Some((place, ring.get(place)?))).collect()
    }

    #[test]
    fn the_newest_stay_and_gaps_are_unknown() {
        let mut ring = Ring::new(4);
        for place in [1, 2, 4, 5] {
            ring.push(place, 0.0);
        }
        assert_eq!(known(&ring), [(2, 0.0), (4, 0.0), (5, 0.0)]);
        ring.push(1_000_000_000_000, 0.0);
        assert_eq!(ring.get(5), None);
    }

    #[test]
    fn a_stored_ring_comes_back() {
        let mut ring = Ring::new(4);
        for (place, value) in [(1, 0.3), (2, 7.0), (4, 0.0), (6, 1e9)] {
            ring.push(place, value);
        }
        assert_eq!(known(&Ring::restore(&ring.save(), 4).unwrap()), known(&ring));
        assert!(Ring::restore(&ring.save(), 5).is_none());
    }
}

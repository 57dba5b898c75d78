//! Doubly linked lists of slots.
//!
//! Decides: nothing; 24 bytes per slot, whichever list it is in.
//! Invariants: a slot is in one list at most.

use skala_types::Time;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Slots for which memory is kept when the lists are empty.
const LARGE: usize = 1 << 16;

/// All lists of one queue, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Links(Vec<Link>);

#[derive(Clone, Copy, Debug)]
struct Link {
    since: Time,
    prev: u32,
    next: u32,
    lane: u32,
}

const FREE: Link = Link { since: Time::ZERO, prev: NONE, next: NONE, lane: NONE };
const _: () = assert!(size_of::<Link>() <= 24);

impl Links {
    /// Whether there is memory worth giving back.
    pub(super) fn is_large(&self) -> bool {
        self.0.len() > LARGE
    }

    /// Puts a slot between two neighbours of a lane's list.
    pub(super) fn insert(&mut self, slot: u32, lane: u32, since: Time, prev: u32, next: u32) {
        let index = slot as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, FREE);
        }
        debug_assert!(self.0[index].lane == NONE, "slot {slot} is ready already");
        self.0[index] = Link { since, prev, next, lane };
        self.join(prev, slot);
        self.join(slot, next);
    }

    /// Takes a slot out of its list.
    pub(super) fn remove(&mut self, slot: u32) {
        let Link { prev, next, .. } = std::mem::replace(&mut self.0[slot as usize], FREE);
        self.join(prev, next);
    }

    fn join(&mut self, prev: u32, next: u32) {
        if prev != NONE {
            self.0[prev as usize].next = next;
        }
        if next != NONE {
            self.0[next as usize].prev = prev;
        }
    }

    pub(super) fn lane(&self, slot: u32) -> Option<u32> {
        self.0.get(slot as usize).map(|link| link.lane).filter(|lane| *lane != NONE)
    }

    pub(super) fn since(&self, slot: u32) -> Time {
        self.0[slot as usize].since
    }

    pub(super) fn prev(&self, slot: u32) -> u32 {
        self.0[slot as usize].prev
    }

    pub(super) fn next(&self, slot: u32) -> u32 {
        self.0[slot as usize].next
    }

    /// A slot and those after it.
    pub(super) fn from(&self, slot: u32) -> impl Iterator<Item = u32> {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(some(slot), move |slot| some(self.next(*slot)))
    }

    /// How many come before a slot, at most `most`.
    pub(super) fn before(&self, slot: u32, most: usize) -> usize {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(some(self.prev(slot)), |slot| some(self.prev(*slot))).take(most).count()
    }
}

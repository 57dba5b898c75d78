//! What happens next: events in order of time, those of one moment in the order in which they were planned.
//!
//! Method: a binary heap of packed keys: time (64 bits), sequence (32 bits), event (32 bits). One comparison orders two events, and
//!   an event takes 16 bytes.
//! Invariants: deterministic; the sequence only orders events of one nanosecond, so its wrapping does no harm.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use skala_types::Time;

use crate::stations::Next;

/// Bits of an event's number; the others are its kind.
const NUMBER_BITS: u32 = 28;
/// Most numbers of one kind: requests in service at once.
pub(super) const NUMBERS: usize = 1 << NUMBER_BITS;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A request's service ends.
    Done(u32),
    /// The first in a service's line may have waited too long.
    Expiry(u32),
    /// Some replica of a service ends a phase.
    Life(u32),
    /// The controller looks.
    Look,
    /// The controller looks because a request found no replica.
    Press,
    /// A fault begins.
    Fault(u32),
    /// The time after a hole is known again.
    Sight,
    /// A request that calls something begins on its server.
    Begin(u32),
    /// Something planned for a queue, a provider or a database.
    Station(Next),
}

impl Event {
    fn pack(self) -> u32 {
        let (kind, number) = match self {
            Event::Done(n) => (0, n),
            Event::Expiry(n) => (1, n),
            Event::Life(n) => (2, n),
            Event::Look => (3, 0),
            Event::Press => (4, 0),
            Event::Fault(n) => (5, n),
            Event::Sight => (6, 0),
            Event::Begin(n) => (7, n),
            Event::Station(Next::Step(n)) => (8, n),
            Event::Station(Next::Wake) => (9, 0),
            Event::Station(Next::Fires(n)) => (10, n),
        };
        kind << NUMBER_BITS | number
    }

    fn unpack(packed: u32) -> Event {
        let number = packed & (NUMBERS as u32 - 1);
        match packed >> NUMBER_BITS {
            0 => Event::Done(number),
            1 => Event::Expiry(number),
            2 => Event::Life(number),
            3 => Event::Look,
            4 => Event::Press,
            5 => Event::Fault(number),
            7 => Event::Begin(number),
            8 => Event::Station(Next::Step(number)),
            9 => Event::Station(Next::Wake),
            10 => Event::Station(Next::Fires(number)),
            _ => Event::Sight,
        }
    }
}

/// The events to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<u128>>,
    sequence: u32,
}

impl Queue {
    pub(super) fn push(&mut self, at: Time, event: Event) {
        let key = u128::from(at.as_nanos()) << 64 | u128::from(self.sequence) << 32 | u128::from(event.pack());
        self.sequence = self.sequence.wrapping_add(1);
        self.heap.push(Reverse(key));
    }

    /// When the next event is; [`Time::MAX`] without one.
    pub(super) fn next_at(&self) -> Time {
        self.heap.peek().map_or(Time::MAX, |Reverse(key)| time(*key))
    }

    pub(super) fn pop(&mut self) -> Option<(Time, Event)> {
        let Reverse(key) = self.heap.pop()?;
        Some((time(key), Event::unpack(key as u32)))
    }
}

fn time(key: u128) -> Time {
    Time::from_nanos((key >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_then_of_planning() {
        let mut queue = Queue::default();
        let at = Time::from_secs;
        let planned = [
            (at(5), Event::Done(7)),
            (at(3), Event::Look),
            (at(5), Event::Expiry(1)),
            (at(5), Event::Done(NUMBERS as u32 - 1)),
            (at(9), Event::Sight),
            (at(4), Event::Fault(2)),
            (at(6), Event::Life(3)),
            (at(6), Event::Press),
            (at(7), Event::Begin(4)),
            (at(7), Event::Station(Next::Step(5))),
            (at(7), Event::Station(Next::Wake)),
            (at(8), Event::Station(Next::Fires(8))),
        ];
        planned.iter().for_each(|(t, e)| queue.push(*t, *e));
        let mut sorted = planned;
        sorted.sort_by_key(|(t, _)| *t);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(popped, sorted);
        assert_eq!(queue.next_at(), Time::MAX);
    }
}

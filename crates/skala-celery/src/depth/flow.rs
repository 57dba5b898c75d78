//! Arrivals, departures and the age of the oldest message of one list, from looks at it.
//!
//! Decides: when the message at the head came, though Celery writes no time into it.
//! Inputs: at each look the list's length, and how far from its tail the message lies that was last at the look before.
//! Method: messages come in at the tail, so the old tail's position is the number of arrivals since. With arrivals A and length L,
//!   A - L have left, and the head is number A - L + 1: it came between the two looks whose counts enclose that number.
//! Invariants: at most `POINTS` counts are kept; thinning them makes an age coarser, never wrong by more than the gap.
//! Tested: `tests` below against a simulated list; `tests/it/depth.rs`.

use std::collections::VecDeque;
use std::time::Duration;

use skala_types::Time;

/// Counts that are kept.
const POINTS: usize = 4096;
/// Looks over which rates are taken.
const WINDOW: usize = 30;

/// What is known of a list over time.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// When how many had arrived; the first one is what was there at the first look.
    points: VecDeque<(Time, u64)>,
    /// When how many had arrived and left, and whether that look saw all arrivals.
    window: VecDeque<(Time, u64, u64, bool)>,
    arrived: u64,
    length: u64,
    /// Arrived before the first look.
    before: u64,
}

/// Messages per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// That came.
    pub arrivals: f64,
    /// That left.
    pub departures: f64,
}

impl Flow {
    /// Takes in a look. `behind` is how many messages lie behind the one that was last at the look before; none where that one is
    /// gone or was not looked for. `whole` says that it was looked for over the whole list.
    pub fn look(&mut self, now: Time, length: u64, behind: Option<u64>, whole: bool) {
        let first = self.points.is_empty();
        let had = self.length > 0;
        let (came, exact) = match behind {
            _ if first => (length, false),
            Some(n) => (n.min(length), true),
            // All that was there has left, and what is there came since.
            None if whole && had => (length, false),
            None if !had => (length, false),
            None => (length.saturating_sub(self.length), false),
        };
        self.arrived += came;
        self.length = length;
        if first {
            self.before = length;
        }
        self.points.push_back((now, self.arrived));
        self.window.push_back((now, self.arrived, self.left(), exact));
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        self.forget();
    }

    /// Age of the oldest message, and whether it may be older because it was there at the first look.
    pub fn age(&self, now: Time) -> Option<(Duration, bool)> {
        if self.length == 0 {
            return None;
        }
        let head = self.left() + 1;
        let came = self.points.iter().find(|(_, arrived)| *arrived >= head)?;
        Some((now.since(came.0), head <= self.before))
    }

    /// Rates over the last looks, if all of them saw every arrival.
    pub fn rates(&self) -> Option<Rates> {
        let (first, last) = (self.window.front()?, self.window.back()?);
        let whole = self.window.iter().skip(1).all(|look| look.3);
        let seconds = last.0.since(first.0).as_secs_f64();
        if !whole || seconds <= 0.0 {
            return None;
        }
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        Some(Rates { arrivals: per_second(first.1, last.1), departures: per_second(first.2, last.2) })
    }

    fn left(&self) -> u64 {
        self.arrived.saturating_sub(self.length)
    }

    /// Drops counts that no waiting message needs, then every other one if there are too many.
    fn forget(&mut self) {
        let left = self.left();
        while self.points.len() > 1 && self.points[0].1 <= left {
            self.points.pop_front();
        }
        if self.points.len() > POINTS {
            let mut keep = false;
            let last = self.points.len() - 1;
            let mut i = 0;
            self.points.retain(|_| {
                keep = !keep;
                i += 1;
                keep || i > last
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(1_000 + seconds)
    }

    /// A list as Redis has it: arrival times from head to tail.
    #[derive(Default)]
    struct List {
        messages: VecDeque<(u64, u64)>,
        next: u64,
        tail: Option<u64>,
    }

    impl List {
        fn second(&mut self, now: u64, came: u64, left: u64) {
            for _ in 0..left {
                self.messages.pop_front();
            }
            for _ in 0..came {
                self.messages.push_back((self.next, now));
                self.next += 1;
            }
        }

        fn look(&mut self, flow: &mut Flow, now: u64) {
            let behind = self.tail.and_then(|tail| {
                let place = self.messages.iter().rev().position(|m| m.0 == tail)?;
                Some(place as u64)
            });
            flow.look(at(now), self.messages.len() as u64, behind, true);
            self.tail = self.messages.back().map(|m| m.0);
        }
    }

    proptest! {
        #[test]
        fn ages_are_true_to_one_look(steps in proptest::collection::vec((0..20u64, 0..20u64), 1..200)) {
            let (mut list, mut flow) = (List::default(), Flow::default());
            for (now, (came, left)) in steps.into_iter().enumerate() {
                let now = now as u64;
                list.second(now, came, left);
                list.look(&mut flow, now);
                let age = list.messages.front().map(|m| now - m.1);
                prop_assert_eq!(flow.age(at(now)).map(|a| a.0.as_secs()), age);
            }
        }

        #[test]
        fn counts_are_bounded(lengths in proptest::collection::vec(0..1000u64, 0..50)) {
            let mut flow = Flow::default();
            for (i, length) in lengths.into_iter().cycle().take(10_000).enumerate() {
                flow.look(at(i as u64), length, Some(3), false);
                prop_assert!(flow.points.len() <= POINTS + 1 && flow.window.len() <= WINDOW);
            }
        }
    }

    #[test]
    fn rates_need_a_backlog() {
        let (mut list, mut flow) = (List::default(), Flow::default());
        list.second(0, 100, 0);
        list.look(&mut flow, 0);
        for now in 1..=10 {
            list.second(now, 5, 7);
            list.look(&mut flow, now);
        }
        assert_eq!(flow.rates(), Some(Rates { arrivals: 5.0, departures: 7.0 }));
        assert_eq!(flow.age(at(10)), Some((Duration::from_secs(10), true)));
        list.second(11, 5, 1000);
        list.look(&mut flow, 11);
        assert_eq!((flow.rates(), flow.age(at(11))), (None, Some((Duration::ZERO, false))));
    }
}

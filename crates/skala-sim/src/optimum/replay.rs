//! Single requests through a pool of servers whose size is known for all times: a station without a control loop.
//!
//! Method: first come, first served; a heap of the times at which the servers that were used fall free. Servers that are taken away
//!   are idle ones, then those that fall free first, and they finish what they have.
//! Invariants: a request begins at the earliest moment at which a server is free and nobody is before it; whoever would wait longer than
//!   the station allows is refused; memory is that of the requests in service, however many servers there are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use skala_balance::Settings;

/// A request's fate: when it arrived, how long it waited, and its service time; none when it was refused. Nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) arrived: u64,
    pub(super) wait: u64,
    pub(super) service: Option<u64>,
}

/// The pool.
#[derive(Clone, Debug)]
pub(super) struct Replay<'a> {
    /// Sizes in servers, by time.
    changes: &'a [(u64, u64)],
    next: usize,
    servers: u64,
    /// The last time at which there came more: until then, those beyond `used` were not there.
    grown: u64,
    /// When each server that was used falls free, or fell.
    used: BinaryHeap<Reverse<u64>>,
    line: VecDeque<(u64, u64)>,
    max_waiting: usize,
    max_wait: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn new(changes: &'a [(u64, u64)], station: &Settings) -> Replay<'a> {
        let max_wait = u64::try_from(station.max_wait.as_nanos()).unwrap_or(u64::MAX);
        let (used, line) = (BinaryHeap::new(), VecDeque::new());
        Replay { changes, next: 0, servers: 0, grown: 0, used, line, max_waiting: station.max_waiting, max_wait }
    }

    /// A request arrives.
    pub(super) fn arrive(&mut self, at: u64, service: u64, told: &mut dyn FnMut(Fate)) {
        self.until(at, told);
        let free_now = self.line.is_empty() && self.free_at() <= at;
        if !free_now && self.line.len() >= self.max_waiting {
            told(Fate { arrived: at, wait: 0, service: None });
            return;
        }
        self.line.push_back((at, service));
        self.dispatch(at, told);
    }

    /// Lets everything happen until `to`.
    pub(super) fn until(&mut self, to: u64, told: &mut dyn FnMut(Fate)) {
        while let Some(&(at, servers)) = self.changes.get(self.next).filter(|c| c.0 <= to) {
            self.next += 1;
            self.dispatch(at, told);
            if servers > self.servers {
                self.grown = at;
            }
            self.servers = servers;
            while self.used.len() as u64 > servers {
                self.used.pop();
            }
        }
        self.dispatch(to, told);
    }

    /// The earliest time at which somebody could begin. A server that nobody used is free since the last growth: had there been one
    /// before it, nobody would be waiting from that time.
    fn free_at(&self) -> u64 {
        let unused = if (self.used.len() as u64) < self.servers { self.grown } else { u64::MAX };
        self.used.peek().map_or(unused, |used| used.0.min(unused))
    }

    /// Those begin who can until `to`.
    fn dispatch(&mut self, to: u64, told: &mut dyn FnMut(Fate)) {
        while let Some(&(arrived, service)) = self.line.front() {
            let free = self.free_at();
            let begins = free.max(arrived);
            let deadline = arrived.saturating_add(self.max_wait);
            if begins.min(deadline) > to {
                return;
            }
            self.line.pop_front();
            if begins > deadline {
                told(Fate { arrived, wait: self.max_wait, service: None });
                continue;
            }
            if self.used.peek().is_some_and(|used| used.0 == free) {
                self.used.pop();
            }
            self.used.push(Reverse(begins.saturating_add(service)));
            told(Fate { arrived, wait: begins - arrived, service: Some(service) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_wait_for_servers_that_come_and_go() {
        let changes = [(0, 1), (50, 2), (100, 1)];
        let station = Settings { max_waiting: 2, max_wait: std::time::Duration::from_nanos(60), ..Settings::default() };
        let mut replay = Replay::new(&changes, &station);
        let mut fates = Vec::new();
        for at in [0, 10, 20, 30, 100, 101] {
            replay.arrive(at, 80, &mut |f| fates.push((f.arrived, f.wait, f.service.is_some())));
        }
        replay.until(1000, &mut |f| fates.push((f.arrived, f.wait, f.service.is_some())));
        // The fourth finds the room full; the second server serves the second; the fifth gets what is left after the third.
        let expected = [(0, 0, true), (30, 0, false), (10, 40, true), (20, 60, true), (100, 60, true), (101, 60, false)];
        assert_eq!(fates, expected);
    }
}

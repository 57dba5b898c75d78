//! A free port of 127.0.0.1 for each start of a replica.
//!
//! Decides: which port the next process gets.
//! Method: walks round the ports below the kernel's ephemeral range, where no outgoing connection can take one between the choice
//! and the process's bind, and never gives one again soon, so that nobody's kept-alive connection meets another replica.
//! Invariants: never a port in use, reserved, or that anybody listens on, skala included.
//! Tested: `tests` below.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;

/// Lowest port given out; below it live the well-known services.
const LOWEST: u16 = 12_000;
/// Start of the ephemeral range where the kernel does not tell; Linux's default.
const DEFAULT_EPHEMERAL: u16 = 32_768;

/// The ports that replicas may have.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    next: u16,
    taken: BTreeSet<u16>,
    reserved: BTreeSet<u16>,
}

impl Ports {
    /// Prepares the range below the ephemeral ports; `seed` chooses where to begin.
    pub(super) fn new(reserved: BTreeSet<u16>, seed: u64) -> Ports {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let ephemeral = text.split_ascii_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(DEFAULT_EPHEMERAL);
        let range = if ephemeral > LOWEST + 1_000 { LOWEST..=ephemeral - 1 } else { LOWEST..=u16::MAX };
        Ports::within(range, reserved, seed)
    }

    fn within(range: RangeInclusive<u16>, reserved: BTreeSet<u16>, seed: u64) -> Ports {
        let offset = u16::try_from(seed % range.len() as u64).expect("a remainder of at most 65535 ports");
        Ports { next: range.start() + offset, range, taken: BTreeSet::new(), reserved }
    }

    /// Takes the next free port.
    ///
    /// # Errors
    /// When none is free.
    pub(super) fn take(&mut self) -> io::Result<u16> {
        for _ in 0..self.range.len() {
            let port = self.next;
            self.next = if port >= *self.range.end() { *self.range.start() } else { port + 1 };
            if !self.taken.contains(&port) && !self.reserved.contains(&port) && is_free(port) {
                self.taken.insert(port);
                return Ok(port);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port in {:?}", self.range)))
    }

    /// Gives a port back once its process is gone.
    pub(super) fn give_back(&mut self, port: u16) {
        self.taken.remove(&port);
    }
}

/// Whether a server could listen there now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_round_and_skip_what_is_used() {
        // Three neighbours that are free now, somewhere in a range that the test has to itself.
        let start = (40_000..60_000).step_by(7).find(|p| (0..4).all(|i| is_free(p + i))).expect("four free ports");
        let mut ports = Ports::within(start..=start + 3, BTreeSet::from([start + 1]), 0);
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, start + 2)).unwrap();
        assert_eq!(ports.take().unwrap(), start);
        assert_eq!(ports.take().unwrap(), start + 3);
        assert!(ports.take().is_err());
        ports.give_back(start);
        drop(listener);
        assert_eq!(ports.take().unwrap(), start);
    }
}

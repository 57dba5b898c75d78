//! Ports for tests that need the same one twice: reserved among all tests of this machine until dropped.
//!
//! Method: one lock file per port in the temporary folder, held as long as the value lives; the ports lie below those that the
//! kernel gives to outgoing connections.

use std::fs::File;
use std::net::TcpListener;

/// Ports that are given out: below the kernel's own range, above the well-known ones.
const RANGE: std::ops::Range<u16> = 21_000..29_000;

/// A port of 127.0.0.1 that no other test is given.
#[derive(Debug)]
pub struct Reserved {
    port: u16,
    _lock: File,
}

impl Reserved {
    /// Reserves a port on which nobody listens.
    ///
    /// # Panics
    /// When every port of the range is taken.
    pub fn new() -> Reserved {
        let folder = std::env::temp_dir().join("skala-test-ports");
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let first = std::process::id() as u16 % (RANGE.end - RANGE.start);
        let middle = RANGE.start + first;
        for port in (middle..RANGE.end).chain(RANGE.start..middle) {
            let Ok(lock) = File::create(folder.join(port.to_string())) else { continue };
            if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return Reserved { port, _lock: lock };
            }
        }
        panic!("no port between {} and {} is free", RANGE.start, RANGE.end);
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Default for Reserved {
    fn default() -> Reserved {
        Reserved::new()
    }
}

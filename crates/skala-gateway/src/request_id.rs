//! Names for requests that come without one.
//!
//! Method: 64 random bits per thread and a counter mixed by splitmix64 (Steele, Lea, Flood 2014), which is a bijection, so ids of
//! one thread never repeat. Unique, not secret.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// The longest id that is kept.
const MAX: usize = 96;

/// An id as text, without allocation.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    bytes: [u8; MAX],
    len: u8,
}

impl RequestId {
    /// Keeps a client's id, which is ASCII and at most 96 bytes long.
    pub(crate) fn keep(id: &str) -> RequestId {
        let len = id.len().min(MAX);
        let mut bytes = [0; MAX];
        bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
        RequestId { bytes, len: len as u8 }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// The source of one thread.
#[derive(Debug)]
pub(crate) struct RequestIds {
    thread: u64,
    next: Cell<u64>,
}

impl RequestIds {
    pub(crate) fn new() -> RequestIds {
        // The standard library's hasher keys are the one source of randomness that needs no dependency.
        let random = || RandomState::new().hash_one(0u8);
        RequestIds { thread: random(), next: Cell::new(random()) }
    }

    /// A new id: 32 hex digits.
    pub(crate) fn generate(&self) -> RequestId {
        let n = self.next.get();
        self.next.set(n.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut bytes = [0; MAX];
        hex(self.thread, &mut bytes[..16]);
        hex(mix(n), &mut bytes[16..32]);
        RequestId { bytes, len: 32 }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hex(n: u64, out: &mut [u8]) {
    for (i, digit) in out.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(n >> (60 - 4 * i)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_and_are_hex() {
        let (a, b) = (RequestIds::new(), RequestIds::new());
        let ids: BTreeSet<String> =
            (0..1000).flat_map(|_| [a.generate(), b.generate()]).map(|id| id.as_str().to_owned()).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_eq!(RequestId::keep("abc").as_str(), "abc");
    }
}

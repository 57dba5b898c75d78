//! A table of slots that finds one by the hash of what lies in it.
//!
//! Method: 256 open-addressing tables by the upper bits of the hash, so that growing moves one part in 256 at a time: with ten
//!   million tasks a step takes milliseconds, not a second. Only the slot's number is stored (5 to 10 bytes), what it is compared by
//!   lies in the slot.
//! Invariants: the same slot is entered once; a hash never changes while its slot is entered.
//! Tested: `tests` below.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

const SHARDS: usize = 256;

/// Slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<HashTable<u32>>,
}

impl Default for Index {
    fn default() -> Index {
        Index { shards: (0..SHARDS).map(|_| HashTable::new()).collect() }
    }
}

impl Index {
    /// The slot of this hash that `is` it.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        self.shards[shard(hash)].find(hash, |slot| is(*slot)).copied()
    }

    /// Enters a slot that is not entered yet; `hash_of` gives the hash of slots that move.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        self.shards[shard(hash)].insert_unique(hash, slot, |slot| hash_of(*slot));
    }

    /// Takes a slot out, if it is there.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        if let Ok(found) = self.shards[shard(hash)].find_entry(hash, |s| *s == slot) {
            found.remove();
        }
    }
}

/// The tables inside use the lowest and the seven highest bits, so these come from the middle.
#[inline]
fn shard(hash: u64) -> usize {
    (hash >> 32) as usize & (SHARDS - 1)
}

/// Spreads a number over 64 bits (the finaliser of SplitMix64). For numbers that skala itself gives out.
#[inline]
pub(super) fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Hashes small keys that skala itself gives out, the same in every process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fixed;

impl BuildHasher for Fixed {
    type Hasher = FixedHasher;
    fn build_hasher(&self) -> FixedHasher {
        FixedHasher(0)
    }
}

/// See [`Fixed`].
#[derive(Debug)]
pub(crate) struct FixedHasher(u64);

impl Hasher for FixedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = mix(self.0.rotate_left(5) ^ n.wrapping_add(0x9e37_79b9_7f4a_7c15));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_found_until_it_is_taken_out() {
        let ids: Vec<u64> = (0..20_000).map(|n| n * 7 + 1).collect();
        let mut index = Index::default();
        for (slot, id) in ids.iter().enumerate() {
            index.insert(mix(*id), slot as u32, |s| mix(ids[s as usize]));
        }
        for slot in (0..20_000).step_by(3) {
            index.remove(mix(ids[slot]), slot as u32);
        }
        for (slot, id) in ids.iter().enumerate() {
            let found = index.find(mix(*id), |s| ids[s as usize] == *id);
            assert_eq!(found, (slot % 3 != 0).then_some(slot as u32));
        }
        assert_eq!(index.find(mix(5), |s| ids[s as usize] == 5), None);
    }
}

//! Which keys are held, by which tasks.
//!
//! Decides: whether a task is known by its key.
//! Method: 128 bits of a hash with a secret stand for (queue, tenant, text): two keys that meet are as likely as a broken disk.
//!   Windows of a queue end in the order in which they began, so the oldest are looked at first, a few per call.
//! Invariants: a key that holds for a window is gone when the wall clock passes its end, whether it was cleared away or not.
//! Units: about 75 bytes a key.
//! Tested: `tests/it/keys.rs`.

use std::collections::VecDeque;

use skala_types::Time;

use super::index::Index;
use super::siphash::{self, Secret};
use super::slab::NONE;
use crate::{Holds, QueueId, TaskId};

/// A key that is held.
#[derive(Clone, Copy, Debug)]
struct Held {
    hash: u128,
    id: u64,
    until: Time,
    queue: QueueId,
    holds: Holds,
}

/// All keys.
#[derive(Debug)]
pub(super) struct Keys {
    secret: Secret,
    held: Vec<Held>,
    free: Vec<u32>,
    by_hash: Index,
    /// By queue: when windows end, oldest first.
    windows: Vec<VecDeque<(Time, u32)>>,
    counts: Vec<usize>,
    scratch: Vec<u8>,
}

impl Keys {
    pub(super) fn new(secret: Secret) -> Keys {
        Keys {
            secret,
            held: Vec::new(),
            free: Vec::new(),
            by_hash: Index::default(),
            windows: Vec::new(),
            counts: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// What stands for a key.
    pub(super) fn hash(&mut self, queue: QueueId, tenant: &str, text: &str) -> u128 {
        self.scratch.clear();
        self.scratch.extend_from_slice(&queue.0.to_le_bytes());
        self.scratch.extend_from_slice(&(tenant.len() as u32).to_le_bytes());
        self.scratch.extend_from_slice(tenant.as_bytes());
        self.scratch.extend_from_slice(text.as_bytes());
        siphash::hash(self.secret, &self.scratch)
    }

    /// Keys that a queue holds.
    pub(super) fn count(&self, queue: QueueId) -> usize {
        self.counts.get(usize::from(queue.0)).copied().unwrap_or(0)
    }

    /// Who holds a key.
    pub(super) fn holder(&self, hash: u128, wall: Time) -> Option<TaskId> {
        let held = &self.held[self.find(hash)? as usize];
        (held.holds != Holds::Window || held.until > wall).then_some(TaskId(held.id))
    }

    fn find(&self, hash: u128) -> Option<u32> {
        self.by_hash.find(hash as u64, |slot| self.held[slot as usize].hash == hash)
    }

    /// Gives a key to a task. Whoever held it before no longer does.
    pub(super) fn hold(&mut self, hash: u128, id: TaskId, queue: QueueId, holds: Holds, until: Time) {
        self.release(hash, None);
        let held = Held { hash, id: id.0, until, queue, holds };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.held[slot as usize] = held;
                slot
            }
            None => {
                self.held.push(held);
                self.held.len() as u32 - 1
            }
        };
        self.by_hash.insert(hash as u64, slot, |s| self.held[s as usize].hash as u64);
        self.room_for(queue);
        self.counts[usize::from(queue.0)] += 1;
        if holds == Holds::Window {
            self.windows[usize::from(queue.0)].push_back((until, slot));
        }
    }

    fn room_for(&mut self, queue: QueueId) {
        let needed = usize::from(queue.0) + 1;
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
            self.windows.resize_with(needed, VecDeque::new);
        }
    }

    /// The key is free, if `of` holds it, or whoever does.
    pub(super) fn release(&mut self, hash: u128, of: Option<TaskId>) {
        let Some(slot) = self.find(hash) else { return };
        if of.is_none_or(|of| self.held[slot as usize].id == of.0) {
            self.remove(slot);
        }
    }

    fn remove(&mut self, slot: u32) {
        let held = &mut self.held[slot as usize];
        self.by_hash.remove(held.hash as u64, slot);
        self.counts[usize::from(held.queue.0)] -= 1;
        held.id = 0;
        // Never equal to the end of a window that is still in the list.
        held.until = Time::ZERO;
        self.free.push(slot);
    }

    /// Clears at most `most` windows of a queue that are over. Whether there may be more.
    pub(super) fn expire(&mut self, queue: QueueId, wall: Time, most: usize) -> bool {
        self.room_for(queue);
        for _ in 0..most {
            let windows = &mut self.windows[usize::from(queue.0)];
            let Some((until, slot)) = windows.front().copied().filter(|w| w.0 <= wall) else { return false };
            windows.pop_front();
            let held = &self.held[slot as usize];
            if slot != NONE && held.until == until && held.queue == queue && held.holds == Holds::Window {
                self.remove(slot);
            }
        }
        true
    }

    /// When the next window ends.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.windows.iter().filter_map(|w| w.front()).map(|w| w.0).min()
    }
}

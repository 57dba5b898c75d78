//! What was answered lately: ends of leases and tasks, and effects.
//!
//! Decides: whether a repeated answer of a worker is the one that was given, and how a task that a new one waits for has ended.
//! Method: the last quarter of a million ends; older ones are the store's to know.

use std::collections::VecDeque;

use indexmap::IndexMap;

use super::index::Fixed;
use crate::{Fence, Phase, TaskId};

/// Ends that are remembered: 13 s at 20,000 a second, minutes at a thousand.
const MOST: usize = 1 << 18;

/// What a worker said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It has succeeded.
    Ack,
    /// It has failed, or handed back.
    Nack,
    /// Nothing: the lease was void before.
    Nothing,
}

/// The last that is known of a task's lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) fence: Fence,
    pub(super) said: Said,
    /// How the task ended; none: it has not.
    pub(super) ended: Option<Phase>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Recent {
    most: usize,
    by_id: IndexMap<u64, (Last, u32), Fixed>,
    order: VecDeque<(u64, u32)>,
    turn: u32,
}

impl Default for Recent {
    fn default() -> Recent {
        Recent { most: MOST, by_id: IndexMap::default(), order: VecDeque::new(), turn: 0 }
    }
}

impl Recent {
    /// Remembers at most so many.
    pub(super) fn keep(&mut self, most: usize) {
        self.most = most.min(MOST);
        while self.order.len() > self.most {
            self.drop_oldest();
        }
    }

    pub(super) fn get(&self, id: TaskId) -> Option<Last> {
        self.by_id.get(&id.0).map(|l| l.0)
    }

    pub(super) fn put(&mut self, id: TaskId, last: Last) {
        self.note(id, last);
        // Two out for one in: loading may have put in more than the bound.
        self.drop_oldest();
        self.drop_oldest();
    }

    /// Notes without a bound, while a store is loaded.
    pub(super) fn note(&mut self, id: TaskId, last: Last) {
        self.turn = self.turn.wrapping_add(1);
        self.by_id.insert(id.0, (last, self.turn));
        self.order.push_back((id.0, self.turn));
    }

    fn drop_oldest(&mut self) {
        if self.order.len() <= self.most {
            return;
        }
        let Some((id, turn)) = self.order.pop_front() else { return };
        if self.by_id.get(&id).is_some_and(|l| l.1 == turn) {
            self.by_id.swap_remove(&id);
        }
    }

    /// Forgets a task that begins anew.
    pub(super) fn forget(&mut self, id: TaskId) {
        self.by_id.swap_remove(&id.0);
    }
}

/// Effects of late, by the hash of their keys.
#[derive(Debug, Default)]
pub(super) struct Effects {
    by_hash: IndexMap<u128, TaskId, Fixed>,
    order: VecDeque<u128>,
}

impl Effects {
    /// Whether the effect is a new one.
    pub(super) fn take_place(&mut self, hash: u128, task: TaskId) -> bool {
        if self.by_hash.contains_key(&hash) {
            return false;
        }
        self.by_hash.insert(hash, task);
        self.order.push_back(hash);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_hash.swap_remove(&oldest);
        }
        true
    }
}

//! Tasks that have not ended, each in a numbered slot, found by id.
//!
//! Units: 96 bytes a task; what few tasks have lies apart ([`More`]).
//! Invariants: a slot is given out again only after its task was taken out.
//! Tested: by everything in `tests/it`; the memory by `examples/core_memory.rs`.

use std::time::Duration;

use skala_types::{Text, Time};

use super::index::{Index, mix};
use crate::{After, Death, Holds, Phase, Progressed, QueueId, TaskId};

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A task that has not ended.
#[derive(Debug)]
pub(super) struct Task {
    /// Which; 0: the slot is free.
    pub(super) id: u64,
    /// When it was enqueued, by the wall clock.
    pub(super) created: Time,
    /// When it was due first, by the wall clock.
    pub(super) due: Time,
    /// When it is or was due for the coming attempt, by the wall clock.
    pub(super) next: Time,
    /// The group of changes that its row was last changed by.
    pub(super) seq: u64,
    /// Estimated cost in micros.
    pub(super) cost: u64,
    /// What few tasks have.
    pub(super) more: Option<Box<More>>,
    /// Longest attempt.
    pub(super) timeout_ms: u32,
    /// Its number among tenants.
    pub(super) tenant: u32,
    /// Leased: the lease's slot. Ready: its place in the ready set. Free: the next free slot.
    pub(super) place: u32,
    /// Attempts that ended.
    pub(super) attempts: u32,
    /// Leases that were lost.
    pub(super) losses: u16,
    /// Attempts in all.
    pub(super) limit: u16,
    /// Its queue.
    pub(super) queue: QueueId,
    /// 0 to 10.
    pub(super) priority: u8,
    /// Where it is.
    pub(super) phase: Phase,
    /// Ready, and in the ready set: its row is committed.
    pub(super) queued: bool,
}

/// What few tasks have.
#[derive(Debug, Default)]
pub(super) struct More {
    pub(super) key: Option<HeldKey>,
    pub(super) expires: Option<Time>,
    pub(super) flow: Option<Box<Flow>>,
    pub(super) schedule: Option<Text>,
    /// Micros that its attempts cost so far.
    pub(super) spent: u64,
    /// How the last attempt ended.
    pub(super) death: Option<Box<Death>>,
}

/// The key of a task.
#[derive(Debug)]
pub(super) struct HeldKey {
    pub(super) hash: u128,
    pub(super) holds: Holds,
    /// Kept where the store must be told that it no longer holds.
    pub(super) text: Option<Text>,
}

/// Tasks that it waits for, and that wait for it.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// All of them, ended ones too.
    pub(super) parents: Vec<After>,
    /// Parents that must end, well or anyhow, and have not.
    pub(super) needed: u32,
    /// Parents one of which must fail, and that have not ended.
    pub(super) chances: u32,
    /// One of them has.
    pub(super) failed: bool,
    /// A parent that must be done is not.
    pub(super) hopeless: bool,
    /// Tasks that wait for this one.
    pub(super) children: Vec<u64>,
}

impl Task {
    pub(super) fn id(&self) -> TaskId {
        TaskId(self.id)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout_ms))
    }

    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    pub(super) fn flow(&mut self) -> &mut Flow {
        self.more().flow.get_or_insert_default()
    }

    pub(super) fn children(&self) -> &[u64] {
        self.more.as_ref().and_then(|m| m.flow.as_ref()).map_or(&[], |f| &f.children)
    }

    pub(super) fn parents(&self) -> &[After] {
        self.more.as_ref().and_then(|m| m.flow.as_ref()).map_or(&[], |f| &f.parents)
    }

    pub(super) fn spent(&self) -> u64 {
        self.more.as_ref().map_or(0, |m| m.spent)
    }

    pub(super) fn death(&self) -> Option<&Death> {
        self.more.as_ref()?.death.as_deref()
    }

    /// What its row says, in this phase.
    pub(super) fn progressed(&self, phase: Phase) -> Progressed {
        Progressed {
            phase,
            due: self.next,
            attempts: self.attempts,
            losses: u32::from(self.losses),
            spent: self.spent(),
            death: self.death().cloned(),
        }
    }

    /// Whether no attempt of it ever began.
    pub(super) fn unbegun(&self) -> bool {
        self.attempts == 0 && self.losses == 0
    }
}

/// The tasks.
#[derive(Debug)]
pub(super) struct Slab {
    slots: Vec<Task>,
    free: u32,
    len: usize,
    by_id: Index,
}

impl Default for Slab {
    fn default() -> Slab {
        Slab { slots: Vec::new(), free: NONE, len: 0, by_id: Index::default() }
    }
}

impl Slab {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Slots there are, free ones included.
    pub(super) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The slot of a task.
    #[inline]
    pub(super) fn find(&self, id: TaskId) -> Option<u32> {
        self.by_id.find(mix(id.0), |slot| self.slots[slot as usize].id == id.0)
    }

    /// The task of a slot that is not free.
    #[inline]
    pub(super) fn occupied(&self, slot: u32) -> Option<&Task> {
        self.slots.get(slot as usize).filter(|t| t.id != 0)
    }

    /// Puts a task in.
    pub(super) fn insert(&mut self, task: Task) -> u32 {
        let id = task.id;
        let slot = self.free;
        let slot = if slot == NONE {
            self.slots.push(task);
            self.slots.len() as u32 - 1
        } else {
            self.free = self.slots[slot as usize].place;
            self.slots[slot as usize] = task;
            slot
        };
        self.len += 1;
        self.by_id.insert(mix(id), slot, |s| mix(self.slots[s as usize].id));
        slot
    }

    /// Takes a task out; its slot is free then.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<More>> {
        let task = &mut self.slots[slot as usize];
        self.by_id.remove(mix(task.id), slot);
        task.id = 0;
        task.place = self.free;
        self.free = slot;
        self.len -= 1;
        task.more.take()
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Task;
    #[inline]
    fn index(&self, slot: u32) -> &Task {
        &self.slots[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Slab {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Task {
        &mut self.slots[slot as usize]
    }
}

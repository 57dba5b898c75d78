//! Tasks of some queues in memory, everything else in another store.
//!
//! Decides: where a change belongs, by the queue of its task.
//! Method: a group whose changes all concern queues in memory touches no disk. What is not a task's (effects, money, pauses, occurrences) is
//!   always the other store's. The tasks in memory are gone with the process, and with the lead.
//! Tested: the conformance suite, and `tests/it/layered.rs`.

use std::collections::HashSet;

use bytes::Bytes;
use skala_queue::{Change, Durability, Firing, Keep, Label, QueueSettings, Restored, TaskId};
use skala_types::{Text, Time};

use super::{Candidate, Filter, Leadership, Loaded, MemoryStore, Reader, Store, StoreError, Stored};

/// A store, and memory for the queues of `durability: memory`.
pub struct LayeredStore {
    disk: Box<dyn Store>,
    memory: MemoryStore,
    queues: HashSet<Text>,
}

impl LayeredStore {
    /// Keeps the tasks of these queues in memory alone, and everything else in `disk`.
    pub fn over(disk: Box<dyn Store>, in_memory: impl IntoIterator<Item = Text>) -> LayeredStore {
        LayeredStore { disk, memory: MemoryStore::new(), queues: in_memory.into_iter().collect() }
    }

    /// Keeps the queues of `durability: memory` in memory; `disk` as it is when there are none.
    pub fn of_queues(disk: Box<dyn Store>, queues: &[QueueSettings]) -> Box<dyn Store> {
        let in_memory: Vec<Text> = queues.iter().filter(|q| q.durability == Durability::Memory).map(|q| q.name.clone()).collect();
        if in_memory.is_empty() { disk } else { Box::new(LayeredStore::over(disk, in_memory)) }
    }

    /// Splits changes, each half in its order.
    fn split(&self, changes: &[Change]) -> (Vec<Change>, Vec<Change>) {
        let mut new = HashSet::new();
        let (mut memory, mut disk) = (Vec::new(), Vec::new());
        for change in changes {
            let is_in_memory = match change {
                Change::Insert(row, _) => self.queues.contains(&row.queue) && new.insert(row.id),
                Change::Finish(ended) => new.contains(&ended.id) || self.memory.has(ended.id),
                Change::Update(id, _) | Change::Revive(id, _) | Change::Delete(id) | Change::Unkey { task: id, .. } => {
                    new.contains(id) || self.memory.has(*id)
                }
                Change::Effect { .. } | Change::Paused(..) | Change::Spent(..) | Change::Fired(_) | Change::Schedule(..) => false,
            };
            if is_in_memory { &mut memory } else { &mut disk }.push(change.clone());
        }
        (memory, disk)
    }
}

impl Store for LayeredStore {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        let leadership = self.disk.lead(me, expected)?;
        if matches!(leadership, Leadership::Leads { .. }) {
            self.memory.begin_anew(me);
        }
        Ok(leadership)
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        self.disk.beat()
    }

    fn resign(&mut self) -> Result<(), StoreError> {
        self.disk.resign()
    }

    fn restored(&mut self, now: Time) -> Result<Restored, StoreError> {
        self.disk.restored(now)
    }

    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        self.disk.load(now, each)
    }

    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        if self.queues.is_empty() {
            return self.disk.commit(changes, durability);
        }
        let (memory, disk) = self.split(changes);
        // The disk first: when it has no room, nothing has happened.
        if !disk.is_empty() || memory.is_empty() {
            self.disk.commit(&disk, durability)?;
        }
        self.memory.commit(&memory, Durability::Memory)
    }

    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        Ok(self.disk.sweep(now, keep)? | self.memory.sweep(now, keep)?)
    }

    fn log_bytes(&self) -> u64 {
        self.disk.log_bytes()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(LayeredReader { disk: self.disk.reader()?, memory: self.memory.again() }))
    }
}

/// Reads memory first, then the other store.
struct LayeredReader {
    disk: Box<dyn Reader>,
    memory: MemoryStore,
}

impl Reader for LayeredReader {
    fn bodies(&mut self, ids: &[TaskId]) -> Result<Vec<Option<(Label, Bytes)>>, StoreError> {
        let mut bodies = self.memory.bodies(ids)?;
        let missing: Vec<usize> = (0..ids.len()).filter(|at| bodies[*at].is_none()).collect();
        if missing.is_empty() {
            return Ok(bodies);
        }
        let wanted: Vec<TaskId> = missing.iter().map(|at| ids[*at]).collect();
        for (at, body) in missing.into_iter().zip(self.disk.bodies(&wanted)?) {
            bodies[at] = body;
        }
        Ok(bodies)
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Stored>, StoreError> {
        let here = self.memory.task(id)?;
        if here.is_some() { Ok(here) } else { self.disk.task(id) }
    }

    fn result(&mut self, id: TaskId) -> Result<Option<Bytes>, StoreError> {
        let here = self.memory.result(id)?;
        if here.is_some() { Ok(here) } else { self.disk.result(id) }
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        let mut all = self.memory.list(filter)?;
        all.extend(self.disk.list(filter)?);
        all.sort_by_key(|stored| std::cmp::Reverse(stored.row.id));
        all.truncate(filter.most);
        Ok(all)
    }

    fn firings(&mut self, schedule: &str, most: usize) -> Result<Vec<Firing>, StoreError> {
        self.disk.firings(schedule, most)
    }

    fn effect(&mut self, key: &str) -> Result<Option<TaskId>, StoreError> {
        self.disk.effect(key)
    }
}

//! A store in memory: for queues of `durability: memory`, for tests, and as the model that other stores are compared with.
//!
//! Method: ordered maps behind a lock. What is stored lives as long as any handle to it; a second handle ([`MemoryStore::again`]) stands
//!   for a second process.
//! Invariants: as of [`super`].
//! Tested: `tests/it/conformance`.

mod apply;
mod leader;
mod read;
mod sweep;

pub(super) use apply::parents;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use skala_queue::{Account, Change, Durability, Firing, Keep, Restored, Row, ScheduleRow, TaskId};
use skala_types::{Text, Time};

use self::leader::Leader;
use super::{Candidate, Leadership, Loaded, Reader, Store, StoreError};

/// A handle to a store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Data>>,
    epoch: Option<u32>,
}

#[derive(Debug, Default)]
struct Data {
    leader: Leader,
    live: BTreeMap<TaskId, Live>,
    ended: BTreeMap<TaskId, Gone>,
    /// Ended tasks in the order in which they are forgotten: queue, whether only the key is kept, until when.
    order: BTreeSet<(Text, bool, Time, TaskId)>,
    /// By queue: ended tasks that are kept whole.
    whole: HashMap<Text, usize>,
    /// Who waits for whom: parent, child.
    waits: BTreeSet<(TaskId, TaskId)>,
    effects: BTreeMap<Text, (TaskId, Time)>,
    firings: BTreeMap<(Text, Time), Firing>,
    paused: BTreeSet<Text>,
    spent: BTreeMap<Account, u64>,
    schedules: BTreeMap<Text, ScheduleRow>,
    last_id: u64,
}

/// A task that has not ended.
#[derive(Clone, Debug)]
struct Live {
    row: Row,
    body: Bytes,
}

/// A task that has ended.
#[derive(Clone, Debug)]
struct Gone {
    row: Row,
    body: Bytes,
    result: Option<Bytes>,
    ended: Time,
    until: Time,
    /// Body and result are forgotten; the rest is kept for its key.
    bare: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// A second handle to the same tasks, which leads nothing.
    pub fn again(&self) -> MemoryStore {
        MemoryStore { shared: Arc::clone(&self.shared), epoch: None }
    }

    /// Forgets all tasks and leads, whoever led before.
    pub(super) fn begin_anew(&mut self, me: &Candidate) {
        let mut data = self.lock();
        *data = Data::default();
        let leadership = data.leader.lead(me, None);
        drop(data);
        self.epoch = if let Leadership::Leads { epoch } = leadership { Some(epoch) } else { None };
    }

    /// Whether a task lies here.
    pub(super) fn has(&self, id: TaskId) -> bool {
        let data = self.lock();
        data.live.contains_key(&id) || data.ended.contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Data that this handle may write.
    fn led(&self) -> Result<MutexGuard<'_, Data>, StoreError> {
        let data = self.lock();
        data.leader.check(self.epoch)?;
        Ok(data)
    }
}

impl Store for MemoryStore {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        let leadership = self.lock().leader.lead(me, expected);
        self.epoch = match leadership {
            Leadership::Leads { epoch } => Some(epoch),
            Leadership::Follows { .. } => None,
        };
        Ok(leadership)
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        self.led()?.leader.beat();
        Ok(())
    }

    fn resign(&mut self) -> Result<(), StoreError> {
        let mut data = self.lock();
        if data.leader.check(self.epoch).is_ok() {
            data.leader.resign();
        }
        drop(data);
        self.epoch = None;
        Ok(())
    }

    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        let data = self.lock();
        for (id, gone) in &data.ended {
            if gone.keyed_until().is_some_and(|until| until > now) || data.is_awaited(*id) {
                each(Loaded::Ended(&gone.row));
            }
        }
        for live in data.live.values() {
            each(Loaded::Live(&live.row));
        }
        Ok(Restored {
            paused: data.paused.iter().cloned().collect(),
            spent: data.spent.clone(),
            schedules: data.schedules.clone(),
            last_id: data.last_id,
        })
    }

    fn commit(&mut self, changes: &[Change], _: Durability) -> Result<(), StoreError> {
        let mut data = self.led()?;
        data.check(changes)?;
        changes.iter().for_each(|change| data.apply(change));
        data.leader.beat();
        Ok(())
    }

    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        Ok(self.led()?.sweep(now, keep))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(self.again()))
    }
}

impl Data {
    /// Whether an unfinished task waits for this one.
    fn is_awaited(&self, id: TaskId) -> bool {
        self.waits.range((id, TaskId(0))..=(id, TaskId(u64::MAX))).next().is_some()
    }
}

impl Gone {
    /// Until when its key keeps others out.
    fn keyed_until(&self) -> Option<Time> {
        self.row.key.as_ref().map(|key| key.until)
    }
}

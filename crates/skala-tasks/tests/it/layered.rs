//! Queues in memory beside queues on disk.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use skala_queue::{Change, Durability, Keep, Phase, QueueSettings, Restored, Row, TaskId};
use skala_tasks::store::{Candidate, Filter, LayeredStore, Leadership, Loaded, MemoryStore, Reader, Store, StoreError};
use skala_types::{Text, Time};

use crate::conformance::place::lead_anyway;
use crate::conformance::rows::{at, done, failed, ids, insert, row, sweep};

/// A disk that counts commits, and may be full.
struct Disk {
    inner: MemoryStore,
    commits: Arc<AtomicUsize>,
    full: Arc<Mutex<bool>>,
}

impl Store for Disk {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        self.inner.lead(me, expected)
    }
    fn beat(&mut self) -> Result<(), StoreError> {
        self.inner.beat()
    }
    fn resign(&mut self) -> Result<(), StoreError> {
        self.inner.resign()
    }
    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        self.inner.load(now, each)
    }
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        if *self.full.lock().unwrap() {
            return Err(StoreError::Full("disk".to_owned()));
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(changes, durability)
    }
    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        self.inner.sweep(now, keep)
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}

struct Bench {
    store: LayeredStore,
    commits: Arc<AtomicUsize>,
    full: Arc<Mutex<bool>>,
}

fn start() -> Bench {
    let (commits, full) = (Arc::default(), Arc::default());
    let disk = Disk { inner: MemoryStore::new(), commits: Arc::clone(&commits), full: Arc::clone(&full) };
    let mut store = LayeredStore::over(Box::new(disk), ["fast".into()]);
    lead_anyway(&mut store);
    Bench { store, commits, full }
}

fn fast(id: u64) -> Row {
    Row { queue: "fast".into(), ..row(id) }
}

#[test]
fn a_queue_in_memory_touches_no_disk() {
    let Bench { mut store, commits, .. } = start();
    let life = [insert(fast(1)), Change::Update(TaskId(1), failed(Phase::Delayed)), done(1, at(99))];
    store.commit(&life, Durability::Memory).unwrap();
    store.commit(&[insert(fast(2))], Durability::Memory).unwrap();
    store.commit(&[Change::Delete(TaskId(2))], Durability::Memory).unwrap();
    assert_eq!(commits.load(Ordering::Relaxed), 0);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.task(TaskId(1)).unwrap().unwrap().row.progressed.phase, Phase::Done);
    assert!(reader.result(TaskId(1)).unwrap().is_some());
    sweep(&mut store, at(99), 10);
    assert_eq!(reader.task(TaskId(1)).unwrap(), None);
}

#[test]
fn which_queues_lie_in_memory_is_what_their_settings_say() {
    let Bench { commits, store: disk, .. } = start();
    let fast = QueueSettings { durability: Durability::Memory, ..QueueSettings::new("fastest") };
    let mut store = LayeredStore::of_queues(Box::new(disk), &[QueueSettings::new("work"), fast]);
    lead_anyway(&mut *store);
    store.commit(&[insert(Row { queue: "fastest".into(), ..row(1) })], Durability::Memory).unwrap();
    assert_eq!(commits.load(Ordering::Relaxed), 0);
    store.commit(&[insert(row(2))], Durability::Fsync).unwrap();
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}

#[test]
fn readers_see_both_in_one_order() {
    let Bench { mut store, commits, .. } = start();
    store.commit(&[insert(fast(1)), insert(row(2)), insert(fast(3)), insert(row(4))], Durability::Fsync).unwrap();
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    let mut reader = store.reader().unwrap();
    let list = reader.list(&Filter { most: 3, ..Filter::default() }).unwrap();
    assert_eq!(list.iter().map(|s| s.row.id.0).collect::<Vec<_>>(), [4, 3, 2]);
    let bodies = reader.bodies(&[4, 9, 3].map(TaskId)).unwrap();
    assert_eq!(bodies.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn without_room_on_disk_memory_stays_as_it_was() {
    let Bench { mut store, full, .. } = start();
    *full.lock().unwrap() = true;
    let both = [insert(fast(1)), insert(row(2))];
    assert!(matches!(store.commit(&both, Durability::Fsync), Err(StoreError::Full(_))));
    assert_eq!(store.reader().unwrap().task(TaskId(1)).unwrap(), None);
    *full.lock().unwrap() = false;
    store.commit(&both, Durability::Fsync).unwrap();
    assert!(store.reader().unwrap().task(TaskId(1)).unwrap().is_some());
}

#[test]
fn with_the_lead_memory_is_gone() {
    let Bench { mut store, .. } = start();
    store.commit(&[insert(fast(1)), insert(row(2))], Durability::Fsync).unwrap();
    lead_anyway(&mut store);
    assert_eq!(ids(&mut store, at(0)).0, [2]);
    assert_eq!(store.reader().unwrap().task(TaskId(1)).unwrap(), None);
    store.commit(&[insert(fast(3))], Durability::Memory).unwrap();
    assert!(store.reader().unwrap().task(TaskId(3)).unwrap().is_some());
}

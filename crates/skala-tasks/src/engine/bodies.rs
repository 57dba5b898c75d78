//! Recent bodies in memory, so that a short queue never reads the disk.
//!
//! Method: first in, first out, by bytes; a body leaves when its task ends or newer ones need the room.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use skala_queue::{Change, Label, TaskId};

/// What an entry costs beside its body, about.
const ENTRY_BYTES: usize = 240;

/// The cache.
#[derive(Debug)]
pub(crate) struct Bodies {
    inner: Mutex<Inner>,
    most: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Spreads ids, which the server itself has drawn, so that nobody can make them collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits; the rotation brings the well-mixed upper half to where tables look.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

#[derive(Debug, Default)]
struct Inner {
    bodies: HashMap<TaskId, (Label, Bytes), BuildHasherDefault<IdHasher>>,
    /// In order of arrival; may name some that have left.
    order: VecDeque<TaskId>,
    bytes: usize,
}

impl Bodies {
    /// At most so many bytes.
    pub(crate) fn new(most: usize) -> Bodies {
        Bodies { inner: Mutex::default(), most, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows changes: new tasks come, ended ones go.
    pub(crate) fn follow(&self, changes: &[Change]) {
        let mut inner = self.lock();
        for change in changes {
            match change {
                Change::Insert(row, body) => inner.insert(row.id, &row.label, body, self.most),
                Change::Finish(ended) => inner.remove(ended.id),
                Change::Delete(id) => inner.remove(*id),
                _ => {}
            }
        }
    }

    /// Labels and bodies of tasks, where they are here.
    pub(crate) fn get(&self, ids: impl ExactSizeIterator<Item = TaskId>) -> Vec<Option<(Label, Bytes)>> {
        let inner = self.lock();
        let found: Vec<_> = ids.map(|id| inner.bodies.get(&id).cloned()).collect();
        drop(inner);
        let hits = found.iter().flatten().count() as u64;
        self.hits.fetch_add(hits, Ordering::Relaxed);
        self.misses.fetch_add(found.len() as u64 - hits, Ordering::Relaxed);
        found
    }

    /// Bytes held, hits and misses.
    pub(crate) fn figures(&self) -> (usize, u64, u64) {
        (self.lock().bytes, self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

fn size(label: &Label, body: &Bytes) -> usize {
    let headers: usize = label.headers.iter().map(|(k, v)| k.len() + v.len() + ENTRY_BYTES / 4).sum();
    ENTRY_BYTES + body.len() + headers
}

impl Inner {
    fn insert(&mut self, id: TaskId, label: &Label, body: &Bytes, most: usize) {
        let bytes = size(label, body);
        if bytes > most / 4 {
            return;
        }
        self.bytes += bytes;
        self.order.push_back(id);
        if let Some((label, body)) = self.bodies.insert(id, (label.clone(), body.clone())) {
            self.bytes -= size(&label, &body);
        }
        while self.bytes > most || self.order.len() > 2 * self.bodies.len() + 1024 {
            let Some(oldest) = self.order.pop_front() else { break };
            // Names of those that left are dropped on the way; the oldest that is here goes only when its room is needed.
            if self.bytes > most {
                self.remove(oldest);
            } else if self.bodies.contains_key(&oldest) {
                self.order.push_back(oldest);
            }
        }
    }

    fn remove(&mut self, id: TaskId) {
        if let Some((label, body)) = self.bodies.remove(&id) {
            self.bytes -= size(&label, &body);
        }
    }
}

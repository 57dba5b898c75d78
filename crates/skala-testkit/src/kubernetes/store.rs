//! Objects, their revisions and their history.
//!
//! Decides: which revision a change gets, and what a watch that starts at a revision has missed.
//! Inputs: changes that the rules of the API have already agreed to.
//! Method: one counter of revisions for everything, as etcd has; each object is serialized once, and lists and watches copy
//!   its bytes; each resource keeps a bounded log of changes, which watches read with a cursor of their own.
//! Invariants: revisions only grow; a log holds every change after its `forgotten` revision, in order.
//! Tested: `tests/kubernetes/server.rs`, `tests/kubernetes/client.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::index::Indexed;

/// Changes that a resource's log keeps, unless a test says otherwise.
pub(crate) const HISTORY: usize = 131_072;

/// What wakes watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pulse {
    pub(crate) revision: u64,
    /// Counts orders to end watches, to expire them, and to send bookmarks.
    pub(crate) closed: u64,
    pub(crate) expired: u64,
    pub(crate) bookmarks: u64,
}

/// Where an object lies within its resource; the namespace is empty for those that lie in none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Key {
        Key { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One version of an object.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) revision: u64,
    /// The object in its storage version, `kind` and `apiVersion` first.
    pub(crate) bytes: Bytes,
    /// Where the members after `kind` and `apiVersion` begin.
    pub(crate) typeless: usize,
    /// What selectors look at.
    pub(crate) indexed: Indexed,
}

impl Entry {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("what is stored was serialized here")
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) what: What,
    /// The object afterwards; of a deletion, as it was last, at the deletion's revision.
    pub(crate) now: Arc<Entry>,
    pub(crate) before: Option<Arc<Entry>>,
}

/// The objects of one resource.
#[derive(Default)]
pub(crate) struct Collection {
    pub(crate) objects: BTreeMap<Key, Arc<Entry>>,
    log: VecDeque<Change>,
    /// The revision of the newest change that the log no longer holds.
    forgotten: u64,
}

/// The history that was asked for is no longer known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) oldest: u64,
}

/// Everything that is stored.
pub(crate) struct Store {
    revision: u64,
    /// History up to here is forgotten in every resource.
    compacted: u64,
    history: usize,
    collections: BTreeMap<String, Collection>,
}

impl Store {
    pub(crate) fn new(history: usize) -> Store {
        // A fresh server starts above zero, too: it has written objects of its own.
        Store { revision: 100, compacted: 0, history, collections: BTreeMap::new() }
    }

    /// The newest revision.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision that the next change will get.
    pub(crate) fn next(&self) -> u64 {
        self.revision + 1
    }

    pub(crate) fn get(&self, resource: &str, key: &Key) -> Option<&Arc<Entry>> {
        self.collections.get(resource)?.objects.get(key)
    }

    pub(crate) fn objects(&self, resource: &str) -> impl Iterator<Item = &Arc<Entry>> + use<'_> {
        self.collections.get(resource).into_iter().flat_map(|c| c.objects.values())
    }

    /// Stores an object that carries the revision [`Store::next`].
    pub(crate) fn put(&mut self, resource: &str, entry: Entry) -> Arc<Entry> {
        self.revision = entry.revision;
        let entry = Arc::new(entry);
        let collection = self.collections.entry(resource.to_owned()).or_default();
        let before = collection.objects.insert(entry.key.clone(), Arc::clone(&entry));
        let what = if before.is_some() { What::Modified } else { What::Added };
        collection.remember(Change { revision: self.revision, what, now: Arc::clone(&entry), before }, self.history);
        entry
    }

    /// Removes an object; `last` is what it was, at the revision [`Store::next`].
    pub(crate) fn remove(&mut self, resource: &str, last: Entry) -> Arc<Entry> {
        self.revision = last.revision;
        let last = Arc::new(last);
        let collection = self.collections.entry(resource.to_owned()).or_default();
        let before = collection.objects.remove(&last.key);
        let change = Change { revision: self.revision, what: What::Deleted, now: Arc::clone(&last), before };
        collection.remember(change, self.history);
        last
    }

    /// Forgets a resource, as when its definition goes away.
    pub(crate) fn drop_collection(&mut self, resource: &str) {
        self.collections.remove(resource);
    }

    /// Forgets the history of every resource.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
        for collection in self.collections.values_mut() {
            collection.log.clear();
            collection.forgotten = self.revision;
        }
    }

    /// The changes after a revision, at most `limit`.
    ///
    /// # Errors
    /// When the log no longer reaches that far back.
    pub(crate) fn changes(&self, resource: &str, after: u64, limit: usize) -> Result<Vec<Change>, Forgotten> {
        let Some(collection) = self.collections.get(resource) else {
            return if after < self.compacted { Err(Forgotten { oldest: self.compacted }) } else { Ok(Vec::new()) };
        };
        let oldest = collection.forgotten.max(self.compacted);
        if after < oldest {
            return Err(Forgotten { oldest });
        }
        let from = collection.log.partition_point(|c| c.revision <= after);
        Ok(collection.log.iter().skip(from).take(limit).cloned().collect())
    }

    /// The objects as they were at a revision, in order.
    ///
    /// # Errors
    /// When the log no longer reaches that far back.
    pub(crate) fn snapshot(&self, resource: &str, at: u64) -> Result<Vec<Arc<Entry>>, Forgotten> {
        let missed = self.changes(resource, at, usize::MAX)?;
        if missed.is_empty() {
            return Ok(self.objects(resource).cloned().collect());
        }
        let mut objects = self.collections.get(resource).map(|c| c.objects.clone()).unwrap_or_default();
        for change in missed.into_iter().rev() {
            match change.before {
                Some(before) => objects.insert(before.key.clone(), before),
                None => objects.remove(&change.now.key),
            };
        }
        Ok(objects.into_values().collect())
    }
}

impl Collection {
    fn remember(&mut self, change: Change, bound: usize) {
        self.log.push_back(change);
        while self.log.len() > bound {
            if let Some(old) = self.log.pop_front() {
                self.forgotten = old.revision;
            }
        }
    }
}

//! What is kept of watched objects, by namespace and name, with the age of the whole.
//!
//! Invariants: a list that was begun replaces everything at once, never half; age counts from before the server was asked.
//! Tested: `tests` below.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Key {
        Key { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object as it arrives, and what is kept of it.
pub(crate) trait Item {
    type Kept: Send + Sync;

    fn key(&self) -> Key;
    fn resource_version(&self) -> &str;
    fn keep(self) -> Self::Kept;

    /// Whether a change is worth another look.
    fn matters(_old: &Self::Kept, _new: &Self::Kept) -> bool {
        true
    }
}

/// Objects of one namespace by name.
type Space<K> = BTreeMap<Arc<str>, Arc<K>>;

struct Inside<K> {
    spaces: BTreeMap<Arc<str>, Space<K>>,
    /// Rises with every change that matters.
    epoch: u64,
    /// Per part, which is a namespace or everything: when the server last confirmed it, and what is wrong with it.
    parts: Vec<(Option<Instant>, Option<&'static str>)>,
}

/// The local copy of one kind.
pub(crate) struct Store<K>(RwLock<Inside<K>>);

/// What one watch keeps: a namespace, or everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) index: usize,
    pub(crate) namespace: Option<&'a str>,
}

/// A list under way.
pub(crate) struct Filling<K>(BTreeMap<Arc<str>, Space<K>>);

impl<K> Filling<K> {
    pub(crate) fn put(&mut self, key: Key, kept: K) {
        self.0.entry(key.namespace).or_default().insert(key.name, Arc::new(kept));
    }
}

impl<K: Send + Sync> Store<K> {
    /// A copy that is kept by so many watches.
    pub(crate) fn new(parts: usize) -> Store<K> {
        Store(RwLock::new(Inside { spaces: BTreeMap::new(), epoch: 0, parts: vec![(None, None); parts] }))
    }

    fn read(&self) -> RwLockReadGuard<'_, Inside<K>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Inside<K>) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long ago the server last confirmed the copy, its oldest part; none before the first list of all.
    pub(crate) fn age(&self) -> Option<Duration> {
        let ages: Option<Vec<Duration>> = self.read().parts.iter().map(|(at, _)| at.map(|at| at.elapsed())).collect();
        ages?.into_iter().max()
    }

    /// What went wrong last, while it is wrong.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        self.read().parts.iter().find_map(|(_, failure)| *failure)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.read().spaces.get(&key.namespace)?.get(&key.name).cloned()
    }

    /// The objects of a namespace that pass a test.
    pub(crate) fn of(&self, namespace: &str, mut pass: impl FnMut(&K) -> bool) -> Vec<(Arc<str>, Arc<K>)> {
        let inside = self.read();
        let space = inside.spaces.get(namespace).into_iter().flatten();
        space.filter(|(_, kept)| pass(kept)).map(|(name, kept)| (name.clone(), kept.clone())).collect()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let inside = self.read();
        let key = |(space, name): (&Arc<str>, &Arc<str>)| Key { namespace: space.clone(), name: name.clone() };
        inside.spaces.iter().flat_map(|(space, all)| all.keys().map(move |name| (space, name))).map(key).collect()
    }

    pub(crate) fn fill(&self) -> Filling<K> {
        Filling(BTreeMap::new())
    }

    /// Takes a finished list; returns every key that is, or was, there.
    pub(crate) fn replace(&self, filling: Filling<K>, of: Part<'_>, began: Instant) -> Vec<Key> {
        let before = self.keys();
        self.change(|inside| {
            match of.namespace {
                None => inside.spaces = filling.0,
                Some(namespace) => {
                    inside.spaces.remove(namespace);
                    inside.spaces.extend(filling.0);
                }
            }
            inside.epoch += 1;
            inside.parts[of.index] = (Some(began), None);
        });
        let mut keys = self.keys();
        keys.extend(before);
        keys.sort();
        keys.dedup();
        keys
    }

    /// Takes an object; tells whether that `matters`.
    pub(crate) fn put(&self, key: Key, kept: K, matters: impl Fn(&K, &K) -> bool) -> bool {
        self.change(|inside| {
            let kept = Arc::new(kept);
            let old = inside.spaces.entry(key.namespace).or_default().insert(key.name, kept.clone());
            let changed = old.is_none_or(|old| matters(&old, &kept));
            inside.epoch += u64::from(changed);
            changed
        })
    }

    /// Rises with every change that matters.
    pub(crate) fn epoch(&self) -> u64 {
        self.read().epoch
    }

    /// Every object with its key.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Arc<str>, &Arc<str>, &K)) {
        for (space, all) in &self.read().spaces {
            all.iter().for_each(|(name, kept)| visit(space, name, kept));
        }
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.change(|inside| {
            inside.epoch += 1;
            let Some(space) = inside.spaces.get_mut(&key.namespace) else { return };
            space.remove(&key.name);
            if space.is_empty() {
                inside.spaces.remove(&key.namespace);
            }
        });
    }

    pub(crate) fn confirmed(&self, of: Part<'_>, at: Instant) {
        self.change(|inside| inside.parts[of.index] = (Some(at), None));
    }

    pub(crate) fn failed(&self, of: Part<'_>, why: &'static str) {
        self.change(|inside| inside.parts[of.index].1 = Some(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Part<'_> = Part { index: 0, namespace: None };

    #[test]
    fn each_namespace_has_a_part_and_the_oldest_counts() {
        let store: Store<u32> = Store::new(2);
        let part = |index, namespace| Part { index, namespace: Some(namespace) };
        let fill = |namespace| {
            let mut filling = store.fill();
            filling.put(Key::new(namespace, "x"), 1);
            filling
        };
        store.replace(fill("a"), part(0, "a"), Instant::now());
        assert_eq!(store.age(), None, "b has not been listed");
        let before = Instant::now().checked_sub(Duration::from_secs(40)).unwrap();
        store.replace(fill("b"), part(1, "b"), before);
        assert!(store.age().unwrap() >= Duration::from_secs(40));
        store.replace(store.fill(), part(0, "a"), Instant::now());
        assert_eq!(store.keys(), [Key::new("b", "x")]);
    }

    #[test]
    fn a_list_replaces_everything_and_names_what_left() {
        let store: Store<u32> = Store::new(1);
        assert_eq!(store.age(), None);
        let mut first = store.fill();
        first.put(Key::new("a", "x"), 1);
        first.put(Key::new("b", "y"), 2);
        store.replace(first, ALL, Instant::now());
        let mut second = store.fill();
        second.put(Key::new("b", "y"), 3);
        second.put(Key::new("b", "z"), 4);
        let changed = store.replace(second, ALL, Instant::now());
        assert_eq!(changed, [Key::new("a", "x"), Key::new("b", "y"), Key::new("b", "z")]);
        assert_eq!(store.keys(), [Key::new("b", "y"), Key::new("b", "z")]);
        assert_eq!(store.of("b", |n| *n > 3).len(), 1);
    }

    #[test]
    fn age_counts_from_the_last_confirmation_and_failures_do_not_refresh_it() {
        let store: Store<u32> = Store::new(1);
        store.replace(store.fill(), ALL, Instant::now().checked_sub(Duration::from_secs(60)).unwrap());
        store.failed(ALL, "Timeout");
        assert!(store.age().unwrap() >= Duration::from_secs(60));
        assert_eq!(store.failure(), Some("Timeout"));
        store.confirmed(ALL, Instant::now());
        assert!(store.age().unwrap() < Duration::from_secs(30));
        assert_eq!(store.failure(), None);
    }

    #[test]
    fn an_empty_namespace_leaves_nothing_behind() {
        let store: Store<u32> = Store::new(1);
        assert!(store.put(Key::new("a", "x"), 1, |_, _| false));
        assert!(!store.put(Key::new("a", "x"), 2, |_, _| false));
        store.remove(&Key::new("a", "x"));
        store.remove(&Key::new("a", "x"));
        assert_eq!((store.keys().len(), store.read().spaces.len()), (0, 0));
    }
}

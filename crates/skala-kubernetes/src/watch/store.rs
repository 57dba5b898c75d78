//! What is kept of watched objects, by namespace and name, with the age of the whole.
//!
//! Invariants: a list that was begun replaces everything at once, never half; age counts from before the server was asked.
//! Tested: `tests` below.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use skala_manifests::Selector;

use super::labels::{ByLabel, Pair};

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

/// What is kept of an object.
pub(crate) trait Kept: Send + Sync {
    /// Labels by which it is looked for.
    fn labels(&self) -> &[Pair] {
        &[]
    }
}

/// An object as it arrives, and what is kept of it.
pub(crate) trait Item {
    type Kept: Kept;

    fn key(&self) -> Key;
    fn resource_version(&self) -> &str;
    fn keep(self) -> Self::Kept;

    /// Whether a change is worth another look.
    fn matters(_old: &Self::Kept, _new: &Self::Kept) -> bool {
        true
    }
}

/// Objects of one namespace.
struct Space<K> {
    all: BTreeMap<Arc<str>, Arc<K>>,
    by_label: ByLabel,
}

impl<K: Kept> Space<K> {
    fn new() -> Space<K> {
        Space { all: BTreeMap::new(), by_label: ByLabel::default() }
    }

    fn put(&mut self, name: Arc<str>, kept: Arc<K>) -> Option<Arc<K>> {
        let old = self.all.insert(name.clone(), kept.clone());
        if let Some(old) = old.as_ref().filter(|old| old.labels() != kept.labels()) {
            self.by_label.remove(old.labels(), &name);
        }
        self.by_label.add(kept.labels(), &name);
        old
    }

    fn remove(&mut self, name: &Arc<str>) {
        if let Some(old) = self.all.remove(name) {
            self.by_label.remove(old.labels(), name);
        }
    }
}

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

impl<K: Kept> Filling<K> {
    pub(crate) fn put(&mut self, key: Key, kept: K) {
        self.0.entry(key.namespace).or_insert_with(Space::new).put(key.name, Arc::new(kept));
    }
}

impl<K: Kept> Store<K> {
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
        self.read().spaces.get(&key.namespace)?.all.get(&key.name).cloned()
    }

    /// The objects of a namespace whose labels a selector matches and that pass a test, by name.
    pub(crate) fn selected(
        &self,
        namespace: &str,
        selector: &Selector,
        mut pass: impl FnMut(&K) -> bool,
    ) -> Vec<(Arc<str>, Arc<K>)> {
        let inside = self.read();
        let Some(space) = inside.spaces.get(namespace) else { return Vec::new() };
        match space.by_label.candidates(selector) {
            Some(names) => {
                let found = names.into_iter().filter_map(|name| Some((space.all.get(&name)?.clone(), name)));
                found.filter(|(kept, _)| pass(kept)).map(|(kept, name)| (name, kept)).collect()
            }
            None => space.all.iter().filter(|(_, k)| pass(k)).map(|(name, kept)| (name.clone(), kept.clone())).collect(),
        }
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let inside = self.read();
        let key = |(space, name): (&Arc<str>, &Arc<str>)| Key { namespace: space.clone(), name: name.clone() };
        inside.spaces.iter().flat_map(|(name, space)| space.all.keys().map(move |n| (name, n))).map(key).collect()
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
            let old = inside.spaces.entry(key.namespace).or_insert_with(Space::new).put(key.name, kept.clone());
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
        for (namespace, space) in &self.read().spaces {
            space.all.iter().for_each(|(name, kept)| visit(namespace, name, kept));
        }
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.change(|inside| {
            inside.epoch += 1;
            let Some(space) = inside.spaces.get_mut(&key.namespace) else { return };
            space.remove(&key.name);
            if space.all.is_empty() {
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

    impl Kept for u32 {}

    /// An object that is nothing but labels.
    struct Labelled(Vec<Pair>);

    impl Kept for Labelled {
        fn labels(&self) -> &[Pair] {
            &self.0
        }
    }

    #[test]
    fn a_selector_finds_what_a_full_look_finds() {
        let store: Store<Labelled> = Store::new(1);
        let labelled = |pairs: &[(&str, String)]| Labelled(pairs.iter().map(|(k, v)| ((*k).into(), v.as_str().into())).collect());
        let pod = |i: usize| labelled(&[("app", format!("a{}", i % 97)), ("zone", format!("z{}", i % 2)), ("all", "x".into())]);
        let mut filling = store.fill();
        (0..3000).for_each(|i| filling.put(Key::new("n", &format!("p{i}")), pod(i)));
        store.replace(filling, ALL, Instant::now());
        // Some move, some go, some come.
        (0..50).for_each(|i| assert!(store.put(Key::new("n", &format!("p{i}")), pod(i + 1), |_, _| true)));
        (50..90).for_each(|i| store.remove(&Key::new("n", &format!("p{i}"))));
        (3000..3010).for_each(|i| assert!(store.put(Key::new("n", &format!("p{i}")), pod(7), |_, _| true)));
        for text in ["app=a7", "app in (a1,a2),zone=z1", "all=x", "all=x,app=a3", "zone=z1", "app=none", "!app", "app,zone!=z1"] {
            let selector: Selector = text.parse().unwrap();
            let matches =
                |l: &Labelled| selector.matches_with(|key| l.0.iter().find(|(k, _)| &**k == key).map(|(_, value)| &**value));
            let names = |found: Vec<(Arc<str>, Arc<Labelled>)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            let everything = names(store.selected("n", &Selector::default(), matches));
            assert_eq!(names(store.selected("n", &selector, matches)), everything, "{text}");
        }
    }

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
        assert_eq!(store.selected("b", &Selector::default(), |n| *n > 3).len(), 1);
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

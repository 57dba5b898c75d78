//! Whose pods are whose: the selectors of all targets, to notice pods that two autoscalers count.
//!
//! Decides: which autoscalers' selectors match some of these pods. With more than one, nobody acts, as with the HPA's
//!   `AmbiguousSelector`.
//! Method: selectors are filed under one pair that they require, so that a pod is compared with few of them.
//! Invariants: bounded by the autoscalers there are; one whose selector is not known yet is noticed at its first look.
//! Tested: `tests` below; `tests/it/acting.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use skala_manifests::Selector;

use crate::watch::{Key, Pair};

/// Where a selector is filed: under a label that it requires, or among those that must always be tried.
type Place = Option<(Box<str>, Box<str>)>;

struct Filed {
    text: Box<str>,
    selector: Selector,
    places: Vec<Place>,
}

#[derive(Default)]
struct Space {
    known: BTreeMap<Arc<str>, Filed>,
    places: BTreeMap<Place, BTreeSet<Arc<str>>>,
}

impl Space {
    fn remove(&mut self, name: &Arc<str>) {
        let Some(filed) = self.known.remove(name) else { return };
        for place in filed.places {
            if let Some(names) = self.places.get_mut(&place) {
                names.remove(name);
                if names.is_empty() {
                    self.places.remove(&place);
                }
            }
        }
    }

    fn put(&mut self, name: &Arc<str>, text: &str, selector: &Selector) {
        if self.known.get(name).is_some_and(|filed| *filed.text == *text) {
            return;
        }
        self.remove(name);
        let places: Vec<Place> = match selector.required().next() {
            Some((key, values)) => values.iter().map(|v| Some((key.into(), v.clone()))).collect(),
            None => vec![None],
        };
        for place in &places {
            self.places.entry(place.clone()).or_default().insert(name.clone());
        }
        self.known.insert(name.clone(), Filed { text: text.into(), selector: selector.clone(), places });
    }

    fn matching(&self, labels: &[Pair], into: &mut BTreeSet<Arc<str>>) {
        let places = labels.iter().map(|(k, v)| Some((Box::from(&**k), Box::from(&**v)))).chain([None]);
        for name in places.filter_map(|place: Place| self.places.get(&place)).flatten() {
            let value = |key: &str| labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v);
            if !into.contains(name) && self.known.get(name).is_some_and(|filed| filed.selector.matches_with(value)) {
                into.insert(name.clone());
            }
        }
    }
}

/// The selectors of every autoscaler's target.
#[derive(Default)]
pub(crate) struct Selectors(Mutex<BTreeMap<Arc<str>, Space>>);

impl Selectors {
    /// Files an autoscaler's selector, and names everybody who matches one of its pods, when there is more than one.
    pub(crate) fn rivals<'a>(
        &self,
        key: &Key,
        text: &str,
        selector: &Selector,
        pods: impl Iterator<Item = &'a [Pair]>,
    ) -> Option<Vec<Arc<str>>> {
        let mut spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces.entry(key.namespace.clone()).or_default();
        space.put(&key.name, text, selector);
        let mut all = BTreeSet::new();
        pods.for_each(|labels| space.matching(labels, &mut all));
        (all.len() > 1).then(|| all.into_iter().collect())
    }

    /// Forgets an autoscaler.
    pub(crate) fn forget(&self, key: &Key) {
        let mut spaces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = spaces.get_mut(&key.namespace) {
            space.remove(&key.name);
            if space.known.is_empty() {
                spaces.remove(&key.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_selectors_are_noticed_and_forgotten() {
        let all = Selectors::default();
        let pod: Vec<Pair> = vec![("app".into(), "web".into()), ("tier".into(), "front".into())];
        let ask = |name: &str, text: &str| {
            let rivals = all.rivals(&Key::new("shop", name), text, &text.parse().unwrap(), [&pod[..]].into_iter());
            rivals.map(|names| names.join(" "))
        };
        assert_eq!(ask("web", "app=web"), None);
        assert_eq!(ask("api", "app=api"), None);
        assert_eq!(ask("front", "tier in (front,back)").as_deref(), Some("front web"));
        assert_eq!(ask("any", "app"), Some("any front web".to_owned()));
        all.forget(&Key::new("shop", "any"));
        assert_eq!(ask("front", "tier=back").as_deref(), None, "its selector is another one now");
        assert_eq!(ask("web", "app=web"), None);
    }
}

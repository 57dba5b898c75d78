//! Names of objects by their labels, so that a selector need not look at a whole namespace.
//!
//! Decides: which objects a selector may match; the selector itself has the last word.
//! Method: a sorted list per pair of key and value; of a selector's requirements the one with the fewest names answers.
//! Invariants: never leaves out an object that a selector matches. Lists are bounded: a pair that very many share answers nothing,
//!   and the caller looks at everything.
//! Tested: `super::store`, beside a full look.

use std::collections::BTreeMap;
use std::sync::Arc;

use skala_manifests::Selector;

/// Names that a pair lists at most.
const MOST: usize = 1000;

/// A label.
pub(crate) type Pair = (Arc<str>, Arc<str>);

#[derive(Debug)]
enum Names {
    Few(Vec<Arc<str>>),
    /// Too many to keep in order; stays so until the next list.
    Many,
}

/// The index of one namespace.
#[derive(Debug, Default)]
pub(crate) struct ByLabel(BTreeMap<Arc<str>, BTreeMap<Arc<str>, Names>>);

impl ByLabel {
    pub(crate) fn add(&mut self, labels: &[Pair], name: &Arc<str>) {
        for (key, value) in labels {
            let names = self.0.entry(key.clone()).or_default().entry(value.clone()).or_insert_with(|| Names::Few(Vec::new()));
            if let Names::Few(few) = names
                && let Err(at) = few.binary_search(name)
            {
                few.insert(at, name.clone());
                if few.len() > MOST {
                    *names = Names::Many;
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, labels: &[Pair], name: &Arc<str>) {
        for (key, value) in labels {
            let Some(values) = self.0.get_mut(key) else { continue };
            let Some(Names::Few(few)) = values.get_mut(value) else { continue };
            if let Ok(at) = few.binary_search(name) {
                few.remove(at);
            }
            if few.is_empty() {
                values.remove(value);
            }
            if values.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// Names, of which a selector matches some; none when it is better to look at everything.
    pub(crate) fn candidates(&self, selector: &Selector) -> Option<Vec<Arc<str>>> {
        let lists = selector.required().filter_map(|(key, values)| {
            let all = self.0.get(key);
            let of = |value: &str| match all.and_then(|all| all.get(value)) {
                None => Some(&[][..]),
                Some(Names::Few(few)) => Some(&few[..]),
                Some(Names::Many) => None,
            };
            values.iter().map(|v| of(v)).collect::<Option<Vec<&[Arc<str>]>>>()
        });
        let least = lists.min_by_key(|lists| lists.iter().map(|l| l.len()).sum::<usize>())?;
        let mut names: Vec<Arc<str>> = least.concat();
        names.sort();
        names.dedup();
        Some(names)
    }
}

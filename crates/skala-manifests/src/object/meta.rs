//! `metadata`, labels, and lists of objects.
//!
//! Invariants: labels are sorted by key and their keys differ (the last of two equal keys counts, as in Go's decoder).
//! Tested: `tests` below.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::nullable;
use crate::Stamp;

/// What every object carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Namespace; empty for what has none.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub namespace: Box<str>,
    /// Name.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub name: Box<str>,
    /// Unique in space and time.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub uid: Box<str>,
    /// Version, for optimistic updates.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub resource_version: Box<str>,
    /// Number of the specification's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Stamp>,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Stamp>,
    /// Labels.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Annotations.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Who owns it.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "<[_]>::is_empty")]
    pub owner_references: Box<[OwnerReference]>,
}

/// An owner of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Group and version.
    pub api_version: Box<str>,
    /// Kind.
    pub kind: Box<str>,
    /// Name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// Whether it is the one that controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
}

/// Labels or annotations: pairs sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Only the pairs whose key is named.
    pub(crate) fn keep(&mut self, keys: &[&str]) {
        self.0 = std::mem::take(&mut self.0).into_iter().filter(|(k, _)| keys.contains(&&**k)).collect();
    }
}

impl<K: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Labels {
        let mut pairs: Vec<(Box<str>, Box<str>)> = pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        // The sort is stable and the later pair wins: reversed, the later one comes first and stays.
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|b, a| a.0 == b.0);
        Labels(pairs.into_boxed_slice())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs: Vec<(Box<str>, Box<str>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<Box<str>, Option<Box<str>>>()? {
                    pairs.push((key, value.unwrap_or_default()));
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// A list of objects, as the API answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// Version and continuation.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ListMeta,
    /// The objects.
    #[serde(default = "Vec::new", deserialize_with = "items", bound(deserialize = "T: Deserialize<'de>"))]
    pub items: Vec<T>,
}

fn items<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list's version and where it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListMeta {
    /// From where to watch.
    #[serde(deserialize_with = "nullable")]
    pub resource_version: Box<str>,
    /// Token of the next page; empty at the end.
    #[serde(rename = "continue", deserialize_with = "nullable")]
    pub continues: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_the_last_of_equal_keys_counts() {
        let labels: Labels = serde_json::from_str(r#"{"b":"1","a":"2","b":"3","c":null}"#).unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!((labels.get("b"), labels.get("d")), (Some("3"), None));
        assert!(serde_json::from_str::<Labels>(r#"{"a":1}"#).is_err());
    }

    #[test]
    fn lists_may_be_null() {
        let list: List<Meta> =
            serde_json::from_str(r#"{"metadata":{"resourceVersion":"7","continue":"x"},"items":null}"#).unwrap();
        assert_eq!((&*list.metadata.resource_version, &*list.metadata.continues, list.items.len()), ("7", "x", 0));
        let meta: Meta =
            serde_json::from_str(r#"{"labels":null,"creationTimestamp":null,"name":"x","managedFields":[1]}"#).unwrap();
        assert_eq!(&*meta.name, "x");
    }
}

//! Pods: what the autoscaling rules read of them.
//!
//! Decides: nothing; see `decide::samples` for what is made of it.
//! Invariants: of the annotations only the deletion cost is held, because others can be kilobytes per pod.
//! Tested: `tests/it/objects.rs`.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Meta, nullable};
use crate::{Milli, Stamp};

/// The one annotation that is read.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Metadata, without most annotations.
    #[serde(default, deserialize_with = "lean")]
    pub metadata: Meta,
    /// Specification.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: PodSpec,
    /// Status.
    #[serde(default, deserialize_with = "nullable")]
    pub status: PodStatus,
}

fn lean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Meta, D::Error> {
    let mut meta: Meta = nullable(deserializer)?;
    meta.annotations.keep(&[DELETION_COST]);
    Ok(meta)
}

/// The containers of a pod and what they request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Containers.
    #[serde(deserialize_with = "nullable")]
    pub containers: Box<[Container]>,
    /// Init containers; those that restart always are sidecars.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "<[_]>::is_empty")]
    pub init_containers: Box<[Container]>,
    /// Requests of the whole pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// Resources.
    #[serde(deserialize_with = "nullable")]
    pub resources: Resources,
    /// `Always` makes an init container a sidecar.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub restart_policy: Box<str>,
}

impl Container {
    /// Whether an init container runs beside the others.
    pub fn is_sidecar(&self) -> bool {
        &*self.restart_policy == "Always"
    }
}

/// Requests; limits are not read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// What is asked for, by resource.
    #[serde(deserialize_with = "nullable")]
    pub requests: Requests,
}

/// Amounts by resource name, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests(Box<[(Box<str>, Milli)]>);

impl Requests {
    /// The amount of a resource.
    pub fn get(&self, resource: &str) -> Option<Milli> {
        self.0.iter().find(|(name, _)| &**name == resource).map(|(_, amount)| *amount)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All amounts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Milli)> {
        self.0.iter().map(|(name, amount)| (&**name, *amount))
    }
}

impl<K: Into<Box<str>>> FromIterator<(K, Milli)> for Requests {
    fn from_iter<I: IntoIterator<Item = (K, Milli)>>(pairs: I) -> Requests {
        Requests(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }
}

impl Serialize for Requests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Requests, D::Error> {
        struct Amounts;
        impl<'de> serde::de::Visitor<'de> for Amounts {
            type Value = Requests;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of quantities")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Requests, A::Error> {
                let mut pairs: Vec<(Box<str>, Milli)> = Vec::new();
                while let Some((name, amount)) = map.next_entry::<Box<str>, Milli>()? {
                    pairs.retain(|(known, _)| *known != name);
                    pairs.push((name, amount));
                }
                Ok(Requests(pairs.into_boxed_slice()))
            }
        }
        deserializer.deserialize_map(Amounts)
    }
}

/// How a pod is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Pending, Running, Succeeded, Failed or Unknown.
    #[serde(deserialize_with = "nullable")]
    pub phase: Box<str>,
    /// When the kubelet took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Stamp>,
    /// Its Ready condition; others are not held.
    #[serde(deserialize_with = "ready_alone")]
    pub conditions: Box<[Condition]>,
    /// Its address.
    #[serde(rename = "podIP", deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub pod_ip: Box<str>,
}

impl PodStatus {
    /// The Ready condition: the first, as upstream takes it.
    pub fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == "Ready")
    }
}

/// A condition of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Type.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub kind: Box<str>,
    /// True, False or Unknown.
    #[serde(deserialize_with = "nullable")]
    pub status: Box<str>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Stamp>,
    /// Reason, one word.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub reason: Box<str>,
    /// Message for people.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub message: Box<str>,
}

fn ready_alone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<[Condition]>, D::Error> {
    let all: Vec<Condition> = nullable(deserializer)?;
    Ok(all.into_iter().find(|c| &*c.kind == "Ready").into_iter().collect())
}

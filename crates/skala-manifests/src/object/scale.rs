//! The `/scale` subresource, references to objects, and label selectors.
//!
//! Decides: nothing; `selector` says what a selector matches.
//! Tested: `tests/it/objects.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Labels, Meta, nullable};

/// A Scale (autoscaling/v1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scale {
    /// Metadata.
    #[serde(deserialize_with = "nullable")]
    pub metadata: Meta,
    /// What is wanted.
    #[serde(deserialize_with = "nullable")]
    pub spec: ScaleSpec,
    /// What is there.
    #[serde(deserialize_with = "nullable")]
    pub status: ScaleStatus,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleSpec {
    /// Number of replicas.
    #[serde(deserialize_with = "nullable")]
    pub replicas: i32,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScaleStatus {
    /// Number of replicas.
    #[serde(deserialize_with = "nullable")]
    pub replicas: i32,
    /// Label selector in its text form.
    #[serde(deserialize_with = "nullable")]
    pub selector: Box<str>,
}

/// Names an object of any kind (CrossVersionObjectReference, ObjectReference).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// Group and version.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub api_version: Box<str>,
    /// Kind.
    #[serde(deserialize_with = "nullable")]
    pub kind: Box<str>,
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: Box<str>,
    /// Namespace, where the reference carries one.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "str::is_empty")]
    pub namespace: Box<str>,
}

/// A label selector as objects carry it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Pairs that must be there.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Labels::is_empty")]
    pub match_labels: Labels,
    /// Further requirements.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

/// A requirement on one label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Requirement {
    /// Key.
    #[serde(deserialize_with = "nullable")]
    pub key: Box<str>,
    /// In, NotIn, Exists or DoesNotExist.
    #[serde(deserialize_with = "nullable")]
    pub operator: Box<str>,
    /// Values of In and NotIn.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Box<str>>,
}

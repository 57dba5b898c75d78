//! The `/scale` subresource: reading a target's size and writing a new one.
//!
//! Invariants: a write names the version that the decision was made on, so that it fails when anybody else was faster; it keeps
//!   every other field as it was read.
//! Tested: `tests/it/acting.rs`.

use serde::{Deserialize, Serialize};

use super::{Discovery, Located};
use crate::api::{Api, ApiError, Meta, Path, Write};

/// An `autoscaling/v1` Scale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaleObject {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    pub(crate) metadata: Meta,
    #[serde(default)]
    pub(crate) spec: ScaleSpec,
    #[serde(default)]
    pub(crate) status: ScaleStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScaleSpec {
    pub(crate) replicas: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScaleStatus {
    pub(crate) replicas: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) selector: String,
}

/// Access to `/scale` of any kind.
pub(crate) struct Scales {
    api: Api,
}

impl Scales {
    pub(crate) fn new(api: Api) -> Scales {
        Scales { api }
    }

    /// Finds the target's kind.
    ///
    /// # Errors
    /// In words for the condition `AbleToScale`.
    pub(crate) async fn locate(&self, discovery: &Discovery, api_version: &str, kind: &str) -> Result<Located, String> {
        let located = discovery.locate(api_version, kind).await?;
        if !located.scalable || !located.namespaced {
            return Err(format!("{kind} of {api_version} has no /scale subresource"));
        }
        Ok(located)
    }

    pub(crate) async fn read(&self, at: &Located, namespace: &str, name: &str) -> Result<ScaleObject, ApiError> {
        self.api.get(&path(at, namespace, name)).await
    }

    /// Writes a size on exactly the version that was read.
    pub(crate) async fn write(&self, at: &Located, read: &ScaleObject, replicas: i32) -> Result<ScaleObject, ApiError> {
        let mut wanted = read.clone();
        wanted.spec.replicas = replicas;
        let path = path(at, &read.metadata.namespace, &read.metadata.name);
        self.api.write(Write::Replace, &path, &wanted).await
    }
}

fn path(at: &Located, namespace: &str, name: &str) -> Path {
    Path::objects(&at.group_version, Some(namespace), &at.plural).segment(name).segment("scale")
}

//! The custom resource `Autoscaler`.
//!
//! Invariants: an object that cannot be read is kept with the reason, and never hides the others.

use serde::Deserialize;
use serde_json::Value;

use super::{Saved, Spec, Status};
use crate::api::Meta;
use crate::watch::{Item, Kept, Key};

/// Group and version.
pub(crate) const GROUP_VERSION: &str = "skala.dev/v1alpha1";
pub(crate) const KIND: &str = "Autoscaler";
pub(crate) const PLURAL: &str = "autoscalers";

/// As the API sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Autoscaler {
    metadata: WireMeta,
    spec: Value,
    status: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireMeta {
    #[serde(flatten)]
    meta: Meta,
    deletion_timestamp: Option<String>,
}

/// What is kept of it.
#[derive(Debug)]
pub(crate) struct KeptAutoscaler {
    pub(crate) uid: String,
    pub(crate) generation: i64,
    /// Being deleted: nothing is done for it any more.
    pub(crate) leaving: bool,
    pub(crate) spec: Result<Spec, String>,
    /// What an earlier look, perhaps of another process, left in the status.
    pub(crate) saved: Saved,
}

impl Kept for KeptAutoscaler {}

impl Item for Autoscaler {
    type Kept = KeptAutoscaler;

    fn key(&self) -> Key {
        Key::new(&self.metadata.meta.namespace, &self.metadata.meta.name)
    }

    fn resource_version(&self) -> &str {
        &self.metadata.meta.resource_version
    }

    fn keep(self) -> KeptAutoscaler {
        KeptAutoscaler {
            uid: self.metadata.meta.uid,
            generation: self.metadata.meta.generation,
            leaving: self.metadata.deletion_timestamp.is_some(),
            spec: Spec::read(&self.spec),
            saved: Status::saved(&self.status),
        }
    }

    /// A status alone is this controller's own echo.
    fn matters(old: &KeptAutoscaler, new: &KeptAutoscaler) -> bool {
        (old.generation, &old.uid, old.leaving) != (new.generation, &new.uid, new.leaving)
    }
}

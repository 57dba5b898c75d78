//! HorizontalPodAutoscalers: only their targets, to notice one on a target of ours.

use serde::Deserialize;

use super::TargetRef;
use crate::api::Meta;
use crate::watch::{Item, Kept, Key};

/// As the API sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireHpa {
    metadata: Meta,
    spec: WireSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSpec {
    scale_target_ref: TargetRef,
}

/// What is kept of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeptHpa {
    pub(crate) target: TargetRef,
}

impl Kept for KeptHpa {}

impl Item for WireHpa {
    type Kept = KeptHpa;

    fn key(&self) -> Key {
        Key::new(&self.metadata.namespace, &self.metadata.name)
    }

    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    fn keep(self) -> KeptHpa {
        KeptHpa { target: self.spec.scale_target_ref }
    }

    fn matters(old: &KeptHpa, new: &KeptHpa) -> bool {
        old != new
    }
}

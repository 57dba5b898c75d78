//! Definitions of custom resources: what makes a new kind.
//!
//! Decides: which kinds are served, after a definition came, changed or went.
//! Inputs: stored objects of kind `CustomResourceDefinition`.
//! Method: the definition is accepted and its kind served within the same change; the conditions follow as a second revision.
//! Invariants: a definition that cannot be read serves nothing and says so in its conditions.
//! Tested: `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::State;
use super::kinds::{Kind, ScalePaths, Version};
use super::meta;
use super::store::Entry;
use super::write::seal;

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// After an object was created or changed.
pub(crate) fn changed(state: &mut State, kind: &Arc<Kind>, entry: &Arc<Entry>) {
    if kind.key() != DEFINITIONS {
        return;
    }
    let mut definition = entry.value();
    let read = read(&definition);
    let (accepted, reason) = if read.is_some() { ("True", "NoConflicts") } else { ("False", "NotAccepted") };
    if let Some(kind) = read {
        // A built-in kind is not replaced by a definition of the same name.
        let known = state.kinds.get(&kind.group_resource());
        if known.is_none_or(|k| k.custom) {
            state.kinds.insert(kind.group_resource(), Arc::new(kind));
        }
    }
    let established = definition["status"]["conditions"].as_array().is_some_and(|c| !c.is_empty());
    if established {
        return;
    }
    let at = meta::now();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": accepted, "reason": reason, "message": message, "lastTransitionTime": at});
    let versions = definition["spec"]["versions"].as_array();
    let stored: Vec<Value> = versions.into_iter().flatten().filter(|v| v["storage"] == true).map(|v| v["name"].clone()).collect();
    definition["status"] = json!({
        "conditions": [condition("NamesAccepted", reason, "no conflicts found"),
                       condition("Established", "InitialNamesAccepted", "the initial names have been accepted")],
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": stored,
    });
    let next = seal(kind, entry.key.clone(), definition, state.store.next());
    state.store.put(DEFINITIONS, next);
}

/// After an object is gone.
pub(crate) fn removed(state: &mut State, kind: &Arc<Kind>, entry: &Arc<Entry>) {
    if kind.key() != DEFINITIONS {
        return;
    }
    if state.kinds.get(&entry.key.name).is_some_and(|k| k.custom) {
        state.kinds.remove(&entry.key.name);
        state.store.drop_collection(&entry.key.name);
    }
}

/// The kind that a definition makes.
fn read(definition: &Value) -> Option<Kind> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    let mut versions: Vec<Version> = spec["versions"].as_array()?.iter().filter_map(version).collect();
    let storage = spec["versions"].as_array()?.iter().find(|v| v["storage"] == true).and_then(|v| text(&v["name"]))?;
    versions.sort_by_key(|v| v.name != storage);
    let kind = text(&names["kind"])?;
    Some(Kind {
        group: text(&spec["group"])?,
        singular: text(&names["singular"]).unwrap_or_else(|| kind.to_lowercase()),
        kind,
        plural: text(&names["plural"])?,
        short: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        versions,
        storage,
        counts: true,
        custom: true,
        stored_as: None,
    })
    .filter(|kind| kind.group_resource() == definition["metadata"]["name"])
}

fn version(version: &Value) -> Option<Version> {
    let pointer = |path: &Value| path.as_str().map(|p| p.replace('.', "/"));
    let scale = &version["subresources"]["scale"];
    Some(Version {
        name: version["name"].as_str()?.to_owned(),
        served: version["served"] == true,
        status: version["subresources"]["status"].is_object(),
        scale: scale.is_object().then(|| ScalePaths {
            spec: pointer(&scale["specReplicasPath"]).unwrap_or_default(),
            status: pointer(&scale["statusReplicasPath"]).unwrap_or_default(),
            selector: pointer(&scale["labelSelectorPath"]).filter(|p| !p.is_empty()),
        }),
        schema: version["schema"].get("openAPIV3Schema").cloned(),
    })
}

//! The subresource `scale`: one way to read and set the size of anything that has one.
//!
//! Decides: the `Scale` of an object, and the object after its scale was written.
//! Inputs: the paths that the kind declares.
//! Method: `pkg/registry/apps/*/storage` and `apiextensions-apiserver/pkg/registry/customresource/etcd.go`.
//! Tested: `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use serde_json::{Value, json};

use super::api::State;
use super::convert;
use super::kinds::{Kind, ScalePaths};
use super::selectors::Labels;
use super::status::{Cause, Status};
use super::store::{Entry, Key};
use super::write::{How, Written};

/// The `Scale` of an object.
pub(crate) fn read(state: &State, kind: &Kind, version: &str, key: &Key) -> Result<Value, Status> {
    let entry = state.store.get(&kind.key(), key).ok_or_else(|| Status::not_found(&kind.group, &kind.plural, &key.name))?;
    of(kind, version, entry)
}

/// The `Scale` of a stored object.
pub(crate) fn of(kind: &Kind, version: &str, entry: &Entry) -> Result<Value, Status> {
    let paths = kind.version(version).and_then(|v| v.scale.as_ref()).ok_or_else(Status::no_such_path)?;
    of_object(kind, paths, &convert::from_storage(kind, version, entry.value()))
}

fn of_object(kind: &Kind, paths: &ScalePaths, object: &Value) -> Result<Value, Status> {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
    let replicas = number(&paths.spec)
        .ok_or_else(|| Status::internal(format!("the spec replicas field {:?} does not exist", paths.spec.replace('/', "."))))?;
    let selector = paths.selector.as_ref().and_then(|path| object.pointer(path));
    let selector = match selector {
        // A custom resource keeps the selector as text, the built-in kinds as an object.
        Some(Value::String(text)) if kind.custom => text.clone(),
        Some(selector) if !kind.custom => Labels::of_object(selector).to_string(),
        _ => String::new(),
    };
    let mut status = json!({"replicas": number(&paths.status).unwrap_or(0)});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let metadata = &object["metadata"];
    let mut kept = json!({});
    for member in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = metadata.get(member) {
            kept[member] = value.clone();
        }
    }
    let spec = if replicas == 0 { json!({}) } else { json!({"replicas": replicas}) };
    Ok(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": spec, "status": status}))
}

/// Writes a scale. `change` gets it as it is.
pub(crate) fn write(
    state: &mut State,
    how: &How<'_>,
    key: &Key,
    change: impl FnOnce(Value) -> Result<Value, Status>,
) -> Result<Written, Status> {
    let (kind, version) = (how.kind, how.version);
    let paths = kind.version(version).and_then(|v| v.scale.clone()).ok_or_else(Status::no_such_path)?;
    state.update(&How { replaces: false, ..*how }, key, |mut object| {
        // A scale can be written even where the object has no size yet.
        let now = of_object(kind, &paths, &object).unwrap_or_else(|_| {
            json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": object["metadata"], "spec": {}, "status": {}})
        });
        let wanted = change(now)?;
        let replicas = match &wanted["spec"]["replicas"] {
            Value::Null => 0,
            given => given.as_i64().ok_or_else(|| {
                Status::bad_request(format!("Scale in version \"v1\" cannot be handled as a Scale: spec.replicas is {given}"))
            })?,
        };
        if !(0..=i64::from(i32::MAX)).contains(&replicas) {
            let wrong = Cause::invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
            return Err(Status::invalid("autoscaling", "Scale", &key.name, &[wrong]));
        }
        for member in ["resourceVersion", "uid"] {
            if let Some(seen) = wanted["metadata"].get(member).filter(|s| !s.is_null()) {
                object["metadata"][member] = seen.clone();
            }
        }
        set(&mut object, &paths.spec, json!(replicas));
        Ok(object)
    })
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for step in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[step];
    }
    *at = value;
}

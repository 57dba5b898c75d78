//! Server-side apply, simplified.
//!
//! Decides: the object after somebody applied their part of it, and who owns which fields.
//! Inputs: the object with its `managedFields`, the applied configuration, the manager.
//! Method: the owned fields are the leaves of the configuration; lists with a known key are merged by it, other lists are
//!   leaves. A field that a manager stops applying goes away unless another one applies it. A field that another one applies
//!   with a different value is a conflict (409), unless forced. Plain updates own nothing here, unlike on the real server.
//! Tested: `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::meta;
use super::status::Status;
use super::strategic::{is_set, key_of};

/// Who applies.
pub(crate) struct Applier<'a> {
    pub(crate) manager: &'a str,
    pub(crate) force: bool,
    pub(crate) subresource: &'a str,
}

/// One step to a field, in the notation of `fieldsV1`: `f:name`, `k:{"type":"Ready"}`, `v:"text"`.
type Path = Vec<String>;

/// The object after the configuration was applied to it.
pub(crate) fn apply(kind: &Kind, mut object: Value, config: &Value, applier: &Applier<'_>) -> Result<Value, Status> {
    if !config["metadata"]["managedFields"].is_null() {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut wanted = config.clone();
    for member in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation"] {
        if let Some(metadata) = wanted["metadata"].as_object_mut() {
            metadata.shift_remove(member);
        }
    }
    let status_apart = kind.versions.iter().any(|v| v.status);
    if let Some(members) = wanted.as_object_mut() {
        // Each side of an object with a status of its own is applied alone.
        members.retain(|name, value| match applier.subresource {
            "status" => matches!(name.as_str(), "apiVersion" | "kind" | "status"),
            _ => !(name == "status" && status_apart || name == "metadata" && value.as_object().is_some_and(Map::is_empty)),
        });
    }
    let mut paths = BTreeSet::new();
    if let Some(members) = wanted.as_object() {
        let body = members.iter().filter(|(k, _)| !matches!(k.as_str(), "apiVersion" | "kind"));
        body.for_each(|(name, value)| leaves(name, value, vec![format!("f:{name}")], &mut paths));
    }
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let is_own =
        |entry: &Value| entry["manager"] == applier.manager && entry["subresource"].as_str().unwrap_or("") == applier.subresource;
    let own: BTreeSet<Path> = entries.iter().filter(|e| is_own(e)).flat_map(owned).collect();
    conflicts(kind, &object, &wanted, applier, &mut entries, &paths, &is_own)?;
    let others: BTreeSet<Path> = entries.iter().filter(|e| !is_own(e)).flat_map(owned).collect();
    // The deepest first, so that an item of a list is emptied before it goes.
    for path in own.iter().rev().filter(|p| !paths.contains(*p) && !others.contains(*p)) {
        remove(&mut object, path);
    }
    overlay(&mut object, &wanted, "");
    let same = own == paths;
    if !same {
        entries.retain(|e| !is_own(e));
        let mut entry = json!({"manager": applier.manager, "operation": "Apply", "time": meta::now(), "fieldsType": "FieldsV1",
            "apiVersion": config["apiVersion"], "fieldsV1": tree(&paths)});
        if !applier.subresource.is_empty() {
            entry["subresource"] = json!(applier.subresource);
        }
        entries.push(entry);
    }
    object["metadata"]["managedFields"] = entries.into();
    if let Some(seen) = config["metadata"].get("resourceVersion") {
        object["metadata"]["resourceVersion"] = seen.clone();
    }
    Ok(object)
}

/// Refuses fields that others apply with another value, or takes them from their owners by force.
fn conflicts(
    kind: &Kind,
    object: &Value,
    wanted: &Value,
    applier: &Applier<'_>,
    entries: &mut [Value],
    paths: &BTreeSet<Path>,
    is_own: &impl Fn(&Value) -> bool,
) -> Result<(), Status> {
    let mut told = Vec::new();
    for entry in entries.iter_mut().filter(|e| !is_own(e)) {
        let theirs: BTreeSet<Path> = owned(entry).collect();
        let disputed: Vec<&Path> = paths.iter().filter(|p| theirs.contains(*p) && find(object, p) != find(wanted, p)).collect();
        if applier.force && !disputed.is_empty() {
            let left: BTreeSet<Path> = theirs.iter().filter(|p| !disputed.contains(p)).cloned().collect();
            entry["fieldsV1"] = tree(&left);
        }
        let manager = entry["manager"].as_str().unwrap_or("").to_owned();
        told.extend(disputed.iter().map(|path| (manager.clone(), dotted(path))));
    }
    if applier.force || told.is_empty() {
        return Ok(());
    }
    let plural = if told.len() == 1 { "" } else { "s" };
    let list: Vec<String> = told.iter().map(|(manager, path)| format!("conflict with {manager:?}: {path}")).collect();
    let mut status =
        Status::new(409, "Conflict", format!("Apply failed with {} conflict{plural}: {}", told.len(), list.join("; ")));
    let causes: Vec<Value> = told
        .iter()
        .map(|(manager, path)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager:?}"), "field": path}))
        .collect();
    status.details =
        Box::new(json!({"group": kind.group, "kind": kind.plural, "name": meta::text(object, "name"), "causes": causes}));
    Err(status)
}

fn item_step(list: &str, item: &Value, items: &[Value]) -> Option<String> {
    match key_of(list, items) {
        Some(key) => {
            let mut identity = Map::new();
            identity.insert(key.to_owned(), item[key].clone());
            Some(format!("k:{}", Value::Object(identity)))
        }
        None => is_set(list).then(|| format!("v:{item}")),
    }
}

/// The leaves of a configuration.
fn leaves(name: &str, value: &Value, path: Path, into: &mut BTreeSet<Path>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let mut path = path.clone();
                path.push(format!("f:{name}"));
                leaves(name, value, path, into);
            }
        }
        Value::Array(items) if items.first().is_some_and(|i| item_step(name, i, items).is_some()) => {
            for item in items {
                let mut path = path.clone();
                path.extend(item_step(name, item, items));
                // The item itself is owned, too, so that it goes when nobody applies it any more.
                into.insert(path.clone());
                if item.is_object() {
                    leaves("", item, path, into);
                }
            }
        }
        _ => drop(into.insert(path)),
    }
}

/// The fields that an entry of `managedFields` owns.
fn owned(entry: &Value) -> std::vec::IntoIter<Path> {
    fn walk(tree: &Value, path: &Path, into: &mut Vec<Path>) {
        let members: Vec<_> = tree.as_object().into_iter().flatten().collect();
        if members.is_empty() || members.iter().any(|(step, _)| *step == ".") {
            into.push(path.clone());
        }
        for (step, below) in members.into_iter().filter(|(step, _)| *step != ".") {
            let mut path = path.clone();
            path.push(step.clone());
            walk(below, &path, into);
        }
    }
    let mut found = Vec::new();
    if entry["operation"] == "Apply" {
        walk(&entry["fieldsV1"], &Vec::new(), &mut found);
    }
    found.retain(|path| !path.is_empty());
    found.into_iter()
}

/// Paths as a tree of `fieldsV1`.
fn tree(paths: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in paths {
        let mut at = &mut root;
        for step in path {
            at = &mut at[step.as_str()];
            if at.is_null() {
                *at = json!({});
            }
        }
        // An owned item of a list that also has owned fields below it.
        if path.last().is_some_and(|step| step.starts_with("k:")) {
            at["."] = json!({});
        }
    }
    root
}

fn matches_step(step: &str, item: &Value) -> bool {
    if let Some(key) = step.strip_prefix("k:").and_then(|k| serde_json::from_str::<Map<String, Value>>(k).ok()) {
        return key.iter().all(|(name, value)| item.get(name) == Some(value));
    }
    step.strip_prefix("v:").and_then(|v| serde_json::from_str::<Value>(v).ok()).is_some_and(|v| v == *item)
}

fn find<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter()
        .try_fold(object, |value, step| match step.strip_prefix("f:") {
            Some(name) => value.get(name),
            // Whether an item is there is what its own ownership says; what it holds is said by the paths below.
            None => value.as_array()?.iter().find(|item| matches_step(step, item)),
        })
        .map(|found| if path.last().is_some_and(|s| s.starts_with("k:")) { &Value::Null } else { found })
}

fn remove(object: &mut Value, path: &Path) {
    let Some((last, way)) = path.split_last() else { return };
    let mut at = object;
    for step in way {
        let next = match step.strip_prefix("f:") {
            Some(name) => at.get_mut(name),
            None => at.as_array_mut().and_then(|items| items.iter_mut().find(|item| matches_step(step, item))),
        };
        let Some(next) = next else { return };
        at = next;
    }
    match (last.strip_prefix("f:"), at) {
        (Some(name), Value::Object(members)) => drop(members.shift_remove(name)),
        (None, Value::Array(items)) => items.retain(|item| !matches_step(last, item)),
        _ => {}
    }
}

/// Lays a configuration over an object.
fn overlay(object: &mut Value, config: &Value, name: &str) {
    match (object, config) {
        (Value::Object(members), Value::Object(config)) => {
            for (name, value) in config {
                overlay(members.entry(name.clone()).or_insert(Value::Null), value, name);
            }
        }
        (Value::Array(items), Value::Array(config)) if config.first().is_some_and(|i| item_step(name, i, config).is_some()) => {
            for item in config {
                let step = item_step(name, item, config).unwrap_or_default();
                match items.iter_mut().find(|have| matches_step(&step, have)) {
                    Some(have) => overlay(have, item, ""),
                    None => items.push(item.clone()),
                }
            }
        }
        (object, config) => *object = config.clone(),
    }
}

fn dotted(path: &Path) -> String {
    path.iter()
        .map(|step| match step.strip_prefix("f:") {
            Some(name) => format!(".{name}"),
            None => format!("[{}]", step.get(2..).unwrap_or("")),
        })
        .collect()
}

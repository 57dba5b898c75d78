//! Strategic merge patch: lists of known meaning are merged by key instead of replaced.
//!
//! Decides: an object after such a patch.
//! Inputs: the object, the patch with its directives (`$patch`, `$deleteFromPrimitiveList/...`, `$setElementOrder/...`,
//!   `$retainKeys`).
//! Method: the merge keys that `k8s.io/api` declares, by the name of the list and what its items hold. The wished order of
//!   elements is not kept: what is there stays in place, what is new comes last.
//! Invariants: recursion ends with the patch's own depth, which the JSON reader bounds.
//! Tested: `tests` below; `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use serde_json::{Map, Value};

use super::status::Status;

/// Lists whose items are told apart by a key: name of the list, candidates for the key in order.
const KEYS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("conditions", &["type"]),
    ("addresses", &["type"]),
    ("ports", &["containerPort", "port"]),
    ("ownerReferences", &["uid"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("secrets", &["name"]),
    ("resourceClaims", &["name"]),
];

/// Lists of plain values that are merged as sets.
const SETS: &[&str] = &["finalizers"];

/// The key of a list's items, from what they hold.
pub(super) fn key_of(list: &str, items: &[Value]) -> Option<&'static str> {
    let (_, keys) = KEYS.iter().find(|(name, _)| *name == list)?;
    keys.iter().copied().find(|key| items.iter().all(|item| item.get(*key).is_some()))
}

/// Whether a list of plain values is a set.
pub(super) fn is_set(list: &str) -> bool {
    SETS.contains(&list)
}

/// The object after the patch.
pub(crate) fn merge(object: Value, patch: &Value) -> Result<Value, Status> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err(Status::bad_request("a strategic merge patch is a JSON object"));
    };
    merge_objects(object, patch).map(Value::Object)
}

fn merge_objects(mut object: Map<String, Value>, patch: &Map<String, Value>) -> Result<Map<String, Value>, Status> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            return Ok(patch.iter().filter(|(k, _)| *k != "$patch").map(|(k, v)| (k.clone(), v.clone())).collect());
        }
        Some("delete") => return Ok(Map::new()),
        Some("merge") | None => {}
        Some(other) => return Err(Status::bad_request(format!("invalid value {other:?} for $patch"))),
    }
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        object.retain(|name, _| keep.iter().any(|k| k == name));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(have) = object.get_mut(list).and_then(Value::as_array_mut) {
                have.retain(|item| !gone.contains(item));
            }
        }
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        match (object.shift_remove(name), value) {
            (_, Value::Null) => {}
            (Some(Value::Object(have)), Value::Object(patch)) => {
                object.insert(name.clone(), merge_objects(have, patch)?.into());
            }
            (_, Value::Object(patch)) => drop(object.insert(name.clone(), merge_objects(Map::new(), patch)?.into())),
            (Some(Value::Array(have)), Value::Array(patch)) => {
                drop(object.insert(name.clone(), merge_lists(name, have, patch)?.into()))
            }
            (_, Value::Array(patch)) => drop(object.insert(name.clone(), merge_lists(name, Vec::new(), patch)?.into())),
            (_, other) => drop(object.insert(name.clone(), other.clone())),
        }
    }
    Ok(object)
}

fn merge_lists(name: &str, mut have: Vec<Value>, patch: &[Value]) -> Result<Vec<Value>, Status> {
    if is_set(name) {
        for item in patch.iter().filter(|i| !i.is_object()) {
            if !have.contains(item) {
                have.push(item.clone());
            }
        }
        return Ok(have);
    }
    let directive = |item: &Value| item.get("$patch").and_then(Value::as_str).map(str::to_owned);
    let items: Vec<Value> = patch.iter().filter(|i| directive(i).as_deref() != Some("replace")).cloned().collect();
    if items.len() < patch.len() {
        return Ok(items);
    }
    let Some(key) = key_of(name, patch) else {
        return if KEYS.iter().any(|(list, _)| *list == name) && patch.iter().all(Value::is_object) && !patch.is_empty() {
            Err(Status::bad_request(format!("map: an item of {name} does not contain its merge key")))
        } else {
            Ok(patch.to_vec())
        };
    };
    for item in patch {
        let at = have.iter().position(|h| h.get(key) == item.get(key));
        match (directive(item).as_deref(), at) {
            (Some("delete"), at) => drop(at.map(|at| have.remove(at))),
            (_, Some(at)) => have[at] = merge(have[at].take(), item)?,
            (_, None) => have.push(merge(Value::Object(Map::new()), item)?),
        }
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    #[test]
    fn lists_are_merged_by_their_keys() {
        let pod = json!({"spec": {"containers": [{"name": "a", "image": "1", "ports": [{"containerPort": 80}]}, {"name": "b"}],
            "tolerations": [{"key": "x"}]}, "metadata": {"finalizers": ["f"], "labels": {"a": "1", "b": "2"}}});
        let patch = json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "tolerations": [{"key": "y"}],
            "containers": [{"name": "a", "image": "2", "ports": [{"containerPort": 81}]}, {"name": "b", "$patch": "delete"}, {"name": "c"}]},
            "metadata": {"finalizers": ["g"], "labels": {"a": null}}});
        let want = json!({"spec": {"containers": [{"name": "a", "image": "2", "ports": [{"containerPort": 80}, {"containerPort": 81}]},
            {"name": "c"}], "tolerations": [{"key": "y"}]}, "metadata": {"finalizers": ["f", "g"], "labels": {"b": "2"}}});
        assert_eq!(merge(pod, &patch), Ok(want));
    }

    #[test]
    fn directives_replace_retain_and_take_out() {
        let object = json!({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "metadata": {"finalizers": ["f", "g"]},
            "env": [{"name": "A", "value": "1"}]});
        let patch = json!({"a": {"$patch": "replace", "z": 3}, "b": {"$retainKeys": ["y"], "y": 5},
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["f"]}, "env": [{"$patch": "replace"}, {"name": "B"}]});
        let want = json!({"a": {"z": 3}, "b": {"y": 5}, "metadata": {"finalizers": ["g"]}, "env": [{"name": "B"}]});
        assert_eq!(merge(object, &patch), Ok(want));
        assert!(merge(json!({}), &json!({"a": {"$patch": "eat"}})).is_err());
        assert!(merge(json!({}), &json!({"containers": [{"image": "x"}]})).is_err());
    }
}

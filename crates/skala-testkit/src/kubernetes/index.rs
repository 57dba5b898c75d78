//! The parts of an object that selectors and simulations look at, taken out once when it is stored.
//!
//! Inputs: the object as it is about to be stored.
//! Invariants: what is taken out is what the bytes say.
//! Tested: selectors in `tests/kubernetes/server.rs`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields by which objects of a resource can be selected, besides name and namespace.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "pods",
        &["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase", "status.podIP"],
    ),
    (
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    ("nodes", &["spec.unschedulable"]),
    ("namespaces", &["status.phase"]),
    ("secrets", &["type"]),
    ("replicasets.apps", &["status.replicas"]),
];

/// What selectors look at.
#[derive(Debug, Default)]
pub(crate) struct Indexed {
    pub(crate) labels: BTreeMap<String, String>,
    /// Name and value, in the order of the table.
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) uid: String,
    /// The owner that controls it.
    pub(crate) owner: String,
    pub(crate) deleting: bool,
}

impl Indexed {
    pub(crate) fn of(resource: &str, object: &Value) -> Indexed {
        let metadata = &object["metadata"];
        let owners = metadata["ownerReferences"].as_array();
        let owner = owners.and_then(|o| o.iter().find(|o| o["controller"] == true)).map(|o| text(&o["uid"]));
        Indexed {
            labels: strings(&metadata["labels"]),
            fields: selectable(resource).iter().map(|f| (*f, field(object, f))).collect(),
            uid: text(&metadata["uid"]),
            owner: owner.unwrap_or_default(),
            deleting: !metadata["deletionTimestamp"].is_null(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }
}

/// The fields, besides name and namespace, by which objects of a resource can be selected.
pub(crate) fn selectable(resource: &str) -> &'static [&'static str] {
    FIELDS.iter().find(|(r, _)| *r == resource).map_or(&[], |(_, fields)| fields)
}

/// A map of strings; anything else in it is left out.
pub(crate) fn strings(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

fn field(object: &Value, path: &str) -> String {
    let found = match path {
        // An event's source is selected by its component; the newer form names a controller.
        "source" => [&object["source"]["component"], &object["reportingComponent"]].into_iter().map(text).find(|s| !s.is_empty()),
        path => path.split('.').try_fold(object, |value, part| value.get(part)).map(text),
    };
    match (path, found) {
        ("spec.unschedulable", None) => "false".to_owned(),
        (_, found) => found.unwrap_or_default(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

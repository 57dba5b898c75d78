//! Other autoscalers' manifests, in skala's words.
//!
//! Decides: what of an HPA, a KEDA ScaledObject, a VPA, a Knative service and the Deployments beside them can be carried over.
//! Inputs: JSON trees of the manifests, in any order; lists are opened.
//! Method: first one form for all ([`Imported`]), then a platform file or `Autoscaler` objects from it.
//! Invariants: what is not carried over is a note with object, field and reason; nothing is dropped in silence.
//! Tested: `tests/it/import.rs`.

mod hpa;
mod keda;
mod knative;
mod print;
mod write;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use print::yaml;

/// Everything that was found, and what was left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// By the name of what is scaled.
    pub scaled: BTreeMap<String, Scaled>,
    /// What could not be carried over.
    pub notes: Vec<Note>,
}

/// One thing that is scaled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaled {
    /// Its namespace; empty when none was given.
    pub namespace: String,
    /// The spec of an `Autoscaler`; empty for a workload that nothing scales.
    pub spec: Map<String, Value>,
    /// What runs, in the words of a platform file's service.
    pub service: Map<String, Value>,
}

/// Something that could not be carried over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Kind and name.
    pub object: String,
    /// The field; empty for the object as a whole.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// Reads manifests.
pub fn import(manifests: Vec<Value>) -> Imported {
    let mut imported = Imported::default();
    let mut waiting: Vec<Value> = manifests.into_iter().rev().collect();
    while let Some(mut manifest) = waiting.pop() {
        if let Some(Value::Array(items)) = manifest.get_mut("items").map(Value::take) {
            waiting.extend(items.into_iter().rev());
        } else if !manifest.is_null() {
            imported.one(manifest);
        }
    }
    imported
}

impl Imported {
    fn one(&mut self, manifest: Value) {
        let kind = text(&manifest, "/kind").to_owned();
        let group = text(&manifest, "/apiVersion").split('/').next().unwrap_or_default().to_owned();
        let object = format!("{kind} {}", text(&manifest, "/metadata/name"));
        match (kind.as_str(), group.as_str()) {
            ("HorizontalPodAutoscaler", _) => hpa::import(self, &object, manifest),
            ("ScaledObject", _) => keda::import(self, &object, &manifest),
            ("Deployment" | "StatefulSet" | "ReplicaSet", _) => self.workload(&object, &manifest),
            ("Service" | "Configuration" | "Revision", "serving.knative.dev") => knative::import(self, &object, &manifest),
            ("VerticalPodAutoscaler", _) => self.vertical(&object, &manifest),
            ("TriggerAuthentication" | "ClusterTriggerAuthentication", _) => {
                self.note(&object, "", "credentials are not carried over: name them with ${VARIABLE} where they are used");
            }
            ("Service", _) => self.note(&object, "", "skala finds replicas itself; routes name the service they lead to"),
            _ => self.note(&object, "", "this kind is not known to import"),
        }
    }

    fn note(&mut self, object: &str, field: &str, reason: impl Into<String>) {
        self.notes.push(Note { object: object.to_owned(), field: field.to_owned(), reason: reason.into() });
    }

    /// The entry of what is scaled; a second autoscaler of it is told, and the first one stays.
    fn scale(&mut self, object: &str, name: &str, namespace: &str, spec: Map<String, Value>) {
        let scaled = self.scaled.entry(name.to_owned()).or_default();
        if !scaled.spec.is_empty() {
            return self.note(object, "", format!("'{name}' is already scaled by another object"));
        }
        scaled.spec = spec;
        scaled.namespace = namespace.to_owned();
    }

    fn workload(&mut self, object: &str, manifest: &Value) {
        let containers =
            manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
        if containers.len() > 1 {
            self.note(
                object,
                "spec.template.spec.containers",
                "a service is one command: only the first container is carried over",
            );
        }
        let service = match containers.first() {
            Some(container) => self.container(object, container),
            None => Map::new(),
        };
        let replicas = manifest.pointer("/spec/replicas").filter(|r| r.is_u64()).cloned().unwrap_or(json!(1));
        let scaled = self.scaled.entry(text(manifest, "/metadata/name").to_owned()).or_default();
        scaled.service = service;
        scaled.service.insert("replicas".into(), replicas);
    }

    /// Command, image, environment and resources of a container.
    fn container(&mut self, object: &str, container: &Value) -> Map<String, Value> {
        let mut service = Map::new();
        let words = |key: &str| container.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let command = [words("command"), words("args")].concat();
        if words("command").is_empty() {
            service.insert("image".into(), json!(text(container, "/image")));
            if !command.is_empty() {
                self.note(object, "args", "arguments of an image's own command are not carried over");
            }
        } else {
            service.insert("command".into(), Value::Array(command));
        }
        let mut env = Map::new();
        for variable in container.get("env").and_then(Value::as_array).into_iter().flatten() {
            let name = text(variable, "/name");
            match variable.get("value").and_then(Value::as_str) {
                Some(value) if !value.contains("${") && !value.contains("$(") => drop(env.insert(name.to_owned(), json!(value))),
                _ => self.note(
                    object,
                    &format!("env.{name}"),
                    "only plain values are carried over: name a secret with ${VARIABLE}",
                ),
            }
        }
        if !env.is_empty() {
            service.insert("env".into(), Value::Object(env));
        }
        let mut resources = Map::new();
        for which in ["requests", "limits"] {
            let mut list = Map::new();
            for (name, amount) in
                container.pointer(&format!("/resources/{which}")).and_then(Value::as_object).into_iter().flatten()
            {
                match (name.as_str(), amount) {
                    ("cpu" | "memory", Value::String(amount)) => drop(list.insert(name.clone(), json!(amount))),
                    ("cpu" | "memory", Value::Number(amount)) => drop(list.insert(name.clone(), json!(amount.to_string()))),
                    _ => self.note(
                        object,
                        &format!("resources.{which}.{name}"),
                        "of a replica's resources, cpu and memory are known",
                    ),
                }
            }
            if !list.is_empty() {
                resources.insert(which.into(), Value::Object(list));
            }
        }
        if !resources.is_empty() {
            service.insert("resources".into(), Value::Object(resources));
        }
        service
    }

    fn vertical(&mut self, object: &str, manifest: &Value) {
        let mode = manifest.pointer("/spec/updatePolicy/updateMode").and_then(Value::as_str).unwrap_or("Auto");
        self.note(
            object,
            "spec.updatePolicy",
            format!("mode {mode} is not carried over: `skala recommend` shows what it would set"),
        );
        if manifest.pointer("/spec/resourcePolicy").is_some() {
            self.note(object, "spec.resourcePolicy", "bounds of recommendations are not carried over");
        }
    }
}

/// The text at a pointer, or nothing.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

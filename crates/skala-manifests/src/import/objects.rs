//! The objects of the input, one by one.
//!
//! Decides: which documents are objects, and who reads which kind.
//! Invariants: at most [`MOST`] objects; a kind that nobody reads is named.
//! Tested: `tests/it/import`.

use std::rc::Rc;

use super::draft::{Front, Target};
use super::fields::Fields;
use super::note::{Notes, Origin, short};
use super::tree::{Node, documents};
use super::{Found, ImportError, Input, To};

/// Most objects of one import.
const MOST: usize = 10_000;

/// One object.
pub(crate) struct Object {
    pub origin: Rc<Origin>,
    pub kind: String,
    pub api_version: String,
    pub namespace: String,
    pub name: String,
    pub node: Node,
}

impl Object {
    /// Group of `apiVersion`; empty for the core's.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The object itself as what is scaled.
    pub(crate) fn target(&self) -> Target {
        let (namespace, kind, name) = (self.namespace.clone(), self.kind.clone(), self.name.clone());
        Target { namespace, kind, name, api_version: self.api_version.clone() }
    }

    /// The section `spec`.
    pub(crate) fn spec<'a>(&'a self, notes: &mut Notes) -> Fields<'a> {
        static EMPTY: Node = Node { line: 0, data: super::tree::Data::Null };
        match self.node.get("spec") {
            Some(spec) => Fields::new(&self.origin, spec, "spec", notes),
            None => {
                notes.add(&self.origin, self.node.line, "spec", "this object has no spec", "correct it in the manifest");
                Fields::new(&self.origin, &EMPTY, "spec", notes)
            }
        }
    }

    /// An annotation with its line.
    pub(crate) fn annotations(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        annotations(&self.node)
    }
}

/// Annotations of an object or a template, with their lines.
pub(crate) fn annotations(node: &Node) -> impl Iterator<Item = (&str, &str, usize)> {
    let found = node.get("metadata").and_then(|m| m.get("annotations")).map_or(&[][..], Node::entries);
    found.iter().filter_map(|e| Some((e.key.as_str(), e.value.text()?, e.line)))
}

/// Labels of an object or a template, or the pairs of a selector.
pub(crate) fn pairs(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.map_or(&[][..], Node::entries);
    entries.iter().filter_map(|e| Some((e.key.clone(), e.value.text()?.to_owned()))).collect()
}

/// Takes texts apart.
pub(crate) fn read(inputs: &[Input<'_>]) -> Result<Vec<Object>, ImportError> {
    let mut objects = Vec::new();
    for input in inputs {
        let file = input.name.to_owned();
        let wrong = |line, message| ImportError::Unreadable { file: file.clone(), line, message };
        for document in documents(input.text).map_err(|e| wrong(e.line, e.message))? {
            if document.get("kind").is_none() && document.get("items").is_none() {
                let message = "this document is no Kubernetes object: it has no `kind`";
                return Err(wrong(document.line, message.to_owned()));
            }
            unfold(&file, document, &mut objects);
            if objects.len() > MOST {
                return Err(ImportError::TooMany { most: MOST });
            }
        }
    }
    Ok(objects)
}

/// An object, or those of a list.
fn unfold(file: &str, node: Node, objects: &mut Vec<Object>) {
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
    if text(&node, "kind").ends_with("List") || node.get("kind").is_none() {
        let Node { data, .. } = node;
        let super::tree::Data::Map(entries) = data else { return };
        let items = entries.into_iter().find(|e| e.key == "items").map(|e| e.value);
        if let Some(super::tree::Data::List(items)) = items.map(|n| n.data) {
            for item in items {
                if objects.len() > MOST {
                    return;
                }
                unfold(file, item, objects);
            }
        }
        return;
    }
    let kind = text(&node, "kind");
    let meta = node.get("metadata");
    let of = |key: &str| meta.and_then(|m| m.get(key)).and_then(Node::text).unwrap_or_default().to_owned();
    let (namespace, name) = (of("namespace"), of("name"));
    let joint = if namespace.is_empty() { "" } else { "/" };
    let object = short(&format!("{kind} {namespace}{joint}{name}"));
    let origin = Rc::new(Origin { file: file.to_owned(), object, line: node.line });
    objects.push(Object { origin, api_version: text(&node, "apiVersion"), kind, namespace, name, node });
}

/// Reads every object by its kind; what others refer to comes first.
pub(crate) fn understand(objects: &[Object], to: To, found: &mut Found) {
    // In a cluster the workloads stay what they are: only their environment is looked at.
    let mut aside = Notes::default();
    for object in objects {
        let notes = if to == To::Autoscaler { &mut aside } else { &mut found.notes };
        match (object.group(), object.kind.as_str()) {
            ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") => {
                found.workloads.push(super::workload::read(object, &mut found.variables, notes));
            }
            ("keda.sh", "TriggerAuthentication" | "ClusterTriggerAuthentication") => {
                found.auths.push(super::keda::authentication(object, &mut found.notes));
            }
            ("", "Service") => found.fronts.push(front(object, notes)),
            _ => {}
        }
    }
    for object in objects {
        match (object.group(), object.kind.as_str()) {
            ("autoscaling", "HorizontalPodAutoscaler") => super::hpa::read(object, found),
            ("keda.sh", "ScaledObject") => super::keda::read(object, to, found),
            ("autoscaling.k8s.io", "VerticalPodAutoscaler") => super::vpa::read(object, found),
            ("serving.knative.dev", "Service" | "Configuration" | "Revision") => super::knative::read(object, to, found),
            ("apps", "Deployment" | "StatefulSet" | "ReplicaSet")
            | ("keda.sh", "TriggerAuthentication" | "ClusterTriggerAuthentication")
            | ("", "Service") => {}
            other => stranger(object, other, &mut found.notes),
        }
    }
}

fn stranger(object: &Object, (group, kind): (&str, &str), notes: &mut Notes) {
    let (reason, help) = match (group, kind) {
        ("", "Secret" | "ConfigMap") => {
            ("values of Secrets and ConfigMaps are not copied".to_owned(), "set the variables that other notes name")
        }
        ("keda.sh", "ScaledJob") => (
            "there is no counterpart of a Job per message".to_owned(),
            "run a service of workers, and scale it by the same trigger",
        ),
        _ => (
            format!("objects of kind {} are not imported", super::fields::quoted(kind)),
            "write what is meant by hand, if it matters",
        ),
    };
    notes.add(&object.origin, object.origin.line, "", reason, help);
}

fn front(object: &Object, notes: &mut Notes) -> Front {
    let mut spec = object.spec(notes);
    let selector = pairs(spec.take("selector"));
    if spec.text("type", notes).is_some_and(|t| t != "ClusterIP") {
        spec.note("type", "nothing is published beyond the gateway", "point the load balancer at the gateway's port", notes);
    }
    spec.ignore(&[
        "ports",
        "clusterIP",
        "clusterIPs",
        "ipFamilies",
        "ipFamilyPolicy",
        "internalTrafficPolicy",
        "sessionAffinity",
    ]);
    spec.finish(notes);
    Front { origin: object.origin.clone(), namespace: object.namespace.clone(), name: object.name.clone(), selector }
}

//! Create, update and delete: the rules between a client's wish and the store.
//!
//! Decides: whether an object may change, what of it may, and whether that is a change at all.
//! Inputs: the object as a client wants it, the stored one, the kind.
//! Method: `k8s.io/apiserver/pkg/registry/generic/registry/store.go`: conversion, defaults and validation, identity and
//!   version checks, separation of status, generation, no revision for a change of nothing, deletion by finalizers and grace.
//! Invariants: an error leaves the store as it was.
//! Tested: `tests/kubernetes/server.rs`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::State;
use super::index::Indexed;
use super::kinds::Kind;
use super::status::{Cause, Status};
use super::store::{Entry, Key};
use super::{convert, crd, meta, normal};

/// What happens to fields that the kind doesn't know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unknown {
    #[default]
    Ignore,
    Warn,
    Strict,
}

/// How something is written.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) kind: &'a Arc<Kind>,
    /// The version in which the client speaks.
    pub(crate) version: &'a str,
    /// Empty, or `status`.
    pub(crate) subresource: &'a str,
    pub(crate) dry_run: bool,
    pub(crate) unknown: Unknown,
    /// Whether a client replaces the whole object, and so has to say which version it saw where the kind wants that.
    pub(crate) replaces: bool,
    /// Whether the change itself wrote the owners of fields.
    pub(crate) applies: bool,
    /// Whether a new object keeps the status that it brings: a test's own objects do.
    pub(crate) whole: bool,
}

impl<'a> How<'a> {
    pub(crate) fn new(kind: &'a Arc<Kind>, version: &'a str) -> How<'a> {
        let unknown = Unknown::Ignore;
        How { kind, version, subresource: "", dry_run: false, unknown, replaces: false, applies: false, whole: false }
    }
}

/// What was written.
pub(crate) struct Written {
    pub(crate) entry: Arc<Entry>,
    pub(crate) warnings: Vec<String>,
}

/// How something is deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletion {
    /// Seconds; the pod's own where it isn't given.
    pub(crate) grace: Option<i64>,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) dry_run: bool,
}

/// What became of a deletion.
pub(crate) enum Deleted {
    /// It is gone.
    Gone(Arc<Entry>),
    /// It is marked and waits for its finalizers or its grace period.
    Waiting(Arc<Entry>),
}

impl State {
    /// Creates an object.
    pub(crate) fn create(&mut self, how: &How<'_>, namespace: &str, object: Value) -> Result<Written, Status> {
        let kind = how.kind;
        let mut object = convert::to_storage(kind, how.version, object)?;
        meta::begin(&mut object, namespace, kind.counts)?;
        if !how.whole
            && kind.version(how.version).is_some_and(|v| v.status)
            && let Some(members) = object.as_object_mut()
        {
            members.shift_remove("status");
        }
        let name = meta::text(&object, "name").to_owned();
        if let Some(wrong) = meta::check_name(&name, &kind.group) {
            return Err(Status::invalid(&kind.group, &kind.kind, &name, &[wrong]));
        }
        if !namespace.is_empty() && self.store.get("namespaces", &Key::new("", namespace)).is_none() {
            return Err(Status::not_found("", "namespaces", namespace));
        }
        let (object, warnings) = normal::normalise(kind, how.version, object, how.unknown)?;
        normal::check(kind, &object, None)?;
        let key = Key::new(namespace, &name);
        if self.store.get(&kind.key(), &key).is_some() {
            return Err(Status::already_exists(&kind.group, &kind.plural, &name));
        }
        let entry = seal(kind, key, object, self.store.next());
        if how.dry_run {
            return Ok(Written { entry: Arc::new(entry), warnings });
        }
        let entry = self.store.put(&kind.key(), entry);
        crd::changed(self, kind, &entry);
        Ok(Written { entry, warnings })
    }

    /// Changes an object or its status. `change` gets it as it is, in the version in which the client speaks.
    pub(crate) fn update(
        &mut self,
        how: &How<'_>,
        key: &Key,
        change: impl FnOnce(Value) -> Result<Value, Status>,
    ) -> Result<Written, Status> {
        let kind = how.kind;
        let missing = || Status::not_found(&kind.group, &kind.plural, &key.name);
        let before = Arc::clone(self.store.get(&kind.key(), key).ok_or_else(missing)?);
        let stored = before.value();
        let wanted = change(convert::from_storage(kind, how.version, stored.clone()))?;
        let managed = how.applies.then(|| wanted["metadata"]["managedFields"].clone());
        identity(how, key, &wanted, &stored, before.revision)?;
        let wanted = convert::to_storage(kind, how.version, wanted)?;
        let mut object = separate(how, wanted, &stored);
        meta::keep(&mut object, &stored)?;
        if let Some(managed) = managed {
            object["metadata"]["managedFields"] = managed;
        }
        let (mut object, warnings) = normal::normalise(kind, how.version, object, how.unknown)?;
        finalizers_only_go(kind, &object, &stored)?;
        if how.subresource.is_empty() {
            normal::check(kind, &object, Some(&stored))?;
        }
        if kind.counts && spec_differs(kind, how.version, &object, &stored) {
            let generation = stored["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = generation.into();
        }
        if is_same(&object, &stored) {
            return Ok(Written { entry: before, warnings });
        }
        let gone = is_released(&object);
        let entry = seal(kind, key.clone(), object, self.store.next());
        if how.dry_run {
            return Ok(Written { entry: Arc::new(entry), warnings });
        }
        let entry = if gone { self.store.remove(&kind.key(), entry) } else { self.store.put(&kind.key(), entry) };
        match gone {
            true => crd::removed(self, kind, &entry),
            false => crd::changed(self, kind, &entry),
        }
        Ok(Written { entry, warnings })
    }

    /// Deletes an object, or marks it where finalizers or a grace period hold it.
    pub(crate) fn delete(&mut self, kind: &Arc<Kind>, key: &Key, deletion: &Deletion) -> Result<Deleted, Status> {
        let missing = || Status::not_found(&kind.group, &kind.plural, &key.name);
        let before = Arc::clone(self.store.get(&kind.key(), key).ok_or_else(missing)?);
        let mut object = before.value();
        preconditions(kind, key, &object, &before, deletion)?;
        let grace = if kind.key() == "pods" { pods_grace(&object, deletion.grace) } else { 0 };
        let marked = before.indexed.deleting;
        let held_grace = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
        let waits = !meta::finalizers(&object).is_empty() || grace > 0;
        if waits {
            if marked && held_grace.is_some_and(|held| held <= grace) {
                return Ok(Deleted::Waiting(before));
            }
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
            object["metadata"]["deletionTimestamp"] = json!(meta::seconds(at));
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            if kind.counts && !marked {
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
                object["metadata"]["generation"] = generation.into();
            }
        }
        let entry = seal(kind, key.clone(), object, self.store.next());
        if deletion.dry_run {
            return Ok(if waits { Deleted::Waiting(Arc::new(entry)) } else { Deleted::Gone(Arc::new(entry)) });
        }
        if waits {
            return Ok(Deleted::Waiting(self.store.put(&kind.key(), entry)));
        }
        let entry = self.store.remove(&kind.key(), entry);
        crd::removed(self, kind, &entry);
        if kind.key() == "namespaces" {
            self.empty_namespace(&key.name);
        }
        Ok(Deleted::Gone(entry))
    }

    /// Deletes what lies in a namespace that is gone.
    fn empty_namespace(&mut self, namespace: &str) {
        let kinds: Vec<Arc<Kind>> = self.kinds.values().filter(|k| k.namespaced && k.stored_as.is_none()).cloned().collect();
        for kind in kinds {
            let inside = self.store.objects(&kind.key()).filter(|e| e.key.namespace == namespace);
            let keys: Vec<Key> = inside.map(|e| e.key.clone()).collect();
            for key in keys {
                let now = Deletion { grace: Some(0), ..Deletion::default() };
                // What finalizers hold stays, as it does in a namespace that cannot terminate.
                let _ = self.delete(&kind, &key, &now);
            }
        }
    }
}

/// An object as it is stored: type first, with its revision.
pub(crate) fn seal(kind: &Kind, key: Key, object: Value, revision: u64) -> Entry {
    let api_version = kind.stored_as.map_or_else(|| kind.api_version(&kind.storage), |_| "v1".to_owned());
    let mut members = serde_json::Map::new();
    members.insert("kind".to_owned(), json!(kind.kind));
    members.insert("apiVersion".to_owned(), json!(api_version));
    if let Value::Object(given) = object {
        members.extend(given.into_iter().filter(|(k, _)| k != "kind" && k != "apiVersion"));
    }
    let mut object = Value::Object(members);
    object["metadata"]["resourceVersion"] = json!(revision.to_string());
    let typeless = format!("{{\"kind\":{},\"apiVersion\":{},", json!(kind.kind), json!(api_version)).len();
    let bytes = serde_json::to_vec(&object).expect("a JSON value can be serialized").into();
    Entry { indexed: Indexed::of(&kind.key(), &object), key, revision, bytes, typeless }
}

/// Whether a write changes nothing, whatever the order of the members.
fn is_same(object: &Value, stored: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.shift_remove("kind");
            members.shift_remove("apiVersion");
        }
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.shift_remove("resourceVersion");
        }
        value
    };
    bare(object) == bare(stored)
}

/// Holds that the object is the one that is there, in the version that the client saw.
fn identity(how: &How<'_>, key: &Key, wanted: &Value, stored: &Value, revision: u64) -> Result<(), Status> {
    let kind = how.kind;
    let (group, plural, name) = (&kind.group, &kind.plural, &key.name);
    for (member, should) in [("name", name), ("namespace", &key.namespace)] {
        let is = meta::text(wanted, member);
        let left_out = is.is_empty() && member == "namespace";
        if is != should && !left_out {
            let message = format!("the {member} of the object ({is}) does not match the {member} on the URL ({should})");
            return Err(Status::bad_request(message));
        }
    }
    let (uid, seen) = (meta::text(wanted, "uid"), meta::text(wanted, "resourceVersion"));
    if !uid.is_empty() && uid != meta::text(stored, "uid") {
        let have = meta::text(stored, "uid");
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {have}");
        return Err(Status::conflict(group, plural, name, &why));
    }
    if seen.is_empty() {
        let wants = kind.custom || matches!(plural.as_str(), "leases" | "customresourcedefinitions");
        if how.replaces && wants {
            let wrong = Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
            return Err(Status::invalid(group, &kind.kind, name, &[wrong]));
        }
        return Ok(());
    }
    match seen.parse::<u64>() {
        Ok(seen) if seen == revision => Ok(()),
        Ok(_) => Err(Status::stale(group, plural, name)),
        Err(_) => {
            let wrong = Cause::invalid("metadata.resourceVersion", &json!(seen), "must be an unsigned integer");
            Err(Status::invalid(group, &kind.kind, name, &[wrong]))
        }
    }
}

/// Takes only the status from a write to the status, and everything else from a write to the object.
fn separate(how: &How<'_>, wanted: Value, stored: &Value) -> Value {
    if !how.kind.version(how.version).is_some_and(|v| v.status) {
        return wanted;
    }
    let (mut base, other) = if how.subresource == "status" { (stored.clone(), &wanted) } else { (wanted, stored) };
    let status = other.get("status").cloned();
    if let Some(members) = base.as_object_mut() {
        match status {
            Some(status) => drop(members.insert("status".to_owned(), status)),
            None => drop(members.shift_remove("status")),
        }
    }
    base
}

/// Whether something changed that the generation counts.
fn spec_differs(kind: &Kind, version: &str, object: &Value, stored: &Value) -> bool {
    if !kind.custom {
        return object.get("spec") != stored.get("spec");
    }
    let status_apart = kind.version(version).is_some_and(|v| v.status);
    let counted = |key: &str| !(matches!(key, "metadata" | "kind" | "apiVersion") || status_apart && key == "status");
    let relevant = |value: &Value| -> Vec<(String, Value)> {
        let members = value.as_object().into_iter().flatten().filter(|(k, _)| counted(k));
        let mut members: Vec<_> = members.map(|(k, v)| (k.clone(), v.clone())).collect();
        members.sort_by(|a, b| a.0.cmp(&b.0));
        members
    };
    relevant(object) != relevant(stored)
}

fn finalizers_only_go(kind: &Kind, object: &Value, stored: &Value) -> Result<(), Status> {
    if stored["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let had = meta::finalizers(stored);
    if meta::finalizers(object).iter().all(|f| had.contains(f)) {
        return Ok(());
    }
    let message = "Forbidden: no new finalizers can be added if the object is being deleted".to_owned();
    let wrong = Cause { reason: "FieldValueForbidden", field: "metadata.finalizers".to_owned(), message };
    Err(Status::invalid(&kind.group, &kind.kind, meta::text(object, "name"), &[wrong]))
}

/// Whether nothing holds an object any more that is being deleted.
fn is_released(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let graceless = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0;
    !metadata["deletionTimestamp"].is_null() && graceless && meta::finalizers(object).is_empty()
}

fn preconditions(kind: &Kind, key: &Key, object: &Value, before: &Entry, deletion: &Deletion) -> Result<(), Status> {
    let have = [("UID", meta::text(object, "uid").to_owned()), ("ResourceVersion", before.revision.to_string())];
    for (want, (what, have)) in [&deletion.uid, &deletion.revision].into_iter().zip(have) {
        if let Some(want) = want.as_ref().filter(|want| **want != have) {
            let why = format!("Precondition failed: {what} in precondition: {want}, {what} in object meta: {have}");
            return Err(Status::conflict(&kind.group, &kind.plural, &key.name, &why));
        }
    }
    Ok(())
}

/// Seconds that a pod gets: none where no node runs it or its work is over.
fn pods_grace(pod: &Value, asked: Option<i64>) -> i64 {
    let unscheduled = pod["spec"]["nodeName"].as_str().unwrap_or("").is_empty();
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if unscheduled || over {
        return 0;
    }
    asked.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30).max(0)
}

//! The server without its sockets: state behind one lock, and the helpers of tests.
//!
//! Inputs: requests that have been read, or a test's own calls.
//! Invariants: the lock is never held across a wait; whoever changes something wakes the watches once it is visible.
//! Tested: `tests/kubernetes/`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::cluster::Options;
use super::convert;
use super::faults::Faults;
use super::held;
use super::kinds::{self, Kind};
use super::meta;
use super::metrics::Metrics;
use super::requests::Requests;
use super::scale;
use super::selectors::{Fields, Filter, Labels};
use super::status::Status;
use super::store::{Key, Pulse, Store};
use super::write::{Deletion, How};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What changes.
pub(crate) struct State {
    pub(crate) store: Store,
    /// By `plural.group`.
    pub(crate) kinds: BTreeMap<String, Arc<Kind>>,
}

impl State {
    pub(crate) fn kind(&self, group_resource: &str) -> Result<Arc<Kind>, Status> {
        self.kinds.get(group_resource).cloned().ok_or_else(Status::no_such_path)
    }

    /// The kind and the served version of an object that says what it is.
    fn kind_of(&self, object: &Value) -> Result<(Arc<Kind>, String), Status> {
        let api_version = object["apiVersion"].as_str().unwrap_or("");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = object["kind"].as_str().unwrap_or("");
        let found = self.kinds.values().find(|k| k.group == group && k.kind == kind && k.version(version).is_some());
        let missing = || Status::new(404, "NotFound", format!("no matches for kind {kind:?} in version {api_version:?}"));
        Ok((Arc::clone(found.ok_or_else(missing)?), version.to_owned()))
    }
}

/// The server without its sockets.
pub(crate) struct Api {
    state: Mutex<State>,
    pub(crate) pulse: watch::Sender<Pulse>,
    pub(crate) metrics: Metrics,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    /// Time between bookmarks.
    pub(crate) bookmarks: Duration,
}

impl Api {
    pub(crate) fn new(options: &Options) -> Api {
        let kinds = kinds::built_in().into_iter().map(|k| (k.group_resource(), Arc::new(k))).collect();
        let state = State { store: Store::new(options.history), kinds };
        let pulse = watch::Sender::new(Pulse { revision: state.store.revision(), ..Pulse::default() });
        let api = Api {
            state: Mutex::new(state),
            faults: Faults::new(pulse.clone()),
            pulse,
            metrics: Metrics::default(),
            requests: Requests::default(),
            bookmarks: options.bookmarks,
        };
        for name in NAMESPACES {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            api.put(&namespace).expect("a namespace of a new cluster is new");
        }
        api
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&held(&self.state))
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = held(&self.state);
        let result = change(&mut state);
        let revision = state.store.revision();
        // Under the lock, so that the pulse never goes back.
        self.pulse.send_if_modified(|pulse| std::mem::replace(&mut pulse.revision, revision) != revision);
        result
    }

    pub(crate) fn revision(&self) -> u64 {
        self.read(|state| state.store.revision())
    }

    pub(crate) fn compact(&self) {
        self.write(|state| state.store.compact());
    }

    /// Creates an object or puts it in the place of what is there, its status included.
    pub(crate) fn put(&self, object: &Value) -> Result<Value, Status> {
        self.write(|state| {
            let (kind, version) = state.kind_of(object)?;
            let how = How::new(&kind, &version);
            let name = meta::text(object, "name").to_owned();
            let namespace = match meta::text(object, "namespace") {
                _ if !kind.namespaced => "",
                "" => "default",
                given => given,
            };
            let key = Key::new(namespace, &name);
            state.ensure_namespace(namespace)?;
            if state.store.get(&kind.key(), &key).is_none() {
                let made = state.create(&How { whole: true, ..how }, namespace, object.clone())?;
                return Ok(convert::from_storage(&kind, &version, made.entry.value()));
            }
            let mut wanted = object.clone();
            meta::metadata(&mut wanted)?.shift_remove("resourceVersion");
            state.update(&how, &key, |_| Ok(wanted))?;
            state.put_status(&how, &key, object)
        })
    }

    pub(crate) fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.read(|state| {
            let kind = state.kinds.get(resource)?;
            let entry = state.store.get(&kind.key(), &Key::new(namespace, name))?;
            Some(convert::from_storage(kind, &kind.versions.first()?.name, entry.value()))
        })
    }

    pub(crate) fn find_all(&self, resource: &str, namespace: &str, selector: &str) -> Result<Vec<Value>, Status> {
        let filter = Filter { namespace: namespace.to_owned(), labels: Labels::parse(selector)?, fields: Fields::default() };
        self.read(|state| {
            let kind = state.kind(resource)?;
            let version = kind.versions.first().map_or("", |v| &v.name);
            let found = state.store.objects(&kind.key()).filter(|e| filter.select(e));
            Ok(found.map(|e| convert::from_storage(&kind, version, e.value())).collect())
        })
    }

    /// Merges a patch into an object or its status.
    pub(crate) fn merge(&self, resource: &str, namespace: &str, name: &str, sub: &str, patch: &Value) -> Result<Value, Status> {
        self.write(|state| {
            let kind = state.kind(resource)?;
            let version = kind.versions.first().map_or("", |v| &v.name);
            let how = How { subresource: sub, ..How::new(&kind, version) };
            let written = state.update(&how, &Key::new(namespace, name), |mut object| {
                json_patch::merge(&mut object, patch);
                Ok(object)
            })?;
            Ok(convert::from_storage(&kind, version, written.entry.value()))
        })
    }

    pub(crate) fn delete_now(&self, resource: &str, namespace: &str, name: &str) -> Result<(), Status> {
        self.write(|state| {
            let kind = state.kind(resource)?;
            let now = Deletion { grace: Some(0), ..Deletion::default() };
            state.delete(&kind, &Key::new(namespace, name), &now).map(|_| ())
        })
    }

    pub(crate) fn replicas(&self, resource: &str, namespace: &str, name: &str) -> Result<i64, Status> {
        self.read(|state| {
            let kind = state.kind(resource)?;
            let version = kind.versions.first().map_or("", |v| &v.name);
            let scale = scale::read(state, &kind, version, &Key::new(namespace, name))?;
            scale["spec"]["replicas"].as_i64().ok_or_else(|| Status::internal("replicas is not a number"))
        })
    }
}

impl State {
    fn ensure_namespace(&mut self, name: &str) -> Result<(), Status> {
        if name.is_empty() || self.store.get("namespaces", &Key::new("", name)).is_some() {
            return Ok(());
        }
        let kind = self.kind("namespaces")?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.create(&How::new(&kind, "v1"), "", namespace).map(|_| ())
    }

    /// Writes the status that an object carries, where it has one of its own; answers the object as it is then.
    fn put_status(&mut self, how: &How<'_>, key: &Key, object: &Value) -> Result<Value, Status> {
        let separate = how.kind.version(how.version).is_some_and(|v| v.status);
        if let (true, Some(status)) = (separate, object.get("status")) {
            let how = How { subresource: "status", ..*how };
            self.update(&how, key, |mut stored| {
                stored["status"] = status.clone();
                Ok(stored)
            })?;
        }
        let entry = self.store.get(&how.kind.key(), key).map(|e| e.value()).unwrap_or_default();
        Ok(convert::from_storage(how.kind, how.version, entry))
    }
}

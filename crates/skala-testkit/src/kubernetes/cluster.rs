//! A cluster in this process, and a test's own hands on it.
//!
//! Inputs: objects as JSON; resources by the name `plural` or `plural.group` (`pods`, `deployments.apps`).
//! Method: the helpers take the same path as requests over HTTP (defaults, validation, revisions), but need no rights, suffer
//!   no faults and leave no line in the log.
//! Tested: `tests/kubernetes/`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::faults::Faults;
use super::metrics::Metrics;
use super::requests::Requests;
use super::server;
use super::status::Status;
use super::workloads::{self, Workloads};

/// How a cluster is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Changes that each resource keeps for watches; older ones are forgotten (410).
    pub history: usize,
    /// Time between bookmarks on a watch.
    pub bookmarks: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { history: super::store::HISTORY, bookmarks: Duration::from_secs(60) }
    }
}

/// A Kubernetes API server on a free port of 127.0.0.1; stops when dropped.
pub struct Cluster {
    addr: SocketAddr,
    api: Arc<Api>,
    /// Taken when dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Cluster {
    /// Starts one with the namespaces that every cluster has, and nothing else.
    pub fn start() -> Cluster {
        Cluster::start_with(Options::default())
    }

    /// Starts one that is set up in its own way.
    pub fn start_with(options: Options) -> Cluster {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("kubernetes-api")
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
        listener.set_nonblocking(true).expect("a socket can be made nonblocking");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let api = Arc::new(Api::new(&options));
        runtime.spawn(server::serve(listener, Arc::clone(&api)));
        Cluster { addr, api, runtime: Some(runtime) }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Writes a kubeconfig for an administrator into a folder; the default namespace is `default`.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        self.kubeconfig_as(folder, super::access::ADMIN)
    }

    /// Writes a kubeconfig for a user, who may do what the roles in the cluster grant: `system:serviceaccount:NAMESPACE:NAME`
    /// for a service account.
    pub fn kubeconfig_as(&self, folder: &Path, user: &str) -> PathBuf {
        let file = folder.join(format!("kubeconfig-{}", user.replace([':', '/'], "-")));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url()}}],
            "users": [{"name": "test", "user": {"token": user}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
        });
        std::fs::write(&file, config.to_string()).expect("the folder of a test is writable");
        file
    }

    /// Puts an object, whether it is there already or not, its `status` included. Makes its namespace where it is missing.
    ///
    /// # Panics
    /// When the API refuses it.
    #[track_caller]
    pub fn put(&self, object: &Value) -> Value {
        match self.try_put(object) {
            Ok(stored) => stored,
            Err(status) => panic!("the API refused {object}: {status}"),
        }
    }

    /// The same for an object that may be refused.
    ///
    /// # Errors
    /// When the API refuses it.
    pub fn try_put(&self, object: &Value) -> Result<Value, Status> {
        self.api.put(object)
    }

    /// An object as it is.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.api.find(resource, namespace, name)
    }

    /// The objects of a resource that a label selector selects; an empty namespace means all of them, an empty selector, too.
    ///
    /// # Panics
    /// When the resource is unknown or the selector cannot be read.
    #[track_caller]
    pub fn list(&self, resource: &str, namespace: &str, selector: &str) -> Vec<Value> {
        match self.api.find_all(resource, namespace, selector) {
            Ok(found) => found,
            Err(status) => panic!("{resource} cannot be listed: {status}"),
        }
    }

    /// Merges a patch (RFC 7396) into an object.
    ///
    /// # Errors
    /// When the API refuses it.
    pub fn patch(&self, resource: &str, namespace: &str, name: &str, patch: &Value) -> Result<Value, Status> {
        self.api.merge(resource, namespace, name, "", patch)
    }

    /// Merges a patch (RFC 7396), such as `{"status": {...}}`, into an object's subresource `status`.
    ///
    /// # Errors
    /// When the API refuses it.
    pub fn patch_status(&self, resource: &str, namespace: &str, name: &str, patch: &Value) -> Result<Value, Status> {
        self.api.merge(resource, namespace, name, "status", patch)
    }

    /// Deletes an object at once, whatever its grace period; finalizers still hold it.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> Result<(), Status> {
        self.api.delete_now(resource, namespace, name)
    }

    /// `spec.replicas` of an object with a scale.
    ///
    /// # Panics
    /// When there is no such object or it has no scale.
    #[track_caller]
    pub fn replicas(&self, resource: &str, namespace: &str, name: &str) -> i64 {
        match self.api.replicas(resource, namespace, name) {
            Ok(replicas) => replicas,
            Err(status) => panic!("{resource} {namespace}/{name} has no scale: {status}"),
        }
    }

    /// Changes so far: the newest resource version.
    pub fn revision(&self) -> u64 {
        self.api.revision()
    }

    /// Forgets the history: watches and pages of lists that start in the past answer 410. Watches that are up to date go on.
    pub fn compact(&self) {
        self.api.compact();
    }

    /// Starts the controllers of Deployments, ReplicaSets and StatefulSets, and the nodes that run their pods.
    pub fn run_workloads(&self, workloads: Workloads) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(workloads::run(Arc::clone(&self.api), workloads));
        }
    }

    /// What the metrics APIs answer.
    pub fn metrics(&self) -> &Metrics {
        &self.api.metrics
    }

    /// What can be made to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.api.faults
    }

    /// What clients asked.
    pub fn requests(&self) -> &Requests {
        &self.api.requests
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A test may itself run on a runtime, where waiting for another one is not allowed.
            runtime.shutdown_background();
        }
    }
}

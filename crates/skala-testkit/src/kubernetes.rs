//! A Kubernetes API server in the test's own process.
//!
//! Decides: what a client of Kubernetes sees: kube-rs, kubectl, or bytes on a socket.
//! Inputs: HTTP/1.1 requests with JSON on a port of 127.0.0.1; objects, metrics and faults from the test itself.
//! Method: one store with one counter of revisions (`store.rs`); the rules of the API in between (`write.rs`, `patch.rs`,
//!   `crd.rs`...); a simulation of Deployments, StatefulSets and nodes where a test asks for it (`workloads.rs`).
//! Invariants: a request either changes one object or nothing; no answer waits for a client other than its own.
//! Tested: `tests/kubernetes/`, by kube-rs and by the real kubectl.
//!
//! What it does not do: TLS (the port is plain HTTP on loopback), protobuf (406 and 415), tables for `kubectl get` (it draws its
//! own), admission webhooks, quotas, exec, logs and port-forward, conversion webhooks, CEL rules (`x-kubernetes-validations`),
//! `oneOf`/`anyOf`/`not` in schemas, volumes, networks, jobs, pod disruption budgets. Server-side apply knows the owners of fields
//! among those who apply; a plain update changes no ownership. A list at a revision of the future is refused at once instead of
//! after a wait. A rolling update brings all new pods at once and takes the old ones as the new become ready.

mod access;
mod api;
mod apply;
mod cluster;
mod convert;
mod crd;
mod discovery;
mod faults;
mod handle;
mod index;
mod kinds;
mod list;
mod meta;
mod metrics;
mod normal;
mod patch;
mod requests;
mod scale;
mod schema;
mod selectors;
mod server;
mod status;
mod store;
mod strategic;
mod target;
mod watch;
mod workloads;
mod write;

pub use cluster::{Cluster, Options};
pub use faults::{Fault, Faults, Matching};
pub use metrics::{Availability, CustomMetric, Metrics, MetricsApi};
pub use requests::{Requests, Seen};
pub use status::Status;
pub use workloads::Workloads;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock of something that stays whole even when a thread panicked over it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

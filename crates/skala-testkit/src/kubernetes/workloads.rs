//! A simulation of the controllers of workloads, and of the nodes that run their pods.
//!
//! Decides: which pods there are for a Deployment, ReplicaSet or StatefulSet, and when they run, are ready and are gone.
//! Inputs: the stored objects; the real clock; how long pods take.
//! Method: level-triggered passes over what is stored (`controllers.rs`, `pods.rs`), woken by changes and while pods are on
//!   their way. A pod that has become ready is left alone: a test may then give it any state.
//! Invariants: only pods with a ReplicaSet or StatefulSet above them are run; pods that a test put stay as they are, except that
//!   those being deleted go.
//! Tested: `tests/kubernetes/workloads.rs`.

mod controllers;
mod pods;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::{Api, State};
use super::store::Entry;

/// Time between two passes while pods are on their way, and the least after a change.
const PASS: Duration = Duration::from_millis(10);

/// How pods come and go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Workloads {
    /// From a pod's creation until its containers run.
    pub running_after: Duration,
    /// From a pod's creation until it is ready; not before its containers run.
    pub ready_after: Duration,
    /// From a pod's deletion until it is gone.
    pub gone_after: Duration,
}

/// What is remembered from one pass to the next.
#[derive(Default)]
struct Memory {
    /// By the pods' uids: when each was first seen, how far it is, and since when it is being deleted.
    pods: BTreeMap<String, Stage>,
    /// Owners that were there once: what they own goes with them.
    owners: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug)]
struct Stage {
    since: Instant,
    runs: bool,
    ready: bool,
    deleting: Option<Instant>,
}

/// What a pass sees.
struct Pass<'a> {
    state: &'a mut State,
    memory: &'a mut Memory,
    workloads: Workloads,
    now: Instant,
}

impl Pass<'_> {
    /// The pods below an owner that are not being deleted.
    fn active(&self, owned: &BTreeMap<String, Vec<Arc<Entry>>>, uid: &str) -> Vec<Arc<Entry>> {
        owned.get(uid).into_iter().flatten().filter(|p| !p.indexed.deleting).cloned().collect()
    }

    fn is_ready(&self, pod: &Entry) -> bool {
        pods::is_ready(&pod.value())
    }

    /// Pods by the uid of their owner.
    fn owned(&self) -> BTreeMap<String, Vec<Arc<Entry>>> {
        let mut owned: BTreeMap<String, Vec<Arc<Entry>>> = BTreeMap::new();
        for pod in self.state.store.objects("pods").filter(|p| !p.indexed.owner.is_empty()) {
            owned.entry(pod.indexed.owner.clone()).or_default().push(Arc::clone(pod));
        }
        owned
    }
}

/// Runs until the runtime stops.
pub(crate) async fn run(api: Arc<Api>, workloads: Workloads) {
    let mut memory = Memory::default();
    let mut pulse = api.pulse.subscribe();
    loop {
        pulse.mark_unchanged();
        let on_their_way = api.write(|state| {
            let mut pass = Pass { state, memory: &mut memory, workloads, now: Instant::now() };
            controllers::pass(&mut pass);
            pods::pass(&mut pass)
        });
        if !on_their_way && pulse.changed().await.is_err() {
            return;
        }
        tokio::time::sleep(PASS).await;
    }
}

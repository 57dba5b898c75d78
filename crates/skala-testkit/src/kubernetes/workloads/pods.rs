//! The nodes' part: pods start, become ready, and go.
//!
//! Decides: phase and conditions of the pods of workloads, and when a deleted pod is gone.
//! Tested: `tests/kubernetes/workloads.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Pass, Stage};
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::meta;
use crate::kubernetes::store::Key;
use crate::kubernetes::write::{Deletion, How};

/// Whether a pod says that it is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// One pass over the pods; says whether some are on their way.
pub(super) fn pass(pass: &mut Pass<'_>) -> bool {
    let Ok(kind) = pass.state.kind("pods") else { return false };
    let mut on_their_way = false;
    let pods: Vec<(Key, String, bool, bool)> = pass
        .state
        .store
        .objects("pods")
        .filter(|p| p.indexed.deleting || pass.memory.owners.contains(&p.indexed.owner))
        .map(|p| (p.key.clone(), p.indexed.uid.clone(), p.indexed.deleting, p.indexed.field("status.phase") == Some("Pending")))
        .collect();
    let mut seen = BTreeSet::new();
    for (key, uid, deleting, pending) in pods {
        let fresh = Stage { since: pass.now, runs: !pending, ready: !pending, deleting: None };
        let mut stage = *pass.memory.pods.entry(uid.clone()).or_insert(fresh);
        if deleting {
            let since = *stage.deleting.get_or_insert(pass.now);
            match pass.now.duration_since(since) >= pass.workloads.gone_after {
                true => {
                    let now = Deletion { grace: Some(0), ..Deletion::default() };
                    // Finalizers may still hold it; the next change tells.
                    let _ = pass.state.delete(&kind, &key, &now);
                }
                false => on_their_way = true,
            }
        } else {
            let age = pass.now.duration_since(stage.since);
            let runs = stage.runs || age >= pass.workloads.running_after;
            let ready = stage.ready || (runs && age >= pass.workloads.ready_after);
            if (runs, ready) != (stage.runs, stage.ready) {
                advance(pass, &kind, &key, ready);
            }
            (stage.runs, stage.ready) = (runs, ready);
            on_their_way |= !ready;
        }
        pass.memory.pods.insert(uid.clone(), stage);
        seen.insert(uid);
    }
    pass.memory.pods.retain(|uid, _| seen.contains(uid));
    on_their_way
}

/// Writes the status of a pod whose containers run.
fn advance(pass: &mut Pass<'_>, kind: &Arc<Kind>, key: &Key, ready: bool) {
    let at = meta::now();
    let how = How { subresource: "status", ..How::new(kind, "v1") };
    let written = pass.state.update(&how, key, |mut pod| {
        let start = pod["status"]["startTime"].as_str().map_or_else(|| at.clone(), str::to_owned);
        let condition =
            |name: &str, is: bool| json!({"type": name, "status": if is { "True" } else { "False" }, "lastTransitionTime": at});
        let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
        let statuses: Vec<Value> = containers
            .iter()
            .map(|c| {
                json!({"name": c["name"], "image": c["image"], "imageID": "", "ready": ready, "started": true, "restartCount": 0,
                    "state": {"running": {"startedAt": at}}})
            })
            .collect();
        pod["status"] = json!({
            "phase": "Running", "startTime": start, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "qosClass": "Burstable",
            "conditions": [condition("PodScheduled", true), condition("Initialized", true),
                           condition("ContainersReady", ready), condition("Ready", ready)],
            "containerStatuses": statuses,
        });
        Ok(pod)
    });
    // A pod that a test has deleted meanwhile needs no status.
    drop(written);
}

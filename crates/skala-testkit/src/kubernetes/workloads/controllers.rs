//! The controllers' part: Deployments make ReplicaSets, ReplicaSets and StatefulSets make pods.
//!
//! Decides: which pods are created and deleted, and the status of their owners.
//! Method: `pkg/controller`: of a ReplicaSet that is too large the pods go in the order of `ActivePodsWithRanks` (pending first, then
//!   not ready, then the lowest `pod-deletion-cost`, then the youngest); a StatefulSet grows in order and shrinks from its end.
//! Tested: `tests/kubernetes/workloads.rs`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::Pass;
use super::pods::is_ready;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::meta;
use crate::kubernetes::store::{Entry, Key};
use crate::kubernetes::write::{Deletion, How};

const HASH_LABEL: &str = "pod-template-hash";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Pods that one pass creates or deletes for one owner, as bursts are bounded on the real one.
const BURST: usize = 500;

type Owned = BTreeMap<String, Vec<Arc<Entry>>>;

/// One pass over every workload.
pub(super) fn pass(pass: &mut Pass<'_>) {
    let values = |pass: &Pass<'_>, resource: &str| -> Vec<Value> {
        pass.state.store.objects(resource).filter(|e| !e.indexed.deleting).map(|e| e.value()).collect()
    };
    collect_garbage(pass);
    for deployment in values(pass, "deployments.apps") {
        deploy(pass, &deployment);
    }
    let owned = pass.owned();
    for set in values(pass, "replicasets.apps") {
        let active = pass.active(&owned, meta::text(&set, "uid"));
        replica_set(pass, &set, active);
    }
    for set in values(pass, "statefulsets.apps") {
        stateful_set(pass, &set, &owned);
    }
}

/// Deletes what belongs to owners that are gone.
fn collect_garbage(pass: &mut Pass<'_>) {
    let mut there = BTreeSet::new();
    for resource in ["deployments.apps", "replicasets.apps", "statefulsets.apps"] {
        there.extend(pass.state.store.objects(resource).map(|e| e.indexed.uid.clone()));
    }
    let gone: BTreeSet<String> = pass.memory.owners.difference(&there).cloned().collect();
    for resource in ["replicasets.apps", "pods"] {
        let Ok(kind) = pass.state.kind(resource) else { continue };
        let orphans = pass.state.store.objects(resource).filter(|e| gone.contains(&e.indexed.owner) && !e.indexed.deleting);
        let keys: Vec<Key> = orphans.map(|e| e.key.clone()).collect();
        for key in keys {
            let _ = pass.state.delete(&kind, &key, &Deletion::default());
        }
    }
    pass.memory.owners.extend(there);
}

fn replicas(object: &Value) -> usize {
    object["spec"]["replicas"].as_u64().unwrap_or(1) as usize
}

fn owner(object: &Value, kind: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": meta::text(object, "name"), "uid": meta::text(object, "uid"),
        "controller": true, "blockOwnerDeletion": true}])
}

/// The hash of a template: FNV-1a, in the letters of names.
fn hash(template: &Value) -> String {
    let hash =
        template.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{:010x}", hash & 0xff_ffff_ffff)
}

fn set_status(pass: &mut Pass<'_>, resource: &str, object: &Value, status: Value) {
    let Ok(kind) = pass.state.kind(resource) else { return };
    let how = How { subresource: "status", ..How::new(&kind, "v1") };
    let key = Key::new(meta::text(object, "namespace"), meta::text(object, "name"));
    let written = pass.state.update(&how, &key, |mut object| {
        object["status"] = status;
        Ok(object)
    });
    // Who deletes the object meanwhile needs no status.
    drop(written);
}

fn deploy(pass: &mut Pass<'_>, deployment: &Value) {
    let Ok(kind) = pass.state.kind("replicasets.apps") else { return };
    let (namespace, name) = (meta::text(deployment, "namespace"), meta::text(deployment, "name"));
    let hash = hash(&deployment["spec"]["template"]);
    let current = format!("{name}-{hash}");
    let uid = meta::text(deployment, "uid");
    let sets: Vec<Value> =
        pass.state.store.objects("replicasets.apps").filter(|e| e.indexed.owner == uid).map(|e| e.value()).collect();
    let wanted = replicas(deployment);
    let number = |set: &Value, member: &str| set["status"][member].as_u64().unwrap_or(0) as usize;
    let new = sets.iter().find(|s| meta::text(s, "name") == current);
    match new {
        None => {
            let mut spec = json!({"replicas": wanted, "selector": deployment["spec"]["selector"], "template": deployment["spec"]["template"]});
            spec["selector"]["matchLabels"][HASH_LABEL] = json!(hash);
            spec["template"]["metadata"]["labels"][HASH_LABEL] = json!(hash);
            let labels = spec["template"]["metadata"]["labels"].clone();
            let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec,
                "metadata": {"name": current, "labels": labels, "ownerReferences": owner(deployment, "Deployment")}});
            // One of another owner under that name is in the way, as it would be on the real server.
            let _ = pass.state.create(&How::new(&kind, "v1"), namespace, set);
        }
        Some(new) => resize(pass, &kind, new, wanted),
    }
    let ready_new = new.map_or(0, |s| number(s, "readyReplicas"));
    for old in sets.iter().filter(|s| meta::text(s, "name") != current) {
        resize(pass, &kind, old, replicas(old).min(wanted.saturating_sub(ready_new)));
    }
    let total = |member: &str| sets.iter().map(|s| number(s, member)).sum::<usize>();
    let ready = total("readyReplicas");
    let available = json!({"type": "Available", "status": if ready >= wanted { "True" } else { "False" },
        "reason": if ready >= wanted { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" }, "message": ""});
    let updated = new.map_or(0, |s| number(s, "replicas"));
    let status = json!({"observedGeneration": deployment["metadata"]["generation"], "replicas": total("replicas"), "updatedReplicas": updated,
        "readyReplicas": ready, "availableReplicas": ready, "unavailableReplicas": wanted.saturating_sub(ready), "conditions": [available]});
    set_status(pass, "deployments.apps", deployment, status);
}

fn resize(pass: &mut Pass<'_>, kind: &Arc<Kind>, set: &Value, wanted: usize) {
    if replicas(set) == wanted {
        return;
    }
    let key = Key::new(meta::text(set, "namespace"), meta::text(set, "name"));
    let written = pass.state.update(&How::new(kind, "v1"), &key, |mut set| {
        set["spec"]["replicas"] = wanted.into();
        Ok(set)
    });
    drop(written);
}

/// Creates a pod from an owner's template.
fn create_pod(pass: &mut Pass<'_>, set: &Value, kind_name: &str, name: &str, more: &[(&str, String)]) {
    let Ok(kind) = pass.state.kind("pods") else { return };
    let template = &set["spec"]["template"];
    let mut metadata = json!({"name": name, "labels": template["metadata"]["labels"], "ownerReferences": owner(set, kind_name)});
    if let Some(annotations) = template["metadata"].get("annotations") {
        metadata["annotations"] = annotations.clone();
    }
    for (label, value) in more {
        metadata["labels"][*label] = json!(value);
    }
    let mut spec = template["spec"].clone();
    spec["nodeName"] = json!(format!("node-{}", name.len() % 3 + 1));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    // A name that is taken is tried again in the next pass.
    let _ = pass.state.create(&How::new(&kind, "v1"), meta::text(set, "namespace"), pod);
}

fn delete_pod(pass: &mut Pass<'_>, pod: &Entry) {
    let Ok(kind) = pass.state.kind("pods") else { return };
    let _ = pass.state.delete(&kind, &pod.key, &Deletion::default());
}

fn replica_set(pass: &mut Pass<'_>, set: &Value, mut active: Vec<Arc<Entry>>) {
    let wanted = replicas(set);
    active.retain(|pod| !matches!(pod.indexed.field("status.phase"), Some("Failed" | "Succeeded")));
    let ready = active.iter().filter(|pod| pass.is_ready(pod)).count();
    let status = json!({"observedGeneration": set["metadata"]["generation"], "replicas": active.len(), "readyReplicas": ready,
        "availableReplicas": ready, "fullyLabeledReplicas": active.len()});
    set_status(pass, "replicasets.apps", set, status);
    for _ in 0..wanted.saturating_sub(active.len()).min(BURST) {
        let name = format!("{}-{}", meta::text(set, "name"), meta::suffix(5));
        create_pod(pass, set, "ReplicaSet", &name, &[]);
    }
    let surplus = active.len().saturating_sub(wanted).min(BURST);
    if surplus > 0 {
        active.sort_by_cached_key(|pod| rank(&pod.value()));
        active[..surplus].iter().for_each(|pod| delete_pod(pass, pod));
    }
}

/// Who goes first has the least rank.
fn rank(pod: &Value) -> (bool, bool, bool, i64, Reverse<String>) {
    let assigned = pod["spec"]["nodeName"].is_string();
    let pending = pod["status"]["phase"] == "Pending";
    let cost = pod["metadata"]["annotations"][COST].as_str().and_then(|c| c.parse::<i32>().ok()).unwrap_or(0);
    (assigned, !pending, is_ready(pod), i64::from(cost), Reverse(meta::text(pod, "creationTimestamp").to_owned()))
}

fn stateful_set(pass: &mut Pass<'_>, set: &Value, owned: &Owned) {
    let wanted = replicas(set);
    let name = meta::text(set, "name");
    let all: Vec<Arc<Entry>> = owned.get(meta::text(set, "uid")).cloned().unwrap_or_default();
    let ordinal =
        |pod: &Entry| pod.key.name.strip_prefix(name).and_then(|n| n.strip_prefix('-')).and_then(|n| n.parse::<usize>().ok());
    let by_ordinal: BTreeMap<usize, Arc<Entry>> = all.iter().filter_map(|p| Some((ordinal(p)?, Arc::clone(p)))).collect();
    let in_order = set["spec"]["podManagementPolicy"] != "Parallel";
    let ready = by_ordinal.values().filter(|p| pass.is_ready(p)).count();
    let status = json!({"observedGeneration": set["metadata"]["generation"], "replicas": by_ordinal.len(), "readyReplicas": ready,
        "availableReplicas": ready, "currentReplicas": by_ordinal.len(), "updatedReplicas": by_ordinal.len()});
    set_status(pass, "statefulsets.apps", set, status);
    let mut created = 0;
    for at in 0..wanted {
        match by_ordinal.get(&at) {
            Some(pod) if in_order && (pod.indexed.deleting || !pass.is_ready(pod)) => return,
            Some(_) => {}
            None => {
                let pod = format!("{name}-{at}");
                let labels =
                    [("statefulset.kubernetes.io/pod-name", pod.clone()), ("apps.kubernetes.io/pod-index", at.to_string())];
                create_pod(pass, set, "StatefulSet", &pod, &labels);
                created += 1;
                if in_order || created == BURST {
                    return;
                }
            }
        }
    }
    for pod in by_ordinal.range(wanted..).rev().map(|(_, pod)| pod) {
        if pod.indexed.deleting {
            if in_order {
                return;
            }
            continue;
        }
        delete_pod(pass, pod);
        if in_order {
            return;
        }
    }
}

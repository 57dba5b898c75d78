//! Deployments and StatefulSets: what runs.
//!
//! Decides: which container of a pod becomes the replica, and what of the rest has a counterpart.
//! Tested: `tests/it/import/workload.rs`.

mod container;
mod probe;

use super::draft::{Pod, Workload};
use super::fields::Fields;
use super::note::Notes;
use super::objects::{Object, pairs};
use super::variables::Variables;

/// A part of a pod that has no counterpart where replicas are processes.
const PROCESS: &str = "a replica is a group of processes of this machine, without this";
const BY_HAND: &str = "see to it by hand, if it matters";

pub(crate) fn read(object: &Object, variables: &mut Variables, notes: &mut Notes) -> Workload {
    let mut spec = object.spec(notes);
    let replicas = spec.int("replicas", notes);
    let mut pod = None;
    if let Some(template) = spec.map("template", notes) {
        pod = Some(self::template(template, object, variables, notes));
    }
    spec.refuse(&["volumeClaimTemplates"], PROCESS, "give the program a folder of its own", notes);
    spec.refuse(
        &["strategy", "updateStrategy", "minReadySeconds"],
        "a rollout replaces replicas one by one, each once the new one is ready",
        BY_HAND,
        notes,
    );
    // The identity of pods, and how long old ones are remembered.
    spec.ignore(&["selector", "revisionHistoryLimit", "progressDeadlineSeconds", "serviceName", "podManagementPolicy", "paused"]);
    spec.finish(notes);
    Workload { origin: object.origin.clone(), target: object.target(), replicas, pod, concurrency: None, timeout: None }
}

fn template(mut template: Fields<'_>, object: &Object, variables: &mut Variables, notes: &mut Notes) -> Pod {
    let labels = pairs(object.node.get("spec").and_then(|s| s.get("template")?.get("metadata")?.get("labels")));
    template.ignore(&["metadata"]);
    let pod = template.map("spec", notes).map(|spec| self::pod(spec, variables, notes));
    template.finish(notes);
    Pod { labels, ..pod.unwrap_or_default() }
}

/// What a pod's spec says; its first container is the replica.
pub(crate) fn pod(mut spec: Fields<'_>, variables: &mut Variables, notes: &mut Notes) -> Pod {
    let mut pod = Pod::default();
    let path = spec.at("containers");
    let containers = spec.list("containers", notes);
    for (i, node) in containers.iter().enumerate() {
        let fields = Fields::new(spec.origin, node, format!("{path}[{i}]"), notes);
        if i == 0 {
            pod = container::read(fields, variables, notes);
        } else {
            let reason = "a replica runs one program, that of the first container";
            let help = "start it from there, or make it a service of its own";
            notes.add(spec.origin, node.line, &format!("{path}[{i}]"), reason, help);
        }
    }
    pod.alone = containers.len() == 1;
    let path = spec.at("initContainers");
    for (i, node) in spec.list("initContainers", notes).iter().enumerate() {
        let reason = "nothing runs before a replica";
        notes.add(spec.origin, node.line, &format!("{path}[{i}]"), reason, "let the program do it as it starts");
    }
    pod.drain = spec.int("terminationGracePeriodSeconds", notes).filter(|s| *s > 0);
    spec.ignore(&["restartPolicy", "dnsPolicy", "schedulerName", "imagePullSecrets", "enableServiceLinks"]);
    let rest: Vec<&str> = spec.unread().map(|e| e.key.as_str()).collect();
    spec.refuse(&rest, PROCESS, BY_HAND, notes);
    pod
}

//! Pods: what autoscaling reads of them, in some 300 bytes each.
//!
//! Invariants: no pod that the server sends makes the copy fail; what is odd in it becomes a missing value.
//! Tested: `tests` below.

use std::sync::Arc;

use serde::Deserialize;
use skala_hpa::{Phase, ReadyCondition, ReadyStatus};
use skala_manifests::decide::{Amounts, Role};
use skala_manifests::{Milli, Selector};
use skala_types::Time;

use super::intern::intern;
use super::time;
use crate::watch::{Item, Kept, Key, Pair};

/// Tells that the cost is this controller's.
pub(crate) const MARK: &str = "skala.dev/deletion-cost";

/// A pod as the API sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WirePod {
    metadata: Metadata,
    spec: Option<PodSpec>,
    status: Option<PodStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: String,
    resource_version: String,
    labels: Option<Labels>,
    annotations: Option<Annotations>,
    deletion_timestamp: Option<String>,
}

/// Label pairs, shared with other pods from the start.
#[derive(Clone, Debug, Default, PartialEq)]
struct Labels(Vec<(Arc<str>, Arc<str>)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    pairs.push((intern(&key), intern(&value)));
                }
                Ok(Labels(pairs))
            }
        }
        from.deserialize_map(Pairs)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Annotations {
    #[serde(default, rename = "controller.kubernetes.io/pod-deletion-cost")]
    deletion_cost: Option<String>,
    #[serde(default, rename = "skala.dev/deletion-cost")]
    ours: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Vec<Container>,
    init_containers: Option<Vec<Container>>,
    resources: Option<Resources>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    resources: Option<Resources>,
    restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: Option<std::collections::BTreeMap<String, Lenient>>,
}

/// An amount, or none where the text is not one: a bad one must not hide every other pod of the list.
#[derive(Clone, Debug)]
struct Lenient(Option<Milli>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Lenient, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        Ok(Lenient(skala_manifests::Quantity::deserialize(value).ok().map(|q| Milli(q.milli_capped()))))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: Option<String>,
    #[serde(deserialize_with = "time::lenient")]
    start_time: Option<Time>,
    conditions: Option<Vec<PodCondition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    restart_count: u32,
    state: Option<ContainerState>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
}

/// Restarts from which on a container that waits for the next one is not expected to recover by it: by then the kubelet waits
/// for more than a minute.
const HOPELESS: u32 = 4;

/// Whether a container has died and waits for its restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Restarting {
    #[default]
    No,
    /// It may well come back.
    BackingOff,
    /// It died too often.
    CrashLooping,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(deserialize_with = "time::lenient")]
    last_transition_time: Option<Time>,
}

/// Requests by resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requested(Box<[(Arc<str>, Milli)]>);

impl Amounts for Requested {
    fn amount(&self, resource: &str) -> Option<Milli> {
        self.0.iter().find(|(name, _)| &**name == resource).map(|(_, amount)| *amount)
    }
}

/// What is kept of a pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptPod {
    labels: Box<[(Arc<str>, Arc<str>)]>,
    pub(crate) pod: skala_hpa::Pod,
    /// Containers, then init containers, with their requests.
    pub(crate) containers: Box<[(Role, Arc<str>, Requested)]>,
    /// Requests of the pod as a whole, where it makes any.
    pub(crate) whole: Requested,
    /// What the annotation says, and whether this controller wrote it.
    pub(crate) deletion_cost: Option<i32>,
    pub(crate) marked_by_us: bool,
    pub(crate) restarting: Restarting,
}

impl KeptPod {
    pub(crate) fn selected(&self, selector: &Selector) -> bool {
        let label = |key: &str| self.labels.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v);
        selector.matches_with(label)
    }

    /// Running, ready and not on its way out.
    pub(crate) fn is_serving(&self) -> bool {
        let ready = self.pod.ready.is_some_and(|r| r.status == ReadyStatus::True);
        ready && !self.pod.deleted && self.pod.phase == Phase::Running
    }
}

impl Kept for KeptPod {
    fn labels(&self) -> &[Pair] {
        &self.labels
    }
}

impl Item for WirePod {
    type Kept = KeptPod;

    fn key(&self) -> Key {
        Key { namespace: intern(&self.metadata.namespace), name: self.metadata.name.as_str().into() }
    }

    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    fn keep(self) -> KeptPod {
        let spec = self.spec.unwrap_or_default();
        let status = self.status.unwrap_or_default();
        let role = |c: &Container| if c.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init };
        let init = spec.init_containers.into_iter().flatten().map(|c| (role(&c), c));
        let containers = spec.containers.into_iter().map(|c| (Role::Main, c)).chain(init);
        let statuses = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
        let restarting = statuses.map(restarting).max().unwrap_or_default();
        let annotations = self.metadata.annotations;
        KeptPod {
            labels: self.metadata.labels.unwrap_or_default().0.into(),
            pod: skala_hpa::Pod {
                deleted: self.metadata.deletion_timestamp.is_some(),
                phase: phase(status.phase.as_deref()),
                ready: status.conditions.iter().flatten().find(|c| c.kind == "Ready").map(ready),
                started_at: status.start_time,
            },
            containers: containers.map(|(role, c)| (role, intern(&c.name), requested(c.resources))).collect(),
            whole: requested(spec.resources),
            deletion_cost: annotations.as_ref().and_then(|a| a.deletion_cost.as_ref()?.parse().ok()),
            marked_by_us: annotations.is_some_and(|a| a.ours.is_some()),
            restarting,
        }
    }
}

fn requested(resources: Option<Resources>) -> Requested {
    let requests = resources.and_then(|r| r.requests).unwrap_or_default();
    Requested(requests.into_iter().filter_map(|(name, amount)| Some((intern(&name), amount.0?))).collect())
}

fn restarting(container: &ContainerStatus) -> Restarting {
    let waiting = container.state.as_ref().and_then(|s| s.waiting.as_ref());
    match waiting.is_some_and(|w| w.reason == "CrashLoopBackOff") {
        false => Restarting::No,
        true if container.restart_count >= HOPELESS => Restarting::CrashLooping,
        true => Restarting::BackingOff,
    }
}

fn phase(text: Option<&str>) -> Phase {
    match text {
        Some("Pending") => Phase::Pending,
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        _ => Phase::Unknown,
    }
}

fn ready(condition: &PodCondition) -> ReadyCondition {
    let status = match condition.status.as_str() {
        "True" => ReadyStatus::True,
        "False" => ReadyStatus::False,
        _ => ReadyStatus::Unknown,
    };
    ReadyCondition { status, last_transition: condition.last_transition_time.unwrap_or(Time::ZERO) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_decisions_read() {
        let json = r#"{"metadata":{"name":"web-1","namespace":"shop","resourceVersion":"7","labels":{"app":"web"},"managedFields":[{}],
            "annotations":{"controller.kubernetes.io/pod-deletion-cost":"-5","note":"x"}},
            "spec":{"containers":[{"name":"app","resources":{"requests":{"cpu":"250m","memory":"1Gi"}}}],
            "initContainers":[{"name":"once"},{"name":"side","restartPolicy":"Always","resources":{"requests":{"cpu":1}}}]},
            "status":{"phase":"Running","startTime":"2026-01-01T00:00:00Z",
            "conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:09Z"}]}}"#;
        let wire: WirePod = serde_json::from_str(json).unwrap();
        assert_eq!((wire.key(), wire.resource_version()), (Key::new("shop", "web-1"), "7"));
        let kept = wire.keep();
        assert!(kept.selected(&"app=web".parse().unwrap()) && kept.is_serving());
        let names: Vec<(Role, &str)> = kept.containers.iter().map(|(role, n, _)| (*role, &**n)).collect();
        assert_eq!(names, [(Role::Main, "app"), (Role::Init, "once"), (Role::Sidecar, "side")]);
        let requests = &kept.containers[0].2;
        assert_eq!((requests.amount("cpu"), requests.amount("memory")), (Some(Milli(250)), Some(Milli(1_073_741_824_000))));
        assert_eq!(kept.restarting, Restarting::No);
        assert_eq!((kept.deletion_cost, kept.marked_by_us), (Some(-5), false));
    }

    #[test]
    fn an_odd_pod_is_kept_with_gaps() {
        let json = r#"{"metadata":{"name":"x","namespace":"y","deletionTimestamp":"2026-01-01T00:00:00Z"},
            "spec":{"containers":[{"name":"a","resources":{"requests":{"cpu":"lots"}}}]},
            "status":{"phase":"Strange","startTime":"yesterday","conditions":[{"type":"Ready","status":"Maybe"}]}}"#;
        let kept = serde_json::from_str::<WirePod>(json).unwrap().keep();
        assert!(
            kept.pod.deleted
                && kept.pod.started_at.is_none()
                && kept.containers[0].2 == Requested::default()
                && !kept.is_serving()
        );
        assert!(serde_json::from_str::<WirePod>("{}").is_ok());
    }

    #[test]
    fn a_container_that_keeps_dying_is_told_from_one_that_died() {
        let kept = |reason: &str, restarts: u32| {
            let json = format!(
                r#"{{"status":{{"containerStatuses":[{{"restartCount":0,"state":{{"running":{{}}}}}},
                {{"restartCount":{restarts},"state":{{"waiting":{{"reason":"{reason}"}}}}}}]}}}}"#
            );
            serde_json::from_str::<WirePod>(&json).unwrap().keep().restarting
        };
        assert_eq!(kept("CrashLoopBackOff", 1), Restarting::BackingOff);
        assert_eq!(kept("CrashLoopBackOff", 9), Restarting::CrashLooping);
        assert_eq!(kept("ContainerCreating", 9), Restarting::No);
    }
}

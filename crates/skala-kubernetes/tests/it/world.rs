//! A cluster with a Deployment, its pods, their metrics, and a controller that can be started, stopped and killed.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use skala_kubernetes::{Controller, LeaseSettings, NoSources, Settings, Target, connect};
use skala_manifests::export::{AUTOSCALER_CRD, ControllerExport};
use skala_testkit::kubernetes::Cluster;
use skala_testkit::wait::until;
use tokio::sync::oneshot;

/// Longest wait for anything.
pub const LIMIT: Duration = Duration::from_secs(20);
/// The namespace of every test.
pub const NS: &str = "shop";

/// A cluster that knows Autoscalers.
pub fn cluster() -> Cluster {
    let cluster = Cluster::start();
    cluster.put(&yaml(AUTOSCALER_CRD)[0]);
    cluster
}

/// The documents of a YAML text.
pub fn yaml(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// The documents of an export.
pub fn installed(change: impl FnOnce(&mut ControllerExport)) -> Vec<Value> {
    let mut export = ControllerExport::default();
    change(&mut export);
    yaml(&export.yaml().unwrap())
}

/// Puts a Deployment of so many replicas with as many ready pods, old enough for their CPU to count.
pub fn deployment(cluster: &Cluster, name: &str, replicas: usize) {
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NS},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "x"}]}}},
        "status": {"replicas": replicas, "readyReplicas": replicas}}));
    for i in 0..replicas {
        pod(cluster, name, i);
    }
}

/// Puts one ready pod that requests half a core.
pub fn pod(cluster: &Cluster, app: &str, i: usize) {
    cluster.put(&json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{app}-{i}"), "namespace": NS, "labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "image": "x", "resources": {"requests": {"cpu": "500m", "memory": "100Mi"}}}]},
        "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:10Z"}]}}));
}

/// An Autoscaler on a Deployment, at 50 % CPU, with what a test adds to its spec.
pub fn autoscaler(cluster: &Cluster, name: &str, target: &str, change: &Value) {
    let mut spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}, "mode": "hpa",
        "minReplicas": 1, "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]});
    spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    cluster.put(&json!({"apiVersion": "skala.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": name, "namespace": NS}, "spec": spec}));
}

/// Without a scale-down window, so that a test need not wait for it.
pub fn at_once() -> Value {
    json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}})
}

/// An Autoscaler's status.
pub fn status(cluster: &Cluster, name: &str) -> Value {
    cluster.get("autoscalers.skala.dev", NS, name).map_or(Value::Null, |a| a["status"].clone())
}

/// A condition's status and reason.
pub fn condition(cluster: &Cluster, name: &str, kind: &str) -> Option<(String, String)> {
    let status = status(cluster, name);
    let all = status["conditions"].as_array()?.clone();
    let found = all.iter().find(|c| c["type"] == kind)?;
    Some((found["status"].as_str()?.to_owned(), found["reason"].as_str()?.to_owned()))
}

/// Waits for a condition.
pub fn until_condition(cluster: &Cluster, name: &str, kind: &str, status: &str, reason: &str) {
    until(&format!("{kind}={status}/{reason}"), LIMIT, || {
        (condition(cluster, name, kind)? == (status.to_owned(), reason.to_owned())).then_some(())
    });
}

/// Waits for a size.
pub fn until_size(cluster: &Cluster, name: &str, replicas: i64) {
    until(&format!("{name} has {replicas} replicas"), LIMIT, || (size(cluster, name) == replicas).then_some(()));
}

/// `spec.replicas` of a Deployment.
pub fn size(cluster: &Cluster, name: &str) -> i64 {
    cluster.replicas("deployments.apps", NS, name)
}

/// Writes of sizes so far.
pub fn rescales(cluster: &Cluster) -> usize {
    cluster.requests().writes().iter().filter(|r| r.subresource == "scale" && r.code == 200).count()
}

/// A controller in a thread of its own.
pub struct Running {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    kill: Option<oneshot::Sender<()>>,
}

/// Quick rounds, no election.
pub fn quick() -> Settings {
    Settings { sync_period: Duration::from_secs(1), ..Settings::default() }
}

/// Quick rounds and a lease with short times.
pub fn elected(identity: &str) -> Settings {
    let lease = LeaseSettings {
        lease_duration: Duration::from_secs(3),
        renew_deadline: Duration::from_secs(2),
        retry_period: Duration::from_millis(300),
        ..LeaseSettings::new("skala-system", "skala-controller", identity)
    };
    Settings { lease: Some(lease), ..quick() }
}

/// Starts a controller as an administrator.
pub fn start(cluster: &Cluster, settings: Settings) -> Running {
    start_as(cluster, settings, None)
}

/// Starts a controller as a user.
pub fn start_as(cluster: &Cluster, settings: Settings, user: Option<&str>) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = user.map_or_else(|| cluster.kubeconfig(folder.path()), |user| cluster.kubeconfig_as(folder.path(), user));
    let (end, ended) = oneshot::channel::<()>();
    let (kill, killed) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let client = connect(&Target { kubeconfig: Some(file), context: None }).await.unwrap();
            drop(folder);
            let controller = Controller::new(client, settings, Arc::new(NoSources));
            let end = async { drop(ended.await) };
            tokio::select! {
                ran = controller.run(end) => ran.unwrap(),
                Ok(()) = killed => {}
            }
        });
        // Whatever still runs is dropped where it is, as a killed process would.
        runtime.shutdown_background();
    });
    Running { end: Some(end), thread: Some(thread), kill: Some(kill) }
}

impl Running {
    /// Ends it in order.
    pub fn stop(mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
    }

    /// Ends it as SIGKILL would: nothing is given back.
    pub fn kill(mut self) {
        let _ = self.kill.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

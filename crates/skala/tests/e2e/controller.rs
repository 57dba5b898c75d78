//! The real binary as a controller: an API server in this process, a real Redis, a Secret.

use std::fs::File;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::json;
use skala_testkit::kubernetes::{Cluster, Workloads};
use skala_testkit::servers::Redis;
use skala_testkit::wait::{throughout, until};

use crate::BINARY;

const PATIENCE: Duration = Duration::from_secs(40);
const PASSWORD: &str = "s3cret";

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}

#[test]
fn a_queue_in_redis_behind_a_password_scales_workers() {
    let mut redis = Redis::with_password(PASSWORD);
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let crd = Command::new(BINARY).args(["export", "kubernetes", "--controller", "--secret", "shop/login"]).output().unwrap();
    let exported = String::from_utf8(crd.stdout).unwrap();
    for document in exported.split("\n---\n") {
        cluster.put(&serde_saphyr::from_str(document).unwrap());
    }
    cluster.run_workloads(Workloads { ready_after: Duration::from_millis(50), ..Workloads::default() });
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker", "namespace": "shop"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "worker"}},
            "template": {"metadata": {"labels": {"app": "worker"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}}}}));
    cluster.put(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
        "data": {"password": "czNjcmV0"}}));
    let address = format!("redis://:${{PASSWORD}}@{}", redis.address());
    cluster.put(
        &json!({"apiVersion": "skala.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": "worker", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}, "maxReplicas": 20, "staleAfter": "3s",
            "secrets": [{"name": "PASSWORD", "secretKeyRef": {"name": "login", "key": "password"}}],
            "triggers": [{"name": "jobs", "averageValue": "5", "redis": {"address": address, "list": "jobs"}}]}}),
    );
    let account = "system:serviceaccount:skala-system:skala-controller";
    let kubeconfig = cluster.kubeconfig_as(folder.path(), account);
    let log = folder.path().join("log");
    let mut command = Command::new(BINARY);
    command.arg("controller").arg("--kubeconfig").arg(kubeconfig).args([
        "--sync-period",
        "1s",
        "--lease-namespace",
        "skala-system",
    ]);
    let _running = Running(command.stderr(File::create(&log).unwrap()).spawn().unwrap());

    let size = || cluster.replicas("deployments.apps", "shop", "worker");
    let status = || cluster.get("autoscalers.skala.dev", "shop", "worker").unwrap()["status"].clone();
    until("it has been looked at", PATIENCE, || (status()["desiredReplicas"] == 1).then_some(()));
    (0..23).for_each(|i| drop(redis.run(&["RPUSH", "jobs", &i.to_string()])));
    until("five workers for 23 jobs", PATIENCE, || (size() == 5).then_some(()));
    redis.kill();
    let failed =
        || status()["conditions"].as_array()?.iter().find(|c| c["type"] == "ScalingActive" && c["status"] == "False").cloned();
    let failed = until("the failure is told", PATIENCE, failed);
    throughout("a queue that cannot be read shrinks nothing", Duration::from_secs(3), || size() == 5);
    let told = format!("{failed}{}{}", std::fs::read_to_string(&log).unwrap(), status());
    assert!(!told.contains(PASSWORD), "no secret is told: {told}");
    let refused: Vec<_> = cluster.requests().all().into_iter().filter(|r| r.user == account && r.code == 403).collect();
    assert!(refused.is_empty(), "the exported rights suffice: {refused:?}");
}

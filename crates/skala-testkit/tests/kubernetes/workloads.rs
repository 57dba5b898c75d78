//! Deployments and StatefulSets with simulated pods.

use std::time::Duration;

use serde_json::{Value, json};
use skala_testkit::kubernetes::{Cluster, Workloads};
use skala_testkit::wait;

const PATIENCE: Duration = Duration::from_secs(10);

fn workload(kind: &str, replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}}})
}

fn names(cluster: &Cluster) -> Vec<String> {
    let pods = cluster.list("pods", "default", "app=web");
    pods.iter().map(|p| p["metadata"]["name"].as_str().unwrap_or("").to_owned()).collect()
}

#[track_caller]
fn ready(cluster: &Cluster, resource: &str, count: u64) {
    wait::until("the pods to be ready", PATIENCE, || {
        let status = cluster.get(resource, "default", "web")?["status"].take();
        let counts = (status["replicas"].as_u64().unwrap_or(0), status["readyReplicas"].as_u64().unwrap_or(0));
        (counts == (count, count) && names(cluster).len() as u64 == count).then_some(())
    });
}

#[test]
fn a_deployment_gets_its_pods_and_loses_the_cheapest_first() {
    let cluster = Cluster::start();
    cluster.run_workloads(Workloads { ready_after: Duration::from_millis(50), ..Workloads::default() });
    cluster.put(&workload("Deployment", 4));
    ready(&cluster, "deployments.apps", 4);
    let all = names(&cluster);
    for (name, cost) in all.iter().zip(["5", "-10", "7", "-20"]) {
        let patch = json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": cost}}});
        cluster.patch("pods", "default", name, &patch).expect("a pod can be annotated");
    }
    cluster.patch("deployments.apps", "default", "web", &json!({"spec": {"replicas": 2}})).expect("it can be scaled");
    ready(&cluster, "deployments.apps", 2);
    assert_eq!(names(&cluster), [all[0].clone(), all[2].clone()]);

    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}});
    cluster.patch("deployments.apps", "default", "web", &image).expect("it can be changed");
    wait::until("new pods", PATIENCE, || {
        let pods = cluster.list("pods", "default", "app=web");
        (pods.len() == 2 && pods.iter().all(|p| p["spec"]["containers"][0]["image"] == "app:2")).then_some(())
    });
    cluster.delete("deployments.apps", "default", "web").expect("it is there");
    wait::until("everything to go", PATIENCE, || {
        (names(&cluster).is_empty() && cluster.list("replicasets.apps", "", "").is_empty()).then_some(())
    });
}

#[test]
fn a_stateful_set_grows_in_order_and_shrinks_from_its_end() {
    let cluster = Cluster::start();
    cluster.run_workloads(Workloads::default());
    cluster.put(&workload("StatefulSet", 3));
    ready(&cluster, "statefulsets.apps", 3);
    let born: Vec<String> = cluster
        .list("pods", "default", "")
        .iter()
        .map(|p| p["metadata"]["labels"]["apps.kubernetes.io/pod-index"].as_str().unwrap_or("").to_owned())
        .collect();
    assert_eq!(born, ["0", "1", "2"]);
    cluster.patch("statefulsets.apps", "default", "web", &json!({"spec": {"replicas": 1}})).expect("it can be scaled");
    ready(&cluster, "statefulsets.apps", 1);
    assert_eq!(names(&cluster), ["web-0"]);
}

#[test]
fn pods_that_a_test_put_stay_as_they_are() {
    let cluster = Cluster::start();
    cluster.run_workloads(Workloads::default());
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine", "labels": {"app": "web"}},
        "spec": {"nodeName": "n", "containers": [{"name": "app"}]}, "status": {"phase": "Running"}});
    let put = cluster.put(&pod);
    cluster.put(&workload("Deployment", 1));
    wait::until("the deployment's pod", PATIENCE, || (names(&cluster).len() == 2).then_some(()));
    assert_eq!(cluster.get("pods", "default", "mine"), Some(put));
}

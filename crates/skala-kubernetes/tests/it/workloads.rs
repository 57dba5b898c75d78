//! With workloads that obey: pods come, become ready and go.

use std::time::Duration;

use serde_json::{Value, json};
use skala_testkit::kubernetes::{Cluster, Workloads};
use skala_testkit::wait::{throughout, until};

use crate::world::{LIMIT, NS, at_once, autoscaler, cluster, quick, rescales, size, start, status, until_size};

/// A Deployment whose pods are made and removed for it.
fn obeyed(cluster: &Cluster, name: &str, replicas: usize) -> Vec<String> {
    cluster.run_workloads(Workloads { ready_after: Duration::from_millis(50), ..Workloads::default() });
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NS},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
                {"name": "app", "image": "x", "resources": {"requests": {"cpu": "500m", "memory": "100Mi"}}}]}}}}));
    until("the pods are ready", LIMIT, || {
        let deployment = cluster.get("deployments.apps", NS, name)?;
        (deployment["status"]["readyReplicas"] == replicas).then_some(())
    });
    pods(cluster, name)
}

fn pods(cluster: &Cluster, app: &str) -> Vec<String> {
    let name = |p: &Value| p["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.list("pods", NS, &format!("app={app}")).iter().map(name).collect()
}

/// An external metric's share per replica, in a mode.
fn by_lag(mode: &str, more: &Value) -> Value {
    let mut spec = json!({"mode": mode, "metrics": [{"type": "External", "external": {
        "metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

#[test]
fn the_emptiest_pods_go_in_both_modes() {
    for mode in ["hpa", "default"] {
        let cluster = cluster();
        let all = obeyed(&cluster, "web", 4);
        for (pod, cpu) in all.iter().zip(["200m", "10m", "150m", "20m"]) {
            cluster.metrics().set_pod(NS, pod, "app", cpu, "10Mi");
        }
        cluster.metrics().set_external(NS, "lag", &[], "40");
        let mut rules = at_once();
        rules["behavior"]["scaleUp"] = json!({"stabilizationWindowSeconds": 0});
        rules["repairs"] = json!({"restart": false, "startupCpu": false, "noise": false});
        if mode == "hpa" {
            rules.as_object_mut().unwrap().remove("repairs");
        }
        autoscaler(&cluster, "web", "web", &by_lag(mode, &rules));
        let _running = start(&cluster, quick());
        until("it was decided", LIMIT, || (status(&cluster, "web")["desiredReplicas"] == 4).then_some(()));
        cluster.metrics().set_external(NS, "lag", &[], "19");
        until_size(&cluster, "web", 2);
        until("two are left", LIMIT, || (pods(&cluster, "web").len() == 2).then_some(()));
        assert_eq!(pods(&cluster, "web"), [all[0].clone(), all[2].clone()], "{mode}");
        assert_eq!(rescales(&cluster), 1, "{mode}");
    }
}

#[test]
fn growth_waits_for_pods_that_start_and_settles() {
    let cluster = cluster();
    obeyed(&cluster, "web", 1);
    cluster.metrics().set_external(NS, "lag", &[], "35");
    autoscaler(&cluster, "web", "web", &by_lag("default", &json!({})));
    let _running = start(&cluster, quick());
    until_size(&cluster, "web", 4);
    until("its pods are there", LIMIT, || (pods(&cluster, "web").len() == 4).then_some(()));
    throughout("constant load settles", Duration::from_secs(3), || size(&cluster, "web") == 4);
    assert_eq!(rescales(&cluster), 1);
}

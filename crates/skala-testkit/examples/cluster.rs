//! A cluster full of autoscalers, for `bench/kubernetes`.
//!
//! Arguments: autoscalers, pods of each, namespaces, a folder for the kubeconfig. Prints one JSON line when it is
//! filled. A line `surge N` on stdin raises the CPU in the first N namespaces from 50 to 90 % of the requests; a line `report`
//! answers how long after that each new size was written.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "an example that cannot go on should say why and stop")]

use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use skala_testkit::kubernetes::Cluster;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<usize>().expect("a number");
    let (autoscalers, pods, namespaces) = (number(0), number(1), number(2).max(1));
    let cluster = Cluster::start();
    cluster.put(&definition());
    for at in 0..autoscalers {
        fill(&cluster, &format!("ns{}", at % namespaces), &format!("web{at}"), pods);
    }
    let usage = |namespace: usize, cpu: &str| cluster.metrics().set_pods(&format!("ns{namespace}"), "", "app", cpu, "64Mi");
    (0..namespaces).for_each(|namespace| usage(namespace, "250m"));
    let kubeconfig = cluster.kubeconfig(&PathBuf::from(&arguments[3]));
    println!("{}", json!({"kubeconfig": kubeconfig}));
    let (mut mark, mut began) = (0, Instant::now());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("stdin is text");
        match line.split_once(' ') {
            Some(("surge", count)) => {
                mark = cluster.requests().mark();
                began = Instant::now();
                (0..count.parse().expect("a number")).for_each(|namespace| usage(namespace, "450m"));
                println!("{}", json!({"surged": true}));
            }
            _ => println!("{}", report(&cluster, mark, began)),
        }
    }
}

/// The resource, without the checks of the exported one.
fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "autoscalers.skala.dev"},
        "spec": {"group": "skala.dev", "scope": "Namespaced", "names": {"kind": "Autoscaler", "plural": "autoscalers", "singular": "autoscaler"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

/// A Deployment with its pods and its autoscaler; every pod has run for long, at half of its request.
fn fill(cluster: &Cluster, namespace: &str, name: &str, pods: usize) {
    let labels = json!({"app": name, "app.kubernetes.io/part-of": "shop", "pod-template-hash": format!("{name}-5d8f")});
    cluster.put(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": pods, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "x"}]}}},
        "status": {"replicas": pods, "readyReplicas": pods}}));
    for at in 0..pods {
        cluster.put(&json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-5d8f-{at:05}"), "namespace": namespace, "labels": labels},
            "spec": {"containers": [{"name": "app", "image": "registry.example.com/shop/web:1.2.3",
                "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}}}]},
            "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:10Z"}],
                "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "x", "imageID": "",
                    "state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}}}]}}));
    }
    cluster.put(
        &json!({"apiVersion": "skala.dev/v1alpha1", "kind": "Autoscaler", "metadata": {"name": name, "namespace": namespace},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "mode": "hpa",
            "minReplicas": 1, "maxReplicas": 100, "metrics": [{"type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}),
    );
}

/// Milliseconds from the surge to each write of a size, in order.
fn report(cluster: &Cluster, mark: usize, began: Instant) -> Value {
    let requests = cluster.requests().since(mark);
    let writes = requests.iter().filter(|r| r.subresource == "scale" && r.verb == "update" && r.code == 200);
    let mut times: Vec<u64> = writes.map(|r| r.at.saturating_duration_since(began).as_millis() as u64).collect();
    times.sort_unstable();
    json!({"writes": times, "requests": requests.len()})
}

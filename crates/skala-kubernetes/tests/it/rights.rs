//! The exported rights suffice, and nothing beyond them is asked for.

use serde_json::json;
use skala_testkit::wait::until;

use crate::world::{
    LIMIT, NS, at_once, autoscaler, cluster, deployment, elected, installed, size, start_as, status, until_condition, until_size,
};

const ACCOUNT: &str = "system:serviceaccount:skala-system:skala-controller";

#[test]
fn the_exported_role_is_enough() {
    let cluster = cluster();
    for document in installed(|_| ()) {
        cluster.put(&document);
    }
    deployment(&cluster, "up", 2);
    deployment(&cluster, "down", 4);
    cluster.metrics().set_pods(NS, "app=up", "app", "450m", "10Mi");
    cluster.metrics().set_pods(NS, "app=down", "app", "100m", "10Mi");
    autoscaler(&cluster, "up", "up", &json!({}));
    autoscaler(&cluster, "down", "down", &at_once());
    let running = start_as(&cluster, elected("pod-1"), Some(ACCOUNT));
    until_size(&cluster, "up", 4);
    until_size(&cluster, "down", 2);
    until("statuses", LIMIT, || (status(&cluster, "down")["desiredReplicas"] == 2).then_some(()));
    running.stop();
    let refused: Vec<_> = cluster.requests().all().into_iter().filter(|r| r.user == ACCOUNT && r.code == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn the_role_of_a_namespace_does_not_reach_further() {
    let cluster = cluster();
    for document in installed(|e| e.watch = vec![NS.to_owned()]) {
        cluster.put(&document);
    }
    deployment(&cluster, "up", 2);
    cluster.metrics().set_pods(NS, "app=up", "app", "450m", "10Mi");
    autoscaler(&cluster, "up", "up", &json!({}));
    let mut settings = elected("pod-1");
    settings.namespaces = vec![NS.to_owned()];
    let _running = start_as(&cluster, settings, Some(ACCOUNT));
    until_size(&cluster, "up", 4);
    let asked = cluster.requests().all();
    assert!(
        asked
            .iter()
            .filter(|r| r.user == ACCOUNT && !r.resource.is_empty())
            .all(|r| r.namespace == NS || r.namespace == "skala-system")
    );
}

#[test]
fn a_reporters_role_cannot_scale_whatever_the_controller_wants() {
    let cluster = cluster();
    for document in installed(|e| e.dry_run = true) {
        cluster.put(&document);
    }
    deployment(&cluster, "up", 2);
    cluster.metrics().set_pods(NS, "app=up", "app", "450m", "10Mi");
    autoscaler(&cluster, "up", "up", &json!({}));
    let _running = start_as(&cluster, elected("pod-1"), Some(ACCOUNT));
    until_condition(&cluster, "up", "AbleToScale", "False", "FailedUpdateScale");
    assert_eq!(size(&cluster, "up"), 2);
}

//! Several controllers, one lease.

use std::time::Duration;

use serde_json::json;
use skala_testkit::wait::until;

use crate::world::{LIMIT, NS, autoscaler, cluster, deployment, elected, rescales, start, until_size};

/// A time of the lease.
fn time(cluster: &skala_testkit::kubernetes::Cluster, field: &str) -> skala_types::Time {
    let lease = cluster.get("leases.coordination.k8s.io", "skala-system", "skala-controller").unwrap();
    lease["spec"][field].as_str().unwrap().parse().unwrap()
}

fn holder(cluster: &skala_testkit::kubernetes::Cluster) -> Option<String> {
    let lease = cluster.get("leases.coordination.k8s.io", "skala-system", "skala-controller")?;
    Some(lease["spec"]["holderIdentity"].as_str()?.to_owned())
}

#[test]
fn one_acts_and_another_takes_over_when_it_is_killed() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    cluster.put(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "skala-system"}}));
    let first = start(&cluster, elected("first"));
    until("the first leads", LIMIT, || (holder(&cluster)? == "first").then_some(()));
    let second = start(&cluster, elected("second"));
    autoscaler(&cluster, "web", "web", &json!({}));
    until_size(&cluster, "web", 4);
    assert_eq!(rescales(&cluster), 1, "only one of them acts");
    first.kill();
    let renewed = time(&cluster, "renewTime");
    cluster.patch("deployments.apps", NS, "web", &json!({"spec": {"replicas": 2}})).unwrap();
    until("the second leads", LIMIT, || (holder(&cluster)? == "second").then_some(()));
    let taken = time(&cluster, "acquireTime");
    assert!(taken.since(renewed) >= Duration::from_secs(3), "the lease is not taken early: {renewed} {taken}");
    until_size(&cluster, "web", 4);
    let lease = cluster.get("leases.coordination.k8s.io", "skala-system", "skala-controller").unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    second.stop();
    assert_eq!(holder(&cluster).as_deref(), Some(""), "an orderly end gives the lease back");
}

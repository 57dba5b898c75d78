//! Expired watches, conflicts, outages, restarts.

use std::time::Duration;

use serde_json::json;
use skala_kubernetes::Settings;
use skala_testkit::kubernetes::{Fault, Matching};
use skala_testkit::wait::{throughout, until};

use crate::world::{
    LIMIT, NS, autoscaler, cluster, condition, deployment, pod, quick, rescales, size, start, status, until_condition, until_size,
};

#[test]
fn an_expired_watch_is_listed_again() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, quick());
    until_condition(&cluster, "web", "ScalingActive", "True", "ValidMetricFound");
    let lists = cluster.requests().count("list", "pods");
    cluster.faults().expire_watches();
    until("pods are listed again", LIMIT, || (cluster.requests().count("list", "pods") > lists).then_some(()));
    // What comes after the expiry is seen: a third pod, and with it the load of three.
    pod(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    until_size(&cluster, "web", 6);
}

#[test]
fn a_conflict_is_told_and_the_next_round_decides_anew() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    cluster.faults().conflict("deployments.apps", NS, "web", 2);
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, quick());
    until_condition(&cluster, "web", "AbleToScale", "False", "FailedUpdateScale");
    until_size(&cluster, "web", 4);
    let reads = cluster.requests().all().iter().filter(|r| r.verb == "get" && r.subresource == "scale").count();
    assert!(reads >= 3, "each try reads the scale again");
}

#[test]
fn an_outage_passes_without_a_write_on_stale_data() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, Settings { stale_after_syncs: 10, ..quick() });
    until_condition(&cluster, "web", "ScalingActive", "True", "ValidMetricFound");
    cluster.faults().outage_for(Duration::from_secs(3));
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    until_size(&cluster, "web", 4);
    assert_eq!(rescales(&cluster), 1);
}

#[test]
fn nothing_is_scaled_on_a_copy_that_is_too_old() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, Settings { stale_after_syncs: 10, ..quick() });
    until_condition(&cluster, "web", "ScalingActive", "True", "ValidMetricFound");
    // Only pods cannot be watched any more; everything else works.
    let pods = || Matching::all().resource("pods");
    cluster.faults().inject(pods().verbs(&["watch", "list"]), Fault::Refuse(503, None));
    cluster.faults().close_watches();
    until_condition(&cluster, "web", "ScalingActive", "False", "StaleData");
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    throughout("no size is written", Duration::from_secs(2), || size(&cluster, "web") == 2);
    cluster.faults().clear();
    until("it is fresh again", Duration::from_secs(60), || {
        (condition(&cluster, "web", "ScalingActive")?.0 == "True").then_some(())
    });
    until_size(&cluster, "web", 4);
}

#[test]
fn a_restart_forgets_no_window() {
    let cluster = cluster();
    deployment(&cluster, "web", 4);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    // Everything below happens within this window.
    autoscaler(&cluster, "web", "web", &json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}}));
    let first = start(&cluster, quick());
    until("history is kept", LIMIT, || status(&cluster, "web")["history"]["recommendations"][0].as_array().cloned());
    first.stop();
    cluster.metrics().set_pods(NS, "app=web", "app", "20m", "10Mi");
    let _second = start(&cluster, quick());
    until_condition(&cluster, "web", "AbleToScale", "True", "ScaleDownStabilized");
    throughout("it does not shrink", Duration::from_secs(3), || size(&cluster, "web") == 4);
    let kept = status(&cluster, "web")["history"]["recommendations"].as_array().unwrap().clone();
    assert!(kept.iter().any(|r| r[1] == 4), "{kept:?}");
}

#[test]
fn after_a_long_outage_the_first_write_is_the_right_one() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "250m", "10Mi");
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, Settings { stale_after_syncs: 3, ..quick() });
    until_condition(&cluster, "web", "ScalingActive", "True", "ValidMetricFound");
    // Twice as long as copies may be old; meanwhile the world moves on.
    cluster.faults().outage();
    pod(&cluster, "web", 2);
    cluster.patch("deployments.apps", NS, "web", &json!({"spec": {"replicas": 3}})).unwrap();
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    throughout("nothing is written", Duration::from_secs(6), || rescales(&cluster) == 0);
    cluster.faults().restore();
    // 90 % of three pods at a target of 50 %: 6. From the copy of before it would have been 4.
    until("it is right", Duration::from_secs(60), || (size(&cluster, "web") == 6).then_some(()));
    assert_eq!(rescales(&cluster), 1);
}

#[test]
fn what_the_server_asks_for_is_kept() {
    let cluster = cluster();
    deployment(&cluster, "web", 2);
    cluster.metrics().set_pods(NS, "app=web", "app", "450m", "10Mi");
    let reads = || Matching::all().resource("deployments.apps").subresource("scale").verbs(&["get"]);
    cluster.faults().inject_times(reads(), Fault::Refuse(429, Some(4)), 1);
    autoscaler(&cluster, "web", "web", &json!({}));
    let _running = start(&cluster, quick());
    until_size(&cluster, "web", 4);
    let asked: Vec<_> = cluster.requests().all().into_iter().filter(|r| r.verb == "get" && r.subresource == "scale").collect();
    assert_eq!(asked[0].code, 429);
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(4), "{:?}", asked[1].at - asked[0].at);
}

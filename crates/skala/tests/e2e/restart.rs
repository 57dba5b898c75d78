//! A new `up` after skala was killed: as many replicas as before, and nothing shrinks for a stabilization window.

use nix::sys::signal::Signal;
use skala_testkit::port::Reserved;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::{throughout, until};

use crate::{api, secs, skala};

const WINDOW: u64 = 6;

fn three_by_load() -> (Skala, Reserved) {
    let port = Reserved::new();
    let text = api(&format!(
        "autoscaling:\n  maxReplicas: 3\n  metrics: [{{requestsPerSecond: 10}}]\n  behavior: {{scaleDown: {{stabilizationWindowSeconds: {WINDOW}}}}}"
    ));
    let mut skala =
        skala(&text.replace("gateway: {listen: '127.0.0.1:0'}", &format!("gateway: {{listen: '127.0.0.1:{}'}}", port.port())));
    skala.up_ready("api", 1);
    let url = format!("http://127.0.0.1:{}/", port.port());
    let load = skala.load(&url, &["--rate", "60", "--duration", "5s"]);
    assert_eq!(load["failed"]["total"], 0, "{load:#}");
    skala.await_ready("api", 3);
    (skala, port)
}

#[test]
fn as_many_replicas_as_before_and_no_shrinking() {
    let (mut skala, _port) = three_by_load();
    skala.signal(Signal::SIGKILL);
    skala.wait();
    skala.up_ready("api", 3);
    let restored = skala.events("api", "restored");
    assert_eq!(restored, ["skala was cut off with 3 replicas; starting as many"]);
    // The window began with skala; starting took some of it.
    throughout("three replicas stay", secs(WINDOW - 3), || skala.service("api")["desired"] == 3);
    // Recommendations from before the restart and its first second, when nothing was measured yet, hold the size as well.
    let why = skala.ok(&["why", "api"]);
    let reasons = ["the controller has just restarted", "scale-down is stabilizing"];
    assert!(reasons.iter().any(|reason| why.contains(reason)) && why.contains("wants 0"), "{why}");
    until("the window passes and the service shrinks", PATIENCE, || (skala.service("api")["desired"] == 1).then_some(()));
    let replay = skala.json(&["replay"]);
    assert_eq!(replay["services"]["api"]["different"], 0, "{replay:#}");
    skala.down();
}

#[test]
fn after_an_orderly_end_a_service_starts_at_its_smallest_size() {
    let (mut skala, _port) = three_by_load();
    skala.down();
    skala.up_ready("api", 1);
    assert_eq!(skala.service("api")["desired"], 1);
    assert!(skala.events("api", "restored").is_empty());
    skala.down();
}

#[test]
fn an_order_by_hand_survives() {
    let mut skala = skala(&api("autoscaling: {maxReplicas: 5, metrics: [{concurrency: 50}]}"));
    skala.up_ready("api", 1);
    skala.ok(&["scale", "api=2"]);
    skala.await_ready("api", 2);
    until("the order is on disk", PATIENCE, || (skala.service("api")["desired"] == 2).then_some(()));
    skala.signal(Signal::SIGKILL);
    skala.wait();
    skala.up_ready("api", 2);
    assert_eq!(skala.service("api")["directive"], "2 replicas by hand until `skala resume`");
    skala.down();
}

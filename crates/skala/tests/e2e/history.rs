//! What happened and why: `events`, `why --at`, `replay`, and the JSON documents of every verb that shows something.

use serde_json::Value;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;

use crate::{HEAD, api, skala};

fn at(status: &Value) -> String {
    status["at"].as_str().unwrap().to_owned()
}

#[test]
fn decisions_and_events_by_time_and_service_also_when_skala_has_ended() {
    let mut skala = skala(
        &(api("autoscaling: {maxReplicas: 4, metrics: [{concurrency: 50}]}")
            + "  other: {command: [skala, backend, --port, $PORT]}\nroutes: [{path: /, service: api}, {path: /o, service: other}]\n"),
    );
    skala.up_ready("api", 1).await_ready("other", 1);
    until("a decision with one replica", PATIENCE, || {
        (skala.json(&["why", "api"])["decision"]["report"]["current"] == 1).then_some(())
    });
    let early = at(&skala.admin_json("/v1/status"));
    skala.ok(&["scale", "api=3"]);
    skala.await_ready("api", 3);
    let late = at(&skala.admin_json("/v1/status"));
    let look = |skala: &Skala, running: bool| {
        let then = skala.json(&["why", "api", "--at", &early]);
        assert!(then["at"].as_str().unwrap() <= early.as_str(), "{then:#}");
        assert_eq!(then["decision"]["desired"], 1, "running: {running}: {then:#}");
        let later = skala.json(&["why", "api", "--at", &late]);
        assert_eq!(later["decision"]["desired"], 3, "running: {running}: {later:#}");
        let before = skala.run(&["why", "api", "--at", "2020-01-01T00:00:00Z"]);
        assert_eq!(before.code, Some(1));
        assert!(before.stderr.contains("nothing was decided"), "{before:?}");

        let of_one = skala.json(&["events", "other"]);
        let rows = of_one["events"].as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|e| e["service"] == "other"), "{of_one:#}");
        let since = skala.json(&["events", "--since", &late]);
        assert!(since["events"].as_array().unwrap().iter().all(|e| e["at"].as_str() >= Some(late.as_str())), "{since:#}");
        assert_eq!(skala.json(&["events", "-n", "2"])["events"].as_array().unwrap().len(), 2);
        let kinds: Vec<_> = skala.events("api", "held");
        assert_eq!(kinds, ["3 replicas by hand, until resumed"]);
    };
    look(&skala, true);
    assert_eq!(skala.run(&["events", "apo"]).code, Some(1));
    skala.down();
    look(&skala, false);
    let said = skala.events("", "ended");
    assert_eq!(said, ["every replica has ended"]);
}

#[test]
fn every_recorded_decision_replays_to_the_same() {
    let mut skala = skala(&api(
        "autoscaling: {maxReplicas: 4, metrics: [{cpu: 70%}, {requestsPerSecond: 10}, {latency: {p95: 200ms}}]}\nresources: {requests: {cpu: 500m}}",
    ));
    skala.up_ready("api", 1);
    let url = format!("http://{}/cpu?ms=3", skala.gateway());
    skala.load(&url, &["--rate", "40", "--duration", "4s"]);
    let check = |skala: &Skala, least: u64| {
        let document = skala.json(&["replay"]);
        let result = &document["services"]["api"];
        assert_eq!(result["different"], 0, "{document:#}");
        assert!(result["decisions"].as_u64() >= Some(least), "{document:#}");
    };
    check(&skala, 4);
    skala.down();
    check(&skala, 4);
    let table = skala.ok(&["replay", "api"]);
    assert!(table.contains("0 different"), "{table}");
    assert_eq!(skala.run(&["replay", "apo"]).code, Some(1));
}

#[test]
fn documents_are_json_with_a_version_and_nothing_else_is_on_stdout() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let url = format!("http://{}/", skala.gateway());
    let rows: [&[&str]; 7] = [
        &["status"],
        &["ps"],
        &["events"],
        &["why", "api"],
        &["replay"],
        &["check"],
        &["load", &url, "--rate", "3", "--duration", "1s"],
    ];
    for args in rows {
        skala.json(args); // parses all of stdout and holds the version
    }
    skala.down();
}

#[test]
fn verbs_that_need_a_running_skala_say_so() {
    let skala = skala(HEAD);
    for args in [&["status"][..], &["ps"], &["down"], &["scale", "api=1"], &["pause", "api"], &["resume", "api"]] {
        let ran = skala.run(args);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("no skala is running") && ran.stderr.contains("help: "), "{args:?}: {ran:?}");
    }
    for args in [&["logs"][..], &["events"], &["why", "api"], &["replay"]] {
        let ran = skala.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.contains(".skala") && ran.stderr.contains("help: "), "{args:?}: {ran:?}");
    }
}

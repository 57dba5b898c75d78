//! Orders by hand: `scale`, with and without an end, `pause`, `resume`, and orders that make no sense.

use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::{throughout, until};

use crate::{api, secs, skala};

fn elastic() -> Skala {
    let more = "autoscaling:\n  maxReplicas: 4\n  metrics: [{requestsPerSecond: 10}]\n  \
                behavior: {scaleDown: {stabilizationWindowSeconds: 0}}";
    let mut skala = skala(&api(more));
    skala.up_ready("api", 1);
    skala
}

#[test]
fn a_size_by_hand_ends_when_its_time_is_over() {
    let skala = elastic();
    let said = skala.ok(&["scale", "api=3", "--for", "4s"]);
    assert!(said.contains("api is kept at 3 replicas until 20"), "{said}");
    skala.await_ready("api", 3);
    let directive = skala.service("api")["directive"].as_str().map(str::to_owned);
    assert!(directive.as_deref().is_some_and(|d| d.starts_with("3 replicas by hand until 20")), "{directive:?}");
    assert!(skala.ok(&["status"]).contains("3 replicas by hand"));
    until("the reason", PATIENCE, || skala.ok(&["why", "api"]).contains("held by hand until").then_some(()));
    skala.await_ready("api", 1);
    assert!(skala.service("api")["directive"].is_null());
}

#[test]
fn a_size_by_hand_without_end_holds_until_resume_also_beyond_the_bounds() {
    let mut skala = elastic();
    let said = skala.ok(&["scale", "api=5"]);
    assert!(said.contains("until `skala resume`"), "{said}");
    skala.await_ready("api", 5);
    skala.ok(&["scale", "api=0"]);
    skala.await_ready("api", 0);
    until("no replica is left", PATIENCE, || skala.replicas("api").is_empty().then_some(()));
    assert_eq!(skala.get("/").status, 503, "a size of zero by hand is not undone by a request");
    skala.ok(&["resume", "api"]);
    skala.await_ready("api", 1);
    assert_eq!(skala.events("api", "resumed").len(), 1);
    skala.down();
}

#[test]
fn a_paused_service_keeps_its_size_under_load() {
    let skala = elastic();
    let said = skala.ok(&["pause", "api", "--for", "10m"]);
    assert!(said.contains("keeps its present size"), "{said}");
    let url = format!("http://{}/", skala.gateway());
    std::thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "50", "--duration", "8s"]));
        until("the load is seen", PATIENCE, || {
            let why = skala.json(&["why", "api"]);
            why["text"].as_str().filter(|t| t.contains("paused") && t.contains("wants")).map(|_| ())
        });
        throughout("one replica stays", secs(2), || skala.service("api")["desired"] == 1);
        skala.ok(&["resume", "api"]);
        until("it grows", PATIENCE, || (skala.service("api")["desired"].as_u64() > Some(2)).then_some(()));
        assert_eq!(load.join().unwrap()["failed"]["total"], 0);
    });
}

#[test]
fn orders_that_make_no_sense() {
    let skala = elastic();
    let rows: [(&[&str], i32, &str); 7] = [
        (&["scale", "apo=3"], 1, "the platform has: api"),
        (&["scale", "api=99999"], 1, "too many"),
        (&["scale", "api"], 2, "SERVICE=N"),
        (&["scale", "api=-1"], 2, "not a number of replicas"),
        (&["scale", "api=2", "--for", "10"], 2, "--for"),
        (&["pause", "apo"], 1, "there is no service 'apo'"),
        (&["why", "apo"], 1, "there is no service 'apo'"),
    ];
    for (args, code, part) in rows {
        let ran = skala.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(part) && ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
    assert_eq!(skala.service("api")["desired"], 1);
}

//! Scale to zero and from zero.

use std::thread;
use std::time::{Duration, Instant};

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{api, secs, skala};

const ELASTIC: &str = "autoscaling:\n  minReplicas: 0\n  maxReplicas: 2\n  metrics: [{concurrency: 5}]\n  behavior: {scaleDown: {stabilizationWindowSeconds: 1}}\n";

#[test]
fn a_request_starts_the_first_replica_and_idleness_ends_the_last() {
    let mut skala = skala(&api(ELASTIC));
    skala.up();
    assert_eq!(skala.service("api")["ready"], 0);
    for _ in 0..2 {
        let answer = skala.get("/");
        assert_eq!((answer.status, answer.text().as_str()), (200, "skala demo backend\n"));
        assert_eq!(skala.service("api")["desired"], 1);
        until("the last replica ends", PATIENCE, || {
            (skala.service("api")["desired"] == 0 && skala.replicas("api").is_empty()).then_some(())
        });
    }
    skala.down();
}

#[test]
fn a_start_longer_than_the_deadline_is_refused_with_a_true_retry_after() {
    let text = api(&format!("{ELASTIC}waiting: {{timeout: 1s}}\ndrain: 1s"))
        .replace("[skala, backend, --port, $PORT]", "[skala, backend, --port, $PORT, --start-delay, 4s]");
    let mut skala = skala(&text);
    skala.up();
    // The first start teaches how long one takes.
    assert_eq!(skala.get("/").status, 503);
    skala.await_ready("api", 1);
    until("it is idle again", PATIENCE, || skala.replicas("api").is_empty().then_some(()));
    let learned = skala.service("api")["startUpMs"].as_f64().unwrap();
    assert!((3900.0..15_000.0).contains(&learned), "{learned}");
    let begun = Instant::now();
    let refused = skala.get("/");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "it was refused at once, not after its deadline: {:?}",
        begun.elapsed()
    );
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((4..=20).contains(&after), "{after}");
    thread::sleep(secs(after)); // what the client was told to do
    let answer = skala.get("/");
    assert_eq!(answer.status, 200, "after the {after} s that it was told: {}", answer.text());
    skala.down();
}

//! Servers run by somebody else: one dies and nobody notices; it comes back and gets its share.

use std::time::Instant;

use skala_testkit::port::Reserved;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::{throughout, until};

use crate::{HEAD, secs, skala};

#[test]
fn an_upstream_dies_and_returns() {
    let ports = [Reserved::new(), Reserved::new()];
    let [a, b] = [ports[0].port(), ports[1].port()];
    let text = format!(
        "{HEAD}services:\n  api:\n    upstreams: ['127.0.0.1:{a}', '127.0.0.1:{b}']\n    readiness: {{httpGet: /health, period: 200ms, failureThreshold: 2}}\n"
    );
    let mut skala = skala(&text);
    let backend =
        |port: u16, name: &str| ["backend".to_owned(), "--port".into(), port.to_string(), "--replica".into(), name.into()];
    let args_a = backend(a, "first");
    let first = skala.follow(&args_a.iter().map(String::as_str).collect::<Vec<_>>());
    let args_b = backend(b, "second");
    let second = skala.follow(&args_b.iter().map(String::as_str).collect::<Vec<_>>());
    skala.up_ready("api", 2);
    until("the second answers", PATIENCE, || answered_by(&skala, "second").then_some(()));
    drop(second);
    let begun = Instant::now();
    throughout("every GET is answered by the first", secs(3), || answered_by(&skala, "first"));
    assert!(begun.elapsed() >= secs(3));
    until("its failure is noticed", PATIENCE, || (skala.service("api")["ready"] == 1).then_some(()));
    assert_eq!(skala.events("api", "unready").len(), 1);
    let second = skala.follow(&args_b.iter().map(String::as_str).collect::<Vec<_>>());
    until("the second answers again", PATIENCE, || answered_by(&skala, "second").then_some(()));
    drop(first);
    until("the first is noticed too", PATIENCE, || (skala.service("api")["ready"] == 1).then_some(()));
    assert!(skala.ok(&["ps"]).contains("not ready"));
    let order = skala.run(&["scale", "api=3"]);
    assert_eq!(order.code, Some(1));
    assert!(order.stderr.contains("upstreams"), "{order:?}");
    drop(second);
    skala.down();
}

/// Whether this upstream answered; some upstream must.
fn answered_by(skala: &Skala, name: &str) -> bool {
    let answer = skala.get("/");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-replica") == Some(name)
}

#[test]
fn no_upstream_is_healthy() {
    let port = Reserved::new();
    let mut skala =
        skala(&format!("{HEAD}services:\n  api: {{upstreams: ['127.0.0.1:{}'], readiness: {{period: 100ms}}}}\n", port.port()));
    skala.up();
    let begun = Instant::now();
    let answer = skala.get("/");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && begun.elapsed() < secs(5));
    let problem = skala.admin_json("/v1/status")["problems"][0].as_str().map(str::to_owned);
    assert_eq!(problem.as_deref(), Some("no upstream of api is healthy (skala events api)"));
    skala.down();
}

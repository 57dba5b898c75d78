//! Services scaled by numbers that live elsewhere: real Redis, real Prometheus.

use serde_json::Value;
use skala_testkit::servers::{Prometheus, Redis};
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::{throughout, until};

use crate::metrics::read;
use crate::{api, secs, skala};

fn size(skala: &Skala) -> u64 {
    skala.service("api")["desired"].as_u64().unwrap()
}

fn until_size(skala: &Skala, n: u64) {
    until(&format!("{n} replicas are wanted"), PATIENCE, || (size(skala) == n).then_some(()));
}

fn signal(skala: &Skala) -> Value {
    skala.service("api")["signals"][0].clone()
}

fn jobs(redis: &Redis, more: &str) -> String {
    let behavior =
        "behavior: {scaleUp: {policies: [{type: Pods, value: 9, periodSeconds: 1}]}, scaleDown: {stabilizationWindowSeconds: 1}}";
    let metric = format!(
        "{{name: jobs, redis: {{address: \"{}\", list: jobs}}, target: 5, poll: 1s, staleAfter: 2s{more}}}",
        redis.address()
    );
    api(&format!(
        "autoscaling:\n  minReplicas: 0\n  maxReplicas: 6\n  cooldown: 2s\n  metrics: [{metric}]\n  {behavior}\ndrain: 1s"
    ))
}

fn push(redis: &Redis, n: usize) {
    let job = ["job"].repeat(n);
    redis.run(&[&["RPUSH", "jobs"], job.as_slice()].concat());
}

#[test]
fn a_redis_list_takes_a_service_from_zero_up_and_back_through_its_cooldown() {
    let redis = Redis::start();
    let mut skala = skala(&jobs(&redis, ""));
    skala.up();
    until("the empty list is read", PATIENCE, || (signal(&skala)["value"] == 0.0).then_some(()));
    assert_eq!(size(&skala), 0);
    push(&redis, 14);
    until_size(&skala, 3);
    skala.await_ready("api", 3);
    let why = skala.ok(&["why", "api"]);
    assert!(why.contains("jobs 14") && why.contains("target 5"), "{why}");
    let metrics = read(&skala);
    assert_eq!(metrics.value_of("skala_signal_value", &[("service", "api"), ("signal", "jobs")]), 14.0);
    assert_eq!(metrics.value_of("skala_signal_failures", &[("service", "api"), ("signal", "jobs")]), 0.0);
    assert_eq!(metrics.value_of("skala_metric_proposal", &[("service", "api"), ("metric", "jobs")]), 3.0);
    assert!(metrics.value_of("skala_signal_age_seconds", &[("service", "api"), ("signal", "jobs")]) < 10.0);
    let table = skala.ok(&["status"]);
    assert!(table.contains("SIGNAL") && table.contains("jobs"), "{table}");
    redis.run(&["DEL", "jobs"]);
    until_size(&skala, 0);
    until("the last replica is gone", PATIENCE, || skala.replicas("api").is_empty().then_some(()));
    skala.down();
    assert_eq!(skala.json(&["replay"])["services"]["api"]["different"], 0);
}

#[test]
fn a_source_that_is_down_holds_the_size_and_why_names_the_error() {
    let mut redis = Redis::start();
    let mut skala = skala(&jobs(&redis, ""));
    push(&redis, 9);
    skala.up_ready("api", 2);
    redis.kill();
    until("it is too old to go by", PATIENCE, || {
        let seen = signal(&skala);
        (seen["failures"].as_u64() > Some(1) && seen["ageMs"].as_u64() > Some(3000)).then_some(())
    });
    throughout("the size is held", secs(3), || size(&skala) == 2);
    let why = skala.ok(&["why", "api"]);
    assert!(why.contains("jobs") && why.contains("failed to reach"), "{why}");
    let status = skala.ok(&["status"]);
    assert!(status.contains("jobs of api cannot be read"), "{status}");
    redis.restart();
    push(&redis, 14);
    until_size(&skala, 3);
    skala.down();
}

#[test]
fn a_fallback_speaks_for_a_source_that_was_never_there() {
    let redis = Redis::start();
    let text = jobs(&redis, ", fallback: {replicas: 2, failureThreshold: 1}");
    drop(redis);
    let mut skala = skala(&text);
    skala.up();
    until_size(&skala, 2);
    let why = skala.ok(&["why", "api"]);
    assert!(why.contains("fallback") || why.contains("falls back"), "{why}");
    skala.down();
}

#[test]
fn a_prometheus_query_scales_a_service() {
    // skala's own metrics are what Prometheus scrapes: the requests that one service has.
    let mut front = skala(&api("replicas: 1"));
    front.up_ready("api", 1);
    let prometheus = Prometheus::start(front.admin());
    let query = "sum(increase(skala_station_arrivals_total{service=\\\"api\\\"}[5m]))";
    let query = query.replace("increase", "last_over_time");
    let metric = format!(
        "{{name: asked, prometheus: {{server: \"http://{}\", query: \"{query}\"}}, target: 10, poll: 1s}}",
        prometheus.address()
    );
    let mut back = skala(&api(&format!("autoscaling: {{maxReplicas: 5, metrics: [{metric}]}}")));
    back.up_ready("api", 1);
    for _ in 0..25 {
        front.get("/");
    }
    until_size(&back, 3);
    assert_eq!(signal(&back)["value"], 25.0);
    back.down();
    front.down();
}

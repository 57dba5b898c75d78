//! What bounds services together: budgets and databases.

use skala_testkit::servers::{Postgres, Redis};
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::{throughout, until};

use crate::metrics::read;
use crate::{HEAD, secs, skala};

/// A list that asks for four replicas of each of two services.
fn queue() -> Redis {
    let redis = Redis::start();
    redis.run(&[["RPUSH", "jobs"].as_slice(), ["job"; 20].as_slice()].concat());
    redis
}

fn two(redis: &Redis, top: &str, uses: &str) -> String {
    let metric = format!("{{name: jobs, redis: {{address: \"{}\", list: jobs}}, target: 5, poll: 1s}}", redis.address());
    let service = |name: &str, priority: u32| {
        format!(
            "  {name}:\n    command: [skala, backend, --port, $PORT]\n    readiness: {{httpGet: /health, period: 200ms}}\n    \
             priority: {priority}\n    price: 0.10 EUR/h\n    autoscaling: {{maxReplicas: 4, metrics: [{metric}]}}\n{uses}"
        )
    };
    format!(
        "{HEAD}{top}services:\n{}{}routes: [{{path: /, service: api}}, {{path: /w, service: worker}}]\n",
        service("api", 9),
        service("worker", 1)
    )
}

fn sizes(skala: &Skala) -> (u64, u64) {
    let of = |name: &str| skala.service(name)["ready"].as_u64().unwrap();
    (of("api"), of("worker"))
}

#[test]
fn a_budget_stops_the_service_of_less_priority_and_says_what_it_saved() {
    let queue = queue();
    let mut skala = skala(&two(&queue, "budgets: {all: {limit: 0.55 EUR/h}}\n", ""));
    skala.up();
    until("five replicas are paid for", PATIENCE, || (sizes(&skala) == (4, 1)).then_some(()));
    throughout("and no more", secs(2), || sizes(&skala) == (4, 1));
    let why = skala.ok(&["why", "worker"]);
    assert!(why.contains("budget all: 0.55 EUR per hour"), "{why}");
    let status = skala.admin_json("/v1/status");
    assert_eq!(status["budgets"][0]["refusedReplicas"], 3, "{status:#}");
    assert_eq!(status["budgets"][0]["limitPerHour"], 0.55);
    let metrics = read(&skala);
    assert_eq!(metrics.value_of("skala_budget_refused_replicas", &[("budget", "all"), ("currency", "EUR")]), 3.0);
    assert!(skala.ok(&["status"]).contains("BUDGET"));
    skala.down();
    assert!(skala.json(&["replay"])["services"].as_object().unwrap().values().all(|s| s["different"] == 0));
}

#[test]
fn a_database_has_only_so_many_connections_also_for_others() {
    let postgres = Postgres::start("secret");
    let uses = "    uses: {databases: {main: {connectionsPerReplica: 10}}}\n";
    let top = "databases: {main: {maxConnections: 60, reservedConnections: 0, connection: \"${DB}\"}}\n";
    let queue = queue();
    let mut skala = skala(&two(&queue, top, uses)).env("DB", postgres.url());
    skala.up();
    until("six replicas fit", PATIENCE, || (sizes(&skala) == (4, 2)).then_some(()));
    let why = skala.ok(&["why", "worker"]);
    assert!(why.contains("main: 60 connections"), "{why}");
    let metrics = read(&skala);
    assert_eq!(metrics.value_of("skala_downstream_limit", &[("downstream", "main")]), 60.0);
    assert_eq!(metrics.value_of("skala_downstream_used", &[("downstream", "main")]), 60.0);
    let status = skala.ok(&["status"]);
    assert!(status.contains("DOWNSTREAM") && !status.contains("cannot be counted"), "{status}");
    skala.down();
}

#[test]
fn a_database_that_cannot_be_asked_is_a_problem_and_the_file_counts() {
    let uses = "    uses: {databases: {main: {connectionsPerReplica: 10}}}\n";
    let nobody = "postgres://a:b@127.0.0.1:1/x";
    let top = format!("databases: {{main: {{maxConnections: 60, reservedConnections: 0, connection: \"{nobody}\"}}}}\n");
    let queue = queue();
    let mut skala = skala(&two(&queue, &top, uses));
    skala.up();
    until("six replicas fit", PATIENCE, || (sizes(&skala) == (4, 2)).then_some(()));
    until("the problem is told", PATIENCE, || {
        skala.ok(&["status"]).contains("the connections of main cannot be counted").then_some(())
    });
    skala.down();
}

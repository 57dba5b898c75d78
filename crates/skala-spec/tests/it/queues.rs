//! Queues, schedules, and what `capacity` says of them.

use expect_test::{Expect, expect};

use crate::{listing, load_in};

const SERVICES: &str = "platform: p
services:
  api: {command: ./api}
  worker: {command: ./worker, concurrency: 4, autoscaling: {minReplicas: 0, maxReplicas: 5}}
  theirs: {upstreams: ['10.0.0.1:80']}
routes: [{path: /, service: api}, {path: /t, service: theirs}]
databases: {main: {maxConnections: 20}}
providers: {openai: {requestsPerMinute: 500}}
";

fn check(rest: &str, expected: Expect) {
    let loaded = load_in(&format!("{SERVICES}{rest}"), None);
    expected.assert_eq(&listing(&loaded));
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(skala_spec::Problem::is_error));
}

const GOOD: &str = r#"queues:
  ingestion: {deliver: {service: worker, path: /tasks/ingest}, concurrencyPerReplica: 2, timeout: 10m, retry: {initial: 30s, max: 5m, attempts: 5}, idempotency: 24h}
schedules:
  nightly: {cron: "0 2 * * *", timezone: Europe/Berlin, queue: ingestion, misfire: once, tasks: 100}
capacity:
  queues: {ingestion: {share: 10%, madeBy: {api: 0.2}, taskTime: {mean: 20s}, delay: 5s, failures: 1%}}
  providers: {openai: {tokenTimes: {prefillPerSecond: 8000, decodePerSecond: 50}, maxInFlight: 20, burst: 5s}}
  services: {worker: {calls: {providers: {openai: {perRequest: 1}}, databases: {main: {time: 5ms}}}}}
"#;

#[test]
fn what_the_grammar_takes() {
    check(GOOD, expect![[""]]);
}

#[test]
fn a_worker_scales_by_its_queue_when_it_has_nothing_else() {
    let platform = load_in(&format!("{SERVICES}{GOOD}"), None).platform.expect("sound");
    let metrics = |name: &str| platform.services[name].policy().expect("run").expect("sound").spec().metrics.clone();
    expect![[""]].assert_eq(&format!("{:?}", metrics("worker").iter().map(|m| &m.what).collect::<Vec<_>>()));
}

#[test]
fn what_contradicts() {
    check(
        r#"queues:
  one: {deliver: {service: wroker, path: /t}}
  two: {deliver: {service: theirs, path: t}, timeout: 0s, retry: {initial: 0s}}
  three: {concurrencyPerReplica: 0}
  four: {deliver: {service: worker}, retry: {initial: 1m, max: 10s}}
schedules:
  night: {cron: "0 2 * * *", queue: fuor}
  day: {cron: "0 2 * *", timezone: Europe/Berlim, queue: four}
capacity:
  queues: {five: {share: 60%}, four: {share: 120%, madeBy: {apo: 1}}}
  providers: {opnai: {time: {mean: 1s}}, openai: {burst: 0s, time: {mean: 1s}, tokenTimes: {prefillPerSecond: 1, decodePerSecond: 1}}}
  services: {worker: {calls: {providers: {openai: {perRequest: 0}, azure: {}}, databases: {mian: {time: 5ms}}}}}
"#,
        expect![[""]],
    );
}

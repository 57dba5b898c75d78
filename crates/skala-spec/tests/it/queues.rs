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
    check(
        GOOD,
        expect![[r#"
            skala.yaml:3:18: warning[W0402] services.api.command: the command does not mention $PORT (each replica must listen on its own port; this is fine if the program reads the PORT variable) -> add it, such as `--bind 127.0.0.1:$PORT`
            skala.yaml:4:3: warning[W0807] services.worker: tasks of `ingestion` may take 10m, and a replica that stops has 30s (what runs longer is cut, and done again by another replica) -> use `drain: 10m`, or lower the queue's `timeout`
            skala.yaml:4:21: warning[W0402] services.worker.command: the command does not mention $PORT (each replica must listen on its own port; this is fine if the program reads the PORT variable) -> add it, such as `--bind 127.0.0.1:$PORT`
        "#]],
    );
}

#[test]
fn a_worker_scales_by_its_queue_when_it_has_nothing_else() {
    let platform = load_in(&format!("{SERVICES}{GOOD}"), None).platform.expect("sound");
    let metrics = |name: &str| platform.services[name].policy().expect("run").expect("sound").spec().metrics.clone();
    expect![[r#"[Queue { name: "ingestion", target: Length(2.0) }]"#]]
        .assert_eq(&format!("{:?}", metrics("worker").iter().map(|m| &m.what).collect::<Vec<_>>()));
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
        expect![[r#"
            skala.yaml:3:18: warning[W0402] services.api.command: the command does not mention $PORT (each replica must listen on its own port; this is fine if the program reads the PORT variable) -> add it, such as `--bind 127.0.0.1:$PORT`
            skala.yaml:4:3: warning[W0807] services.worker: tasks of `four` may take 10m, and a replica that stops has 30s (what runs longer is cut, and done again by another replica) -> use `drain: 10m`, or lower the queue's `timeout`
            skala.yaml:10:28: error[E0801] queues.one.deliver.service: there is no service `wroker` -> did you mean `worker`?
            skala.yaml:11:28: error[E0802] queues.two.deliver.service: the servers of `theirs` are run by somebody else (skala does not know how many there are to work on tasks) -> deliver to a service that skala runs
            skala.yaml:11:42: error[E0802] queues.two.deliver.path: the path has no leading slash -> start it with `/`, such as `/tasks/ingest`
            skala.yaml:11:55: error[E0802] queues.two.timeout: no attempt ends within a timeout of zero -> use `10m`
            skala.yaml:11:76: error[E0802] queues.two.retry.initial: the first pause is zero (failed work would come again at once, and again) -> use `1s` or more
            skala.yaml:12:3: error[E0203] queues.three: `deliver` is missing -> add `deliver:` with a mapping whose keys are service, path, command and celery
            skala.yaml:12:34: error[E0206] queues.three.concurrencyPerReplica: the number is out of range -> use 1 to 1000
            skala.yaml:13:64: error[E0802] queues.four.retry.max: the longest pause of 10s is shorter than the first of 1m -> use `1m` or more
            skala.yaml:16:15: error[E0204] schedules.day.cron: `0 2 * *` does not have five fields, or six with the seconds first (a cron time is wanted here) -> write minute, hour, day of the month, month and day of the week, like `0 2 * * *`, `30 0 2 * * MON-FRI` with seconds
            skala.yaml:16:36: error[E0204] schedules.day.timezone: `Europe/Berlim` is not the name of a time zone -> did you mean `Europe/Berlin`?
            skala.yaml:18:3: error[E0803] capacity.queues: the shares of all queues are more than 100% (an arrival belongs to one of them) -> lower one of them
            skala.yaml:18:46: error[E0803] capacity.queues.four.share: the share is out of range -> use 0% to 100%
            skala.yaml:18:66: error[E0801] capacity.queues.four.madeBy.apo: there is no service `apo` -> did you mean `api`?
            skala.yaml:19:15: error[E0801] capacity.providers.opnai: there is no provider `opnai` -> did you mean `openai`?
            skala.yaml:19:58: error[E0803] capacity.providers.openai.burst: the duration is out of range -> use 1s to 1m
            skala.yaml:19:62: error[E0803] capacity.providers.openai.time: `time` and `tokenTimes` are both given -> keep one of them
            skala.yaml:20:64: error[E0803] capacity.services.worker.calls.providers.openai.perRequest: the number of calls is out of range -> use a number above 0, at most 1000
            skala.yaml:20:68: error[E0801] capacity.services.worker.calls.providers.azure: there is no provider `azure` -> the providers are openai
            skala.yaml:20:92: error[E0801] capacity.services.worker.calls.databases.mian: there is no database `mian` -> did you mean `main`?
        "#]],
    );
}

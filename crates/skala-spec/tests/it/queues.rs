//! Queues, schedules, and what `capacity` says of them.

use expect_test::{Expect, expect};

use skala_spec::TaskQueue;

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

const PLATFORM: &str = "platform: p
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  api: {command: [./api, $PORT], drain: 10m, concurrency: 4}
  worker: {command: [./worker], drain: 10m}
routes: [{path: /, service: api}]
";

fn listed(rest: &str, expected: Expect) {
    let loaded = load_in(&format!("{PLATFORM}{rest}"), None);
    expected.assert_eq(&listing(&loaded));
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(skala_spec::Problem::is_error));
}

fn lowered(rest: &str) -> Vec<TaskQueue> {
    let loaded = load_in(&format!("{PLATFORM}{rest}"), None);
    loaded.platform.clone().unwrap_or_else(|| panic!("{}", listing(&loaded))).task_queues()
}

const EVERYTHING: &str = r#"tasks: {listen: "0.0.0.0:7702", token: "${DB_PASSWORD}", store: /var/lib/tasks.db}
queues:
  ingestion:
    deliver: {service: api, path: /tasks/ingest}
    concurrencyPerReplica: 2
    concurrency: 20
    concurrencyPerTenant: 5
    rateLimit: {perSecond: 10, burst: 20}
    rateLimitPerTenant: {perSecond: 0.5}
    tasksPerReplica: 10
    timeout: 2m
    grace: 5s
    lease: 15s
    startWithin: 1h
    finishWithin: 6h
    retry: {initial: 30s, max: 5m, attempts: 7, losses: 1}
    idempotency: 2d
    priority: 4
    aging: 2m
    weights: {acme: 3, "Big Corp.": 1000}
    results: {ttl: 1h, dead: 7d, max: 5000}
    durability: os
    maxTasks: 5000
    maxBody: 64Ki
    cost: 0.0020005 EUR
    budget: {queue: 30 EUR/h, tenant: 5 EUR/day, schedule: 1 EUR/month}
    alarm: {length: 100, age: 5m}
  pulled: {deliver: {service: worker}}
  job: {deliver: {command: [python, -m, job]}, concurrency: 4, budget: 5 EUR/day}
  email: {deliver: {service: worker, celery: {broker: "rediss://u:${DB_PASSWORD}@redis/1", queue: mail, results: "redis://r", visibilityTimeout: 1m,
                    pool: {max: 8}, keyPrefix: "app:", prioritySteps: [0, 5]}}}
"#;

#[test]
fn every_field_reaches_the_task_server() {
    listed(EVERYTHING, expect![[""]]);
    expect![[r#"
        [
            TaskQueue {
                settings: QueueSettings {
                    name: "ingestion",
                    lease: 15s,
                    timeout: 120s,
                    grace: 5s,
                    start_within: Some(
                        3600s,
                    ),
                    finish_within: Some(
                        21600s,
                    ),
                    retry: Retry {
                        initial: 30s,
                        max: 300s,
                        attempts: 7,
                        losses: 1,
                    },
                    idempotency: 172800s,
                    concurrency: Some(
                        20,
                    ),
                    per_tenant: Some(
                        5,
                    ),
                    per_instance: Some(
                        2,
                    ),
                    rate: Some(
                        Rate {
                            per_second: 10.0,
                            burst: 20,
                        },
                    ),
                    tenant_rate: Some(
                        Rate {
                            per_second: 0.5,
                            burst: 1,
                        },
                    ),
                    priority: 4,
                    aging: 120s,
                    weights: {
                        "Big Corp.": 1000,
                        "acme": 3,
                    },
                    results: Keep {
                        done: 3600s,
                        dead: 604800s,
                        most: 5000,
                    },
                    durability: Os,
                    max_tasks: 5000,
                    max_body: 65536,
                    cost: 2001,
                    ceilings: [
                        Ceiling {
                            of: Queue,
                            micros: 30000000,
                            per: Hour,
                        },
                        Ceiling {
                            of: Tenant,
                            micros: 5000000,
                            per: Day,
                        },
                        Ceiling {
                            of: Schedule,
                            micros: 1000000,
                            per: Month,
                        },
                    ],
                    schedule_ceilings: {},
                    alarm: Alarm {
                        length: Some(
                            100,
                        ),
                        age: Some(
                            300s,
                        ),
                    },
                },
                delivery: Push {
                    service: ServiceName(
                        "api",
                    ),
                    path: "/tasks/ingest",
                },
                bridged: None,
                hidden: false,
            },
            TaskQueue {
                settings: QueueSettings {
                    name: "pulled",
                    lease: 30s,
                    timeout: 600s,
                    grace: 10s,
                    start_within: None,
                    finish_within: None,
                    retry: Retry {
                        initial: 1s,
                        max: 300s,
                        attempts: 5,
                        losses: 3,
                    },
                    idempotency: 86400s,
                    concurrency: None,
                    per_tenant: None,
                    per_instance: Some(
                        1,
                    ),
                    rate: None,
                    tenant_rate: None,
                    priority: 0,
                    aging: 60s,
                    weights: {},
                    results: Keep {
                        done: 86400s,
                        dead: 1209600s,
                        most: 1000000,
                    },
                    durability: Fsync,
                    max_tasks: 1000000,
                    max_body: 1048576,
                    cost: 0,
                    ceilings: [],
                    schedule_ceilings: {},
                    alarm: Alarm {
                        length: None,
                        age: None,
                    },
                },
                delivery: Pull {
                    service: ServiceName(
                        "worker",
                    ),
                },
                bridged: None,
                hidden: false,
            },
            TaskQueue {
                settings: QueueSettings {
                    name: "job",
                    lease: 30s,
                    timeout: 600s,
                    grace: 10s,
                    start_within: None,
                    finish_within: None,
                    retry: Retry {
                        initial: 1s,
                        max: 300s,
                        attempts: 5,
                        losses: 3,
                    },
                    idempotency: 86400s,
                    concurrency: Some(
                        4,
                    ),
                    per_tenant: None,
                    per_instance: None,
                    rate: None,
                    tenant_rate: None,
                    priority: 0,
                    aging: 60s,
                    weights: {},
                    results: Keep {
                        done: 86400s,
                        dead: 1209600s,
                        most: 1000000,
                    },
                    durability: Fsync,
                    max_tasks: 1000000,
                    max_body: 1048576,
                    cost: 0,
                    ceilings: [
                        Ceiling {
                            of: Queue,
                            micros: 5000000,
                            per: Day,
                        },
                    ],
                    schedule_ceilings: {},
                    alarm: Alarm {
                        length: None,
                        age: None,
                    },
                },
                delivery: Command {
                    words: [
                        "python",
                        "-m",
                        "job",
                    ],
                },
                bridged: None,
                hidden: false,
            },
            TaskQueue {
                settings: QueueSettings {
                    name: "email",
                    lease: 30s,
                    timeout: 600s,
                    grace: 10s,
                    start_within: None,
                    finish_within: None,
                    retry: Retry {
                        initial: 1s,
                        max: 300s,
                        attempts: 5,
                        losses: 3,
                    },
                    idempotency: 86400s,
                    concurrency: None,
                    per_tenant: None,
                    per_instance: Some(
                        1,
                    ),
                    rate: None,
                    tenant_rate: None,
                    priority: 0,
                    aging: 60s,
                    weights: {},
                    results: Keep {
                        done: 86400s,
                        dead: 1209600s,
                        most: 1000000,
                    },
                    durability: Fsync,
                    max_tasks: 1000000,
                    max_body: 1048576,
                    cost: 0,
                    ceilings: [],
                    schedule_ceilings: {},
                    alarm: Alarm {
                        length: None,
                        age: None,
                    },
                },
                delivery: Celery {
                    service: ServiceName(
                        "worker",
                    ),
                    celery: CeleryQueue {
                        broker: ***,
                        queue: "mail",
                        results: Some(
                            ***,
                        ),
                        visibility_timeout: 60s,
                        pool: Some(
                            (
                                1,
                                8,
                            ),
                        ),
                        heartbeat: true,
                        key_prefix: "app:",
                        priority_steps: [
                            0,
                            5,
                        ],
                    },
                },
                bridged: None,
                hidden: false,
            },
        ]"#]]
    .assert_eq(&format!("{:#?}", lowered(EVERYTHING)));
}

#[test]
fn defaults_are_those_of_the_task_core() {
    let queues = lowered("queues: {a: {deliver: {service: worker}}}\n");
    let expected = skala_queue::QueueSettings { per_instance: Some(1), ..skala_queue::QueueSettings::new("a") };
    assert_eq!(queues[0].settings, expected);
    let platform = load_in(PLATFORM, None).platform.expect("sound");
    assert!(!platform.has_tasks() && platform.task_queues().is_empty() && platform.task_schedules().is_empty());
}

#[test]
fn queues_read_back_as_they_are_written() {
    let platform = load_in(&format!("{PLATFORM}{EVERYTHING}"), None).platform.expect("sound");
    let written = serde_json::to_value(&platform.queues["ingestion"]).expect("writes");
    let back: skala_spec::model::Queue = serde_json::from_value(written).expect("reads");
    assert_eq!(back, platform.queues["ingestion"]);
    let shown = format!("{:?}{}", platform, serde_json::to_string(&platform).expect("writes"));
    assert!(!shown.contains("hunter2"), "a password is shown");
}

#[test]
fn an_environment_changes_a_part_of_a_queue() {
    let text = format!(
        "{PLATFORM}{EVERYTHING}environments: {{staging: {{queues: {{ingestion: {{budget: 1 EUR/day, retry: {{attempts: 2}}, alarm: null}}}}}}}}\n"
    );
    let loaded = load_in(&text, Some("staging"));
    let platform = loaded.platform.clone().unwrap_or_else(|| panic!("{}", listing(&loaded)));
    let queue = &platform.task_queues()[0].settings;
    let retry = queue.retry;
    assert_eq!((retry.attempts, retry.losses, queue.ceilings.len(), queue.alarm.length), (2, 1, 1, None));
}

#[test]
fn a_delivery_is_one_way() {
    listed(
        r#"queues:
  none: {deliver: {}}
  path: {deliver: {path: /t}}
  celery: {deliver: {celery: {broker: "redis://r"}}}
  both: {deliver: {service: worker, command: [x]}, concurrency: 1}
  mixed: {deliver: {service: worker, path: /t, celery: {broker: "redis://r"}}}
  slash: {deliver: {service: worker, path: t}}
  unbounded: {deliver: {command: [x]}, concurrencyPerReplica: 2, tasksPerReplica: 3}
  named: {deliver: {command: ""}}
  typo: {deliver: {sevice: worker}}
  places: {deliver: {service: api, path: /t}, concurrencyPerReplica: 5}
"#,
        expect![[r#"
            skala.yaml:5:12: warning[W0402] services.worker.command: the command does not mention $PORT (each replica must listen on its own port; this is fine if the program reads the PORT variable) -> add it, such as `--bind 127.0.0.1:$PORT`
            skala.yaml:8:10: error[E0804] queues.none.deliver: nobody works on the tasks of this queue -> add `service: NAME`, with `path: /...` to push them; or `command: [program, argument]`
            skala.yaml:9:10: error[E0804] queues.path.deliver: `path` needs the service whose replicas work on the tasks -> add `service:`
            skala.yaml:10:12: error[E0804] queues.celery.deliver: `celery` needs the service whose replicas work on the tasks -> add `service:`
            skala.yaml:11:29: error[E0804] queues.both.deliver.service: `service` does not go with `command` -> keep one of them
            skala.yaml:12:44: error[E0804] queues.mixed.deliver.path: `path` does not go with `celery` (Celery's workers take their tasks from the broker) -> remove it, or add `consume: true` to `celery` to have skala take the tasks and push them
            skala.yaml:13:44: error[E0802] queues.slash.deliver.path: the path has no leading slash -> start it with `/`, such as `/tasks/ingest`
            skala.yaml:14:25: error[E0804] queues.unbounded.deliver.command: nothing bounds how many processes run at once (a full queue would start one for every task) -> add `concurrency: 4` to the queue, such as the number of cores
            skala.yaml:14:63: error[E0804] queues.unbounded.concurrencyPerReplica: a command has no replicas -> use `concurrency:`, the processes that run at once
            skala.yaml:14:83: error[E0804] queues.unbounded.tasksPerReplica: a command has no replicas -> use `concurrency:`, the processes that run at once
            skala.yaml:15:30: error[E0204] queues.named.deliver.command: `` is empty (a command line is wanted here) -> name the program to run
            skala.yaml:16:10: error[E0804] queues.typo.deliver: nobody works on the tasks of this queue -> add `service: NAME`, with `path: /...` to push them; or `command: [program, argument]`
            skala.yaml:16:20: error[E0201] queues.typo.deliver.sevice: unknown key `sevice` -> did you mean `service`?
            skala.yaml:17:70: warning[W0803] queues.places.concurrencyPerReplica: a replica of `api` works on 4 at once (the rest of 5 tasks would wait for a place there) -> use 4 or less, or raise `concurrency` of the service
        "#]],
    );
}

#[test]
fn times_and_numbers_of_a_queue() {
    listed(
        r#"queues:
  one: {deliver: {service: worker}, timeout: 0s, grace: 2h, lease: 500ms, idempotency: 40d, startWithin: 0s, finishWithin: 0s, aging: 10ms}
  two: {deliver: {service: worker}, startWithin: 2h, finishWithin: 1h, results: {ttl: 400d, dead: 400d, max: -1}, alarm: {length: 0, age: 0s}}
  three: {deliver: {service: worker}, finishWithin: 1m, concurrency: 4, concurrencyPerTenant: 4, priority: 11, weights: {a: 0, b: 1001, c: x}}
  four: {deliver: {service: worker}, maxBody: 100Mi, maxTasks: 0, rateLimit: {perSecond: 0}, rateLimitPerTenant: {perSecond: 1e9, burst: 0}}
  five: {deliver: {service: worker}, retry: {initial: 1m, max: 1s, attempts: 0, losses: 101}, durability: disk, maxBody: 5}
  six: {deliver: {service: worker}, retry: {initial: 1m, attempts: 1}, weights: {"": 1}, concurrency: 0}
"#,
        expect![[r#"
            skala.yaml:8:46: error[E0802] queues.one.timeout: no attempt ends within a timeout of zero -> use `10m`
            skala.yaml:8:57: error[E0802] queues.one.grace: the duration is out of range -> use 0s to 1h
            skala.yaml:8:68: error[E0802] queues.one.lease: the duration is out of range -> use 1s to 1h
            skala.yaml:8:88: error[E0802] queues.one.idempotency: the duration is out of range -> use 0s to 30d
            skala.yaml:8:106: error[E0802] queues.one.startWithin: the duration is out of range -> use 1ms to 365d
            skala.yaml:8:124: error[E0802] queues.one.finishWithin: the duration is out of range -> use 1ms to 365d
            skala.yaml:8:124: error[E0802] queues.one.finishWithin: a task must finish within 0s and may start within 0s (one that starts late could never finish) -> use more than `0s`, or lower `startWithin`
            skala.yaml:8:135: error[E0802] queues.one.aging: the duration is out of range -> use 1s to 1d
            skala.yaml:9:68: error[E0802] queues.two.finishWithin: a task must finish within 1h and may start within 2h (one that starts late could never finish) -> use more than `2h`, or lower `startWithin`
            skala.yaml:9:87: error[E0802] queues.two.results.ttl: the duration is out of range -> use 0s to 365d
            skala.yaml:9:99: error[E0802] queues.two.results.dead: the duration is out of range -> use 0s to 365d
            skala.yaml:9:110: error[E0206] queues.two.results.max: the number is out of range -> use 0 to 10000000
            skala.yaml:9:131: error[E0206] queues.two.alarm.length: the number is out of range -> use 1 to 10000000
            skala.yaml:9:139: error[E0802] queues.two.alarm.age: the duration is out of range -> use 1ms to 365d
            skala.yaml:10:53: warning[W0801] queues.three.finishWithin: a task has 1m in all, and one attempt may take 10m (an attempt that uses its time is never made again) -> raise it, or lower `timeout`
            skala.yaml:10:95: warning[W0801] queues.three.concurrencyPerTenant: a tenant may have 4 tasks at once, and all together 4 (one tenant can take every place) -> use less than 4, or remove it
            skala.yaml:10:108: error[E0206] queues.three.priority: the number is out of range -> use 0 to 10
            skala.yaml:10:125: error[E0206] queues.three.weights.a: the number is out of range -> use 1 to 1000
            skala.yaml:10:131: error[E0206] queues.three.weights.b: the number is out of range -> use 1 to 1000
            skala.yaml:10:140: error[E0202] queues.three.weights.c: a whole number is wanted here, not text -> write a whole number
            skala.yaml:11:47: error[E0802] queues.four.maxBody: the size is out of range -> use `1Ki` to `64Mi`; pass the address of larger things
            skala.yaml:11:64: error[E0206] queues.four.maxTasks: the number is out of range -> use 1 to 10000000
            skala.yaml:11:90: error[E0206] queues.four.rateLimit.perSecond: the number is out of range -> use more than 0
            skala.yaml:11:126: error[E0802] queues.four.rateLimitPerTenant.perSecond: the rate is out of range -> use 0.000001 to 1000000
            skala.yaml:11:138: error[E0206] queues.four.rateLimitPerTenant.burst: the number is out of range -> use 1 to 1000000
            skala.yaml:12:64: error[E0802] queues.five.retry.max: the longest pause of 1s is shorter than the first of 1m -> use `1m` or more
            skala.yaml:12:78: error[E0206] queues.five.retry.attempts: the number is out of range -> use 1 to 100
            skala.yaml:12:89: error[E0206] queues.five.retry.losses: the number is out of range -> use 0 to 100
            skala.yaml:12:107: error[E0205] queues.five.durability: `disk` is not one of the choices -> write one of fsync, os and memory
            skala.yaml:12:122: error[E0204] queues.five.maxBody: `5` has no unit (a size is wanted here) -> write `5Mi` for mebibytes, or `5Ki`, `5Gi`
            skala.yaml:13:37: warning[W0801] queues.six.retry: nothing is done again (`attempts` is 1) -> raise `attempts`, or remove the pauses
            skala.yaml:13:72: error[E0802] queues.six.weights: a tenant's name is empty -> remove it
            skala.yaml:13:103: error[E0206] queues.six.concurrency: the number is out of range -> use 1 to 100000
        "#]],
    );
}

#[test]
fn money_of_queues() {
    listed(
        r#"queues:
  one: {deliver: {service: worker}, cost: 1 USD, budget: {queue: 0 EUR/day, tenant: 5 USD/day}}
  two: {deliver: {service: worker}, cost: 2, budget: 5 EUR}
  three: {deliver: {service: worker}, cost: 2 EUR, budget: {tenant: 1 EUR/day, schedule: 3 EUR/day}}
  four: {deliver: {service: worker}, budget: {}}
"#,
        expect![[r#"
            skala.yaml:8:43: error[E0703] queues.one.cost: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:8:66: error[E0806] queues.one.budget.queue: a budget of 0 EUR/day lets nothing run -> use a millionth or more
            skala.yaml:8:85: error[E0703] queues.one.budget.tenant: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:9:43: error[E0204] queues.two.cost: `2` has no currency (a price is wanted here) -> write the amount, a space and the currency, as in `0.002 EUR`
            skala.yaml:9:54: error[E0204] queues.two.budget: `5 EUR` does not say per which time (money per time is wanted here) -> end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
            skala.yaml:10:69: error[E0806] queues.three.budget.tenant: one attempt costs 2 EUR, which is more than 1 EUR/day allows at all (every task would wait for ever) -> raise the budget, or correct `cost` of the queue
            skala.yaml:11:38: error[E0806] queues.four.budget: this budget bounds nothing -> write `5 EUR/day`, or `{tenant: 1 EUR/day}`
        "#]],
    );
}

#[test]
fn brokers_that_are_none() {
    listed(
        r#"queues:
  url: {deliver: {service: worker, celery: {broker: "localhost:6379", results: "db+postgresql://x/y"}}}
  rabbit: {deliver: {service: worker, celery: {broker: "amqp://guest:hunter2@rabbit//"}}}
  plain: {deliver: {service: worker, celery: {broker: "redis://:letmein@r:6379/0"}}}
  base: {deliver: {service: worker, celery: {broker: "redis://r/cache"}}}
  steps: {deliver: {service: worker, celery: {broker: "redis://r/1", prioritySteps: [3, 0], pool: {min: 5, max: 2}, visibilityTimeout: 8d}}}
  again: {deliver: {service: worker, celery: {broker: "redis://r/1", queue: steps}}}
  slow: {deliver: {service: worker, celery: {broker: "redis://r/2", visibilityTimeout: 1m, heartbeat: false}}, timeout: 5m}
  ours: {deliver: {service: worker, celery: {broker: "redis://r/3"}}, retry: {attempts: 3}, budget: 1 EUR/day, maxTasks: 5}
"#,
        expect![[r#"
            skala.yaml:8:53: error[E0807] queues.url.deliver.celery.broker: this is no URL: it has no `scheme://` in front -> write it like `redis://127.0.0.1:6379/0`, or `"${CELERY_BROKER_URL}"`
            skala.yaml:8:80: error[E0807] queues.url.deliver.celery.results: this broker is not Redis (skala reads Celery's queues on Redis alone) -> write it like `redis://127.0.0.1:6379/0`, or `"${CELERY_BROKER_URL}"`
            skala.yaml:9:56: error[E0807] queues.rabbit.deliver.celery.broker: this broker is not Redis (skala reads Celery's queues on Redis alone) -> write it like `redis://127.0.0.1:6379/0`, or `"${CELERY_BROKER_URL}"`
            skala.yaml:10:55: warning[W0806] queues.plain.deliver.celery.broker: a password stands in the file -> take the value from `"${VARIABLE}"` or `{file: path}`
            skala.yaml:11:54: error[E0807] queues.base.deliver.celery.broker: this URL names a database that is none -> end it with a number, such as `/0`
            skala.yaml:12:70: error[E0807] queues.steps.deliver.celery.prioritySteps: these are no priority steps -> write numbers from 0 to 9 in order, as the app does: `[0, 3, 6, 9]`
            skala.yaml:12:105: error[E0807] queues.steps.deliver.celery.pool.min: `min` is above `max` -> lower the one or raise the other
            skala.yaml:12:136: error[E0802] queues.steps.deliver.celery.visibilityTimeout: the duration is out of range -> use 1s to 7d
            skala.yaml:13:38: error[E0807] queues.again.deliver.celery: `steps` is the same queue `steps` of the same broker (its tasks would count twice) -> keep one of them
            skala.yaml:14:88: warning[W0805] queues.slow.deliver.celery.visibilityTimeout: a task that takes longer than 1m runs twice (then Celery takes its worker for dead, and it may take 5m) -> remove `heartbeat: false`, raise `visibilityTimeout` here and in the app, or lower the queue's `timeout`
            skala.yaml:15:71: warning[W0804] queues.ours.retry: retry, maxTasks and budget have no meaning here (the queue is in a Celery broker, and the app decides it) -> remove it, and set it in the app
        "#]],
    );
}

#[test]
fn celerys_own_commands() {
    let check = |services: &str, queues: &str, expected: Expect| {
        let loaded = load_in(&format!("platform: p\nservices:\n{services}queues: {{{queues}}}\n"), None);
        let warnings = loaded.problems.iter().filter(|p| p.code.starts_with("W080") || p.is_error());
        expected.assert_eq(&warnings.map(|p| format!("{p}\n")).collect::<String>());
    };
    let broker = "celery: {broker: 'redis://r'}";
    check(
        "  beat: {command: [celery, -A, app, beat], autoscaling: {minReplicas: 1, maxReplicas: 3, metrics: [{cpu: 300m}]}}
  inside: {command: celery -A app worker -B -Q a, replicas: 2, drain: 10m}
  one: {command: [/venv/bin/celery, -A, app, beat], replicas: 1}
",
        &format!("a: {{deliver: {{service: inside, {broker}}}}}"),
        expect![[r#"
            skala.yaml:3:87: warning[W0808] services.beat.autoscaling.maxReplicas: 3 beats make every task 3 times (Celery's beat has no lock) -> use `replicas: 1`, or `schedules:` instead of beat
            skala.yaml:4:61: warning[W0808] services.inside.replicas: 2 beats make every task 2 times (Celery's beat has no lock) -> give beat a service of its own with `replicas: 1`, or use `schedules:`
        "#]],
    );
    check(
        "  some: {command: [celery, -A, app, worker, -Q, 'email,reports'], drain: 10m}
  equal: {command: [celery, -A, app, worker, --queues=other], drain: 10m}
  any: {command: [celery, -A, app, worker], drain: 10m}
  known: {command: [celery, -A, app, worker], drain: 10m}
  python: {command: [python, -m, celery, -A, app, worker, -Qmail], drain: 10m}
",
        &format!(
            "email: {{deliver: {{service: some, {broker}}}}}, mine: {{deliver: {{service: known, celery: {{broker: 'redis://r', queue: x}}}}}}"
        ),
        expect![[r#"
            skala.yaml:3:10: warning[W0809] services.some.command: skala does not see what waits in reports of Celery (no entry of `queues:` names it, so this service neither scales by it nor shows it) -> add `queues: {reports: {deliver: {service: some, celery: {broker: "${CELERY_BROKER_URL}"}}}}`
            skala.yaml:4:11: warning[W0809] services.equal.command: skala does not see what waits in other of Celery (no entry of `queues:` names it, so this service neither scales by it nor shows it) -> add `queues: {other: {deliver: {service: equal, celery: {broker: "${CELERY_BROKER_URL}"}}}}`
            skala.yaml:5:9: warning[W0809] services.any.command: skala does not see what waits in celery of Celery (no entry of `queues:` names it, so this service neither scales by it nor shows it) -> add `queues: {celery: {deliver: {service: any, celery: {broker: "${CELERY_BROKER_URL}"}}}}`
            skala.yaml:7:12: warning[W0809] services.python.command: skala does not see what waits in mail of Celery (no entry of `queues:` names it, so this service neither scales by it nor shows it) -> add `queues: {mail: {deliver: {service: python, celery: {broker: "${CELERY_BROKER_URL}"}}}}`
        "#]],
    );
}

#[test]
fn workers_of_celery_have_names_of_their_own_and_beat_needs_no_route() {
    let text = "platform: p\nroutes: []\nservices:
  same: {command: [celery, -A, app, worker, -Q, a, -n, same@%h], replicas: 2, drain: 10m}
  none: {command: [celery, -A, app, worker, -Q, b], autoscaling: {minReplicas: 1, maxReplicas: 3, metrics: [{queueLength: 9}]}, drain: 10m}
  own: {command: [celery, -A, app, worker, -Q, c, '--hostname=own-${PORT}@%h'], replicas: 2, drain: 10m}
  joined: {command: [celery, -A, app, worker, -Q, d, '-njoined-$PORT@%h'], replicas: 2, drain: 10m}
  single: {command: [celery, -A, app, worker, -Q, e], replicas: 1, drain: 10m}
  beat: {command: [celery, -A, app, beat], replicas: 1}
queues:
";
    let queue = |(name, service): (&str, &str)| {
        format!("  {name}: {{deliver: {{service: {service}, celery: {{broker: 'redis://r'}}}}}}\n")
    };
    let queues = [("a", "same"), ("b", "none"), ("c", "own"), ("d", "joined"), ("e", "single")].map(queue).concat();
    let loaded = load_in(&format!("{text}{queues}"), None);
    expect![[r#"
        skala.yaml:4:10: warning[W0813] services.same.command: all replicas of this worker have one name on a machine (Celery's orders, such as to take no more before it ends, would reach each of them) -> add `-n, "same-$PORT@%h"` to the command
        skala.yaml:5:10: warning[W0813] services.none.command: all replicas of this worker have one name on a machine (Celery's orders, such as to take no more before it ends, would reach each of them) -> add `-n, "none-$PORT@%h"` to the command
    "#]]
    .assert_eq(&loaded.problems.iter().map(|p| format!("{p}\n")).collect::<String>());
}

#[test]
fn celerys_tasks_may_be_taken_and_pushed() {
    let problems = |deliver: &str| {
        let text = format!(
            "platform: p\nservices:\n  web: {{command: [x, $PORT], drain: 10m}}\nqueues:\n  a: {{deliver: {{service: web, {deliver}}}, retry: {{attempts: 3}}}}\n"
        );
        let loaded = load_in(&text, None);
        loaded.problems.iter().map(|p| format!("{} {}\n", p.code, p.path)).collect::<String>()
    };
    assert_eq!(problems("path: /t, celery: {broker: 'redis://r', consume: true}"), "");
    assert_eq!(problems("path: /t, celery: {broker: 'amqp://r', consume: true}"), "E0807 queues.a.deliver.celery.broker\n");
    assert_eq!(
        problems("celery: {broker: 'redis://r', consume: true}").lines().next(),
        Some("E0804 queues.a.deliver.celery.consume")
    );
    assert_eq!(problems("path: /t, celery: {broker: 'redis://r'}").lines().next(), Some("E0804 queues.a.deliver.path"));
}

#[test]
fn what_a_stopping_replica_has_left() {
    listed(
        "queues: {a: {deliver: {service: worker}, timeout: 1h}, b: {deliver: {service: worker}, timeout: 2h}}\n",
        expect![[r#"
            skala.yaml:5:40: warning[W0807] services.worker.drain: tasks of `b` may take 2h, and a replica that stops has 10m (what runs longer is cut, and done again by another replica) -> use `drain: 2h`, or lower the queue's `timeout`
        "#]],
    );
}

#[test]
fn memory_and_the_clock_do_not_go_together() {
    listed(
        "queues: {a: {deliver: {service: worker}, durability: memory}}\nschedules: {s: {every: 1m, queue: a}}\n",
        expect![[r#"
            skala.yaml:7:54: warning[W0802] queues.a.durability: tasks of the schedule `s` are in memory alone (after a crash they are gone, and their time counts as dealt with) -> use `durability: fsync`
        "#]],
    );
}

#[test]
fn requests_become_tasks_of_a_queue_that_brings_them_back() {
    let routes = |queue: &str| {
        format!(
            "queues: {{slow: {{deliver: {{service: api, path: /}}}}, other: {{deliver: {{service: worker, path: /}}}}, pulled: {{deliver: {{service: api}}}}, \
         job: {{deliver: {{command: [x]}}, concurrency: 1}}, mail: {{deliver: {{service: worker, celery: {{broker: 'redis://r'}}}}}}}}\n\
         environments: {{x: {{routes: [{{path: /reports, service: api, async: {{queue: {queue}}}}}]}}}}\n"
        )
    };
    let told = |queue: &str| {
        let loaded = load_in(&format!("{PLATFORM}{}", routes(queue)), Some("x"));
        loaded
            .problems
            .iter()
            .filter(|p| p.is_error())
            .map(|p| format!("{}: {} ({}) -> {}\n", p.code, p.message, p.reason, p.help))
            .collect::<String>()
    };
    let all: String = ["slow", "other", "pulled", "job", "mail", "sloow"].map(told).concat();
    expect![[r#"
        E0808: `other` does not bring requests to `api` (it pushes to `worker`) -> use a queue with `deliver: {service: api, path: /}`
        E0808: `pulled` does not bring requests to `api` (its workers take tasks themselves, and would not answer a request) -> use a queue with `deliver: {service: api, path: /}`
        E0808: `job` does not bring requests to `api` (it runs a command, which would not answer a request) -> use a queue with `deliver: {service: api, path: /}`
        E0808: `mail` does not bring requests to `api` (it is in a Celery broker, whose workers would not answer a request) -> use a queue with `deliver: {service: api, path: /}`
        E0801: there is no queue `sloow` () -> did you mean `slow`?
    "#]].assert_eq(&all);
}

#[test]
fn the_task_server_is_as_guarded_as_the_admin_api() {
    let queue = "queues: {a: {deliver: {service: worker}}}\n";
    for (tasks, expected) in [
        (
            "{listen: '0.0.0.0:7702'}",
            expect![[r#"
            skala.yaml:7:17: error[E0809] tasks.listen: the task server is open to other machines and has no token (whoever reaches it can read, make and cancel tasks) -> add `token: "${SKALA_TASKS_TOKEN}"`, or listen on 127.0.0.1
        "#]],
        ),
        (
            "{listen: '127.0.0.1:7700'}",
            expect![[r#"
            skala.yaml:7:17: error[E0610] tasks.listen: the admin API and the task server both listen on port 7700 -> give one of them another port
        "#]],
        ),
        (
            "{listen: '127.0.0.1:8080', token: 'a b', store: x/}",
            expect![[r#"
            skala.yaml:7:17: error[E0610] tasks.listen: the gateway and the task server both listen on port 8080 -> give one of them another port
            skala.yaml:7:42: error[E0615] tasks.token: the token cannot be sent (a request carries it in a header: it must not be empty and have no spaces, line ends or letters beyond ASCII) -> make one with `openssl rand -hex 32`
            skala.yaml:7:56: error[E0809] tasks.store: this is no file's name -> write a name, such as `tasks.db`, or an absolute path
        "#]],
        ),
        (
            "{listen: '7702'}",
            expect![[r#"
            skala.yaml:7:17: error[E0204] tasks.listen: `7702` has no host (an address is wanted here) -> write `127.0.0.1:7702` for this machine alone, or `0.0.0.0:7702`
        "#]],
        ),
    ] {
        listed(&format!("tasks: {tasks}\n{queue}"), expected);
    }
    // Where nothing is queued, no port is taken.
    listed(
        "tasks: {listen: '0.0.0.0:7700'}\n",
        expect![[r#"
        skala.yaml:5:3: warning[W0601] services.worker: no route leads to `worker` -> add `- {path: /, service: worker}` to `routes:`
    "#]],
    );
}

fn scaled(autoscaling: &str) -> String {
    format!(
        "platform: p\nservices:\n  worker: {{command: [./worker], drain: 10m, resources: {{requests: {{cpu: 1}}}}, autoscaling: {autoscaling}}}\n  other: {{command: [./o], drain: 10m}}\n\
         queues: {{a: {{deliver: {{service: worker}}, concurrencyPerReplica: 2}}, b: {{deliver: {{service: worker}}, tasksPerReplica: 7}}, c: {{deliver: {{service: other}}}}}}\n"
    )
}

#[test]
fn metrics_of_queues() {
    let show = |autoscaling: &str| {
        let loaded = load_in(&scaled(autoscaling), None);
        let problems: String = loaded.problems.iter().map(|p| format!("  {} {}: {}\n", p.code, p.path, p.message)).collect();
        let spec = loaded.platform.and_then(|p| Some(p.services["worker"].policy()?.expect("sound").spec().clone()));
        let metrics = spec.map_or(String::new(), |s| {
            let options = |m: &skala_autoscaler::MetricEntry| {
                format!("{:?} {:?} {:?}", m.options.scale_down_target, m.options.stale_after, m.options.fallback)
            };
            let each: String = s.metrics.iter().map(|m| format!("  {:?} | {}\n", m.what, options(m))).collect();
            format!("{each}  wakes by {:?}\n", s.wakes_by)
        });
        format!("{autoscaling}\n{metrics}{problems}")
    };
    let all: String = [
        "{maxReplicas: 5}",
        "{maxReplicas: 5, minReplicas: 0, metrics: [{cpu: 70%}]}",
        "{maxReplicas: 5, metrics: [{queueLength: 10}]}",
        "{maxReplicas: 5, metrics: [{queueLength: {queue: a, perReplica: 10, scaleDownTarget: 5, staleAfter: 20s}}, {queueLength: 3}, {queueAge: 30s}]}",
        "{maxReplicas: 5, minReplicas: 0, metrics: [{queueWait: {queue: a, max: 10s, scaleDownTarget: 5s}}, {queueAge: {max: 1m}}], fallback: {replicas: 2}}",
        "{maxReplicas: 5, mode: hpa, minReplicas: 0, metrics: [{queueLength: 10}]}",
        "{maxReplicas: 5, mode: knative}",
        "{maxReplicas: 5, metrics: [{queueLength: {queue: c, perReplica: 1}}, {queueAge: {queue: d, max: 1s}}]}",
        "{maxReplicas: 5, metrics: [{queueLength: 0}, {queueAge: 0s}, {queueWait: {max: 1s, scaleDownTarget: 2s}}, {queueAge: 1s, staleAfter: 3s}]}",
        "{maxReplicas: 5, metrics: [{queueLength: 1}, {queueLength: 2}, {name: a, redis: {address: 'r:1', list: a}, target: 1}]}",
    ]
    .map(show)
    .concat();
    expect![[r#"
        {maxReplicas: 5}
          Queue { name: "a", target: Length(2.0) } | None None None
          Queue { name: "b", target: Length(7.0) } | None None None
          wakes by []
        {maxReplicas: 5, minReplicas: 0, metrics: [{cpu: 70%}]}
          Cpu { target: Utilisation(Utilisation(0.7)) } | None None None
          Queue { name: "b", target: Length(7.0) } | None None None
          wakes by ["a"]
        {maxReplicas: 5, metrics: [{queueLength: 10}]}
          Queue { name: "a", target: Length(10.0) } | None None None
          Queue { name: "b", target: Length(10.0) } | None None None
          wakes by []
        {maxReplicas: 5, metrics: [{queueLength: {queue: a, perReplica: 10, scaleDownTarget: 5, staleAfter: 20s}}, {queueLength: 3}, {queueAge: 30s}]}
          Queue { name: "a", target: Length(10.0) } | Some(5.0) Some(20s) None
          Queue { name: "b", target: Length(3.0) } | None None None
          Queue { name: "a", target: Age(30s) } | None None None
          Queue { name: "b", target: Age(30s) } | None None None
          wakes by []
        {maxReplicas: 5, minReplicas: 0, metrics: [{queueWait: {queue: a, max: 10s, scaleDownTarget: 5s}}, {queueAge: {max: 1m}}], fallback: {replicas: 2}}
          Queue { name: "a", target: Wait(10s) } | Some(5.0) None Some(Fallback { failure_threshold: 3, replicas: Replicas(2), behavior: Static })
          Queue { name: "a", target: Age(60s) } | None None Some(Fallback { failure_threshold: 3, replicas: Replicas(2), behavior: Static })
          Queue { name: "b", target: Age(60s) } | None None Some(Fallback { failure_threshold: 3, replicas: Replicas(2), behavior: Static })
          Queue { name: "b", target: Length(7.0) } | None None None
          wakes by []
        {maxReplicas: 5, mode: hpa, minReplicas: 0, metrics: [{queueLength: 10}]}
          Queue { name: "a", target: Length(10.0) } | None None None
          Queue { name: "b", target: Length(10.0) } | None None None
          wakes by []
        {maxReplicas: 5, mode: knative}
          Concurrency { target: 70.0 } | None None None
          wakes by []
          W0812 services.worker.autoscaling.mode: tasks of `a` neither grow nor wake this service
        {maxReplicas: 5, metrics: [{queueLength: {queue: c, perReplica: 1}}, {queueAge: {queue: d, max: 1s}}]}
          W0811 services.worker.autoscaling.metrics[0].queueLength.queue: this service does not work on `c`
          E0801 services.worker.autoscaling.metrics[1].queueAge.queue: there is no queue `d`
        {maxReplicas: 5, metrics: [{queueLength: 0}, {queueAge: 0s}, {queueWait: {max: 1s, scaleDownTarget: 2s}}, {queueAge: 1s, staleAfter: 3s}]}
          E0206 services.worker.autoscaling.metrics[0].queueLength: the number is out of range
          E0503 services.worker.autoscaling.metrics[1]: a `queueAge` of zero can never be met
          E0503 services.worker.autoscaling.metrics[2]: `scaleDownTarget` is above the target
          E0503 services.worker.autoscaling.metrics[3]: `staleAfter` stands beside `queueAge`
        {maxReplicas: 5, metrics: [{queueLength: 1}, {queueLength: 2}, {name: a, redis: {address: 'r:1', list: a}, target: 1}]}
          E0504 services.worker.autoscaling.metrics[1]: `queueLength` is here twice
          E0515 services.worker.autoscaling.metrics[2].name: `a` is the name of a queue
    "#]].assert_eq(&all);
    let alone = "platform: p\nservices: {api: {command: [x, $PORT], autoscaling: {maxReplicas: 2, metrics: [{queueAge: 1s}]}}}\n";
    expect![[r#"
        skala.yaml:2:90: error[E0810] services.api.autoscaling.metrics[0].queueAge: this service works on no queue -> name one, such as `{queue: NAME, ...}`, or let a queue `deliver` to this service
    "#]].assert_eq(&listing(&load_in(alone, None)));
}

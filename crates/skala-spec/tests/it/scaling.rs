//! Scaling that contradicts itself: modes, numbers from outside, formulas, windows, fallbacks and the vertical axis.

use expect_test::{Expect, expect};

use crate::{listing, load_in};

/// A service with this autoscaling, to which a route leads.
fn check(autoscaling: &str, expected: Expect) {
    let indented: String = autoscaling.lines().map(|l| format!("      {l}\n")).collect();
    let text = format!("platform: p\nservices:\n  api:\n    command: [serve, $PORT]\n    autoscaling:\n{indented}");
    let loaded = load_in(&text, None);
    expected.assert_eq(&listing(&loaded));
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(skala_spec::Problem::is_error));
}

#[test]
fn bounds_and_times() {
    check(
        "minReplicas: 2\nmaxReplicas: 4\nidleReplicas: 2\nmetrics: [{concurrency: 3}]\nfallback: {replicas: 9}",
        expect![[r#"
            skala.yaml:8:21: error[E0510] services.api.autoscaling.idleReplicas: `idleReplicas` is not below `minReplicas` (it is the size while nothing is active) -> lower it, or remove it
            skala.yaml:10:7: warning[W0504] services.api.autoscaling.fallback: nothing can fall back (no metric is read from outside or of a queue, and skala's own do not fail for good) -> remove `fallback`
            skala.yaml:10:28: error[E0511] services.api.autoscaling.fallback.replicas: 9 replicas are more than maxReplicas 4 -> use 4 at most, or raise `maxReplicas`
        "#]],
    );
    check(
        "maxReplicas: 4\nmetrics: [{concurrency: {target: 3, staleAfter: 2h}}]\ncooldown: 2d\ninitialCooldown: 25h\nstaleAfter: 0s",
        expect![[r#"
            skala.yaml:7:55: error[E0512] services.api.autoscaling.metrics[0].concurrency.staleAfter: the duration is out of range -> use 1s to 1h
            skala.yaml:8:17: error[E0512] services.api.autoscaling.cooldown: the duration is out of range -> use 0s to 1d
            skala.yaml:9:24: error[E0512] services.api.autoscaling.initialCooldown: the duration is out of range -> use 0s to 1d
            skala.yaml:10:19: error[E0512] services.api.autoscaling.staleAfter: the duration is out of range -> use 1s to 1h
        "#]],
    );
}

#[test]
fn options_of_metrics() {
    check(
        r#"maxReplicas: 4
metrics:
  - {cpu: {target: 300m, scaleDownTarget: 50%}}
  - {requestsPerSecond: {target: 10, scaleDownTarget: 11}}
  - {latency: {p95: 1s, scaleDownTarget: 2s}}
  - {latency: {p99: 1s, scaleDownTarget: 0s}}
  - {concurrency: 3, scaleDownTarget: 2}
  - {latency: {p50: 1s}, behavior: {}}
  - {memory: 1Gi, poll: 3s}
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}, activation: 3}
  - {name: x, target: 5}
  - {concurrency: {scaleDownTarget: 2}}
  - {cpu: {target: 300m, scaledowntarget: 200m}}"#,
        expect![[r#"
            skala.yaml:8:11: error[E0503] services.api.autoscaling.metrics[0]: `target` and `scaleDownTarget` have different units -> write both in percent, or both as amounts
            skala.yaml:9:11: error[E0503] services.api.autoscaling.metrics[1]: `scaleDownTarget` is above the target -> lower it: between the two the service keeps its size
            skala.yaml:10:11: error[E0503] services.api.autoscaling.metrics[2]: `scaleDownTarget` is above the target -> lower it: between the two the service keeps its size
            skala.yaml:11:11: error[E0503] services.api.autoscaling.metrics[3]: a `scaleDownTarget` of zero never shrinks -> give one such as `300ms`
            skala.yaml:12:11: error[E0503] services.api.autoscaling.metrics[4]: `scaleDownTarget` stands beside `concurrency` -> put it inside: `concurrency: {target: ..., scaleDownTarget: ...}`
            skala.yaml:13:11: error[E0503] services.api.autoscaling.metrics[5]: `behavior` stands beside `latency` -> put it inside: `latency: {..., behavior: ...}`
            skala.yaml:14:11: error[E0503] services.api.autoscaling.metrics[6]: `poll` is for numbers from outside, not for `memory` -> remove `poll`
            skala.yaml:15:11: error[E0503] services.api.autoscaling.metrics[7]: `activation` does not go with a v2 metric -> remove `activation`, or use a short form
            skala.yaml:16:11: error[E0503] services.api.autoscaling.metrics[8]: this entry has `name` and names no metric -> add where the number is read: one of prometheus, redis, postgres, rabbitmq, nats, kafka, http
            skala.yaml:17:12: error[E0203] services.api.autoscaling.metrics[9].concurrency: `target` is missing -> add `target:` with a number
            skala.yaml:18:32: error[E0201] services.api.autoscaling.metrics[10].cpu.scaledowntarget: unknown key `scaledowntarget` -> did you mean `scaleDownTarget`?
        "#]],
    );
}

#[test]
fn numbers_from_outside() {
    check(
        r#"maxReplicas: 4
metrics:
  - {redis: {address: "cache:6379", list: jobs}, target: 5}
  - {name: no-name, redis: {address: "cache:6379", list: jobs}, target: 5}
  - {name: no_target, redis: {address: "cache:6379", list: jobs}}
  - {name: both, redis: {address: "cache:6379", list: jobs}, target: 5, targetTotal: 5}
  - {name: two, redis: {address: "cache:6379", list: jobs}, http: {url: "http://a/b"}, target: 5}
  - {name: mixed, redis: {address: "cache:6379", list: jobs}, cpu: 300m}
  - {name: jobs, redis: {address: "cache:6379", list: jobs}, target: 0}
  - {name: jobs, redis: {address: "cache:6379", list: jobs}, target: 5, scaleDownTarget: 6}
  - {name: max, redis: {address: "cache:6379", list: jobs}, target: 5}
  - {name: twice, redis: {address: "cache:6379", list: jobs}, target: 5}
  - {name: twice, redis: {address: "cache:6379", set: jobs}, target: 5}
  - {name: slow, redis: {address: "cache:6379", list: jobs}, target: 5, poll: 2h}
  - {name: old, redis: {address: "cache:6379", list: jobs}, target: 5, poll: 30s, staleAfter: 10s}
  - {name: back, redis: {address: "cache:6379", list: jobs}, target: 5, fallback: {replicas: 5}}
  - {name: keys, redis: {address: "cache:6379", list: jobs, set: jobs}, target: 5}
  - {name: url, http: {url: "ftp://a/b"}, target: 5}
  - {name: alone, http: {url: "http://a/b"}, target: 5, onlyInFormula: true}
  - {name: later, queueLength: ingestion, target: 5}"#,
        expect![[r#"
            skala.yaml:8:11: error[E0503] services.api.autoscaling.metrics[0]: a number from outside needs a name -> add `name:`, such as `name: jobs`
            skala.yaml:9:18: error[E0204] services.api.autoscaling.metrics[1].name: `no-name` is not a name of letters, digits and `_` (a metric's name is wanted here) -> write `no_name`
            skala.yaml:10:11: error[E0503] services.api.autoscaling.metrics[2]: this metric has no target -> add `target:` (each replica's share) or `targetTotal:` (the number itself)
            skala.yaml:11:11: error[E0503] services.api.autoscaling.metrics[3]: `target` and `targetTotal` are both given -> keep one: the share of each replica, or the whole
            skala.yaml:12:11: error[E0503] services.api.autoscaling.metrics[4]: this entry reads more than one number -> give each its own list item, and join them in `formula`
            skala.yaml:13:11: error[E0503] services.api.autoscaling.metrics[5]: this entry has more than one metric -> give each metric its own list item
            skala.yaml:14:76: error[E0206] services.api.autoscaling.metrics[6].target: the number is out of range -> use more than 0
            skala.yaml:15:11: error[E0503] services.api.autoscaling.metrics[7]: `scaleDownTarget` is above the target -> lower it: between the two the service keeps its size
            skala.yaml:16:18: error[E0515] services.api.autoscaling.metrics[8].name: `max` means something else in decisions and formulas -> give it another name, such as `max_outside`
            skala.yaml:18:11: error[E0504] services.api.autoscaling.metrics[10]: `twice` is here twice (decisions and formulas could not tell them apart) -> give one of them another name
            skala.yaml:19:85: error[E0512] services.api.autoscaling.metrics[11].poll: the duration is out of range -> use 1s to 15m
            skala.yaml:20:101: error[E0512] services.api.autoscaling.metrics[12].staleAfter: the duration is out of range -> use 30s to 1h
            skala.yaml:21:100: error[E0511] services.api.autoscaling.metrics[13].fallback.replicas: 5 replicas are more than maxReplicas 4 -> use 4 at most, or raise `maxReplicas`
            skala.yaml:22:24: error[E0518] services.api.autoscaling.metrics[14].redis: this must name exactly one key -> write one of list, set, sortedSet, hash, stream
            skala.yaml:23:35: error[E0518] services.api.autoscaling.metrics[15].http.url: this URL has another scheme -> write `http://` or `https://`
            skala.yaml:24:11: error[E0503] services.api.autoscaling.metrics[16]: `target` has no meaning with `onlyInFormula` -> remove `target`, or `onlyInFormula`
            skala.yaml:25:38: error[E0202] services.api.autoscaling.metrics[17].queueLength: a number is wanted here, not text -> write a number
        "#]],
    );
}

#[test]
fn modes() {
    check(
        r#"mode: hpa
minReplicas: 0
maxReplicas: 4
idleReplicas: 0
metrics:
  - {concurrency: {target: 3, scaleDownTarget: 2}}
  - {latency: {p95: 1s, behavior: {}}}
formula: {expression: "a", target: 5}
windows: [{name: w, start: "0 8 * * *", end: "0 9 * * *", minReplicas: 2}]
cooldown: 1m
initialCooldown: 1m
jumpToIdle: true
staleAfter: 20s
fallback: {replicas: 3}
repairs: {noise: false}
knative: {}"#,
        expect![[r#"
            skala.yaml:7:20: error[E0509] services.api.autoscaling.minReplicas: `autoscaling/v2` does not reach zero by these metrics (it needs one from outside to wake up by) -> add one, or use `minReplicas: 1` or `mode: default`
            skala.yaml:9:21: error[E0508] services.api.autoscaling.idleReplicas: `idleReplicas` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:11:54: error[E0509] services.api.autoscaling.metrics[0].concurrency.scaleDownTarget: a metric of `autoscaling/v2` has no `scaleDownTarget` -> remove it, or use `mode: default`
            skala.yaml:12:11: error[E0509] services.api.autoscaling.metrics[1]: `autoscaling/v2` has no metric for latency -> use another metric, such as `concurrency`, or `mode: default`
            skala.yaml:12:31: error[E0509] services.api.autoscaling.metrics[1].latency.behavior: a metric of `autoscaling/v2` has no `behavior` -> remove it, or use `mode: default`
            skala.yaml:13:7: error[E0508] services.api.autoscaling.formula: `formula` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:14:7: error[E0508] services.api.autoscaling.windows: `windows` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:15:17: error[E0508] services.api.autoscaling.cooldown: `cooldown` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:16:24: error[E0508] services.api.autoscaling.initialCooldown: `initialCooldown` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:17:19: error[E0508] services.api.autoscaling.jumpToIdle: `jumpToIdle` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:18:19: error[E0508] services.api.autoscaling.staleAfter: `staleAfter` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:19:7: error[E0508] services.api.autoscaling.fallback: `fallback` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:20:7: error[E0508] services.api.autoscaling.repairs: `repairs` has no meaning with `mode: hpa` -> remove it, or use `mode: default`
            skala.yaml:21:7: error[E0508] services.api.autoscaling.knative: `knative` has no meaning with `mode: hpa` -> remove it, or use `mode: knative`
        "#]],
    );
    check(
        r#"mode: hpa
minReplicas: 0
maxReplicas: 4
metrics: [{name: jobs, http: {url: "http://a/b"}, target: 5, activation: 2, onlyInFormula: false}]"#,
        expect![[r#"
            skala.yaml:9:80: error[E0509] services.api.autoscaling.metrics[0].activation: a metric of `autoscaling/v2` has no `activation` -> remove it, or use `mode: default`
            skala.yaml:9:98: error[E0509] services.api.autoscaling.metrics[0].onlyInFormula: a metric of `autoscaling/v2` has no `onlyInFormula` -> remove it, or use `mode: default`
        "#]],
    );
    check(
        "mode: knative\ncompat: hpa-1.37\nmaxReplicas: 4\nmetrics: [{concurrency: 3}]\nbehavior: {}\ntolerance: 5%",
        expect![[r#"
            skala.yaml:7:15: error[E0508] services.api.autoscaling.compat: `compat` has no meaning with `mode: knative` -> remove it, or use `mode: hpa`
            skala.yaml:9:7: error[E0508] services.api.autoscaling.metrics: `metrics` has no meaning with `mode: knative` -> remove it, or use `mode: default`
            skala.yaml:10:7: error[E0508] services.api.autoscaling.behavior: `behavior` has no meaning with `mode: knative` -> remove it, or use `mode: default`
            skala.yaml:11:18: error[E0508] services.api.autoscaling.tolerance: `tolerance` has no meaning with `mode: knative` -> remove it, or use `mode: default`
        "#]],
    );
    check(
        "mode: kpa\ncompat: hpa-2\nmaxReplicas: 4\nmetrics: [{concurrency: 3}]",
        expect![[r#"
            skala.yaml:6:13: error[E0205] services.api.autoscaling.mode: `kpa` is not one of the choices -> did you mean `knative`?
            skala.yaml:7:15: error[E0204] services.api.autoscaling.compat: `hpa-2` is not a release that skala knows (a release of the autoscaler is wanted here) -> use `hpa-1.23` to `hpa-1.38`
        "#]],
    );
    check(
        "maxReplicas: 4\ncompat: hpa-1.37\nmetrics: [{concurrency: 3}]",
        expect![[r#"
        skala.yaml:7:15: error[E0508] services.api.autoscaling.compat: `compat` has no meaning with `mode: default` -> remove it, or use `mode: hpa`
    "#]],
    );
}

#[test]
fn knative_settings() {
    check(
        r#"mode: knative
maxReplicas: 4
knative:
  target: 0
  utilization: 0%
  stableWindow: 5s
  panicWindow: 101%
  panicThreshold: 100%
  burstCapacity: -2
  scaleToZeroGrace: 0s
  podRetention: 2h
  initialScale: 5
  activationScale: 5
  scaleDownDelay: 1500ms
  maxScaleUpRate: 1
  maxScaleDownRate: 0.5"#,
        expect![[r#"
            skala.yaml:9:17: error[E0206] services.api.autoscaling.knative.target: the number is out of range -> use 0.01 or more
            skala.yaml:10:22: error[E0519] services.api.autoscaling.knative.utilization: the percentage is out of range -> use 1% to 100%
            skala.yaml:11:23: error[E0512] services.api.autoscaling.knative.stableWindow: the duration is out of range -> use 6s to 1h
            skala.yaml:12:22: error[E0519] services.api.autoscaling.knative.panicWindow: the percentage is out of range -> use 1% to 100%
            skala.yaml:13:25: error[E0519] services.api.autoscaling.knative.panicThreshold: the percentage is out of range -> use 110% to 1000%
            skala.yaml:14:24: error[E0206] services.api.autoscaling.knative.burstCapacity: the number is out of range -> use -1 to 1000000
            skala.yaml:15:27: error[E0512] services.api.autoscaling.knative.scaleToZeroGrace: the duration is out of range -> use 1ms to 1h
            skala.yaml:16:23: error[E0512] services.api.autoscaling.knative.podRetention: the duration is out of range -> use 0s to 1h
            skala.yaml:17:23: error[E0519] services.api.autoscaling.knative.initialScale: 5 replicas are more than maxReplicas 4 -> lower it, or raise `maxReplicas`
            skala.yaml:18:26: error[E0519] services.api.autoscaling.knative.activationScale: 5 replicas are more than maxReplicas 4 -> lower it, or raise `maxReplicas`
            skala.yaml:19:25: error[E0512] services.api.autoscaling.knative.scaleDownDelay: Knative counts in whole seconds -> use whole seconds
            skala.yaml:20:25: error[E0206] services.api.autoscaling.knative.maxScaleUpRate: the number is out of range -> use more than 1
            skala.yaml:21:27: error[E0206] services.api.autoscaling.knative.maxScaleDownRate: the number is out of range -> use more than 1
        "#]],
    );
}

#[test]
fn formulas() {
    check(
        "maxReplicas: 4\nmetrics: [{concurrency: 3}]\nformula: {expression: \"concurrency + 1\"}",
        expect![[r#"
            skala.yaml:8:7: error[E0514] services.api.autoscaling.formula: this formula has no target -> add `target:` (each replica's share) or `targetTotal:` (the result itself)
        "#]],
    );
    check(
        r#"maxReplicas: 4
metrics: [{name: jobs, http: {url: "http://a/b"}, onlyInFormula: true}, {name: lag, http: {url: "http://a/c"}, onlyInFormula: true}]
formula: {expression: "max(job, 2)", target: 3, targetTotal: 3}"#,
        expect![[r#"
            skala.yaml:7:17: error[E0520] services.api.autoscaling.metrics[0]: nothing reads `jobs` (it is for the formula alone, and the formula does not name it) -> name it in `formula`, or give it a `target`
            skala.yaml:7:79: error[E0520] services.api.autoscaling.metrics[1]: nothing reads `lag` (it is for the formula alone, and the formula does not name it) -> name it in `formula`, or give it a `target`
            skala.yaml:8:29: error[E0514] services.api.autoscaling.formula.expression: there is no metric `job` from outside -> did you mean `jobs`?
            skala.yaml:8:68: error[E0514] services.api.autoscaling.formula.targetTotal: `target` and `targetTotal` are both given -> keep one
        "#]],
    );
    check(
        r#"maxReplicas: 4
metrics: [{name: jobs, http: {url: "http://a/b"}, onlyInFormula: true}]
formula: {expression: "max(jobs, 2", target: 3, scaleDownTarget: 4}"#,
        expect![[r#"
            skala.yaml:8:29: error[E0514] services.api.autoscaling.formula.expression: this is no formula: at character 12: expected ',' or ')', found the end -> write it like `max(jobs, lag / 2)`
        "#]],
    );
    check(
        "maxReplicas: 4\nmetrics: [{name: jobs, http: {url: \"http://a/b\"}, onlyInFormula: true}]",
        expect![[r#"
        skala.yaml:7:17: error[E0520] services.api.autoscaling.metrics[0]: nothing reads `jobs` (it is for the formula alone, and the formula does not name it) -> name it in `formula`, or give it a `target`
    "#]],
    );
    check(
        "maxReplicas: 4\nformula: {expression: \"\", target: 3}",
        expect![[r#"
        skala.yaml:7:29: error[E0206] services.api.autoscaling.formula.expression: the text is empty
    "#]],
    );
}

/// What comes from the environment is in no message, nor is a part of it.
#[test]
fn values_from_the_environment_are_not_shown() {
    check(
        r#"maxReplicas: 4
metrics:
  - {name: "${DB_PASSWORD}", http: {url: "http://a/b"}, onlyInFormula: true}
  - {name: jobs, http: {url: "http://a/b"}, target: 5}
formula: {expression: "jobs + x_${DB_PASSWORD}", target: 3}
windows: [{name: "${DB_PASSWORD}", start: "${DB_PASSWORD}", end: "0 8 * * *", timezone: "${DB_PASSWORD}"}]
compat: "${DB_PASSWORD}""#,
        expect![[r#"
            skala.yaml:8:11: error[E0520] services.api.autoscaling.metrics[0]: nothing reads `***` (it is for the formula alone, and the formula does not name it) -> name it in `formula`, or give it a `target`
            skala.yaml:10:29: error[E0514] services.api.autoscaling.formula.expression: a name in this formula is no metric's
            skala.yaml:11:49: error[E0204] services.api.autoscaling.windows[0].start: the value does not have five fields (a cron time is wanted here) -> write it like `0 8 * * MON-FRI`, `30 22 * * *`
            skala.yaml:11:95: error[E0204] services.api.autoscaling.windows[0].timezone: the value is not the name of a time zone -> write it like `Europe/Berlin`, `UTC`
            skala.yaml:12:15: error[E0204] services.api.autoscaling.compat: the value is not a release that skala knows (a release of the autoscaler is wanted here) -> write it like `hpa-1.37`
            skala.yaml:12:15: error[E0508] services.api.autoscaling.compat: `compat` has no meaning with `mode: default` -> remove it, or use `mode: hpa`
        "#]],
    );
    check(
        "maxReplicas: 4\nmetrics: [{name: jobs, http: {url: \"http://a/b\"}, target: 5}]\nformula: {expression: \"${DB_PASSWORD} $ 1\", target: 3}",
        expect![[r#"
            skala.yaml:8:29: error[E0514] services.api.autoscaling.formula.expression: this is no formula -> write it like `max(jobs, lag / 2)`
        "#]],
    );
}

#[test]
fn windows() {
    check(
        r#"minReplicas: 2
maxReplicas: 4
metrics: [{concurrency: 3}]
windows:
  - {name: office, start: "0 8 * * MON-FRI", end: "0 18 * * MON-FRI", timezone: Europe/Berlim, minReplicas: 3}
  - {name: office, start: "0 8 * *", end: "0 25 * * *", minReplicas: 3}
  - {name: night, start: "0 8 * * *", end: "0  8 * * *", minReplicas: 5}
  - {name: night, start: "0 8 * * *", end: "0 9 * * *", maxReplicas: 1}
  - {name: void, start: "0 8 * * *", end: "0 9 * * *"}
  - {name: a-b, start: "0 8 * * *", end: "0 9 * * *", maxReplicas: 3}"#,
        expect![[r#"
            skala.yaml:10:87: error[E0204] services.api.autoscaling.windows[0].timezone: `Europe/Berlim` is not the name of a time zone -> did you mean `Europe/Berlin`?
            skala.yaml:11:33: error[E0204] services.api.autoscaling.windows[1].start: `0 8 * *` does not have five fields (a cron time is wanted here) -> write minute, hour, day of the month, month and day of the week, like `0 8 * * MON-FRI`, `30 22 * * *`
            skala.yaml:11:49: error[E0204] services.api.autoscaling.windows[1].end: `0 25 * * *` is not a cron time -> write it like `0 8 * * MON-FRI`, `30 22 * * *`
            skala.yaml:12:50: error[E0513] services.api.autoscaling.windows[2].end: this window opens and closes at the same moment -> let `end` come after `start`
            skala.yaml:12:77: error[E0513] services.api.autoscaling.windows[2].minReplicas: inside this window minReplicas 5 is above maxReplicas 4 -> give the window both, or change one of them
            skala.yaml:13:18: error[E0504] services.api.autoscaling.windows[3].name: there are two windows of the name `night` -> rename one of them
            skala.yaml:13:76: error[E0513] services.api.autoscaling.windows[3].maxReplicas: inside this window minReplicas 2 is above maxReplicas 1 -> give the window both, or change one of them
            skala.yaml:14:11: error[E0513] services.api.autoscaling.windows[4]: this window changes nothing -> give it `minReplicas` or `maxReplicas`
            skala.yaml:15:18: error[E0204] services.api.autoscaling.windows[5].name: `a-b` is not a name of letters, digits and `_` (a metric's name is wanted here) -> write `a_b`
        "#]],
    );
}

/// What only the deciding crate can tell is told at its place.
#[test]
fn what_the_deciding_crate_refuses() {
    check(
        r#"maxReplicas: 4
metrics: [{name: jobs, http: {url: "http://a/b"}, onlyInFormula: true}, {name: lag, http: {url: "http://a/c"}, target: 3}]
formula: {expression: "jobs * 2", target: 3}
windows: [{name: never, start: "0 0 30 2 *", end: "0 8 * * *", minReplicas: 2}]"#,
        expect![[r#"
            skala.yaml:9:38: error[E0521] services.api.autoscaling.windows[0].start: this never comes
        "#]],
    );
    check(
        "minReplicas: 2\nmaxReplicas: 4\nwindows: [{name: noon, start: 0 11 * * *, end: 0 13 * * *, minReplicas: 4}]",
        expect![[""]],
    );
}

#[test]
fn the_vertical_axis() {
    check(
        r#"maxReplicas: 4
metrics: [{cpu: 300m}, {concurrency: 3}]
vertical:
  mode: apply
  resources: [cpu, memory, memory]
  minAllowed: {cpu: 2, memory: 1Gi}
  maxAllowed: {cpu: 1, memory: 512Mi}
  margin: 1001%
  cpuPercentile: 0%
  memoryPercentile: 101%
  halfLife: 1m"#,
        expect![[r#"
            skala.yaml:10:9: error[E0517] services.api.autoscaling.vertical.resources: cpu scales this service both ways (services.api.autoscaling.metrics[0] adds replicas by it, and this changes each replica's share of it: they would chase each other) -> keep one: `resources: [memory]` here, or a metric such as `concurrency` there
            skala.yaml:10:34: error[E0504] services.api.autoscaling.vertical.resources[2]: `memory` is here twice -> keep one
            skala.yaml:11:27: error[E0516] services.api.autoscaling.vertical.minAllowed.cpu: `minAllowed` is above `maxAllowed` -> lower the one or raise the other
            skala.yaml:11:38: error[E0516] services.api.autoscaling.vertical.minAllowed.memory: `minAllowed` is above `maxAllowed` -> lower the one or raise the other
            skala.yaml:13:17: error[E0516] services.api.autoscaling.vertical.margin: the percentage is out of range -> use 0% to 1000%
            skala.yaml:14:24: error[E0516] services.api.autoscaling.vertical.cpuPercentile: the percentage is out of range -> use 1% to 100%
            skala.yaml:15:27: error[E0516] services.api.autoscaling.vertical.memoryPercentile: the percentage is out of range -> use 1% to 100%
            skala.yaml:16:19: error[E0512] services.api.autoscaling.vertical.halfLife: the duration is out of range -> use 1h to 30d
        "#]],
    );
    check("maxReplicas: 4\nmetrics: [{cpu: 300m}]\nvertical: {mode: off}", expect![[""]]);
    check(
        "maxReplicas: 4\nmetrics: [{cpu: 300m}]\nvertical: {resources: []}",
        expect![[r#"
        skala.yaml:8:18: error[E0517] services.api.autoscaling.vertical.resources: cpu scales this service both ways (services.api.autoscaling.metrics[0] adds replicas by it, and this changes each replica's share of it: they would chase each other) -> keep one: `resources: [memory]` here, or a metric such as `concurrency` there
        skala.yaml:8:29: error[E0203] services.api.autoscaling.vertical.resources: the list is empty -> give it one of cpu and memory
    "#]],
    );
    check("maxReplicas: 4\nmetrics: [{cpu: 300m}]\nvertical: {resources: [memory]}", expect![[""]]);
}

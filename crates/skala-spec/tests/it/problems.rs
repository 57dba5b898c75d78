//! Bad files: every problem in one run, with place, reason and fix.

use expect_test::{Expect, expect};

use crate::{listing, load_in};

fn check(text: &str, expected: Expect) {
    check_in(text, None, expected);
}

fn check_in(text: &str, environment: Option<&str>, expected: Expect) {
    let loaded = load_in(text, environment);
    expected.assert_eq(&listing(&loaded));
    let in_this_variant = |p: &&skala_spec::Problem| p.is_error() && p.environment.is_none();
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(|p| in_this_variant(&p)));
}

/// A platform with one service of these fields.
fn service(fields: &str) -> String {
    let indented: String = fields.lines().map(|l| format!("    {l}\n")).collect();
    format!("platform: p\nservices:\n  api:\n    command: [serve, $PORT]\n{indented}")
}

#[test]
fn broken_yaml() {
    check(
        "",
        expect![[r#"
        skala.yaml:1:1: error[E0105] the file is empty -> start with `platform: NAME` and a service under `services:`
    "#]],
    );
    check(
        "# nothing\n",
        expect![[r#"
        skala.yaml:1:1: error[E0105] the file is empty -> start with `platform: NAME` and a service under `services:`
    "#]],
    );
    check(
        "- a\n",
        expect![[r#"
        skala.yaml:1:1: error[E0202] a platform file is a mapping -> start with `platform: NAME` and a service under `services:`
    "#]],
    );
    check(
        "platform: p\nservices:\n\tapi: {}\n",
        expect![[r#"
        skala.yaml:3:2: error[E0101] not valid YAML: tabs disallowed within this context (block indentation) -> indent with spaces, not tabs
    "#]],
    );
    check(
        "platform: \"p\nservices: {}\n",
        expect![[r#"
        skala.yaml:1:11: error[E0101] not valid YAML: invalid indentation in quoted scalar -> look for a missing quote, bracket or colon on this line or the one above it
    "#]],
    );
    check(
        "platform: p: q\n",
        expect![[r#"
        skala.yaml:1:12: error[E0101] not valid YAML: mapping values are not allowed in this context -> put quotes around a value that contains `: `
    "#]],
    );
    check(
        "services: {api: {drain: ${DRAIN}}}\n",
        expect![[r#"
        skala.yaml:1:26: error[E0101] not valid YAML: while parsing a flow mapping, did not find expected ',' or '}' -> inside `{...}` or `[...]`, put quotes around a value that contains `${...}`
    "#]],
    );
    check(
        "platform: p\nplatform: q\nservices: {a: {command: [x, $PORT], command: y}}\n",
        expect![[r#"
            skala.yaml:2:1: error[E0102] `platform` is here twice (it is already on line 1) -> keep one of the two
            skala.yaml:3:37: error[E0102] `command` is here twice (it is already on line 3) -> keep one of the two
        "#]],
    );
    check(
        "platform: !x p\n",
        expect![[r#"
        skala.yaml:1:11: error[E0104] the tag `!x` has no meaning here -> remove it
    "#]],
    );
    check(
        "? [a]\n: b\n",
        expect![[r#"
        skala.yaml:1:3: error[E0104] a key must be plain text
    "#]],
    );
    check(
        "a: &a [*a]\n",
        expect![[r#"
        skala.yaml:1:8: error[E0103] this alias refers to a value that contains it
    "#]],
    );
    check(
        "platform: p\n---\nplatform: q\n",
        expect![[r#"
        skala.yaml:2:1: error[E0104] a second document starts here -> one platform file holds one document: remove `---`
    "#]],
    );
    check(
        "a: *nowhere\n",
        expect![[r#"
            skala.yaml:1:4: error[E0101] not valid YAML: while parsing node, found unknown anchor -> define it above with `&name`, or put quotes around a text that starts with `*`
        "#]],
    );
}

#[test]
fn unknown_keys() {
    check(
        r#"
platfrom: p
caches: {}
colour: blue
services:
  api:
    comand: [serve, $PORT]
    cwd: app
    minReplicas: 3
    readiness: {httpGet: /health, initialDelaySeconds: 3}
    autoscaling: {minReplica: 1, max_replicas: 3, metrics: [{rps: 100}]}
routes:
  - {path: /, service: api, rateLimit: {requestsPerSecond: 1000}, balance: peakEwma}
"#,
        expect![[r#"
            skala.yaml:2:1: error[E0201] platfrom: unknown key `platfrom` -> did you mean `platform`?
            skala.yaml:3:1: error[E0207] caches: `caches` is not in this release -> remove it, or comment it out
            skala.yaml:4:1: error[E0201] colour: unknown key `colour` -> the keys here are platform, gateway, admin, cost, services, routes, tasks, queues, schedules, objectives, databases and 4 more
            skala.yaml:7:5: error[E0201] services.api.comand: unknown key `comand` -> did you mean `command`?
            skala.yaml:8:5: error[E0201] services.api.cwd: unknown key `cwd` -> did you mean `workingDir`?
            skala.yaml:9:5: error[E0201] services.api.minReplicas: unknown key `minReplicas` -> it belongs under `autoscaling:`
            skala.yaml:10:35: error[E0201] services.api.readiness.initialDelaySeconds: unknown key `initialDelaySeconds` -> did you mean `startTimeout`?
            skala.yaml:11:19: error[E0201] services.api.autoscaling.minReplica: unknown key `minReplica` -> did you mean `minReplicas`?
            skala.yaml:11:34: error[E0201] services.api.autoscaling.max_replicas: unknown key `max_replicas` -> did you mean `maxReplicas`?
            skala.yaml:11:62: error[E0201] services.api.autoscaling.metrics[0].rps: unknown key `rps` -> did you mean `requestsPerSecond`?
            skala.yaml:13:29: error[E0207] routes[0].rateLimit: `rateLimit` is not in this release -> remove it, or comment it out
            skala.yaml:13:76: error[E0207] routes[0].balance: `peakEwma` is not in this release -> use one of leastRequest and roundRobin
        "#]],
    );
}

#[test]
fn wrong_types_and_quantities() {
    check(
        &service(
            r#"drain: 30
keepAlive: [1s]
concurrency: "3"
image: 5
env: {A: [1], B: {file: token.txt, x: 1}, C: null}
resources: {requests: {cpu: 2Gi, memory: 512m}, limits: {memory: 512}}
readiness: {period: soon, failureThreshold: 0, httpGet: [x]}
waiting: {max: -1, timeout: 1.5}
logs: {keep: 1000}
balance: leastRequests
autoscaling:
  maxReplicas: many
  paused: yes
  metrics: [{cpu: 70}, {latency: 500ms}, {memory: 400}, {concurrency: 0}]
  behavior: {scaleDown: {selectPolicy: max, policies: [{type: Pod, value: 0, periodSeconds: 3600}]}}"#,
        ),
        expect![[r#"
            skala.yaml:3:3: error[E0402] services.api: this service has command and image -> keep one of them; an overlay removes the other with `null`
            skala.yaml:5:12: error[E0204] services.api.drain: `30` has no unit (a duration is wanted here) -> write `30s` for seconds, or `30ms`, `30m`, `30h`
            skala.yaml:6:5: error[E0202] services.api.keepAlive: a duration is wanted here, not a list -> write a duration such as `90s`, `500ms`, `1h30m`
            skala.yaml:7:18: error[E0202] services.api.concurrency: a whole number is wanted here, not text -> remove the quotes
            skala.yaml:8:12: error[E0202] services.api.image: text is wanted here, not a whole number -> put it in quotes: `"5"`
            skala.yaml:9:11: error[E0202] services.api.env.A: an environment value or a mapping is wanted here, not a list -> write an environment value such as `info`, `"${API_KEY}"`, `{file: key.txt}`
            skala.yaml:9:40: error[E0201] services.api.env.B.x: unknown key `x` -> the only key here is file
            skala.yaml:10:33: error[E0204] services.api.resources.requests.cpu: `2Gi` is not an amount of CPU -> write cores (`2`, `1.5`) or thousandths (`500m`)
            skala.yaml:10:46: error[E0204] services.api.resources.requests.memory: `512m` is a fraction of a byte (a size is wanted here) -> `m` means a thousandth: write `512Mi` for mebibytes
            skala.yaml:10:70: error[E0204] services.api.resources.limits.memory: `512` has no unit (a size is wanted here) -> write `512Mi` for mebibytes, or `512Ki`, `512Gi`
            skala.yaml:11:25: error[E0204] services.api.readiness.period: `soon` is not a duration -> write it like `90s`, `500ms`, `1h30m`
            skala.yaml:11:49: error[E0206] services.api.readiness.failureThreshold: the number is out of range -> use 1 to 1000
            skala.yaml:11:52: error[E0202] services.api.readiness.httpGet: text or a mapping is wanted here, not a list -> write text
            skala.yaml:12:20: error[E0206] services.api.waiting.max: the number is out of range -> use 0 to 1000000
            skala.yaml:12:33: error[E0204] services.api.waiting.timeout: `1.5` has no unit (a duration is wanted here) -> write `1.5s` for seconds, or `1.5ms`, `1.5m`, `1.5h`
            skala.yaml:13:18: error[E0206] services.api.logs.keep: the number is out of range -> use 0 to 100
            skala.yaml:14:14: error[E0205] services.api.balance: `leastRequests` is not one of the choices -> did you mean `leastRequest`?
            skala.yaml:16:20: error[E0202] services.api.autoscaling.maxReplicas: a whole number is wanted here, not text -> write a whole number
            skala.yaml:17:15: error[E0202] services.api.autoscaling.paused: true or false is wanted here, not text -> write `true`
            skala.yaml:18:23: error[E0204] services.api.autoscaling.metrics[0].cpu: `70` could be cores or percent (a CPU target is wanted here) -> write `70%` of the request, or an amount such as `300m`
            skala.yaml:18:38: error[E0202] services.api.autoscaling.metrics[1].latency: a mapping is wanted here, not text -> write a mapping whose keys are p50, p90, p95, p99, scaleDownTarget, behavior and staleAfter
            skala.yaml:18:55: error[E0204] services.api.autoscaling.metrics[2].memory: `400` has no unit (a memory target is wanted here) -> write `400%` of the request, or `400Mi` per replica
            skala.yaml:18:75: error[E0206] services.api.autoscaling.metrics[3].concurrency: the number is out of range -> use more than 0
            skala.yaml:19:44: error[E0205] services.api.autoscaling.behavior.scaleDown.selectPolicy: `max` is not one of the choices -> did you mean `Max`?
            skala.yaml:19:67: error[E0205] services.api.autoscaling.behavior.scaleDown.policies[0].type: `Pod` is not one of the choices -> did you mean `Pods`?
            skala.yaml:19:79: error[E0206] services.api.autoscaling.behavior.scaleDown.policies[0].value: the number is out of range -> use 1 or more
            skala.yaml:19:97: error[E0206] services.api.autoscaling.behavior.scaleDown.policies[0].periodSeconds: the number is out of range -> use 1 to 1800
        "#]],
    );
    check(
        "platform: My App\nservices: []\n",
        expect![[r#"
            skala.yaml:1:11: error[E0208] platform: `My App` is not a good name (a name is wanted here) -> use 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends
            skala.yaml:2:1: error[E0202] services: a mapping is wanted here, not a list -> write a mapping from names to values, each a mapping
        "#]],
    );
    check(
        "platform: p\nservices: {}\ncost: {currency: euro, vcpuHour: 4 EUR}\n",
        expect![[r#"
            skala.yaml:2:1: error[E0203] services: this mapping is empty -> give it at least one entry
            skala.yaml:3:1: error[E0203] cost: `gibHour` is missing -> add `gibHour:` with an amount of money such as `0.04`, `30`
            skala.yaml:3:34: error[E0204] cost.vcpuHour: `4 EUR` is not an amount of money -> write a number, such as `0.04`; the currency is `cost.currency`
        "#]],
    );
    check(
        "platform: p\nservices: {Api: {command: [x, $PORT]}, web: }\nroutes: {service: web}\n",
        expect![[r#"
            skala.yaml:2:12: error[E0208] services.Api: `Api` is not a good name (names become host names and labels) -> use 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends
            skala.yaml:2:40: error[E0202] services.web: a mapping is wanted here, not nothing -> write a mapping whose keys are command, image, upstreams, workingDir, env, resources, concurrency, waiting, readiness, drain, restart and 8 more
            skala.yaml:3:1: error[E0202] routes: a list is wanted here, not a mapping -> write a list with `-` before each item, each a mapping
        "#]],
    );
    check(
        &service("upstreams: []\ncommand2: []"),
        expect![[r#"
            skala.yaml:3:3: error[E0402] services.api: this service has command and upstreams -> keep one of them; an overlay removes the other with `null`
            skala.yaml:5:16: error[E0203] services.api.upstreams: the list is empty -> give it an address such as `10.0.0.5:8000`, `dns://billing.internal:8000`
            skala.yaml:6:5: error[E0201] services.api.command2: unknown key `command2` -> did you mean `command`?
        "#]],
    );
}

#[test]
fn substitution() {
    check(
        &service(
            "env: {A: '${NOPE}', B: '${DB_PASSWORD', C: '${a b}', D: {file: gone.txt}, E: '${NOPE:-fine}', F: '$NOPE'}\ndrain: '${DB_PASSWORD}'\nconcurrency: '${NAME}'",
        ),
        expect![[r#"
            skala.yaml:5:14: error[E0302] services.api.env.A: the environment variable NOPE is not set -> set NOPE, or give a default: `${NOPE:-...}`
            skala.yaml:5:28: error[E0301] services.api.env.B: `${` has no closing brace -> write `${NAME}` or `${NAME:-default}`; for a literal `${`, write `$${`
            skala.yaml:5:48: error[E0301] services.api.env.C: between `${` and `}` goes a variable's name, then at most `:-` and a default -> write `${NAME}` or `${NAME:-default}`; for a literal `${`, write `$${`
            skala.yaml:5:61: error[E0303] services.api.env.D: cannot read the file `gone.txt` (no such file) -> paths count from the folder of the platform file
            skala.yaml:6:12: error[E0204] services.api.drain: the value is not a duration -> write it like `90s`, `500ms`, `1h30m`
            skala.yaml:7:18: error[E0202] services.api.concurrency: a whole number is wanted here, not text -> write a whole number
        "#]],
    );
}

#[test]
fn services_that_cannot_run() {
    check(
        r#"
platform: p
services:
  nothing: {}
  both: {command: [x, $PORT], upstreams: ["a:1"]}
  image: {image: nginx}
  theirs: {upstreams: ["a:1"], autoscaling: {maxReplicas: 3, metrics: [{concurrency: 3}]}, readiness: {logLine: up}}
  fixed: {command: [x, $PORT], replicas: 2, autoscaling: {maxReplicas: 3, metrics: [{concurrency: 3}]}}
  small: {command: [x, $PORT], resources: {requests: {cpu: 2, memory: 1Gi}, limits: {cpu: 500m, memory: 512Mi}}}
  probes: {command: [x, $PORT], readiness: {httpGet: health, tcpSocket: {}, period: 1ms, timeout: 0s}, drain: 0s}
  odd: {command: "cd app && serve", env: {PORT: 80, "A=B": 1}, restart: {initial: 1m, max: 1s}, logs: {maxSize: 1k}}
  quote: {command: "serve 'x"}
routes:
  - {path: /odd, service: odd}
"#,
        expect![[r#"
            skala.yaml:4:3: error[E0401] services.nothing: this service has nothing to run -> add `command:`, or `upstreams:` for servers run by somebody else
            skala.yaml:4:3: warning[W0601] services.nothing: no route leads to `nothing` -> add `- {path: /, service: nothing}` to `routes:`
            skala.yaml:5:3: error[E0402] services.both: this service has command and upstreams -> keep one of them; an overlay removes the other with `null`
            skala.yaml:5:3: warning[W0601] services.both: no route leads to `both` -> add `- {path: /, service: both}` to `routes:`
            skala.yaml:6:3: warning[W0601] services.image: no route leads to `image` -> add `- {path: /, service: image}` to `routes:`
            skala.yaml:6:18: error[E0403] services.image.image: `image` needs Docker or Kubernetes (not in this release) -> use `command:` to run it as a process of this machine
            skala.yaml:7:3: warning[W0601] services.theirs: no route leads to `theirs` -> add `- {path: /, service: theirs}` to `routes:`
            skala.yaml:7:32: error[E0404] services.theirs.autoscaling: `autoscaling` does not go with `upstreams` (their servers are run by somebody else) -> remove `autoscaling`, or run the service with `command:`
            skala.yaml:7:113: error[E0409] services.theirs.readiness.logLine: the output of somebody else's server is not here to read -> use `httpGet` or `tcpSocket`
            skala.yaml:8:3: warning[W0601] services.fixed: no route leads to `fixed` -> add `- {path: /, service: fixed}` to `routes:`
            skala.yaml:8:42: error[E0405] services.fixed.replicas: `replicas` and `autoscaling` are both given -> keep one of them; an overlay removes the other with `null`
            skala.yaml:9:3: warning[W0601] services.small: no route leads to `small` -> add `- {path: /, service: small}` to `routes:`
            skala.yaml:9:91: error[E0406] services.small.resources.limits.cpu: the limit of 500m is below the request of 2 -> raise the limit to 2 or more
            skala.yaml:9:105: error[E0406] services.small.resources.limits.memory: the limit of 512Mi is below the request of 1Gi -> raise the limit to 1Gi or more
            skala.yaml:10:3: warning[W0601] services.probes: no route leads to `probes` -> add `- {path: /, service: probes}` to `routes:`
            skala.yaml:10:33: error[E0407] services.probes.readiness: readiness has httpGet and tcpSocket -> keep one of them
            skala.yaml:10:54: error[E0408] services.probes.readiness.httpGet: the path has no leading slash -> start it with `/`, such as `/health`
            skala.yaml:10:85: error[E0410] services.probes.readiness.period: the period is too short -> use `100ms` or more
            skala.yaml:10:99: error[E0410] services.probes.readiness.timeout: a `timeout` of zero can never be met -> use `1s` or more
            skala.yaml:10:111: warning[W0401] services.probes.drain: requests that a replica works on are cut when it stops (`drain` is zero) -> use the length of the longest request
            skala.yaml:11:18: warning[W0402] services.odd.command: the command does not mention $PORT (each replica must listen on its own port; this is fine if the program reads the PORT variable) -> add it, such as `--bind 127.0.0.1:$PORT`
            skala.yaml:11:18: warning[W0403] services.odd.command: `&&` has no meaning here (the line is split into words, and no shell reads it) -> write `[sh, -c, "..."]` when a shell is needed, with `exec` before the program
            skala.yaml:11:49: error[E0415] services.odd.env.PORT: skala sets PORT for each replica (two replicas cannot listen on one port) -> remove it
            skala.yaml:11:60: error[E0411] services.odd.env.A=B: this is not a variable's name -> use letters, digits and underscores
            skala.yaml:11:83: error[E0412] services.odd.restart.initial: the first pause is longer than the longest, 1s -> raise `max` or lower `initial`
            skala.yaml:11:113: error[E0413] services.odd.logs.maxSize: a log file this small cannot hold a line -> use `4Ki` or more
            skala.yaml:12:3: warning[W0601] services.quote: no route leads to `quote` -> add `- {path: /, service: quote}` to `routes:`
            skala.yaml:12:20: error[E0204] services.quote.command: `serve 'x` has a quote that is not closed (a command line is wanted here) -> close the quote, or write a list: `[program, argument]`
        "#]],
    );
}

#[test]
fn autoscaling_that_contradicts_itself() {
    check(
        &service("autoscaling: {minReplicas: 5, maxReplicas: 3, metrics: [{concurrency: 10}]}"),
        expect![[r#"
        skala.yaml:5:32: error[E0501] services.api.autoscaling.minReplicas: minReplicas 5 is above maxReplicas 3 -> lower `minReplicas` or raise `maxReplicas`
    "#]],
    );
    check(
        &service("autoscaling: {maxReplicas: 3, tolerance: 100%}"),
        expect![[r#"
        skala.yaml:5:5: error[E0502] services.api.autoscaling: there is nothing to scale by -> add `metrics:`, such as `- concurrency: 20` or `- cpu: 70%`
        skala.yaml:5:46: error[E0507] services.api.autoscaling.tolerance: with this tolerance a service never shrinks -> use less than `100%`
    "#]],
    );
    check(
        &service(
            r#"concurrency: 10
autoscaling:
  maxReplicas: 3
  metrics:
    - cpu: 70%
    - cpu: 300m
    - memory: 80%
    - concurrency: 20
    - {}
    - {cpu: 1, memory: 400Mi}
    - latency: {}
    - latency: {p50: 1s, p95: 2s}
    - latency: {p99: 0s}
    - {type: Resource, pods: {metric: {name: x}, target: {type: AverageValue, averageValue: 1}}}
    - resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
    - {type: Resource, resource: {name: disk, target: {type: Utilization, averageUtilization: 50}}}
    - {type: External, external: {metric: {name: queue}, target: {type: Value, value: 30}}}
    - {type: Pods, pods: {metric: {name: requests_per_second}, target: {type: Value, value: 30}}}"#,
        ),
        expect![[r#"
            skala.yaml:9:11: error[E0505] services.api.autoscaling.metrics[0]: a percentage of cpu needs a request to be a percentage of -> add `resources: {requests: {cpu: 500m}}` to the service
            skala.yaml:10:11: error[E0504] services.api.autoscaling.metrics[1]: `cpu` is here twice (the stricter of the two would always win) -> keep one
            skala.yaml:11:11: error[E0505] services.api.autoscaling.metrics[2]: a percentage of memory needs a request to be a percentage of -> add `resources: {requests: {memory: 512Mi}}` to the service
            skala.yaml:12:11: warning[W0503] services.api.autoscaling.metrics[3]: the target of 20 is above `concurrency: 10` (requests wait before a replica is added) -> use a target below 10
            skala.yaml:13:11: error[E0503] services.api.autoscaling.metrics[4]: this entry names no metric -> write one of cpu, memory, requestsPerSecond, latency, concurrency, queueLength, queueAge, queueWait
            skala.yaml:14:11: error[E0503] services.api.autoscaling.metrics[5]: this entry has more than one metric -> give each metric its own list item
            skala.yaml:15:11: error[E0503] services.api.autoscaling.metrics[6]: `latency` names no percentile -> write one, such as `latency: {p95: 500ms}`
            skala.yaml:16:11: error[E0503] services.api.autoscaling.metrics[7]: `latency` has more than one percentile -> keep one; a second goes into its own list item
            skala.yaml:17:11: error[E0503] services.api.autoscaling.metrics[8]: a latency target of zero can never be met -> give a target such as `500ms`
            skala.yaml:18:11: error[E0503] services.api.autoscaling.metrics[9]: `type: Resource` goes with `resource:` alone -> give it `resource:`, and nothing else
            skala.yaml:19:11: error[E0503] services.api.autoscaling.metrics[10]: a v2 metric needs its `type` -> add `type: Resource`
            skala.yaml:20:11: warning[W0501] services.api.autoscaling.metrics[11]: this metric is left out (of a replica's resources, cpu and memory are measured) -> use `cpu` or `memory`
            skala.yaml:21:11: warning[W0501] services.api.autoscaling.metrics[12]: this metric is left out (it comes from the Kubernetes metrics API, which is not there on this platform) -> read the number itself: `{name: jobs, prometheus: {server: ..., query: ...}, target: 5}`, or redis, kafka, http and others
            skala.yaml:22:11: error[E0503] services.api.autoscaling.metrics[13]: this metric needs `averageValue` in its target -> write `target: {type: AverageValue, averageValue: 100}`
        "#]],
    );
    check(
        &service(
            "autoscaling: {maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: app, target: {type: Utilization, averageUtilization: 60}}}]}",
        ),
        expect![[r#"
            skala.yaml:5:35: error[E0506] services.api.autoscaling.metrics: none of the metrics can be measured here -> add a short form, such as `- concurrency: 20`
            skala.yaml:5:45: warning[W0501] services.api.autoscaling.metrics[0]: this metric is left out (a replica here is one group of processes, not containers) -> use `cpu` or `memory`
        "#]],
    );
}

#[test]
fn routes_addresses_and_objectives() {
    check(
        r#"
platform: p
gateway: {listen: "0.0.0.0:7700", headerTimeout: 0s, maxHeaderSize: 1Gi}
admin: {listen: "0.0.0.0:7700"}
services:
  api: {command: [x, $PORT]}
  worker: {command: [x], autoscaling: {minReplicas: 0, maxReplicas: 3, metrics: [{cpu: 300m}]}}
routes:
  - {path: /a, service: apii}
  - {path: a, service: api}
  - {path: /a/, service: api, timeout: 0s}
  - {path: "/x/*", host: "https://x", service: api}
objectives:
  api: {availability: 100%, latency: {p50: 2s, p99: 1s}, window: 1m}
  web: {availability: 99%}
  worker: {}
"#,
        expect![[r#"
            skala.yaml:3:50: error[E0612] gateway.headerTimeout: no request arrives in no time -> use `10s`
            skala.yaml:3:69: error[E0613] gateway.maxHeaderSize: the size is out of range -> use `1Ki` to `16Mi`
            skala.yaml:4:17: error[E0610] admin.listen: the gateway and the admin API both listen on port 7700 -> give one of them another port
            skala.yaml:4:17: error[E0611] admin.listen: the admin API is open to other machines and has no token (whoever reaches it can scale and stop everything) -> add `token: "${SKALA_ADMIN_TOKEN}"`, or listen on 127.0.0.1
            skala.yaml:9:25: error[E0601] routes[0].service: there is no service `apii` -> did you mean `api`?
            skala.yaml:10:12: error[E0602] routes[1].path: the path has no leading slash -> start it with `/`, such as `/api`
            skala.yaml:11:5: error[E0603] routes[2]: this route can never be taken (routes[0] has the same host and path) -> remove it, or change its host or path
            skala.yaml:11:40: error[E0604] routes[2].timeout: a timeout of zero answers no request -> use `30s`
            skala.yaml:12:12: error[E0602] routes[3].path: a path is a plain prefix, without patterns or queries -> write `/api` for everything below it
            skala.yaml:12:26: error[E0204] routes[3].host: `https://x` is a URL or has a path (a host is wanted here) -> write it like `api.example.com`, `*.example.com`
            skala.yaml:14:23: error[E0606] objectives.api.availability: an availability lies above 0% and below 100% (100% leaves no error to budget for) -> use `99.9%`
            skala.yaml:14:44: error[E0607] objectives.api.latency.p50: p50 is allowed to be slower than p99 (a higher percentile is never faster) -> lower p50 or raise p99
            skala.yaml:14:66: error[E0609] objectives.api.window: the window is too short to judge by -> use `1h` or more; `30d` is usual
            skala.yaml:15:3: error[E0605] objectives.web: there is no service `web` -> the services are api and worker
            skala.yaml:16:3: error[E0608] objectives.worker: this objective promises nothing -> add `availability: 99.9%` or `latency: {p95: 500ms}`
        "#]],
    );
}

/// A problem in one place keeps quiet about what follows from it, and the rest is still checked.
#[test]
fn other_checks_go_on_beside_a_broken_field() {
    check(
        r#"
services:
  api: {command: [x, $PORT], resources: {requests: {cpu: lots}}, autoscaling: {minReplicas: 9, maxReplicas: 3, metrics: [{cpu: 70%}, {bad: 1}]}}
  web: nonsense
routes:
  - {service: web}
  - {path: 3, service: api}
  - {servce: api, host: [x]}
  - {service: [api]}
  - {service: apj}
"#,
        expect![[r#"
            skala.yaml:2:1: error[E0203] `platform` is missing -> add `platform:` with a name such as `api`, `ai-etl`
            skala.yaml:3:58: error[E0204] services.api.resources.requests.cpu: `lots` is not an amount of CPU -> write cores (`2`, `1.5`) or thousandths (`500m`)
            skala.yaml:3:93: error[E0501] services.api.autoscaling.minReplicas: minReplicas 9 is above maxReplicas 3 -> lower `minReplicas` or raise `maxReplicas`
            skala.yaml:3:135: error[E0201] services.api.autoscaling.metrics[1].bad: unknown key `bad` -> the keys here are cpu, memory, requestsPerSecond, latency, concurrency, queueLength, queueAge, queueWait, name, prometheus, redis and 20 more
            skala.yaml:4:8: error[E0202] services.web: a mapping is wanted here, not text -> write a mapping whose keys are command, image, upstreams, workingDir, env, resources, concurrency, waiting, readiness, drain, restart and 8 more
            skala.yaml:7:12: error[E0202] routes[1].path: text is wanted here, not a whole number -> put it in quotes: `"3"`
            skala.yaml:8:6: error[E0201] routes[2].servce: unknown key `servce` -> did you mean `service`?
            skala.yaml:8:19: error[E0202] routes[2].host: a host is wanted here, not a list -> write a host such as `api.example.com`, `*.example.com`
            skala.yaml:9:6: error[E0202] routes[3].service: a name is wanted here, not a list -> write a name such as `api`, `ai-etl`
            skala.yaml:10:5: error[E0603] routes[4]: this route can never be taken (routes[0] has the same host and path) -> remove it, or change its host or path
            skala.yaml:10:15: error[E0601] routes[4].service: there is no service `apj` -> did you mean `api`?
        "#]],
    );
}

#[test]
fn every_environment_is_checked_and_told_once() {
    let text = r#"
platform: p
services:
  api: {command: [x, $PORT], drain: 5, autoscaling: {maxReplicas: 3, metrics: [{concurrency: 5}]}}
environments:
  staging: {services: {api: {autoscaling: {minReplicas: 4}, colour: 1}}}
  production: {services: {api: {replicas: 3}}, environments: {}}
  Bad: {}
  list: []
  other: {services: {api: {replicas: 3}}}
"#;
    check(
        text,
        expect![[r#"
            skala.yaml:4:37: error[E0204] services.api.drain: `5` has no unit (a duration is wanted here) -> write `5s` for seconds, or `5ms`, `5m`, `5h`
            skala.yaml:6:57: error[E0501] services.api.autoscaling.minReplicas: minReplicas 4 is above maxReplicas 3 [environment staging] -> lower `minReplicas` or raise `maxReplicas`
            skala.yaml:6:61: error[E0201] services.api.colour: unknown key `colour` [environment staging] -> the keys here are command, image, upstreams, workingDir, env, resources, concurrency, waiting, readiness, drain, restart and 8 more
            skala.yaml:7:48: error[E0201] environments.production: an overlay has no overlays of its own -> move it up beside this one
            skala.yaml:8:3: error[E0208] environments.Bad: `Bad` is not a good name -> use 1 to 63 of a-z, 0-9 and `-`
            skala.yaml:9:3: error[E0202] environments.list: an overlay is a mapping -> its keys are platform, gateway, admin, cost, services, routes, tasks, queues, schedules, objectives, databases and 3 more
            skala.yaml:10:38: error[E0405] services.api.replicas: `replicas` and `autoscaling` are both given [environment other] -> keep one of them; an overlay removes the other with `null`
        "#]],
    );
    let loaded = load_in(&text.replace("drain: 5,", ""), Some("stagin"));
    assert!(loaded.platform.is_none());
    expect!["skala.yaml:5:1: error[E0304] environments: there is no environment `stagin` -> did you mean `staging`?"]
        .assert_eq(&listing(&loaded).lines().filter(|l| l.contains("E0304")).collect::<String>());
}

/// The file is usable where only another environment has an error.
#[test]
fn an_error_elsewhere_does_not_stop_this_environment() {
    let text = "platform: p\nservices: {api: {command: [x, $PORT]}}\nenvironments: {a: {services: {api: {drain: 5}}}, b: {}}\n";
    let loaded = load_in(text, Some("b"));
    assert!(loaded.platform.is_some() && loaded.has_errors());
    check_in(
        text,
        Some("a"),
        expect![[r#"
        skala.yaml:3:44: error[E0204] services.api.drain: `5` has no unit (a duration is wanted here) -> write `5s` for seconds, or `5ms`, `5m`, `5h`
    "#]],
    );
}

#[test]
fn a_token_that_no_request_can_carry_is_refused() {
    let rows =
        [("s3cret-token", 0), ("{file: token.txt}", 0), ("{file: empty.txt}", 1), ("two words", 1), ("\"a\\nb\"", 1), ("é", 1)];
    for (token, errors) in rows {
        let text = format!("platform: p\nadmin: {{token: {token}}}\nservices: {{a: {{command: [x, $PORT]}}}}\n");
        let loaded = load_in(&text, None);
        assert_eq!(loaded.problems.iter().filter(|p| p.code == "E0615").count(), errors, "{token}");
        assert_eq!(loaded.platform.is_some(), errors == 0, "{token}");
    }
}

//! What bounds services together: budgets, databases, providers, and what replicas cost and take.

use expect_test::{Expect, expect};

use crate::{listing, load_in};

const SERVICES: &str = r#"platform: p
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
routes: [{service: api}, {path: /w, service: worker}, {path: /t, service: theirs}, {path: /b, service: bare}]
services:
  api:
    command: [serve, $PORT]
    resources: {requests: {cpu: 2, memory: 4Gi}}
    autoscaling: {minReplicas: 2, maxReplicas: 9, metrics: [{concurrency: 3}]}
    uses: {databases: {main: {connectionsPerReplica: 20}}, providers: {openai: {requestsPerMinutePerReplica: 60}}}
  worker: {command: [serve, $PORT], price: 0.5 EUR/h, replicas: 3, uses: {databases: {main: {connectionsPerReplica: 10}}}}
  theirs: {upstreams: ["a:1"]}
  bare: {command: [serve, $PORT]}
"#;

fn check(rest: &str, expected: Expect) {
    let loaded = load_in(&format!("{SERVICES}{rest}"), None);
    expected.assert_eq(&listing(&loaded));
    assert_eq!(loaded.platform.is_none(), loaded.problems.iter().any(skala_spec::Problem::is_error));
}

const BOUNDS: &str = "databases: {main: {maxConnections: 200}}\nproviders: {openai: {requestsPerMinute: 5000}}\n";

#[test]
fn a_platform_within_its_bounds() {
    check(&format!("{BOUNDS}budgets: {{all: {{limit: 10 EUR/h, services: [api, worker], order: [worker]}}}}\n"), expect![[""]]);
}

#[test]
fn budgets() {
    check(
        &format!(
            r#"{BOUNDS}budgets:
  bare: {{limit: 10 EUR/h}}
  dear: {{limit: 1 EUR/day, services: [api, worker]}}
  month: {{limit: 100 EUR/month, services: [worker]}}
  dollars: {{limit: 10 USD/h, services: [api]}}
  nothing: {{limit: 0 EUR/h, services: [api]}}
  names: {{limit: 10 EUR/h, services: [api, wroker, api, theirs], order: [api, worker, api, nobody]}}
  empty: {{limit: 10 EUR/h, services: []}}
  floors: {{limit: 1.6 EUR/h, services: [api, worker], order: [{{service: worker, floor: 2}}, {{service: apy, floor: 2000}}, {{floor: 1}}]}}
  ahead: {{limit: 10 EUR/h, services: [api], lookAhead: 1h}}
  far: {{limit: 10 EUR/day, services: [api], lookAhead: 2d}}
"#
        ),
        expect![[r#"
            skala.yaml:16:3: error[E0704] budgets.bare: a replica of `bare` has no price -> give the service `price: 0.10 EUR/h`, or `resources: {requests: ...}` and the file `cost:`
            skala.yaml:17:17: warning[W0701] budgets.dear.limit: the fewest replicas alone cost 1.70 EUR/h, more than 1 EUR/day (no service goes below its minReplicas, so this limit cannot be kept) -> raise the limit or lower `minReplicas`
            skala.yaml:18:18: warning[W0701] budgets.month.limit: the fewest replicas alone cost 1.50 EUR/h, more than 100 EUR/month (no service goes below its minReplicas, so this limit cannot be kept) -> raise the limit or lower `minReplicas`
            skala.yaml:19:20: error[E0703] budgets.dollars.limit: this is in USD, and cost.currency in EUR (amounts of different currencies cannot be added) -> give it in EUR
            skala.yaml:20:20: error[E0702] budgets.nothing.limit: a limit of 0 EUR/h lets nothing run -> use more than 0
            skala.yaml:21:44: error[E0701] budgets.names.services[1]: there is no service `wroker` -> did you mean `worker`?
            skala.yaml:21:52: error[E0705] budgets.names.services[2]: `api` is here twice -> keep one
            skala.yaml:21:57: error[E0701] budgets.names.services[3]: the servers of `theirs` are run by somebody else (skala neither starts nor pays them) -> remove it
            skala.yaml:21:79: error[E0705] budgets.names.order[1]: `worker` is not under this budget -> add it to `services:`, which has api, wroker, api and theirs
            skala.yaml:21:87: error[E0705] budgets.names.order[2]: `api` is here twice -> keep one
            skala.yaml:21:92: error[E0701] budgets.names.order[3]: there is no service `nobody` -> the services are api, bare, theirs and worker
            skala.yaml:22:38: error[E0203] budgets.empty.services: the list is empty -> give it a name such as `api`, `ai-etl`
        "#]],
    );
    check(
        &format!(
            r#"{BOUNDS}budgets:
  a: {{limit: 10, services: [api]}}
  b: {{limit: 10 EUR, services: [api]}}
  c: {{limit: 10/h, services: [api]}}
  d: {{limit: 10 euro/h, services: [api]}}
  e: {{limit: 10 EUR/week, services: [api]}}
  f: {{limit: -1 EUR/h, services: [api]}}
  g: {{services: [api]}}
"#
        ),
        expect![[r#"
            skala.yaml:16:14: error[E0204] budgets.a.limit: `10` does not say per which time (money per time is wanted here) -> end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
            skala.yaml:17:14: error[E0204] budgets.b.limit: `10 EUR` does not say per which time (money per time is wanted here) -> end it with `/h`, `/day` or `/month`, as in `30 EUR/h`
            skala.yaml:18:14: error[E0204] budgets.c.limit: `10/h` has no currency (money per time is wanted here) -> write the amount, a space and the currency, as in `30 EUR/h`
            skala.yaml:19:14: error[E0204] budgets.d.limit: `10 euro/h` has no currency code (money per time is wanted here) -> write three capital letters, such as `EUR`
            skala.yaml:20:14: error[E0204] budgets.e.limit: `10 EUR/week` has a time that is not counted in (money per time is wanted here) -> end it with `/h`, `/day` or `/month`
            skala.yaml:21:14: error[E0204] budgets.f.limit: `-1 EUR/h` is not money per time -> write it like `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
            skala.yaml:22:3: error[E0203] budgets.g: `limit` is missing -> add `limit:` with money per time such as `30 EUR/h`, `5 EUR/day`, `900 EUR/month`
        "#]],
    );
}

#[test]
fn databases_and_providers() {
    check(
        "databases: {main: {maxConnections: 70}, small: {maxConnections: 3}, none: {maxConnections: 0}}\nproviders: {openai: {}}\n",
        expect![[r#"
            skala.yaml:9:72: error[E0709] services.api.uses.providers.openai: this use does not count what `openai` bounds -> add `requestsPerMinutePerReplica:`
            skala.yaml:13:36: warning[W0702] databases.main.maxConnections: the fewest replicas alone need 70 connections, and 67 are free (no service goes below its minReplicas) -> lower `minReplicas` or `connectionsPerReplica`, or raise `maxConnections`
            skala.yaml:13:41: error[E0707] databases.small: 3 of 3 connections are reserved, so none is left -> lower `reservedConnections` or raise `maxConnections`
            skala.yaml:13:92: error[E0206] databases.none.maxConnections: the number is out of range -> use 1 to 1000000
            skala.yaml:14:13: error[E0708] providers.openai: this provider has no quota -> add `requestsPerMinute:` or `tokensPerMinute:`
        "#]],
    );
    check(
        "databases: {mian: {maxConnections: 100}}\n",
        expect![[r#"
        skala.yaml:9:24: error[E0706] services.api.uses.databases.main: there is no database `main` -> did you mean `mian`?
        skala.yaml:9:72: error[E0706] services.api.uses.providers.openai: there is no provider `openai` -> add `providers: {openai: ...}` to the file
        skala.yaml:10:87: error[E0706] services.worker.uses.databases.main: there is no database `main` -> did you mean `mian`?
    "#]],
    );
    check(
        "databases: {main: {maxConnections: 100}}\nproviders: {openai: {tokensPerMinute: 9000}}\n",
        expect![[r#"
        skala.yaml:9:72: error[E0709] services.api.uses.providers.openai: this use does not count what `openai` bounds -> add `tokensPerMinutePerReplica:`
    "#]],
    );
}

/// Without `cost`, the first amount says the currency.
#[test]
fn one_currency() {
    let text = "platform: p\nservices: {a: {command: [x, $PORT], price: 1 EUR/h}}\nbudgets: {b: {limit: 9 USD/h}}\n";
    expect![[r#"
        skala.yaml:3:22: error[E0703] budgets.b.limit: this is in USD, and services.a.price in EUR (amounts of different currencies cannot be added) -> give it in EUR
    "#]].assert_eq(&listing(&load_in(text, None)));
}

//! From a platform file to a scenario.

use expect_test::{Expect, expect};
use skala_sim::{Mode, Setup, scenario};
use skala_spec::{LoadOptions, Source, load};
use skala_types::Time;

fn shown(text: &str, service: Option<&str>) -> String {
    let nothing = |_: &str| None;
    let no_file = |_: &str| Err("there are no files here".to_owned());
    let options = LoadOptions { environment: None, env: &nothing, read_file: &no_file };
    let loaded = load(&Source { name: "skala.yaml", text }, &options);
    let platform = loaded.platform.unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let setup = Setup { seed: 1, mode: Mode::Exact, begins: Time::from_secs(1_800_000_000), horizon: None, service };
    let assumed = match scenario(&platform, &setup) {
        Ok(assumed) => assumed,
        Err(error) => return format!("{error}\n"),
    };
    let mut out = String::new();
    for s in &assumed.scenario.services {
        let spec = s.policy.spec();
        out += &format!(
            "{} share={} {}..{} concurrency={:?} service={:?} start={:?} cores={:?} price={:?} objective={:?}\n",
            s.name,
            s.share,
            spec.min_replicas,
            spec.max_replicas,
            s.station.concurrency,
            s.service_time,
            s.start_up,
            s.busy_cores,
            s.price_per_hour.map(|p| p.to_string()),
            s.objective.map(|o| (o.quantile, o.latency, o.availability)),
        );
    }
    let limits = &assumed.scenario.limits;
    out += &format!("budgets={} downstreams={}\n", limits.budgets.len(), limits.links.spec().downstreams.len());
    assumed.remarks.iter().for_each(|r| out += &format!("- {r}\n"));
    out
}

fn check(text: &str, service: Option<&str>, expected: Expect) {
    expected.assert_eq(&shown(text, service));
}

const FULL: &str = "
platform: shop
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  web: {command: ./web, price: 0.05 EUR/h}
  api:
    command: ./api
    concurrency: 8
    resources: {requests: {cpu: 500m, memory: 1Gi}}
    autoscaling: {minReplicas: 2, maxReplicas: 20, metrics: [{cpu: 70%}]}
    uses: {databases: {main: {connectionsPerReplica: 10}}}
  elsewhere: {upstreams: ['10.0.0.1:80']}
routes: [{path: /, service: api}]
databases: {main: {maxConnections: 100}}
budgets: {all: {limit: 30 EUR/day}}
objectives: {api: {availability: 99.9%, latency: {p95: 200ms, p99: 500ms}}}
capacity:
  services:
    api: {serviceTime: {mean: 80ms, cv: 1.2}, startUp: {mean: 20s, cv: 0.2}}
";

#[test]
fn a_file_that_says_everything() {
    check(
        FULL,
        None,
        expect![[r#"
        api share=1 2..20 concurrency=Some(8) service=LogNormal { mean: 0.08, cv: 1.2 } start=LogNormal { mean: 20.0, cv: 0.2 } cores=Some(0.5) price=Some("0.025 EUR") objective=Some((P95, 200ms, Some(0.999)))
        web share=0 1..1 concurrency=None service=Exponential { mean: 0.1 } start=Constant { seconds: 10.0 } cores=None price=Some("0.05 EUR") objective=None
        budgets=1 downstreams=1
        - Every arrival of the trace goes to api; the other services see none.
    "#]],
    );
}

#[test]
fn a_file_that_says_little() {
    check(
        "platform: p\nservices: {api: {command: ./api}}\n",
        None,
        expect![[r#"
        api share=1 1..1 concurrency=None service=Exponential { mean: 0.1 } start=Constant { seconds: 10.0 } cores=None price=None objective=None
        budgets=0 downstreams=0
        - services.api.concurrency is not set: a replica works on any number of requests at once, and nothing waits.
        - objectives.api has no bound on latency: no request is late and no minute is missed.
        - There is no price of a replica of api: no cost is told.
        - capacity.services.api.serviceTime is not set: a request is taken to hold a server for 100ms with cv 1.
        - capacity.services.api.startUp is not set: a replica is taken to be ready 10s after its start.
    "#]],
    );
}

#[test]
fn times_by_tokens() {
    let text = "
platform: p
services: {llm: {command: ./llm, concurrency: 16}}
capacity: {services: {llm: {tokenTimes: {base: 50ms, prefillPerSecond: 8000, decodePerSecond: 50, cv: 0.1}, startUp: {mean: 90s}}}}
objectives: {llm: {availability: 99%}}
";
    check(
        text,
        None,
        expect![[r#"
        llm share=1 1..1 concurrency=Some(16) service=Tokens { base: 0.05, per_input: 0.000125, per_output: 0.02, cv: 0.1 } start=Constant { seconds: 90.0 } cores=None price=None objective=Some((P95, 18446744073709551615.999999999s, Some(0.99)))
        budgets=0 downstreams=0
        - There is no price of a replica of llm: no cost is told.
    "#]],
    );
}

#[test]
fn another_service_can_be_chosen_and_a_wrong_one_is_told() {
    check(
        FULL,
        Some("web"),
        expect![[r#"
        web share=1 1..1 concurrency=None service=Exponential { mean: 0.1 } start=Constant { seconds: 10.0 } cores=None price=Some("0.05 EUR") objective=None
        api share=0 2..20 concurrency=Some(8) service=LogNormal { mean: 0.08, cv: 1.2 } start=LogNormal { mean: 20.0, cv: 0.2 } cores=Some(0.5) price=Some("0.025 EUR") objective=Some((P95, 200ms, Some(0.999)))
        budgets=1 downstreams=1
        - services.web.concurrency is not set: a replica works on any number of requests at once, and nothing waits.
        - objectives.web has no bound on latency: no request is late and no minute is missed.
        - capacity.services.web.serviceTime is not set: a request is taken to hold a server for 100ms with cv 1.
        - capacity.services.web.startUp is not set: a replica is taken to be ready 10s after its start.
        - Every arrival of the trace goes to web; the other services see none.
    "#]],
    );
    check(
        FULL,
        Some("elsewhere"),
        expect![[r#"
        services.elsewhere: has upstreams that skala does not scale; choose another service
    "#]],
    );
    check(
        FULL,
        Some("apii"),
        expect![[r#"
        services: has no 'apii'; there are web, api, elsewhere
    "#]],
    );
    check(
        "platform: p\nservices: {x: {upstreams: ['10.0.0.1:80']}}\n",
        None,
        expect![[r#"
        services: are all upstreams; there is nothing to scale
    "#]],
    );
}

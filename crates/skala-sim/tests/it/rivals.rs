//! What the rivals are told.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_autoscaler::{MetricSpec, Mode as Decider};
use skala_sim::{Mode, Rival, Scenario, Setup, rival, scenario};
use skala_spec::{LoadOptions, Source, load};
use skala_types::{Replicas, Time};

fn platform(autoscaling: &str) -> Scenario {
    let text = format!(
        "platform: shop\nservices:\n  api:\n    command: [api, $PORT]\n    autoscaling: {{minReplicas: 1, maxReplicas: 9{autoscaling}\n"
    );
    let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("there are no files here".into()) };
    let loaded = load(&Source { name: "skala.yaml", text: &text }, &options);
    let platform = loaded.platform.unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let begins = Time::from_secs(1_800_000_000);
    let setup = Setup { seed: 1, mode: Mode::Exact, begins, horizon: Some(Duration::from_secs(1)), service: None };
    scenario(&platform, &setup).expect("a sound platform").scenario
}

fn check(autoscaling: &str, expected: Expect) {
    let own = platform(autoscaling);
    let mut out = String::new();
    for who in Rival::ALL {
        let (theirs, remarks) = rival(&own, who, &[Replicas(4)]).expect("sound bounds");
        let (service, spec) = (&theirs.services[0], theirs.services[0].policy.spec());
        let mode = match &spec.mode {
            Decider::Default => "fixed".to_owned(),
            Decider::Hpa(h) => format!("hpa every {:?}, behavior {}", h.period, if h.without_behavior { "none" } else { "own" }),
            Decider::Knative(k) => format!("knative at {} of {}", k.target(), k.total()),
        };
        let metrics: Vec<&MetricSpec> = spec.metrics.iter().map(|m| &m.what).collect();
        out +=
            &format!("{who}: {mode}, {}..{}, {metrics:?}, busy {:?}\n", spec.min_replicas, spec.max_replicas, service.busy_cores);
        remarks.iter().for_each(|r| out += &format!("- {r}\n"));
        assert_eq!((service.service_time, service.start_up), (own.services[0].service_time, own.services[0].start_up));
    }
    expected.assert_eq(&out);
}

#[test]
fn a_file_that_says_little() {
    check(
        ", metrics: [{latency: {p95: 300ms}}]}",
        expect![[r#"
        hpa: hpa every 15s, behavior none, 1..9, [Cpu { target: Utilisation(Utilisation(0.8)) }], busy Some(1.0)
        - hpa: api says nothing of CPU: a replica whose servers are all busy is taken to use 100 % of its request
        keda: hpa every 15s, behavior none, 1..9, [Concurrency { target: 100.0 }], busy None
        - keda: api states no concurrency: the target is 100 requests per replica
        kpa: knative at 70 of 100, 1..9, [Concurrency { target: 1.0 }], busy None
        static-peak: fixed, 4..4, [], busy None
    "#]],
    );
}

#[test]
fn a_file_with_metrics_and_concurrency() {
    let more = ", metrics: [{cpu: 60%}, {latency: {p95: 300ms}}], behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}\n    \
                concurrency: 10\n    resources: {requests: {cpu: 500m}}";
    check(
        more,
        expect![[r#"
        hpa: hpa every 15s, behavior own, 1..9, [Cpu { target: Utilisation(Utilisation(0.6)) }], busy Some(0.5)
        keda: hpa every 15s, behavior own, 1..9, [Concurrency { target: 10.0 }], busy Some(0.5)
        kpa: knative at 7 of 10, 1..9, [Concurrency { target: 10.0 }], busy Some(0.5)
        static-peak: fixed, 4..4, [], busy Some(0.5)
    "#]],
    );
}

#[test]
fn a_fixed_size_is_left_alone() {
    let mut own = platform(", metrics: [{latency: {p95: 300ms}}]}");
    own.services[0].policy = skala_autoscaler::Policy::fixed(Replicas(3));
    for who in Rival::ALL {
        let (theirs, _) = rival(&own, who, &[]).unwrap();
        assert_eq!(theirs.services[0].policy, own.services[0].policy, "{who}");
    }
}

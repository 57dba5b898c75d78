//! The settings that are searched, and what they mean in the platform file.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use skala_sim::tune::{Knob, apply, knobs, untouched};
use skala_spec::{LoadOptions, Loaded, Platform, Source, edit, load};

fn loaded(text: &str) -> Loaded {
    let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("there are no files here".to_owned()) };
    load(&Source { name: "skala.yaml", text }, &options)
}

fn platform(text: &str) -> Platform {
    let loaded = loaded(text);
    loaded.platform.unwrap_or_else(|| panic!("{:?}", loaded.problems))
}

/// A file with one service `api` that scales as said.
fn file(autoscaling: &str, objective: bool) -> String {
    let promised = if objective { "objectives:\n  api: {latency: {p95: 500ms}}\n" } else { "" };
    format!(
        "platform: shop\nservices:\n  api:\n    command: [server, $PORT]\n    concurrency: 4 # each\n    resources: {{requests: \
         {{cpu: '1'}}}}\n    autoscaling:\n{autoscaling}{promised}"
    )
}

const MANY: &str = "      minReplicas: 3 # spare
      maxReplicas: 40
      tolerance: 7%
      metrics:
        - cpu: 70%   # of the request
        - {concurrency: {target: 2.5, scaleDownTarget: 2}}
        - requestsPerSecond: 12
        - latency:
            p95: 400ms
        - memory: 400Mi
      behavior:
        scaleDown:
          # slowly
          stabilizationWindowSeconds: 240 # seconds
          policies:
            - {type: Pods, value: 1, periodSeconds: 30} # one
            - {type: Percent, value: 10, periodSeconds: 60}
        scaleUp: {tolerance: 5%}
";

fn searched(text: &str) -> Vec<Knob> {
    knobs(&platform(text).services["api"])
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    let line = |k: &Knob| {
        format!("{}: {} in {} values, {} to {}\n", k.name(), k.now, k.values.len(), k.told(0), k.told(k.values.len() - 1))
    };
    expected.assert_eq(&searched(text).iter().map(line).collect::<String>());
}

#[test]
fn every_policy_has_its_settings_and_ranges() {
    check(
        &file(MANY, true),
        expect![[r#"
        minReplicas: 3 in 26 values, 2 to 40
        metrics.0.cpu: 70% in 14 values, 30% to 95%
        metrics.1.concurrency.target: 2.5 in 11 values, 2 to 6.2
        metrics.2.requestsPerSecond: 12 in 17 values, 4.8 to 30
        metrics.3.latency.p95: 400ms in 17 values, 160ms to 990ms
        tolerance: 7% in 8 values, 0% to 30%
        behavior.scaleUp.stabilizationWindowSeconds: not given (0) in 7 values, not given (0) to 300
        behavior.scaleUp.policies: not given in 6 values, 25% per 15s to 400% per 15s
        behavior.scaleDown.stabilizationWindowSeconds: 240 in 12 values, 0 to 3600
        behavior.scaleDown.policies: 1 per 30s, 10% per 60s in 6 values, 5% per 60s to 100% per 60s
    "#]],
    );
    check(
        &file("      {minReplicas: 1, maxReplicas: 8}\n", true),
        expect![[r#"
        minReplicas: 1 in 8 values, 1 to 8
        behavior.scaleDown.stabilizationWindowSeconds: not given (300) in 12 values, 0 to 3600
        behavior.scaleDown.policies: not given in 6 values, 5% per 60s to not given
    "#]],
    );
    check(
        &file("      {minReplicas: 0, maxReplicas: 1000, metrics: [cpu: 300m]}\n", false),
        expect![[r#"
        minReplicas: 0 in 25 values, 0 to 1000
        metrics.0.cpu: 300m in 17 values, 120m to 740m
        tolerance: 10% in 7 values, 0% to 30%
        behavior.scaleUp.stabilizationWindowSeconds: not given (0) in 7 values, not given (0) to 300
        behavior.scaleUp.policies: not given in 6 values, 25% per 15s to 400% per 15s
        behavior.scaleDown.stabilizationWindowSeconds: not given (300) in 12 values, 0 to 3600
        behavior.scaleDown.policies: not given in 6 values, 5% per 60s to not given
    "#]],
    );
    check(
        &file("      {mode: hpa, maxReplicas: 8, metrics: [cpu: 70%]}\n", false),
        expect![[r#"
        minReplicas: 1 in 8 values, 1 to 8
        metrics.0.cpu: 70% in 14 values, 30% to 95%
        tolerance: 10% in 7 values, 0% to 30%
        behavior.scaleUp.stabilizationWindowSeconds: not given (0) in 7 values, not given (0) to 300
        behavior.scaleUp.policies: not given in 6 values, 25% per 15s to 400% per 15s
        behavior.scaleDown.stabilizationWindowSeconds: not given (300) in 12 values, 0 to 3600
        behavior.scaleDown.policies: not given in 6 values, 5% per 60s to not given
    "#]],
    );
    check(
        &file("      {mode: knative, maxReplicas: 8}\n", false),
        expect![[r#"
        minReplicas: 1 in 8 values, 1 to 8
    "#]],
    );
    check(
        &file("      {minReplicas: 8, maxReplicas: 8}\n", true),
        expect![[r#"
        minReplicas: 8 in 7 values, 2 to 8
        behavior.scaleDown.stabilizationWindowSeconds: not given (300) in 12 values, 0 to 3600
        behavior.scaleDown.policies: not given in 6 values, 5% per 60s to not given
    "#]],
    );
}

#[test]
fn what_a_simulation_has_no_numbers_for_is_named() {
    assert_eq!(untouched(&platform(&file(MANY, true)).services["api"]), ["memory"]);
}

#[test]
fn every_value_is_within_bounds_and_stands_in_the_file_as_it_is_applied() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let flow = "      {minReplicas: 1, maxReplicas: 8, metrics: [{cpu: {target: 60%}}, concurrency: 3]} # in one line\n";
    let promised = "      {minReplicas: 1, maxReplicas: 8}\n";
    let queued = "      {minReplicas: 1, maxReplicas: 8, metrics: [{queueLength: 5}, {queueAge: {queue: jobs, max: 30s}}, {queueWait: 10s}]}\n";
    let queued = file(queued, false) + "queues: {jobs: {deliver: {service: api, path: /}, timeout: 30s}}\n";
    for text in [file(MANY, true), file(flow, false), file(promised, true), queued] {
        let own = platform(&text);
        let name = skala_types::ServiceName::from("api");
        let policy = own.services[&name].policy().unwrap().unwrap();
        for knob in knobs(&own.services[&name]) {
            assert_eq!(knob.values.iter().filter(|v| v.is_none()).count(), 1, "{}", knob.name());
            for value in knob.values.iter().flatten() {
                let mut wanted = own.clone();
                let section = wanted.services.get_mut(&name).unwrap().autoscaling.as_mut().unwrap();
                assert!(apply(section, &knob.path, value), "{} {value:?}", knob.name());
                let bounds = wanted.services[&name].policy().unwrap().unwrap();
                let (now, new) = (policy.spec(), bounds.spec());
                assert_eq!(new.max_replicas, now.max_replicas);
                assert!(new.min_replicas <= new.max_replicas && new.min_replicas.0 >= now.min_replicas.0.min(2));
                let path: Vec<&str> =
                    ["services", "api", "autoscaling"].into_iter().chain(knob.path.iter().map(String::as_str)).collect();
                let edited = edit::set(&text, &path, &value.yaml()).unwrap();
                let again = loaded(&edited);
                assert!(again.platform.as_ref() == Some(&wanted), "{edited}\n{:?}", again.problems);
                for comment in
                    text.lines().filter_map(|l| l.split_once(" #")).filter(|(_, c)| !c.contains("one") && !c.contains("slowly"))
                {
                    assert!(edited.contains(comment.1), "{edited}");
                }
                *tried.entry(knob.name()).or_default() += 1;
            }
        }
    }
    assert!(tried.len() >= 10 && tried.values().all(|n| *n >= 3), "{tried:?}");
}

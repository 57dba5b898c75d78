//! What the deciding crates get of a file.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_autoscaler::PolicySpec;
use skala_spec::{Platform, Scaler};

use crate::{listing, load_in};

fn good(text: &str) -> Platform {
    let loaded = load_in(text, None);
    assert_eq!(listing(&loaded), "");
    loaded.platform.expect("a file without problems is a platform")
}

/// A platform whose only service has these fields.
fn service(fields: &str) -> Platform {
    let indented: String = fields.lines().map(|l| format!("    {l}\n")).collect();
    good(&format!("platform: p\nservices:\n  api:\n    command: [serve, $PORT]\n{indented}"))
}

fn policy(platform: &Platform) -> PolicySpec {
    match platform.services["api"].scaler() {
        Some(Ok(Scaler::Default(policy))) => policy.spec().clone(),
        other => panic!("{other:?}"),
    }
}

/// The metrics of the policy, one per line.
fn check(fields: &str, expected: Expect) {
    let spec = policy(&service(fields));
    let row = |metric| serde_json::to_string(metric).expect("a policy is plain data") + "\n";
    expected.assert_eq(&spec.metrics.iter().map(row).collect::<String>());
}

#[test]
fn short_and_long_forms_mean_the_same_metric() {
    let short =
        service("resources: {requests: {cpu: 1}}\nautoscaling: {maxReplicas: 9, metrics: [{cpu: 70%}, {concurrency: 4}]}");
    let long = service(
        "resources: {requests: {cpu: 1}}\nautoscaling: {maxReplicas: 9, metrics: [{cpu: {target: 70%}}, {concurrency: {target: 4}}]}",
    );
    assert_eq!(policy(&short), policy(&long));
}

#[test]
fn options_are_in_the_units_of_their_targets() {
    check(
        r#"resources: {requests: {cpu: 1}}
autoscaling:
  maxReplicas: 9
  metrics:
    - cpu: {target: 70%, scaleDownTarget: 50%, staleAfter: 30s}
    - memory: {target: 1Gi, scaleDownTarget: 512Mi}
    - latency: {p95: 500ms, scaleDownTarget: 300ms}
    - requestsPerSecond: {target: 100, behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}"#,
        expect![[r#"
            {"cpu":{"target":{"utilisation":0.7}},"options":{"scaleDownTarget":0.5,"staleAfter":{"secs":30,"nanos":0}}}
            {"memory":{"target":{"averageValue":1073741824}},"options":{"scaleDownTarget":536870912.0}}
            {"latency":{"quantile":"p95","target":{"secs":0,"nanos":500000000}},"options":{"scaleDownTarget":0.3}}
            {"requestsPerSecond":{"target":100.0},"options":{"behavior":{"scaleDown":{"stabilizationWindow":{"secs":60,"nanos":0},"selectPolicy":"max","policies":[{"kind":"percent","value":100,"period":{"secs":15,"nanos":0}}],"tolerance":0.1}}}}
        "#]],
    );
}

#[test]
fn numbers_from_outside_are_signals() {
    check(
        r#"autoscaling:
  maxReplicas: 9
  tolerance: 20%
  fallback: {replicas: 4}
  metrics:
    - {name: jobs, redis: {address: "cache:6379", list: jobs}, target: 5}
    - name: age
      postgres: {connection: "${DB_PASSWORD}", query: select 1}
      targetTotal: 60
      activation: 2
      poll: 1m
      scaleDownTarget: 30
      fallback: {replicas: 2, failureThreshold: 0, behavior: currentReplicasIfHigher}
      behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}
    - {name: lag, http: {url: "http://a/b"}, onlyInFormula: true, staleAfter: 5m}
  formula: {expression: "max(jobs, lag / 2)", target: 3}"#,
        expect![[r#"
            {"signal":{"name":"jobs","target":{"averageValue":5.0}},"options":{"activation":0.0,"staleAfter":{"secs":30,"nanos":0},"fallback":{"failureThreshold":3,"replicas":4,"behavior":"static"}}}
            {"signal":{"name":"age","target":{"value":60.0}},"options":{"scaleDownTarget":30.0,"behavior":{"scaleUp":{"stabilizationWindow":{"secs":0,"nanos":0},"selectPolicy":"max","policies":[{"kind":"pods","value":1,"period":{"secs":60,"nanos":0}}],"tolerance":0.2}},"activation":2.0,"staleAfter":{"secs":180,"nanos":0},"fallback":{"failureThreshold":0,"replicas":2,"behavior":"currentReplicasIfHigher"}}}
            {"formula":{"name":"formula","expression":"max(jobs, lag / 2)","target":{"averageValue":3.0}},"options":{"activation":0.0,"staleAfter":{"secs":300,"nanos":0},"fallback":{"failureThreshold":3,"replicas":4,"behavior":"static"}}}
        "#]],
    );
}

#[test]
fn idleness_windows_and_repairs() {
    let platform = service(
        r#"autoscaling:
  minReplicas: 2
  maxReplicas: 9
  idleReplicas: 0
  cooldown: 2m
  initialCooldown: 30s
  jumpToIdle: true
  staleAfter: 20s
  metrics: [{concurrency: 4}]
  windows: [{name: office, start: "0  8 * * MON-FRI", end: "0 18 * * MON-FRI", timezone: europe/berlin, minReplicas: 5}]
  repairs: {noise: false, flapping: false}"#,
    );
    let spec = policy(&platform);
    assert_eq!((spec.idle_replicas.unwrap().0, spec.jump_to_idle), (0, true));
    assert_eq!((spec.cooldown, spec.initial_cooldown), (Some(Duration::from_secs(120)), Duration::from_secs(30)));
    assert_eq!(spec.stale_after, Duration::from_secs(20));
    assert_eq!((spec.repairs.noise, spec.repairs.flapping, spec.repairs.restart), (false, false, true));
    expect![[
        r#"[{"name":"office","start":"0 8 * * MON-FRI","end":"0 18 * * MON-FRI","timezone":"Europe/Berlin","minReplicas":5}]"#
    ]]
    .assert_eq(&serde_json::to_string(&spec.windows).unwrap());
}

/// What the file leaves out is what the deciding crate takes when it is told nothing.
#[test]
fn defaults_are_those_of_the_deciding_crates() {
    let spec = policy(&service("autoscaling: {maxReplicas: 9, metrics: [{concurrency: 4}]}"));
    let told = PolicySpec { max_replicas: skala_types::Replicas(9), metrics: spec.metrics.clone(), ..PolicySpec::default() };
    assert_eq!(spec, told);
    assert_eq!(spec.metrics[0].options, skala_autoscaler::MetricOptions::default());

    let knative = service("autoscaling: {mode: knative, minReplicas: 0, maxReplicas: 9}");
    let Some(Ok(Scaler::Knative(config))) = knative.services["api"].scaler() else { panic!("not Knative's") };
    let told = skala_autoscaler::knative::ConfigSpec {
        max_scale: 9,
        progress_deadline: Duration::from_secs(60),
        ..skala_autoscaler::knative::ConfigSpec::default()
    };
    assert_eq!(config.spec(), &told);

    let hpa = service("autoscaling: {mode: hpa, maxReplicas: 9, metrics: [{concurrency: 4}]}");
    let Some(Ok(Scaler::Hpa { settings, .. })) = hpa.services["api"].scaler() else { panic!("not autoscaling/v2's") };
    assert_eq!(settings, skala_hpa::Settings::default());
    let policy = hpa.services["api"].policy().unwrap().unwrap();
    let told = skala_autoscaler::HpaMode { without_behavior: true, ..Default::default() };
    assert_eq!(policy.spec().mode, skala_autoscaler::Mode::Hpa(told));
}

#[test]
fn a_horizontal_pod_autoscaler() {
    let platform = service(
        r#"resources: {requests: {cpu: 1, memory: 1Gi}}
autoscaling:
  mode: hpa
  compat: hpa-1.30
  minReplicas: 0
  maxReplicas: 9
  tolerance: 0.2
  metrics:
    - cpu: 70%
    - memory: 400Mi
    - requestsPerSecond: 0.0005
    - concurrency: 2.5
    - {name: jobs, redis: {address: "cache:6379", list: jobs}, target: 5}
    - {name: age, http: {url: "http://a/b"}, targetTotal: 1.5}
  behavior: {scaleDown: {stabilizationWindowSeconds: 60, selectPolicy: Min}}"#,
    );
    let policy = platform.services["api"].policy().unwrap().unwrap();
    let skala_autoscaler::Mode::Hpa(mode) = &policy.spec().mode else { panic!("not autoscaling/v2's") };
    assert_eq!((mode.compat.to_string().as_str(), mode.without_behavior), ("hpa-1.30", false));
    let Some(Ok(Scaler::Hpa { spec, settings })) = platform.services["api"].scaler() else { panic!("not autoscaling/v2's") };
    assert_eq!((settings.tolerance, settings.compat.to_string().as_str()), (0.2, "hpa-1.30"));
    expect![[r#"
        {
          "minReplicas": 0,
          "maxReplicas": 9,
          "metrics": [
            {
              "type": "Resource",
              "name": "cpu",
              "target": {
                "type": "Utilization",
                "averageUtilization": 70
              }
            },
            {
              "type": "Resource",
              "name": "memory",
              "target": {
                "type": "AverageValue",
                "averageValue": 419430400000
              }
            },
            {
              "type": "Pods",
              "metric": {
                "name": "requestsPerSecond"
              },
              "target": {
                "type": "AverageValue",
                "averageValue": 1
              }
            },
            {
              "type": "Pods",
              "metric": {
                "name": "concurrency"
              },
              "target": {
                "type": "AverageValue",
                "averageValue": 2500
              }
            },
            {
              "type": "External",
              "metric": {
                "name": "jobs"
              },
              "target": {
                "type": "AverageValue",
                "averageValue": 5000
              }
            },
            {
              "type": "External",
              "metric": {
                "name": "age"
              },
              "target": {
                "type": "Value",
                "value": 1500
              }
            }
          ],
          "behavior": {
            "scaleDown": {
              "stabilizationWindowSeconds": 60,
              "selectPolicy": "Min"
            }
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&spec).unwrap());
}

#[test]
fn knatives_autoscaler() {
    let platform = service(
        r#"concurrency: 20
readiness: {startTimeout: 5m}
autoscaling:
  mode: knative
  minReplicas: 1
  maxReplicas: 9
  knative: {target: 10, utilization: 80%, stableWindow: 2m, panicWindow: 20%, burstCapacity: -1, repairs: {keepStarting: true}}"#,
    );
    let Some(Ok(Scaler::Knative(config))) = platform.services["api"].scaler() else { panic!("not Knative's") };
    assert_eq!((config.total(), config.target()), (10.0, 8.0));
    assert_eq!(config.panic_window(), Duration::from_secs(24));
    let spec = config.spec();
    assert_eq!((spec.container_concurrency, spec.min_scale, spec.max_scale), (20, 1, 9));
    assert_eq!((spec.target_burst_capacity, spec.enable_scale_to_zero), (-1.0, false));
    assert_eq!((spec.progress_deadline, spec.repairs.keep_starting), (Duration::from_secs(300), true));
    // The policy decides by it, and names the same number.
    let policy = platform.services["api"].policy().unwrap().unwrap();
    assert_eq!(policy.spec().metrics, [skala_autoscaler::MetricSpec::Concurrency { target: 8.0 }.into()]);
    assert_eq!(policy.spec().mode, skala_autoscaler::Mode::Knative(config));
}

#[test]
fn every_source_is_listed_with_its_service() {
    let text = r#"
platform: p
routes: [{service: a}, {path: /b, service: b}, {path: /c, service: c}]
services:
  a: {command: [x, $PORT], autoscaling: {maxReplicas: 3, metrics: [{concurrency: 3}, {name: one, http: {url: "http://a/b"}, target: 5}]}}
  b:
    command: [x, $PORT]
    autoscaling:
      maxReplicas: 3
      metrics: [{name: one, http: {url: "http://a/b"}, target: 5, poll: 3s}, {name: two, http: {url: "http://a/c"}, onlyInFormula: true}]
      formula: {expression: one + two, target: 3}
  c: {command: [x, $PORT]}
"#;
    let sources = good(text).sources();
    let rows: Vec<_> = sources.iter().map(|s| (s.key(), s.poll.as_secs(), s.target)).collect();
    let row = |key: &str, poll, target| (key.to_owned(), poll, target);
    assert_eq!(rows, [row("a/one", 10, Some(5.0)), row("b/one", 3, Some(5.0)), row("b/two", 10, None)]);
    assert_eq!(sources[0].source, sources[1].source, "equal sources can be read once");
    assert_ne!(sources[1].source, sources[2].source);
}

#[test]
fn what_replicas_cost() {
    let text = r#"
platform: p
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
routes: [{service: api}, {path: /w, service: worker}, {path: /t, service: theirs}, {path: /b, service: bare}]
services:
  api: {command: [x, $PORT], resources: {requests: {cpu: 2, memory: 4Gi}}}
  worker: {command: [x, $PORT], price: 12 EUR/day, resources: {requests: {cpu: 2}}}
  theirs: {upstreams: ["a:1"]}
  bare: {command: [x, $PORT], price: 7.305 EUR/month}
budgets:
  all: {limit: 9 EUR/h}
  one: {limit: 9 EUR/h, services: [worker]}
"#;
    let platform = good(text);
    let price = |name: &str| platform.price_per_hour(&platform.services[name]).map(|price| price.to_string());
    let prices = ["api", "worker", "theirs", "bare"].map(price);
    assert_eq!(prices, [Some("0.10 EUR".to_owned()), Some("0.50 EUR".to_owned()), None, Some("0.01 EUR".to_owned())]);
    let under = |name: &str| platform.under(&platform.budgets[name]).map(|s| s.as_str()).collect::<Vec<_>>();
    assert_eq!((under("all"), under("one")), (vec!["api", "worker", "bare"], vec!["worker"]));
}

#[test]
fn budgets_with_their_services() {
    let text = r#"
platform: p
routes: [{service: api}, {path: /w, service: worker}]
services:
  api: {command: [x, $PORT], price: 1 EUR/h}
  worker: {command: [x, $PORT], price: 1 EUR/h, priority: 7}
budgets:
  all: {limit: 9.0000019 EUR/h}
  month: {limit: 90000 EUR/month, services: [worker], order: [{service: worker, floor: 0}], lookAhead: 2d}
"#;
    let budgets = good(text).budgets().unwrap();
    let rows: Vec<String> =
        budgets.iter().map(|b| format!("{} {:?} {}\n", b.name, b.services, serde_json::to_string(&b.budget).unwrap())).collect();
    expect![[r#"
        all [ServiceName("api"), ServiceName("worker")] {"ceiling":"9.000001 EUR","per":"hour","lookAhead":null,"order":[]}
        month [ServiceName("worker")] {"ceiling":"90000.00 EUR","per":"month","lookAhead":{"secs":172800,"nanos":0},"order":[{"service":"worker","floor":0}]}
    "#]].assert_eq(&rows.concat());
}

#[test]
fn links_to_databases_and_providers() {
    let text = r#"
platform: p
routes: [{service: api}, {path: /w, service: worker}]
services:
  api: {command: [x, $PORT], uses: {databases: {main: {connectionsPerReplica: 20}}}}
  worker:
    command: [x, $PORT]
    uses:
      databases: {main: {connectionsPerReplica: 5}}
      providers: {openai: {requestsPerMinutePerReplica: 0.5, tokensPerMinutePerReplica: 900}, main: {tokensPerMinutePerReplica: 1}}
databases: {main: {maxConnections: 100, reservedConnections: 10, connection: "${DB_PASSWORD}"}}
providers: {openai: {requestsPerMinute: 500}, main: {requestsPerMinute: 10, tokensPerMinute: 9000}}
"#;
    let platform = good(text);
    let links = platform.links().unwrap();
    let downstreams: Vec<_> = links.spec().downstreams.iter().map(|d| format!("{} {:?}", d.name, d.limit)).collect();
    let uses: Vec<_> = links.spec().links.iter().map(|l| format!("{} {} {}", l.service, l.downstream, l.per_replica)).collect();
    expect![[r#"
        main Connections { max: 100, reserved: 10 }
        openai.requestsPerMinute Quota { unit: RequestsPerMinute, per_minute_milli: 500000, reserved_milli: 0 }
        main.requestsPerMinute Quota { unit: RequestsPerMinute, per_minute_milli: 10000, reserved_milli: 0 }
        main.tokensPerMinute Quota { unit: TokensPerMinute, per_minute_milli: 9000000, reserved_milli: 0 }
        api main 20
        worker main 5
        worker openai.requestsPerMinute 500
        worker main.tokensPerMinute 1000
    "#]]
    .assert_eq(&format!("{}\n{}\n", downstreams.join("\n"), uses.join("\n")));
    assert_eq!(platform.databases["main"].connection.as_ref().unwrap().expose(), "hunter2");
}

#[test]
fn the_vertical_axis() {
    let platform = service(
        "autoscaling: {maxReplicas: 3, metrics: [{cpu: 300m}], vertical: {mode: apply, resources: [memory], minAllowed: {memory: 1Gi}, memoryPercentile: 99%}}",
    );
    let axis = platform.services["api"].vertical().unwrap().unwrap();
    assert_eq!((axis.apply, axis.resources.cpu, axis.resources.memory), (true, false, true));
    let spec = axis.config.spec();
    assert_eq!((spec.min_allowed.memory, spec.min_allowed.cpu), (Some(skala_autoscaler::vertical::Amount(1 << 30)), None));
    assert_eq!((spec.percentiles.memory.target, spec.percentiles.memory.upper, spec.percentiles.cpu.target), (0.99, 0.99, 0.9));
    for off in ["", "vertical: {mode: off}"] {
        let platform = service(&format!("autoscaling: {{maxReplicas: 3, metrics: [{{cpu: 300m}}], {off}}}"));
        assert!(platform.services["api"].vertical().is_none());
    }
}

/// The file's own default for the vertical axis differs from the recommender's in one point, which its field names.
#[test]
fn the_recommenders_defaults() {
    let platform = service("autoscaling: {maxReplicas: 3, metrics: [{concurrency: 3}], vertical: {}}");
    let axis = platform.services["api"].vertical().unwrap().unwrap();
    let told = skala_autoscaler::vertical::ConfigSpec { oom_floor: true, ..skala_autoscaler::vertical::ConfigSpec::default() };
    assert_eq!(axis.config.spec(), &told);
    assert!(!axis.apply);
}

#[test]
fn an_objective_is_enough_to_scale_by() {
    let objective = "objectives: {api: {latency: {p95: 500ms, p99: 2s}}}\n";
    let metrics = |fields: &str| {
        let text = format!("platform: p\n{objective}services:\n  api:\n    command: [serve, $PORT]\n{fields}");
        let platform = good(&text);
        assert_eq!(platform.services["api"].station(None).late_after, Some(Duration::from_millis(500)));
        let spec = policy(&platform);
        let shrinks = |m: &skala_autoscaler::MetricEntry| m.options.behavior.scale_down.is_some();
        spec.metrics
            .iter()
            .map(|m| format!("{}{} ", m.what.name(), if shrinks(m) { " at its own pace" } else { "" }))
            .collect::<String>()
    };
    assert_eq!(metrics("    concurrency: 8\n    autoscaling: {maxReplicas: 9}\n"), "predictedWait at its own pace ");
    let beside =
        "    concurrency: 8\n    autoscaling: {maxReplicas: 9, metrics: [{concurrency: 4}], behavior: {scaleDown: {}}}\n";
    assert_eq!(metrics(beside), "concurrency predictedWait ");
    let unknown = "    resources: {requests: {cpu: 1}}\n    autoscaling: {maxReplicas: 9}\n";
    assert_eq!(metrics(unknown), "latency.p95 cpu ");
}

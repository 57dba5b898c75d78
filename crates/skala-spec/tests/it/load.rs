//! Good files: what they mean.

use std::time::Duration;

use expect_test::expect;
use skala_spec::model::{Balance, Measure, Percentile, PolicyType, Probe, Scale, SelectPolicy, Work};
use skala_spec::scalar::{CpuTarget, EnvValue, MemoryTarget, Percent};
use skala_spec::{Platform, reference_page};

use crate::{listing, load_in};

fn good(text: &str) -> Platform {
    good_in(text, None)
}

fn good_in(text: &str, environment: Option<&str>) -> Platform {
    let loaded = load_in(text, environment);
    assert_eq!(listing(&loaded), "");
    loaded.platform.expect("a file without problems is a platform")
}

/// A complete platform with what this release has.
pub(crate) const FULL: &str = r#"
platform: ai-etl
gateway: {listen: "0.0.0.0:8080"}
admin: {listen: "127.0.0.1:7700"}
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}

services:
  api:
    command: [gunicorn, "app:app", --workers, "3", --bind, "127.0.0.1:$PORT"]
    env: {LOG_LEVEL: info, WEB_CONCURRENCY: 3, DEBUG: false, PASSWORD: "${DB_PASSWORD}", TOKEN: {file: token.txt}}
    resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {cpu: "2", memory: 2Gi}}
    concurrency: 30
    readiness: {httpGet: /health, period: 1s}
    drain: 30s
    uses: {databases: {main: {connectionsPerReplica: 5}}, providers: {openai: {requestsPerMinutePerReplica: 60}}}
    priority: 200
    autoscaling:
      minReplicas: 3
      maxReplicas: 20
      metrics:
        - cpu: 70%
        - memory: 80%
        - requestsPerSecond: 100
        - latency: {p95: 500ms, scaleDownTarget: 300ms}
        - {name: jobs, redis: {address: "${NAME:-cache:6379}", list: jobs}, target: 5, activation: 1, poll: 5s}
        - name: lag
          kafka: {brokers: ["kafka:9092"], group: g}
          onlyInFormula: true
      formula: {expression: "max(jobs, lag / 2)", target: 5}
      windows: [{name: office, start: "0 8 * * MON-FRI", end: "0 18 * * MON-FRI", timezone: Europe/Berlin, minReplicas: 5}]
      idleReplicas: 1
      cooldown: 5m
      fallback: {replicas: 4}
      repairs: {noise: false}
      vertical: {resources: [cpu, memory], mode: off}
      behavior:
        scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Percent, value: 50, periodSeconds: 60}]}

  billing:
    upstreams: [10.0.0.5:8000, "dns://billing.internal:8000"]

  chat:
    command: [chat, $PORT]
    price: 0.12 EUR/h
    autoscaling: {mode: knative, minReplicas: 0, maxReplicas: 5, knative: {target: 10, panicWindow: 10%}}
  batch:
    command: [batch, $PORT]
    price: 0.12 EUR/h
    autoscaling: {mode: hpa, compat: hpa-1.33, maxReplicas: 5, metrics: [{concurrency: 4}], tolerance: 5%}

databases: {main: {maxConnections: 200, reservedConnections: 10, connection: "${DB_PASSWORD}"}}
providers: {openai: {requestsPerMinute: 5000, tokensPerMinute: 2000000}}
budgets: {all: {limit: 900 EUR/month, order: [batch, {service: chat, floor: 0}], lookAhead: 2d}}

routes:
  - {path: /chat, service: chat}
  - {path: /batch, service: batch}
  - {host: api.example.com, path: /, service: api, timeout: 30s}
  - {host: "*.billing.example.com", service: billing, balance: roundRobin}
objectives:
  api: {availability: 99.9%, latency: {p95: 200ms, p99: 500ms}, window: 30d}
environments:
  staging: {services: {api: {autoscaling: {minReplicas: 0, maxReplicas: 2, idleReplicas: null, fallback: null, windows: null}}}}
"#;

#[test]
fn a_full_platform_loads() {
    let platform = good(FULL);
    let api = &platform.services["api"];
    assert_eq!(platform.gateway.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(platform.cost.as_ref().unwrap().vcpu_hour.as_f64(), 0.04);
    assert_eq!(platform.environments().collect::<Vec<_>>(), ["staging"]);
    assert_eq!(platform.environment(), None);

    let Some(Work::Command(command)) = api.work() else { panic!("{:?}", api.work()) };
    assert_eq!(command.with_port(9001), ["gunicorn", "app:app", "--workers", "3", "--bind", "127.0.0.1:9001"]);
    assert_eq!(api.env["WEB_CONCURRENCY"], EnvValue::Plain("3".to_owned()));
    assert_eq!(api.env["DEBUG"].expose(), "false");
    assert_eq!(api.resources.requests.cpu.unwrap().millicores(), 500);
    assert_eq!(api.resources.limits.memory.unwrap().bytes(), 2 << 30);
    assert_eq!(api.readiness.probe(), Probe::Http { path: "/health", port: None });
    let Scale::Auto(autoscaling) = api.scale() else { panic!("{:?}", api.scale()) };
    let metrics: Vec<Measure> = autoscaling.metrics().map(|(_, metric)| metric.measure).collect();
    let expected = [
        Measure::Cpu(CpuTarget::Utilization(Percent::whole(70))),
        Measure::Memory(MemoryTarget::Utilization(Percent::whole(80))),
        Measure::RequestsPerSecond(100.0),
        Measure::Latency(Percentile::P95, Duration::from_millis(500)),
    ];
    assert_eq!(metrics[..4], expected);
    assert_eq!(metrics[4..].iter().map(Measure::name).collect::<Vec<_>>(), ["jobs", "lag"]);

    assert_eq!(platform.services["billing"].scale(), Scale::External);
    assert_eq!(platform.services["billing"].readiness.probe(), Probe::Tcp { port: None });
    let objective = &platform.objectives["api"];
    assert_eq!(objective.availability.unwrap().percent(), 99.9);
    assert_eq!(objective.window.get(), Duration::from_secs(30 * 86_400));
}

#[test]
fn defaults_are_filled_in() {
    let platform = good("platform: tiny\nservices: {web: {command: './serve --port $PORT'}}\n");
    let web = &platform.services["web"];
    assert_eq!(web.scale(), Scale::Fixed(1));
    assert_eq!(web.balance, Balance::LeastRequest);
    assert_eq!(web.keep_alive.get(), Duration::from_millis(1500));
    assert_eq!((web.waiting.max, web.waiting.timeout.get()), (1000, Duration::from_secs(30)));
    let routes = platform.routes();
    assert_eq!(routes.len(), 1);
    assert_eq!((routes[0].path.as_str(), routes[0].service.as_str()), ("/", "web"));
    expect![[r#"
        {
          "platform": "tiny",
          "gateway": {
            "listen": "0.0.0.0:8080",
            "headerTimeout": "10s",
            "maxHeaderSize": "64Ki",
            "idleTimeout": "1m15s"
          },
          "admin": {
            "listen": "127.0.0.1:7700"
          },
          "services": {
            "web": {
              "command": [
                "./serve",
                "--port",
                "$PORT"
              ],
              "env": {},
              "resources": {
                "requests": {},
                "limits": {}
              },
              "waiting": {
                "max": 1000,
                "timeout": "30s"
              },
              "readiness": {
                "period": "1s",
                "timeout": "1s",
                "failureThreshold": 3,
                "successThreshold": 1,
                "startTimeout": "1m"
              },
              "drain": "30s",
              "restart": {
                "initial": "100ms",
                "max": "30s",
                "resetAfter": "30s",
                "crashLoopAfter": 5
              },
              "keepAlive": "1.5s",
              "logs": {
                "maxSize": "10Mi",
                "keep": 3
              },
              "balance": "leastRequest",
              "priority": 100
            }
          },
          "tasks": {
            "listen": "127.0.0.1:7702",
            "store": "tasks.db"
          },
          "objectives": {}
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&platform).unwrap());
}

#[test]
fn secrets_are_never_shown() {
    let platform = good(FULL);
    let shown = format!("{platform:?} {}", serde_json::to_string(&platform).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("s3cret"), "{shown}");
    assert_eq!(platform.services["api"].env["PASSWORD"].expose(), "hunter2");
    assert_eq!(platform.services["api"].env["TOKEN"].expose(), "s3cret");
}

#[test]
fn an_overlay_changes_only_what_it_names() {
    let platform = good_in(FULL, Some("staging"));
    let Scale::Auto(autoscaling) = platform.services["api"].scale() else { panic!() };
    assert_eq!((autoscaling.min_replicas, autoscaling.max_replicas, autoscaling.metrics.len()), (0, 2, 6));
    assert_eq!(platform.environment(), Some("staging"));

    let removed = FULL.replace(
        "staging: {services: {api: {autoscaling: {minReplicas: 0, maxReplicas: 2, idleReplicas: null, fallback: null, windows: null}}}}",
        "staging: {cost: null, budgets: null, services: {chat: null, batch: null, api: {autoscaling: null, replicas: 2}}, routes: [{service: api}, {path: /b, service: billing}]}\n  empty:",
    );
    let platform = good_in(&removed, Some("staging"));
    assert_eq!((platform.services["api"].scale(), platform.cost.is_none()), (Scale::Fixed(2), true));
    assert_eq!(platform.routes().len(), 2);
    assert_eq!((platform.services.len(), platform.budgets.len()), (2, 0));
    assert_eq!(good_in(&removed, Some("empty")).services.len(), 4);
}

/// Variables and files of an environment that does not run are not asked for.
#[test]
fn only_the_chosen_environment_needs_its_secrets() {
    let text = "platform: p\nservices: {web: {command: [serve, $PORT]}}\nenvironments:\n  production: {services: {web: {env: {KEY: '${PRODUCTION_KEY}', PEM: {file: prod.pem}}}}}\n";
    good(text);
    assert_eq!(load_in(text, Some("production")).problems.len(), 2);
}

#[test]
fn numbers_may_come_from_the_environment() {
    let platform =
        good("platform: p\nservices: {web: {command: [serve, $PORT], concurrency: '${WORKERS}', drain: '${DRAIN:-45s}'}}\n");
    assert_eq!(platform.services["web"].concurrency, Some(7));
    assert_eq!(platform.services["web"].drain.get(), Duration::from_secs(45));
}

#[test]
fn text_from_the_environment_stays_text() {
    let platform = good(
        "platform: p\nservices: {web: {command: [serve, '${WORKERS}', $PORT], workingDir: '${WORKERS}', env: {W: '${WORKERS}'}}}\n",
    );
    let web = &platform.services["web"];
    assert_eq!(web.command.as_ref().unwrap().with_port(80), ["serve", "7", "80"]);
    assert_eq!((web.working_dir.as_deref(), web.env["W"].expose()), (Some("7"), "7"));
}

/// Files from other systems: a byte-order mark, and lines that end with CR LF.
#[test]
fn other_systems_line_ends_are_fine() {
    let text = FULL.replace('\n', "\r\n");
    assert_eq!(good(&text), good(FULL));
    assert_eq!(good(&format!("\u{feff}{FULL}")), good(FULL));
}

/// `metrics:` and `behavior:` as they stand in the Kubernetes documentation.
#[test]
fn an_autoscaling_v2_block_pastes_in_unchanged() {
    let text = r#"
platform: p
services:
  web:
    command: [serve, $PORT]
    resources: {requests: {cpu: 1, memory: 1Gi}}
    autoscaling:
      minReplicas: 1
      maxReplicas: 10
      metrics:
      - type: Resource
        resource:
          name: cpu
          target:
            type: Utilization
            averageUtilization: 50
      - type: Resource
        resource: {name: memory, target: {type: AverageValue, averageValue: 500Mi}}
      - type: Pods
        pods:
          metric:
            name: http_requests_per_second
            selector: {matchLabels: {verb: GET}}
          target:
            type: AverageValue
            averageValue: 1k
      behavior:
        scaleUp:
          stabilizationWindowSeconds: 0
          policies:
          - type: Percent
            value: 100
            periodSeconds: 15
          - type: Pods
            value: 4
            periodSeconds: 15
          selectPolicy: Max
          tolerance: 0.05
        scaleDown: {selectPolicy: Disabled}
"#;
    let platform = good(text);
    let Scale::Auto(autoscaling) = platform.services["web"].scale() else { panic!() };
    let metrics: Vec<Measure> = autoscaling.metrics().map(|(_, metric)| metric.measure).collect();
    let memory = "500Mi".parse().unwrap();
    let expected = [
        Measure::Cpu(CpuTarget::Utilization(Percent::whole(50))),
        Measure::Memory(MemoryTarget::AverageValue(memory)),
        Measure::RequestsPerSecond(1000.0),
    ];
    assert_eq!(metrics, expected);
    let up = autoscaling.behavior.scale_up();
    assert_eq!((up.stabilization_window_seconds, up.policies.len(), up.tolerance.unwrap().as_f64()), (0, 2, 0.05));
    let down = autoscaling.behavior.scale_down();
    assert_eq!((down.stabilization_window_seconds, down.select_policy), (300, SelectPolicy::Disabled));
    assert_eq!((down.policies[0].kind, down.policies[0].value), (PolicyType::Percent, 100));
}

#[test]
fn anchors_share_a_block() {
    let text = "platform: p\nservices:\n  a: {command: [x, $PORT], env: &env {LOG: info}}\n  b: {command: [x, $PORT], env: *env}\nroutes: [{path: /a, service: a}, {path: /b, service: b}]\n";
    assert_eq!(good(text).services["b"].env["LOG"].expose(), "info");
}

#[test]
fn the_reference_page_names_every_section() {
    let page = reference_page();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(good(example).services.len(), 1);
    for section in
        ["gateway", "admin", "cost", "services.NAME", "routes[]", "objectives.NAME", "services.NAME.autoscaling.metrics[]"]
    {
        assert!(page.contains(&format!("`{section}`\n")), "{section}");
    }
}

//! `mode: hpa` and `mode: knative` under load, and time windows.

use std::thread;

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{api, skala};

#[test]
fn kubernetes_own_algorithm_decides_at_its_own_pace() {
    let scaling = "autoscaling:\n  mode: hpa\n  maxReplicas: 4\n  metrics: [{concurrency: 5}]\n";
    let mut skala = skala(&api(scaling));
    skala.up_ready("api", 1);
    let url = format!("http://{}/sleep?ms=1000", skala.gateway());
    thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "14", "--duration", "20s"]));
        until("it grows to 14 in service / 5", PATIENCE, || {
            let seen = skala.service("api");
            (seen["desired"].as_u64() >= Some(3)).then_some(())
        });
        assert_eq!(load.join().unwrap()["failed"]["total"], 0);
    });
    let service = skala.service("api");
    assert_eq!(service["mode"], "hpa");
    let why = skala.ok(&["why", "api"]);
    assert!(why.contains("next look") || why.contains("concurrency"), "{why}");
    skala.down();
    assert_eq!(skala.json(&["replay"])["services"]["api"]["different"], 0);
}

#[test]
fn knatives_autoscaler_comes_from_zero_and_panics_upwards() {
    let scaling = "concurrency: 10\nautoscaling:\n  mode: knative\n  minReplicas: 0\n  maxReplicas: 5\n  \
                   knative: {target: 5, utilization: 100%, stableWindow: 6s, scaleToZeroGrace: 1s}\ndrain: 1s";
    let mut skala = skala(&api(scaling));
    skala.up();
    assert_eq!(skala.service("api")["mode"], "knative");
    assert_eq!(skala.get("/").status, 200);
    let url = format!("http://{}/sleep?ms=500", skala.gateway());
    thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "30", "--duration", "8s"]));
        until("three for 15 at a time", PATIENCE, || (skala.service("api")["desired"].as_u64() >= Some(3)).then_some(()));
        assert_eq!(load.join().unwrap()["failed"]["total"], 0);
    });
    until("it is idle", PATIENCE, || skala.replicas("api").is_empty().then_some(()));
    skala.down();
    assert_eq!(skala.json(&["replay"])["services"]["api"]["different"], 0);
}

#[test]
fn an_open_time_window_moves_the_bounds() {
    // Open at every minute but one; a second window covers that one.
    let window = |name: &str, start: u32, end: u32| {
        format!("{{name: {name}, start: \"{start} * * * *\", end: \"{end} * * * *\", minReplicas: 2}}")
    };
    let windows = format!("[{}, {}]", window("first", 0, 59), window("second", 30, 29));
    let mut skala = skala(&api(&format!("autoscaling: {{maxReplicas: 3, metrics: [{{concurrency: 50}}], windows: {windows}}}")));
    skala.up_ready("api", 2);
    let service = skala.service("api");
    let shown = service["windows"].as_str().unwrap_or_default().to_owned();
    assert!(shown.contains("first") || shown.contains("second"), "{service:#}");
    let why = skala.ok(&["why", "api"]);
    assert!(why.contains("bounds"), "{why}");
    skala.down();
}

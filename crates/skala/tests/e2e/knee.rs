//! `skala load --find-knee` through the binary: a running service is measured, and what is written is what `plan` and `simulate` read.

use serde_json::Value;

use crate::{api, skala};

/// Two requests at a time of 25 ms each: 80 a second at most, per replica.
const SLEEP: &str = "sleep?ms=25";

/// What comes before and behind the section that is edited.
const CAPACITY: &str = "\
objectives:
  api: {latency: {p90: 150ms}} # promised
capacity:
  loads:
    requests: {now: 1000/s, growth: 10%}
  services:
    # by measurement
    api:
      load: requests
      throughputPerReplica: 7 # a guess
";

fn number(text: &str, field: &str) -> f64 {
    let line = text.lines().find_map(|l| l.trim().strip_prefix(field)).unwrap_or_else(|| panic!("{field} in {text}"));
    line.split('#').next().unwrap().trim().parse().unwrap()
}

#[test]
fn what_is_measured_is_planned_and_simulated_with() {
    let file = format!("{}{CAPACITY}", api("concurrency: 2\nreplicas: 1\nwaiting: {max: 1000, timeout: 10s}"));
    let mut skala = skala(&file);
    skala.up_ready("api", 1);
    let url = format!("http://{}/{SLEEP}", skala.gateway());
    let path = skala.folder().join("skala.yaml").display().to_string();
    let search = ["load", &url, "--find-knee", "--rate", "10", "--max-rate", "320", "--max-step", "1s", "--lag-bound", "5s"];
    let ran = skala.run(&[&search[..], &["--fail-if", "p90>150ms", "--service", "api", "--write", &path]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stderr.contains("knee: ") && ran.stderr.contains("+      throughputPerReplica: "), "{}", ran.stderr);
    let written = std::fs::read_to_string(&path).unwrap();
    // A second's worth of chance may lie above what two servers sustain; a busy machine keeps it from as much as it likes.
    let knee = number(&written, "throughputPerReplica:");
    assert!((10.0..=130.0).contains(&knee), "{}", ran.stderr);
    for kept in ["p90: 150ms}} # promised", "    # by measurement\n", " # a guess\n", "startUp: {mean: ", "serviceTime: {mean: "]
    {
        assert!(written.contains(kept), "{kept}: {written}");
    }

    let plan = skala.json(&["plan", &path]);
    let need = &plan["needs"][0]["services"][0];
    let rule = need["rules"].as_array().unwrap().iter().find(|r| r["origin"] == "measured");
    let rule = rule.unwrap_or_else(|| panic!("no measured rule in {need:#}"));
    assert_eq!(rule["replicas"].as_f64().unwrap(), (1000.0 / knee).ceil(), "{need:#}");

    let run = skala.json(&["simulate", &path, "--generate", "constant rate=5rps for=2m"]);
    let remarks = run["remarks"].to_string();
    assert!(!remarks.contains("serviceTime") && !remarks.contains("startUp"), "{remarks}");
    let median = run["traces"][0]["rows"][0]["p50"].as_f64().unwrap();
    assert!((0.02..1.0).contains(&median), "{run:#}");
    skala.down();
}

#[test]
fn a_search_that_cannot_end_well_says_so_before_or_at_its_first_step() {
    let mut skala = skala(&api("replicas: 1"));
    skala.write("braces.yaml", "capacity: {services: {api: {minReplicas: 3}}}\n");
    skala.up_ready("api", 1);
    let url = format!("http://{}/{SLEEP}", skala.gateway());
    let braces = skala.folder().join("braces.yaml").display().to_string();
    let rows: [(&[&str], i32, &str); 5] = [
        (&["--service", "api", "--write", "/nowhere/skala.yaml"], 2, "leave out --write"),
        (&["--service", "api", "--write", &braces], 2, "without braces"),
        (&["--rate", "0"], 2, "is not the first rate"),
        (&["--replicas", "0"], 2, "at least 1"),
        (&["--fail-if", "p50>1ms"], 4, "missed at the first rate"),
    ];
    for (args, code, part) in rows {
        let ran = skala.run(&[&["load", &url, "--find-knee", "--max-step", "1s", "--lag-bound", "5s"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(part) && !ran.stderr.contains("panicked"), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(std::fs::read_to_string(&braces).unwrap(), "capacity: {services: {api: {minReplicas: 3}}}\n");
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = skala.run(&["load", &format!("http://{gone}/"), "--find-knee", "--max-step", "1s", "--lag-bound", "5s"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("is the service up?"), "{ran:?}");
    // Programs get one document, also of a search that found nothing.
    let ran =
        skala.run(&["load", &url, "--find-knee", "--max-step", "1s", "--lag-bound", "5s", "--fail-if", "p50>1ms", "-o", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["schemaVersion"], &document["steps"][0]["end"]), (&1.into(), &"missed".into()), "{document:#}");
    skala.down();
}

//! `skala tune` through the binary: settings that get better, diffs that apply, and bad input.

use expect_test::{Expect, expect};
use serde_json::Value;
use skala_testkit::skala::Skala;

use crate::skala;

/// A platform whose policy was set on a bad day: six replicas where two do.
const SHOP: &str = "\
platform: shop
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  api: # the only one
    command: [server, $PORT]
    concurrency: 2
    waiting: {max: 50, timeout: 5s}
    resources: {requests: {cpu: '1', memory: 1Gi}}
    autoscaling:
      minReplicas: 6   # set on a bad day
      maxReplicas: 12
      metrics:
        - concurrency: 0.5 # far too careful
objectives:
  api: {latency: {p95: 500ms}}
capacity:
  services:
    api: {serviceTime: {mean: 100ms, cv: 1}, startUp: {mean: 5s, cv: 0.2}}
";

/// An hour of quiet and busy minutes.
const LOAD: &str = "mmpp rates=4,12 stays=10m,4m for=1h";

fn tune<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let common = ["tune", "skala.yaml", "--generate", LOAD, "--budget", "24", "--mode", "fluid"];
    common.into_iter().chain(more.iter().copied()).collect()
}

fn document(platform: &Skala, args: &[&str]) -> Value {
    let run = platform.run(&[args, &["-o", "json"]].concat());
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

fn read(platform: &Skala) -> String {
    std::fs::read_to_string(platform.folder().join("skala.yaml")).unwrap()
}

/// A text after a unified diff, which must fit it line by line.
fn patched(text: &str, diff: &str) -> String {
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut out, mut at) = (String::new(), 0);
    for line in diff.split_inclusive('\n').skip(2) {
        if let Some(places) = line.strip_prefix("@@ -") {
            let begin: usize = places.split(',').next().unwrap().parse().unwrap();
            old[at..begin - 1].iter().for_each(|l| out += l);
            at = begin - 1;
            continue;
        }
        let (mark, rest) = line.split_at(1);
        if mark != "+" {
            assert_eq!(old[at], rest, "{diff}");
            at += 1;
        }
        if mark != "-" {
            out += rest;
        }
    }
    old[at..].iter().for_each(|l| out += l);
    out
}

#[track_caller]
fn fails(platform_file: &str, args: &[&str], expected: Expect) {
    let run = skala(platform_file).run(args);
    expected.assert_eq(&format!("exit {}\n{}{}", run.code.unwrap(), run.stdout, run.stderr));
}

#[test]
fn a_badly_tuned_file_gets_better_on_what_was_held_back() {
    let platform = skala(SHOP);
    let run = platform.run(&tune(&[]));
    let trimmed: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
    expect![[""]].assert_eq(&format!("exit {}\n{}\n{}", run.code.unwrap(), trimmed.join("\n"), run.stderr));
    assert_eq!(read(&platform), SHOP, "without --write the file stays");
}

#[test]
fn the_diff_applies_and_is_what_write_writes() {
    let platform = skala(SHOP);
    let found = document(&platform, &tune(&[]));
    let diff = found["diff"].as_str().unwrap();
    assert_eq!((&found["written"], &found["services"][0]["verdict"]), (&false.into(), &"better".into()));
    let written = document(&platform, &tune(&["--write"]));
    assert_eq!((&written["written"], written["diff"].as_str()), (&true.into(), Some(diff)));
    let text = read(&platform);
    assert_eq!(patched(SHOP, diff), text);
    assert!(["# the only one", "# set on a bad day", "# far too careful"].iter().all(|c| text.contains(c)), "{text}");
    assert_eq!(platform.run(&["check"]).code, Some(0));
    let [now, better] = ["now", "found"].map(|whose| found["services"][0]["heldBack"][whose]["cost"].as_f64().unwrap());
    assert!(better < 0.7 * now, "{better} {now}");
}

#[test]
fn threads_change_nothing_and_the_budget_is_kept() {
    let platform = skala(SHOP);
    let run = |jobs: &str, budget: &str| platform.run(&tune(&["--jobs", jobs, "--budget", budget, "-o", "json"])).stdout;
    let one = run("1", "12");
    assert_eq!(one, run("3", "12"));
    let document: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(document["schemaVersion"], 1);
    let tried = document["services"][0]["evaluations"].as_u64().unwrap();
    assert!((2..=12).contains(&tried), "{tried}");
}

#[test]
fn what_cannot_be_edited_in_place_is_given_to_paste() {
    let anchored = SHOP.replace("autoscaling:\n      minReplicas: 6   # set on a bad day", "autoscaling: &scale\n      minReplicas: 6");
    let second = "  other: {command: [server, $PORT], concurrency: 2, autoscaling: *scale}\nobjectives:\n";
    let platform = skala(&anchored.replace("objectives:\n", second));
    let found = document(&platform, &tune(&["--service", "api", "--write"]));
    assert_eq!((&found["diff"], &found["written"]), (&Value::Null, &false.into()));
    let block = found["paste"][0].as_str().unwrap();
    assert!(block.starts_with("services:\n  api:\n    autoscaling:\n      minReplicas: "), "{block}");
}

#[test]
fn bad_input_is_told_with_a_way_out() {
    let promise = "objectives:\n  api: {latency: {p95: 500ms}}\n";
    fails(&SHOP.replace(promise, ""), &tune(&[]), expect![[""]]);
    fails(&SHOP.replace("maxReplicas: 12", "maxReplicas: 6"), &tune(&[]), expect![[""]]);
    fails(SHOP, &["tune", "skala.yaml", "--generate", "constant rate=5rps for=12m"], expect![[""]]);
    fails(SHOP, &tune(&["--service", "web"]), expect![[""]]);
    fails(SHOP, &["tune", "skala.yaml", "--trace", "missing.csv"], expect![[""]]);
    fails(SHOP, &tune(&["--split", "95%"]), expect![[""]]);
    fails(SHOP, &tune(&["--allow-cost", "much"]), expect![[""]]);
}

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
    within("24", more)
}

fn within<'a>(budget: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["tune", "skala.yaml", "--generate", LOAD, "--budget", budget, "--mode", "fluid"];
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
    expect![[r#"
        exit 0
        api on mmpp rates=4,12 stays=10m,4m for=1h: objective p95 within 500ms
        23 settings tried on the first 42m in fluid mode; judged on the other 18m in fluid mode

        SETTING      NOW  FOUND  SEARCHED
        minReplicas  6    3      2 to 12

                          MISSED MIN  OF ALL  MISSED REQ  COST EUR  CHANGE  ACTIONS
        searched   now             0      0%       0.67%      0.19                0
                   found           0      0%       0.67%      0.09    -50%        0
        held back  now             0      0%       0.67%      0.08                0
                   found           0      0%       0.67%      0.04    -50%        0

        Recommended: 0 missed minutes instead of 0 at 50% less cost on what was held back.

        seed 1; goal: least product of cost and missed minutes, with no more missed minutes than now and at most twice the cost

        --- skala.yaml
        +++ skala.yaml
        @@ -7,7 +7,7 @@
             waiting: {max: 50, timeout: 5s}
             resources: {requests: {cpu: '1', memory: 1Gi}}
             autoscaling:
        -      minReplicas: 6   # set on a bad day
        +      minReplicas: 3   # set on a bad day
               maxReplicas: 12
               metrics:
                 - concurrency: 0.5 # far too careful
    "#]]
    .assert_eq(&format!("exit {}\n{}\n{}", run.code.unwrap(), trimmed.join("\n"), run.stderr));
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
    let run = |jobs: &str| platform.run(&within("12", &["--jobs", jobs, "-o", "json"])).stdout;
    let one = run("1");
    assert_eq!(one, run("3"));
    let document: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(document["schemaVersion"], 1);
    let tried = document["services"][0]["evaluations"].as_u64().unwrap();
    assert!((2..=12).contains(&tried), "{tried}");
}

#[test]
fn what_cannot_be_edited_in_place_is_given_to_paste() {
    let anchored =
        SHOP.replace("autoscaling:\n      minReplicas: 6   # set on a bad day", "autoscaling: &scale\n      minReplicas: 6");
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
    fails(
        &SHOP.replace(promise, ""),
        &tune(&[]),
        expect![[r#"
        exit 1
        error: skala.yaml: api has no objective, so nothing can be better or worse
        help: add `objectives: {api: {latency: {p95: 500ms}}}` with what is promised
    "#]],
    );
    let fixed = format!("platform: shop\nservices:\n  api: {{command: [server, $PORT], concurrency: 2, replicas: 3}}\n{promise}");
    fails(
        &fixed,
        &tune(&[]),
        expect![[r#"
            exit 1
            error: skala.yaml: no service scales, so there is nothing to tune
            help: give one `autoscaling: {minReplicas: 1, maxReplicas: 8}`
        "#]],
    );
    fails(
        &fixed,
        &tune(&["--service", "api"]),
        expect![[r#"
            exit 1
            error: skala.yaml: api has nothing to tune: its size is fixed
            help: give it `autoscaling` with a `maxReplicas` above 1
        "#]],
    );
    fails(
        SHOP,
        &["tune", "skala.yaml", "--generate", "constant rate=5rps for=12m"],
        expect![[r#"
        exit 1
        error: constant rate=5rps for=12m is too short to split: 8m to search on and 4m to judge by, and each needs 10m
        help: give a longer trace, or another --split
    "#]],
    );
    fails(
        SHOP,
        &tune(&["--service", "web"]),
        expect![[r#"
        exit 1
        error: --service web: the platform has no such service
        help: it has api
    "#]],
    );
    fails(
        SHOP,
        &["tune", "skala.yaml", "--trace", "missing.csv"],
        expect![[r#"
        exit 1
        error: cannot read the trace missing.csv: No such file or directory (os error 2)
        help: name a file with arrivals, or use --generate
    "#]],
    );
    fails(
        SHOP,
        &tune(&["--split", "95%"]),
        expect![[r#"
        exit 2
        error: invalid value '95%' for '--split <PERCENT>': write a percentage from 10% to 90%, such as 70%

        For more information, try '--help'.
    "#]],
    );
    fails(
        SHOP,
        &tune(&["--allow-cost", "much"]),
        expect![[r#"
        exit 2
        error: invalid value 'much' for '--allow-cost <PERCENT>': write a percentage such as 20%

        For more information, try '--help'.
    "#]],
    );
}

//! `skala simulate` through the binary, on small generated traces: tables, documents, conditions, drawings, and bad input.

use expect_test::{Expect, expect};
use serde_json::Value;
use skala_testkit::skala::Skala;

use crate::skala;

/// A platform that promises, pays and scales.
const SHOP: &str = "\
platform: shop
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  api:
    command: [server, $PORT]
    concurrency: 2
    waiting: {max: 50, timeout: 5s}
    resources: {requests: {cpu: '1', memory: 1Gi}}
    autoscaling: {minReplicas: 1, maxReplicas: 8, metrics: [{concurrency: 1.4}]}
objectives:
  api: {latency: {p95: 500ms}}
capacity:
  services:
    api: {serviceTime: {mean: 100ms, cv: 1}, startUp: {mean: 5s, cv: 0.2}}
";

/// Two minutes of quiet, a crowd, and its leaving.
const CROWD: &str = "flash base=4rps times=8 at=1m rise=5s decay=30s for=4m";

/// `skala simulate skala.yaml` on the crowd.
fn crowd<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["simulate", "skala.yaml", "--generate", CROWD].into_iter().chain(more.iter().copied()).collect()
}

#[track_caller]
fn says(platform: &Skala, args: &[&str], expected: Expect) {
    let run = platform.run(args);
    let trimmed: Vec<&str> = run.stdout.lines().chain(run.stderr.lines()).map(str::trim_end).collect();
    expected.assert_eq(&format!("exit {}\n{}\n", run.code.unwrap(), trimmed.join("\n")));
}

fn document(platform: &Skala, args: &[&str]) -> Value {
    let run = platform.run(&[args, &["-o", "json"]].concat());
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

#[test]
fn policies_stand_side_by_side() {
    says(
        &skala(SHOP),
        &crowd(&["--compare", "hpa,keda,kpa,static-peak"]),
        expect![[r#"
            exit 0
            api on flash base=4rps times=8 at=1m rise=5s decay=30s for=4m: objective p95 within 500ms
            1,840 requests in 4m, 4 minutes with arrivals, exact mode; optimum 0.08 replica-hours; EUR

            POLICY      MISSED MIN  OF ALL  MISSED REQ  REFUSED    P50    P95  WORST WAIT
            skala.yaml           0*     0%       0.60%*      0%*  73ms  302ms*      226ms*
            hpa                  1     25%         22%     2.3%  103ms  2.35s       2.75s
            keda                 1     25%         22%     2.3%  103ms  2.35s       2.75s
            kpa                  1     25%        6.5%       0%*  84ms  621ms       963ms
            static-peak          0*     0%       0.60%*      0%*  75ms  302ms*      226ms*

            POLICY      REPLICA-H  VS OPTIMUM  COST  ACTIONS  TURNS  BUSY  UNDER  OVER
            skala.yaml       0.18       +133%  0.01*       2      0*  14%     0%* 150%
            hpa              0.37       +382%  0.02        2      0* 6.8%   3.1%  431%
            keda             0.37       +382%  0.02        2      0* 6.8%   3.1%  431%
            kpa              0.20       +160%  0.01*       6      1   13%  0.92%  151%
            static-peak      0.13*       +73%  0.01*       0*     0*  19%     0%*  88%*

            skala.yaml: skala's own mode, 1 to 8 replicas on concurrency, predictedWait
            hpa: Kubernetes' HPA every 15 s on the file's metrics, else CPU at 80 % of the request; behavior as in the file
            keda: KEDA on requests in service and waiting, a replica's concurrency as target, behind an HPA every 15 s
            kpa: Knative's autoscaler: 70 % of a replica's concurrency, stable window 60 s, panic window 6 s
            static-peak: the fixed size that suffices for 99.9 % of the time
            seed 1; * best of its column; UNDER and OVER: mean share of the need that was missing, or too much
        "#]],
    );
}

#[test]
fn a_table_fits_a_hundred_columns() {
    let run = skala(SHOP).run(&crowd(&["--mode", "fluid"]));
    let table = run.stdout.lines().take_while(|l| !l.starts_with("remark") && !l.starts_with("seed"));
    let rows: Vec<&str> = table.filter(|l| l.starts_with("POLICY") || l.starts_with("skala.yaml ")).collect();
    assert_eq!(rows.len(), 4, "{}", run.stdout);
    assert!(rows.iter().all(|l| l.trim_end().chars().count() <= 100), "{}", run.stdout);
    assert!(run.stdout.contains("fluid mode"), "{}", run.stdout);
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let platform = skala(SHOP);
    let run =
        |jobs: &str, seed: &str| platform.run(&crowd(&["--compare", "kpa", "--jobs", jobs, "--seed", seed, "-o", "json"])).stdout;
    let one = run("1", "7");
    assert_eq!(one, run("3", "7"));
    assert_ne!(one, run("1", "8"));
    let document: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&document["schemaVersion"], &document["seed"], &document["currency"]), (&1.into(), &7.into(), &"EUR".into()));
    let row = &document["traces"][0]["rows"][0];
    let missing: Vec<&str> =
        ["missedMinutes", "missedRequests", "replicaHours", "overOptimum", "cost", "worstWait", "p95", "under"]
            .into_iter()
            .filter(|name| !row[*name].is_number())
            .collect();
    assert_eq!(missing, [""; 0], "{row:#}");
}

#[test]
fn a_baseline_fails_what_got_worse() {
    let platform = skala(SHOP);
    platform.write("old.yaml", &SHOP.replace("minReplicas: 1", "minReplicas: 4"));
    let conditions = ["--baseline", "old.yaml", "--fail-if", "worstWait>+10%", "--fail-if", "cost>+5%", "--markdown", "-"];
    says(
        &platform,
        &crowd(&conditions),
        expect![[r#"
            exit 4
            ## skala simulate

            **Failed**: 1 of 2 conditions crossed their limits.

            | | condition | figures | service | trace |
            |---|---|---|---|---|
            | **failed** | `worstWait>+10%` | worstWait is 226ms, baseline 20ms (+1007%) | api | flash base=4rps times=8 at=1m rise=5s decay=30s for=4m |
            | ok | `cost>+5%` | cost is 0.01, baseline 0.01 (-33%) | api | flash base=4rps times=8 at=1m rise=5s decay=30s for=4m |

            ### api on flash base=4rps times=8 at=1m rise=5s decay=30s for=4m

            objective p95 within 500ms, exact mode

            | policy | missed minutes | missed requests | refused | p95 | worst wait | replica-hours | over optimum | cost (EUR) | scale actions |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
            | skala.yaml | 0 | 0.60% | 0% | 302ms (+2.9%) | 226ms | 0.18 (-33%) | +133% | 0.01 (-33%) | 2 |
            | old.yaml | 0 | 0.60% | 0% | 294ms | 20ms | 0.27 | +0% | 0.01 | 0 |


            Seed 1. What is simulated is what runs: the same decision code in virtual time.
        "#]],
    );
    let run = platform.run(&crowd(&["--fail-if", "refused>99%", "--markdown", "summary.md"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let summary = std::fs::read_to_string(platform.folder().join("summary.md")).unwrap();
    assert!(summary.contains("**Passed**: 1 of 1 conditions"), "{summary}");
}

#[test]
fn drawings_have_every_policy_and_the_right_size() {
    let platform = skala(SHOP);
    let run = platform.run(&crowd(&["--compare", "kpa", "--plot", "run.svg", "--plot", "run.png"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let svg = std::fs::read_to_string(platform.folder().join("run.svg")).unwrap();
    let count = |part: &str| svg.matches(part).count();
    let classes =
        ["arrivals", "need", "ready", "latency", "up", "down"].map(|c| format!("{c} {}", count(&format!("class=\"{c}\""))));
    expect!["arrivals 2, need 1, ready 2, latency 2, up 2, down 1"].assert_eq(&classes.join(", "));
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    for text in ["skala.yaml", "kpa", "objective 500ms", "Arrivals, requests per second", ">2m<"] {
        assert!(svg.contains(text), "{text} is missing");
    }
    let side =
        |name: &str| -> f64 { svg.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap() };
    let png = std::fs::read(platform.folder().join("run.png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let pixels = |at: usize| f64::from(u32::from_be_bytes(png[at..at + 4].try_into().unwrap()));
    assert_eq!((pixels(16), pixels(20)), ((side("width") * 1.5).ceil(), (side("height") * 1.5).ceil()));
}

#[test]
fn a_trace_may_be_packed_and_its_faults_are_told_as_skala_trace_tells_them() {
    let platform = skala(SHOP);
    let packed = platform.folder().join("made.csv.gz").display().to_string();
    let torn = platform.folder().join("torn.csv.gz").display().to_string();
    platform.ok(&["trace", "generate", "constant", "--rate", "2rps", "--for", "2m", "-o", &packed]);
    let bytes = std::fs::read(&packed).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let requests =
        document(&platform, &["simulate", "skala.yaml", "--trace", &packed])["traces"][0]["rows"][0]["requests"].clone();
    assert_eq!(requests.as_f64(), platform.json(&["trace", "inspect", &packed])["requests"].as_f64());
    let of = |args: &[&str]| platform.run(args).stderr.lines().next().unwrap_or_default().to_owned();
    let fault = of(&["trace", "inspect", &torn]);
    assert!(fault.contains("incomplete"), "{fault}");
    assert_eq!(of(&["simulate", "skala.yaml", "--trace", &torn]), fault);
}

#[test]
fn holes_are_told_and_not_judged() {
    let platform = skala(SHOP);
    let rows = |range: std::ops::Range<u32>| range.map(|i| format!("{},300\n", i * 60)).collect::<String>();
    platform.write("holes.csv", &format!("timestamp,requests\n{}{}", rows(0..5), rows(9..12)));
    let document = document(&platform, &["simulate", "skala.yaml", "--trace", "holes.csv", "--trace-step", "1m"]);
    let trace = &document["traces"][0];
    assert_eq!((&trace["maskedMs"], &trace["rows"][0]["minutes"]), (&240_000.into(), &8.into()), "{document:#}");
}

#[test]
fn what_is_not_promised_cannot_be_judged() {
    let platform = skala(&SHOP.replace("objectives:\n  api: {latency: {p95: 500ms}}\n", ""));
    let document = document(&platform, &crowd(&["--fail-if", "missedMinutes>3"]));
    let row = &document["traces"][0]["rows"][0];
    assert!(row["missedMinutes"].is_null() && row["overOptimum"].is_null(), "{row:#}");
    assert_eq!(document["conditions"][0]["words"], "missedMinutes cannot be judged");
    let remarks = document["remarks"].to_string();
    assert!(remarks.contains("objectives.api"), "{remarks}");
}

#[test]
fn bad_input_is_answered_with_a_way_out() {
    let platform = skala(SHOP);
    platform.write("empty.csv", "timestamp,requests\n0,0\n60,0\n");
    platform.write("torn.csv", "time\n1\nsoon\n");
    let rows: [(&[&str], i32, &str); 12] = [
        (&["--trace", "gone.csv"], 1, "cannot read the trace gone.csv"),
        (&["--trace", "empty.csv"], 1, "holds no arrivals"),
        (&["--trace", "torn.csv"], 1, "torn.csv: line 3"),
        (&["--generate", "diurnl mean=5 for=1d"], 2, "did you mean diurnal?"),
        (&["--generate", CROWD, "--compare", "hpaa"], 2, "did you mean hpa?"),
        (&["--generate", CROWD, "--fail-if", "missedMinuts>3"], 2, "did you mean missedMinutes?"),
        (&["--generate", CROWD, "--fail-if", "cost>+5%"], 2, "add --baseline FILE"),
        (&["--generate", CROWD, "--plot", "run.jpg"], 2, "neither .svg nor .png"),
        (&["--generate", CROWD, "--fault", "meteor at=1m"], 2, "'meteor' is not a fault"),
        (&["--generate", CROWD, "--service", "web"], 1, "'web'"),
        (&["--generate", CROWD, "--horizon", "0s"], 2, "--horizon 0s leaves nothing"),
        (&[], 2, "--trace"),
    ];
    for (args, code, part) in rows {
        let run = platform.run(&[&["simulate", "skala.yaml"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains(part) && !run.stderr.contains("panicked"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn a_single_request_is_followed_to_its_answer() {
    let platform = skala(SHOP);
    platform.write("one.csv", "time\n60\n");
    let args = ["simulate", "skala.yaml", "--trace", "one.csv", "--fault", "replicaLoss at=30s", "--fault", "replicaLoss at=2h"];
    let document = document(&platform, &args);
    let row = &document["traces"][0]["rows"][0];
    assert_eq!((row["requests"].to_string().as_str(), row["minutes"].as_u64()), ("1", Some(1)), "counts are integers");
    assert!(row["p50"].as_f64().is_some_and(|p50| p50 > 0.0), "{row:#}");
    let remarks = document["remarks"].to_string();
    assert!(remarks.contains("'replicaLoss at=2h' would come after the end of one.csv"), "{remarks}");
    assert!(!remarks.contains("at=30s"), "{remarks}");
}

//! `trace`: what is generated can be inspected and converted, and faults come with file and line.

use crate::{HEAD, api, skala};
use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

#[test]
fn generate_inspect_and_convert() {
    let skala = skala(HEAD);
    let path = |name: &str| skala.folder().join(name).to_string_lossy().into_owned();
    let (made, packed, rates) = (path("made.csv"), path("half.jsonl.gz"), path("rates.csv"));
    skala.ok(&["trace", "generate", "diurnal", "--mean", "5rps", "--for", "6h", "--seed", "3", "--tokens", "chat", "-o", &made]);
    let whole = skala.json(&["trace", "inspect", &made]);
    assert_eq!((&whole["schemaVersion"], &whole["kind"]), (&1.into(), &"arrivals".into()));
    let requests = whole["requests"].as_f64().unwrap();
    assert!((requests / (5.0 * 21_600.0) - 1.0).abs() < 0.03, "{requests}");
    skala.ok(&["trace", "convert", &made, &packed, "--scale", "0.5", "--from", "1h", "--to", "3h"]);
    let half = skala.json(&["trace", "inspect", &packed]);
    assert!(half["durationSeconds"].as_f64().unwrap() <= 7200.0 && half["inputTokens"]["p50"].is_number(), "{half:#}");
    skala.ok(&["trace", "convert", &made, &rates, "--step", "60s"]);
    let stepped = skala.json(&["trace", "inspect", &rates]);
    assert_eq!(stepped["items"], 360);
    assert!((stepped["requests"].as_f64().unwrap() - requests).abs() < 1e-3, "{stepped:#}");
    assert!(skala.ok(&["trace", "inspect", &rates]).contains("peak"));
    let again = skala.run(&["trace", "convert", &made, &rates]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("--force"), "{again:?}");
}

#[test]
fn faults_name_file_and_line_and_leave_nothing_behind() {
    let skala = skala(HEAD);
    let (bad, out) = (skala.folder().join("bad.csv"), skala.folder().join("out.csv"));
    std::fs::write(&bad, "arrival_s\n1\n2\n1\n").unwrap();
    let run = skala.run(&["trace", "convert", &bad.to_string_lossy(), &out.to_string_lossy()]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("bad.csv: line 4: is 1 s earlier than line 3"), "{run:?}");
    assert!(!out.exists());
    assert_eq!(skala.run(&["trace", "inspect", "nowhere.csv"]).code, Some(1));
}

#[test]
fn a_platforms_own_journal_is_a_trace() {
    let mut skala = skala(&api("autoscaling: {maxReplicas: 1}"));
    skala.up_ready("api", 1);
    for _ in 0..30 {
        assert_eq!(skala.get("/").status, 200);
    }
    let journal = skala.state_dir().join("journal.db").to_string_lossy().into_owned();
    let told = until("the requests in the journal", PATIENCE, || {
        let told = skala.run(&["trace", "inspect", &journal, "-o", "json"]);
        serde_json::from_str::<serde_json::Value>(&told.stdout).ok().filter(|t| t["requests"].as_f64() >= Some(30.0))
    });
    assert!(told["begins"].is_string() && told["kind"] == "rates", "{told:#}");
    // The same requests through the simulator, by the folder's name: under the policy that ran.
    let state = skala.state_dir().to_string_lossy().into_owned();
    let replayed = skala.json(&["simulate", "skala.yaml", "--trace", &state, "--mode", "exact"]);
    let row = &replayed["traces"][0]["rows"][0];
    assert!(row["requests"].as_f64() > Some(0.0) && row["replicaHours"].as_f64() > Some(0.0), "{replayed:#}");
    skala.down();
}

#[test]
fn a_device_is_written_into_and_a_full_disk_is_told() {
    let platform = skala("");
    let full = platform.folder().join("full");
    let made = std::process::Command::new("ln").args(["-s", "/dev/full"]).arg(&full).status().unwrap();
    assert!(made.success());
    let full = full.display().to_string();
    let trace = platform.folder().join("t.csv").display().to_string();
    platform.ok(&["trace", "generate", "constant", "--rate", "20rps", "--for", "1m", "-o", &trace]);
    for args in [&["trace", "convert", &trace, &full][..], &["trace", "convert", &trace, &full, "--force"]] {
        let ran = platform.run(args);
        assert!(ran.code == Some(1) && ran.stderr.contains("No space left"), "{args:?}: {ran:?}");
    }
    assert!(std::fs::metadata(&full).is_ok_and(|m| !m.is_file()), "the device is still one");
    let shell = format!("{} trace inspect {trace} > /dev/full", crate::BINARY);
    let ran = std::process::Command::new("sh").args(["-c", &shell]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(1) && said.contains("cannot write to stdout"), "{said}");
}

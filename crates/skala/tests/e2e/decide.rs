//! `skala decide`: streams of documents in, a line per document out.

use serde_json::{Value, json};
use skala_testkit::skala::Skala;

use crate::skala;

/// Two pods at their whole request, target 50 %.
fn document(now: &str, maximum: i32) -> Value {
    let pod = |name: &str| {
        json!({"metadata": {"name": name, "labels": {"app": "api"}},
            "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "200m"}}}]},
            "status": {"phase": "Running", "startTime": "2026-11-20T08:00:00Z",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T08:00:10Z"}]}})
    };
    let used = |name: &str| json!({"metadata": {"name": name}, "timestamp": now, "window": "30s", "containers": [{"name": "app", "usage": {"cpu": "200m"}}]});
    json!({"now": now,
        "hpa": {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "api"},
            "spec": {"maxReplicas": maximum, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"kind": "Deployment", "name": "api"}}},
        "scale": {"specReplicas": 2, "statusReplicas": 2, "selector": "app=api"},
        "pods": [pod("a"), pod("b")], "podMetrics": [used("a"), used("b")]})
}

fn answers(skala: &Skala, file: &str, code: i32) -> Vec<Value> {
    let ran = skala.run(&["decide", file]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "{}", ran.stdout);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is a document")).collect()
}

#[test]
fn a_line_per_document() {
    let skala = skala("");
    let (first, second) = (document("2026-11-20T10:00:00Z", 10), document("2026-11-20T10:00:15Z", 3));
    skala.write("lines.json", &format!("{first}\n{second}\n"));
    let found = answers(&skala, "lines.json", 0);
    let sizes: Vec<_> = found.iter().map(|a| (a["desiredReplicas"].as_i64(), a["rescale"].as_bool())).collect();
    assert_eq!(sizes, [(Some(4), Some(true)), (Some(3), Some(true))]);
    let logged = &found[0]["history"]["recommendations"];
    assert_eq!(
        (&logged[0]["replicas"], &logged[1]["replicas"]),
        (&json!(2), &json!(4)),
        "a new controller begins with the size it finds"
    );
    for text in [format!("{first:#}{second:#}"), format!("[{first},{second}]"), format!("---\n{first}\n---\n{second:#}\n")] {
        skala.write("stream", &text);
        assert_eq!(answers(&skala, "stream", 0), found, "{text}");
    }
}

#[test]
fn a_broken_document_is_one_line_and_exit_1() {
    let skala = skala("");
    let sound = document("2026-11-20T10:00:00Z", 10);
    let mut refused = sound.clone();
    refused["hpa"]["spec"]["maxReplicas"] = json!(0);
    skala.write("lines", &format!("{sound}\n{{\"now\": NaN}}\n{{\"pods\": [{{\"spec\": 1}}]}}\n{refused}\n{sound}\n"));
    let found = answers(&skala, "lines", 1);
    assert_eq!(found.len(), 5);
    assert_eq!((&found[1]["error"]["line"], &found[2]["error"]["line"]), (&json!(2), &json!(3)));
    assert_eq!(found[2]["error"]["path"], "pods[0].spec");
    assert_eq!((&found[3]["error"]["path"], &found[3]["desiredReplicas"]), (&json!("hpa.spec.maxReplicas"), &json!(2)));
    assert_eq!((&found[0], &found[0]["schemaVersion"]), (&found[4], &json!(1)));
}

#[test]
fn standard_input_a_moment_and_an_explanation() {
    let mut document = document("2026-11-20T10:00:00Z", 10);
    document["now"] = Value::Null;
    let skala = skala("").prefix(&["sh", "-c", "exec \"$0\" \"$@\" < input"]);
    skala.write("input", &document.to_string());
    assert_eq!(skala.run(&["decide"]).code, Some(1), "without a moment there is no decision");
    let ran = skala.run(&["decide", "-", "--now", "2026-11-20T10:00:00Z", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["desiredReplicas"], 4);
    let told = skala.run(&["decide", "--now", "2026-11-20T10:00:00Z", "--explain"]);
    assert!(told.code == Some(0) && told.stdout.contains("cpu") && !told.stdout.starts_with('{'), "{told:?}");
    skala.write("input", "");
    let nothing = skala.run(&["decide"]);
    assert!(nothing.code == Some(1) && nothing.stderr.contains("no document"), "{nothing:?}");
    let missing = skala.run(&["decide", "nowhere.json"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("nowhere.json"), "{missing:?}");
}

#[test]
fn a_second_reading_of_the_rules_agrees() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/conformance");
    let ran =
        std::process::Command::new("python3").args([script, "--cases", "2000", "--seed", "7", "--skala", crate::BINARY]).output();
    let ran = ran.expect("python3 is there");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && told.contains("2000 cases") && told.contains(" 0 differ"), "{told}{:?}", ran.stderr);
}

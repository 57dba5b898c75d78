//! Broken platform files: every problem in one run, each with its line, the reason and the fix; exit 3, and nothing starts.

use serde_json::Value;

use crate::{HEAD, skala};

/// What `skala check` says about a file, and that `skala up` refuses it in the same words.
fn refused(text: &str) -> String {
    let skala = skala(text);
    let check = skala.run(&["check"]);
    assert_eq!(check.code, Some(3), "{check:?}");
    assert!(check.stdout.contains("not usable"), "{}", check.stdout);
    let up = skala.run(&["up"]);
    assert_eq!((up.code, up.stderr.as_str(), up.stdout.as_str()), (Some(3), check.stderr.as_str(), ""));
    assert!(!skala.state_dir().exists(), "nothing is made for a file that is refused");
    check.stderr
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
}

#[test]
fn broken_yaml() {
    has(&refused("platform: x\nservices: [\n"), &["skala.yaml:", "services: ["]);
}

#[test]
fn an_empty_file() {
    has(&refused(""), &["platform", "services"]);
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    let text = format!("{HEAD}services:\n  api:\n    command: [skala, backend, --port, $PORT]\n    concurency: 3\n");
    has(&refused(&text), &["skala.yaml:7:", "concurency: 3", "`concurrency`"]);
}

#[test]
fn min_above_max() {
    let text = format!(
        "{HEAD}services:\n  api:\n    command: [skala, backend, --port, $PORT]\n    autoscaling: {{minReplicas: 5, maxReplicas: 2}}\n"
    );
    has(&refused(&text), &["skala.yaml:7:", "minReplicas", "maxReplicas", "5", "2"]);
}

#[test]
fn a_route_to_a_missing_service() {
    let text =
        format!("{HEAD}services:\n  api: {{command: [skala, backend, --port, $PORT]}}\nroutes:\n  - {{path: /, service: apo}}\n");
    has(&refused(&text), &["skala.yaml:7:", "apo", "`api`"]);
}

#[test]
fn all_problems_in_one_run() {
    let text = "platform: Not A Label\ngatway: {}\nservices:\n  api:\n    command: [skala, backend, --port, $PORT]\n    drain: 30\n    \
                autoscaling: {minReplicas: 5, maxReplicas: 2}\nroutes:\n  - {path: /, service: apo}\n";
    has(&refused(text), &["skala.yaml:1:", "skala.yaml:2:", "`gateway`", "skala.yaml:6:", "skala.yaml:7:", "skala.yaml:9:"]);
    let skala = skala(text);
    let ran = skala.run(&["check", "-o", "json"]);
    assert_eq!(ran.code, Some(3));
    let document: Value = serde_json::from_str(&ran.stdout).expect("one document and nothing else on stdout");
    assert_eq!((&document["schemaVersion"], &document["ok"]), (&Value::from(1), &Value::from(false)));
    assert!(document["problems"].as_array().unwrap().len() >= 5, "{document:#}");
}

#[test]
fn a_sound_file() {
    let skala = skala(&crate::api(""));
    let ran = skala.run(&["check"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "skala.yaml: ok, 0 errors, 0 warnings\n", ""));
    assert_eq!(skala.json(&["check"])["ok"], true);
}

#[test]
fn files_that_cannot_be_read() {
    let skala = skala("");
    let missing = skala.run(&["check", "nowhere.yaml"]);
    assert_eq!(missing.code, Some(1));
    has(&missing.stderr, &["nowhere.yaml", "help:"]);
    skala.write("bytes.yaml", "platform: \0\u{1}\u{7f}\n");
    assert_eq!(skala.run(&["check", "bytes.yaml"]).code, Some(3));
    std::fs::write(skala.folder().join("latin.yaml"), b"platform: caf\xe9\n").unwrap();
    let latin = skala.run(&["check", "latin.yaml"]);
    assert!(matches!(latin.code, Some(1 | 3)), "{latin:?}");
    assert!(latin.stderr.contains("UTF-8"), "{latin:?}");
}

#[test]
fn color_only_on_a_terminal_and_only_where_it_is_wanted() {
    let broken = format!("{HEAD}services: {{}}\n");
    let piped = skala(&broken).run(&["check"]);
    assert!(!piped.stderr.contains('\x1b') && !piped.stdout.contains('\x1b'), "{piped:?}");
    // `script` gives the command a terminal.
    let terminal = ["sh", "-c", "exec script -qec \"$0 $*\" /dev/null"];
    let colored = skala(&broken).prefix(&terminal).run(&["check"]);
    assert!(colored.stdout.contains("\x1b["), "{colored:?}");
    let plain = skala(&broken).prefix(&terminal).env("NO_COLOR", "1").run(&["check"]);
    assert!(plain.stdout.contains("not usable") && !plain.stdout.contains('\x1b'), "{plain:?}");
}

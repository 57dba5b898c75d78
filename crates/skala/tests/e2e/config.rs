//! Environments and secrets.

use std::path::Path;

use skala_testkit::skala::{PATIENCE, get};
use skala_testkit::wait::until;

use crate::{HEAD, api, skala};

#[test]
fn an_overlay_changes_what_it_names() {
    let text = api("replicas: 1\nenv: {MODE: base, KEPT: 'yes'}")
        + "environments:\n  staging:\n    services:\n      api: {replicas: 2, env: {MODE: staging}}\n";
    let mut skala = skala(&text);
    skala.up_with(&["--env", "staging"]).await_ready("api", 2);
    let pid = skala.replicas("api")[0]["pid"].as_u64().unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let has = |entry: &str| environment.split('\0').any(|e| e == entry);
    assert!(has("MODE=staging") && has("KEPT=yes"));
    skala.down();
    skala.up_ready("api", 1);
    skala.down();
    let unknown = skala.run(&["up", "--env", "stagign"]);
    assert_eq!(unknown.code, Some(3), "{unknown:?}");
    assert!(unknown.stderr.contains("stagign") && unknown.stderr.contains("staging"), "{unknown:?}");
    assert_eq!(skala.run(&["check", "--env", "staging"]).code, Some(0));
}

const FROM_ENV: &str = "env-s3cret-zU7wq";
const FROM_FILE: &str = "file-s3cret-Kx91p";

/// Every file below a folder that holds one of the secrets.
fn files_with_secrets(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with_secrets(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let holds = |secret: &str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            if holds(FROM_ENV) || holds(FROM_FILE) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[track_caller]
fn clean(what: &str, text: &str) {
    assert!(!text.contains(FROM_ENV) && !text.contains(FROM_FILE), "{what} shows a secret: {text}");
}

#[test]
fn secrets_reach_the_replica_and_nothing_else() {
    let text = api(
        "env:\n  KEY: \"${KEY_OF_TEST}\"\n  WORD: {file: word.txt}\nautoscaling: {maxReplicas: 3, metrics: [{cpu: 70%}]}\nresources: {requests: {cpu: 500m}}",
    ) + "  broken: {command: [no-such-program], env: {KEY: \"${KEY_OF_TEST}\", WORD: {file: word.txt}}}\nroutes: [{path: /, service: api}, {path: /b, service: broken}]\n";
    let mut skala = skala(&text).env("KEY_OF_TEST", FROM_ENV);
    skala.write("word.txt", &format!("{FROM_FILE}\n"));
    skala.up_ready("api", 1);
    let pid = skala.replicas("api")[0]["pid"].as_u64().unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    for entry in [format!("KEY={FROM_ENV}"), format!("WORD={FROM_FILE}")] {
        assert!(environment.split('\0').any(|e| e == entry), "the replica has {entry}");
    }
    skala.ok(&["scale", "api=2"]);
    skala.await_ready("api", 2);
    until("the broken service is noticed", PATIENCE, || (!skala.events("broken", "crashLoop").is_empty()).then_some(()));
    for args in [&["status"][..], &["ps"], &["events"], &["why", "api"], &["replay"], &["logs"], &["check"]] {
        let ran = skala.run(args);
        clean(&format!("{args:?}"), &format!("{}{}", ran.stdout, ran.stderr));
        if args != ["logs"] {
            clean("a document", &skala.json(args).to_string());
        }
    }
    for path in ["/metrics", "/v1/status", "/v1/replicas", "/v1/events?limit=1000", "/openapi.json"] {
        clean(path, &get(skala.admin(), path).text());
    }
    clean("skala's own log", &skala.said());
    skala.down();
    let mut found = Vec::new();
    files_with_secrets(skala.state_dir(), &mut found);
    assert!(found.is_empty(), "the state folder holds secrets: {found:?}");
    assert!(skala.state_dir().join("journal.db").exists());
}

#[test]
fn errors_about_a_file_with_secrets_do_not_show_them() {
    let broken = format!(
        "{HEAD}services:\n  api:\n    command: [skala, backend, --port, $PORT]\n    drain: \"${{KEY_OF_TEST}}\"\n    concurrency: \"${{KEY_OF_TEST}}\"\n    \
         env:\n      KEY: \"${{KEY_OF_TEST}}\"\n      'BAD=NAME': \"${{KEY_OF_TEST}}\"\n      LIST: [\"${{KEY_OF_TEST}}\"]\n      GONE: {{file: nowhere.txt}}\n      UNSET: \"${{NOT_SET_IN_TEST}}\"\n"
    );
    let skala = skala(&broken).env("KEY_OF_TEST", FROM_ENV);
    let ran = skala.run(&["check"]);
    assert_eq!(ran.code, Some(3));
    clean("check", &format!("{}{}", ran.stdout, ran.stderr));
    let json = skala.run(&["check", "-o", "json"]);
    clean("check -o json", &json.stdout);
    for part in ["nowhere.txt", "NOT_SET_IN_TEST", "BAD=NAME"] {
        assert!(ran.stderr.contains(part), "'{part}' is missing in {}", ran.stderr);
    }
}

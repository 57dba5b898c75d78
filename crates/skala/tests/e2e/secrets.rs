//! Secrets of the platform file go to the replicas that they are meant for, and nowhere else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use skala_testkit::http::Client;
use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{HEAD, skala};

const TOKEN: &str = "t0ken-of-the-admin-api";
const KEY: &str = "k3y-of-a-provider";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn secrets_stay_where_they_belong() {
    let head = HEAD.replace("admin: {listen: '127.0.0.1:0'}", "admin: {listen: '127.0.0.1:0', token: \"${SKALA_ADMIN_TOKEN}\"}");
    // The replica tells only how long each value is that it got.
    let script = "echo key has ${#KEY} letters, token has ${#SKALA_ADMIN_TOKEN}; exec skala backend";
    let services = format!(
        "services:\n  api:\n    command: [sh, -c, \"{}\"]\n    env: {{KEY: {{file: key.txt}}}}\n    readiness: {{httpGet: /health}}\n",
        script.replace("${", "$${")
    );
    let mut skala = skala(&format!("{head}{services}")).env("SKALA_ADMIN_TOKEN", TOKEN);
    skala.write("key.txt", &format!("{KEY}\n"));
    skala.up();
    until("api is ready", PATIENCE, || (skala.json(&["status"])["services"][0]["ready"] == 1).then_some(()));
    let said = skala.ok(&["logs"]);
    assert!(said.contains(&format!("key has {} letters, token has 0", KEY.len())), "{said}");

    let mut shown = vec![said, skala.said()];
    for verb in [&["status"][..], &["ps"], &["events"], &["why", "api"]] {
        shown.push(skala.ok(verb));
        shown.push(skala.ok(&[verb, &["-o", "json"]].concat()));
    }
    let metrics = format!("GET /metrics HTTP/1.1\r\nHost: any\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let metrics = Client::connect(skala.admin()).request(&metrics).unwrap();
    assert_eq!(metrics.status, 200);
    shown.push(metrics.text().to_owned());
    skala.down();
    let state = skala.state_dir();
    assert_eq!(state.metadata().unwrap().mode() & 0o077, 0, "the state folder is open to others");
    for file in files(state) {
        assert_eq!(file.metadata().unwrap().mode() & 0o022, 0, "{} can be written by others", file.display());
        shown.push(String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned());
    }
    for text in shown {
        assert!(!text.contains(TOKEN) && !text.contains(KEY), "{text}");
    }
}

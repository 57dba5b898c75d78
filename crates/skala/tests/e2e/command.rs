//! Commands that do not work: status says so, the log's last lines are in the events, and the gateway refuses at once.

use std::time::{Duration, Instant};

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{HEAD, secs, skala};

/// The gateway's refusal: 503 with a Retry-After of at least a second, long before the deadline of waiting.
fn refused_at_once(skala: &skala_testkit::skala::Skala) {
    let begun = Instant::now();
    let answer = skala.get("/");
    assert_eq!(answer.status, 503, "{}", answer.text());
    let seconds: u64 = answer.header("retry-after").expect("a Retry-After").parse().expect("whole seconds");
    assert!((1..=300).contains(&seconds), "{seconds}");
    assert!(answer.text().contains("\"service\":\"api\""), "{}", answer.text());
    assert!(begun.elapsed() < secs(5), "took {:?}", begun.elapsed());
}

#[test]
fn a_command_that_does_not_exist() {
    let mut skala = skala(&format!("{HEAD}services:\n  api: {{command: [gunicron, app]}}\n"));
    skala.up();
    let problems = until("a problem in the status", PATIENCE, || {
        let status = skala.admin_json("/v1/status");
        status["problems"][0].as_str().map(str::to_owned)
    });
    assert!(problems.contains("api-1") && problems.contains("command 'gunicron' not found in PATH"), "{problems}");
    let table = skala.ok(&["status"]);
    assert!(table.contains("0/1 +1 unhealthy") && table.contains("'gunicron' not found"), "{table}");
    assert!(skala.ok(&["ps"]).contains("crash loop"));
    refused_at_once(&skala);
    skala.down();
}

#[test]
fn a_replica_that_never_gets_ready_is_killed_and_said_so() {
    let text = "services:\n  api:\n    command: [sleep, '1000']\n    readiness: {startTimeout: 500ms}\n    restart: {crashLoopAfter: 2, initial: 50ms}\n";
    let mut skala = skala(&format!("{HEAD}{text}"));
    skala.up();
    let events = until("the replica's end", PATIENCE, || Some(skala.events("api", "exited")).filter(|e| !e.is_empty()));
    assert!(events[0].contains("not ready within 500ms"), "{events:?}");
    assert!(events[0].contains("nothing listens on 127.0.0.1:"), "why is said too: {events:?}");
    let problem =
        until("a problem in the status", PATIENCE, || skala.admin_json("/v1/status")["problems"][0].as_str().map(str::to_owned));
    assert!(problem.contains("crash loop") && problem.contains("not ready within 500ms"), "{problem}");
    refused_at_once(&skala);
    let status = skala.run(&["status"]);
    assert_eq!(status.code, Some(0));
    skala.down();
}

#[test]
fn a_crash_loop_names_the_last_lines() {
    let script = "echo starting up; echo 'no such table: users' >&2; exit 3";
    let text =
        format!("services:\n  api:\n    command: [sh, -c, \"{script}\"]\n    restart: {{initial: 20ms, crashLoopAfter: 3}}\n");
    let mut skala = skala(&format!("{HEAD}{text}"));
    skala.up();
    let events = until("the verdict", PATIENCE, || Some(skala.events("api", "crashLoop")).filter(|e| !e.is_empty()));
    for part in ["3 exits", "exited with status 3", "starting up", "no such table: users"] {
        assert!(events[0].contains(part), "'{part}' is missing: {}", events[0]);
    }
    assert_eq!(events.len(), 1, "said once: {events:?}");
    let table = skala.ok(&["events", "api"]);
    assert!(table.contains("no such table: users"), "{table}");
    let replica = &skala.replicas("api")[0];
    assert_eq!((&replica["phase"], &replica["lastExit"]), (&"crash loop".into(), &"exited with status 3".into()));
    refused_at_once(&skala);
    let before = Instant::now();
    skala.down();
    assert!(before.elapsed() < Duration::from_secs(10), "a replica that waits for its restart does not hold up the end");
}

#[test]
fn a_folder_that_does_not_exist() {
    let mut skala =
        skala(&format!("{HEAD}services:\n  api: {{command: [skala, backend, --port, $PORT], workingDir: nowhere}}\n"));
    skala.up();
    let problem =
        until("a problem in the status", PATIENCE, || skala.admin_json("/v1/status")["problems"][0].as_str().map(str::to_owned));
    assert!(problem.contains("nowhere' does not exist"), "{problem}");
    refused_at_once(&skala);
    skala.down();
}

//! `up -d`, and a second `up` on the same state folder.

use nix::sys::signal::Signal;
use skala_testkit::processes;
use skala_testkit::wait::until;

use crate::{HEAD, api, secs, skala};

#[test]
fn a_detached_skala_is_ready_when_up_returns() {
    let skala = skala(&api("replicas: 2"));
    let said = skala.ok(&["up", "-d"]);
    assert!(said.contains("platform test runs: gateway http://127.0.0.1:"), "{said}");
    assert_eq!(skala.service("api")["ready"], 2);
    assert_eq!(skala.get("/").status, 200);
    assert_eq!(skala.ok(&["down"]), "stopped\n");
    until("nothing is left running", secs(5), || skala.processes().is_empty().then_some(()));
    let log = std::fs::read_to_string(skala.state_dir().join("skala.log")).unwrap();
    assert!(log.contains("every replica has ended"), "its own messages are in the state folder: {log}");
}

#[test]
fn a_detached_skala_that_does_not_get_ready_in_time_is_left_running_and_said_so() {
    let skala = skala(&format!("{HEAD}services:\n  api:\n    command: [skala, backend, --port, $PORT, --start-delay, 10m]\n"));
    let ran = skala.run(&["up", "-d", "--wait", "1s"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    assert!(ran.stderr.contains("not every service was ready") && ran.stderr.contains("skala down"), "{ran:?}");
    assert_eq!(skala.service("api")["starting"], 1);
    skala.ok(&["down"]);
}

#[test]
fn a_detached_skala_that_dies_while_it_starts_is_reported() {
    let skala = skala(&format!("{HEAD}services:\n  api:\n    command: [skala, backend, --port, $PORT, --start-delay, 10m]\n"));
    std::thread::scope(|scope| {
        let up = scope.spawn(|| skala.run(&["up", "-d"]));
        let child = until("skala runs in the background", secs(20), || {
            let all = skala.processes();
            skala.state_dir().join("instance.json").exists().then_some(())?;
            all.iter().find(|p| p.command.contains(" up --own-session")).map(|p| p.pid)
        });
        processes::signal(child, Signal::SIGKILL);
        let ran = up.join().unwrap();
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("ended while it started"), "{ran:?}");
    });
}

#[test]
fn a_second_up_on_the_same_state_folder_is_refused_and_the_first_goes_on() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    for args in [&["up"][..], &["up", "-d"]] {
        let ran = skala.run(args);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("another skala is running in it") && ran.stderr.contains(".skala"), "{ran:?}");
        assert_eq!(skala.get("/").status, 200);
    }
    assert_eq!(skala.service("api")["ready"], 1);
    skala.down();
}

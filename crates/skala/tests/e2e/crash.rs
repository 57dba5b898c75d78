//! skala itself is killed: nothing that it started outlives it by more than a moment, and its ports are free.

use std::net::TcpListener;
use std::time::Instant;

use nix::sys::signal::Signal;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;

use crate::{HEAD, secs, skala};

/// Two replicas, each with a child in its group, one in a session of its own, and one abandoned to the reaper.
fn family() -> Skala {
    family_with("")
}

fn family_with(more: &str) -> Skala {
    let script = "sleep 1001 & setsid sleep 1002 & (setsid sleep 1003 & exit); exec skala backend";
    let text = format!(
        "services:\n  api:\n    command: [sh, -c, \"{script}\"]\n    readiness: {{httpGet: /health}}\n    replicas: 2\n    drain: 5s\n"
    );
    let mut skala = skala(&format!("{HEAD}{text}{more}"));
    skala.up_ready("api", 2);
    let count = |word: &str| skala.processes().iter().filter(|p| p.command.contains(word)).count();
    until("the whole family is there", PATIENCE, || (count("sleep 100") == 6 && count("skala backend") == 2).then_some(()));
    skala
}

#[test]
fn everything_dies_with_a_killed_skala() {
    let mut skala = family();
    let (gateway, admin) = (skala.gateway(), skala.admin());
    assert_eq!(skala.get("/").status, 200);
    let begun = Instant::now();
    skala.signal(Signal::SIGKILL);
    skala.wait();
    until("every replica and grandchild is gone", PATIENCE, || skala.processes().is_empty().then_some(()));
    assert!(begun.elapsed() < secs(4), "it took {:?}", begun.elapsed());
    TcpListener::bind(gateway).expect("the gateway's port is free");
    TcpListener::bind(admin).expect("the admin port is free");
    let status = skala.run(&["status"]);
    assert_eq!(status.code, Some(1));
    assert!(status.stderr.contains("no skala is running"), "{status:?}");
}

#[test]
fn everything_dies_with_a_killed_skala_that_keeps_tasks() {
    let mut skala = family_with("queues: {work: {deliver: {service: api, path: /}}}\ntasks: {listen: '127.0.0.1:0'}\n");
    skala.signal(Signal::SIGKILL);
    skala.wait();
    until("every replica and grandchild is gone", secs(10), || skala.processes().is_empty().then_some(()));
}

#[test]
fn an_orderly_end_leaves_no_process() {
    let mut skala = family();
    skala.down();
    let ended = skala.run(&["down"]);
    assert_eq!(ended.code, Some(1), "nothing is left to end");
    assert!(ended.stderr.contains("no skala is running"), "{ended:?}");
}

#[test]
fn a_killed_guardian_is_replaced() {
    let mut skala = family();
    let guardian = |s: &Skala| s.processes().into_iter().find(|p| p.command.contains("sk-guard")).map(|p| p.pid);
    let first = until("a guardian", PATIENCE, || guardian(&skala));
    skala_testkit::processes::signal(first, Signal::SIGKILL);
    until("another guardian", PATIENCE, || guardian(&skala).filter(|pid| *pid != first));
    skala.signal(Signal::SIGKILL);
    skala.wait();
    until("every replica and grandchild is gone", secs(10), || skala.processes().is_empty().then_some(()));
}

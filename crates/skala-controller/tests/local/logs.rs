//! Logs: files, rotation, floods, tail and follow.

use std::time::{Duration, Instant};

use skala_controller::platform::logs::{Follower, LogEntry, Stream, tail};
use skala_controller::platform::{LogRotation, Platform};
use skala_types::{Bytes, ReplicaId};

use crate::{Host, PATIENCE, app, sh, until};

fn numbers(entries: &[LogEntry]) -> Vec<u64> {
    entries.iter().filter_map(|entry| entry.line.strip_prefix("line ")?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_misses_nothing_across_rotations() {
    let mut spec = sh("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo ready; exec sleep 1000");
    spec.log = LogRotation { max_size: Bytes(16 * 1024), keep: 50 };
    let mut host = Host::new(spec);
    let mut follower = Follower::new(host.folder.path(), &[]).unwrap();
    host.platform.start(&app(), ReplicaId(1)).unwrap();
    let mut seen = Vec::new();
    until(|| {
        seen.extend(follower.poll().unwrap());
        seen.iter().any(|entry| entry.line == "ready").then_some(())
    })
    .await;
    assert!(numbers(&seen).into_iter().eq(0..3000), "{} lines", seen.len());
    assert!(seen.iter().any(|entry| entry.stream == Stream::Skala && entry.line.starts_with("started as process")));
    host.ready().await;
    let last = tail(host.folder.path(), &[app()], 2001).unwrap();
    assert!(numbers(&last).into_iter().eq(1000..3000), "the tail reaches into older files: {} lines", last.len());
    assert!(tail(host.folder.path(), &["api".into()], 10).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_merged_by_time() {
    let mut host = Host::new(sh("for i in 1 2 3; do echo $SKALA_REPLICA; sleep 0.1; done; echo ready; exec sleep 1000"));
    host.platform.start(&app(), ReplicaId(1)).unwrap();
    host.platform.start(&app(), ReplicaId(2)).unwrap();
    host.ready().await;
    host.ready().await;
    assert!(host.platform.shutdown(PATIENCE).await);
    let all = tail(host.folder.path(), &[], 100).unwrap();
    assert!(all.is_sorted_by_key(|entry| entry.at));
    for id in [1, 2] {
        let own = all.iter().filter(|entry| entry.stream == Stream::Out && entry.line == id.to_string());
        assert!(own.clone().count() == 3 && own.clone().all(|entry| entry.replica == ReplicaId(id)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_bounded_on_disk_and_does_not_hold_up_a_stop() {
    let mut spec = sh("echo ready; exec yes 'a line of a flood that never ends'");
    spec.log = LogRotation { max_size: Bytes(1 << 20), keep: 2 };
    let mut host = Host::started(spec);
    host.ready().await;
    let logs = host.folder.path().join("logs");
    let size = || std::fs::read_dir(&logs).unwrap().filter_map(|e| Some(e.ok()?.metadata().ok()?.len())).sum::<u64>();
    until(|| logs.join("app-1.log.2").exists().then_some(())).await;
    assert!(size() < (3 << 20) + (256 << 10), "{}", size());
    let told = Instant::now();
    host.stopped(PATIENCE).await;
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_stored_safely() {
    let mut host =
        Host::started(sh(r"printf 'a\000b\033[2Jc\377\n'; head -c 100000 /dev/zero; echo; echo ready; exec sleep 1000"));
    host.ready().await;
    assert!(host.platform.shutdown(PATIENCE).await);
    let lines = tail(host.folder.path(), &[], 100).unwrap();
    assert!(lines.iter().any(|entry| entry.line == "a\\u{0}b\\u{1b}[2Jc\u{fffd}"), "{lines:?}");
    assert!(lines.iter().any(|entry| entry.line.ends_with("(83616 bytes more)")));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_replicas_long_gone_are_deleted() {
    let mut host = Host::new(sh("echo ready; exec sleep 1000"));
    let logs = host.folder.path().join("logs");
    for id in 1..=30 {
        std::fs::write(logs.join(format!("app-{id}.log")), "").unwrap();
    }
    std::fs::write(logs.join("app-1.log.1"), "").unwrap();
    host.platform.start(&app(), ReplicaId(31)).unwrap();
    host.ready().await;
    let left = |name: &str| logs.join(name).exists();
    // The thread that writes logs may be behind the replica's readiness.
    until(|| left("app-31.log").then_some(())).await;
    assert!(!left("app-1.log") && !left("app-1.log.1") && !left("app-10.log") && left("app-11.log"));
}

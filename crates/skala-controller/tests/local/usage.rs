//! CPU and memory of trees, and limits.

use std::time::Duration;

use skala_controller::platform::{Amounts, EventKind, Platform, Size, UseCgroups};
use skala_types::{Bytes, Cores};

use crate::{Host, ONE, PATIENCE, app, sh};

/// Seconds of CPU that a process has used, read independently of the platform.
fn cpu_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn measures_a_busy_loop(cgroups: UseCgroups) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut spec = sh("(while :; do :; done) & echo $! > $OUT; echo ready; wait");
    spec.env = vec![("OUT".into(), file.display().to_string())];
    let mut host = Host::with(spec, cgroups);
    host.platform.start(&app(), ONE).unwrap();
    host.ready().await;
    let begun = std::time::Instant::now();
    let pid = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await; // something to measure
    let usage = host.status().usage.unwrap().value;
    let rate = cpu_of(pid) / begun.elapsed().as_secs_f64();
    assert!((usage.cpu.0 / rate - 1.0).abs() < 0.35, "{usage:?}, measured otherwise {rate}");
    assert!(usage.cpu_fast.0 > 0.05 && usage.cpu_fast.0 < 1.3, "{usage:?}");
    assert!(usage.memory > Bytes(100_000) && usage.memory < Bytes(100 << 20), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_child_is_measured_with_control_groups() {
    measures_a_busy_loop(UseCgroups::Auto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_child_is_measured_from_proc() {
    measures_a_busy_loop(UseCgroups::Never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited_or_a_note_says_why_not() {
    let mut spec = sh("echo ready; exec python3 -c 'import time; time.sleep(0.2); x = b\"x\" * (200 << 20); time.sleep(1000)'");
    spec.limits.memory = Some(Bytes(64 << 20));
    spec.restart.initial = Duration::from_secs(2);
    let mut host = Host::started(spec);
    let outcome = host
        .event(|kind| match kind {
            EventKind::Exited { status, .. } => Some(status.clone()),
            EventKind::Note { text } => Some(text.clone()),
            _ => None,
        })
        .await;
    let killed = outcome == "killed by the kernel: out of memory (limit 64Mi)";
    assert!(killed || outcome.contains("are not fully enforced: "), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cpu_is_limited_where_it_may() {
    let mut spec = sh("echo ready; while :; do :; done");
    spec.limits.cpu = Some(Cores(0.2));
    let mut host = Host::started(spec);
    let noted = host
        .event(|kind| match kind {
            EventKind::Note { .. } => Some(true),
            EventKind::Ready { .. } => Some(false),
            _ => None,
        })
        .await;
    let mut status = host.status_when(|status| status.usage.is_some()).await;
    let first = status.usage.unwrap().at;
    status = host.status_when(|status| status.usage.is_some_and(|usage| usage.at - first > Duration::from_secs(2))).await;
    host.stopped(PATIENCE).await;
    let used = status.usage.unwrap().value.cpu.0;
    assert!(noted || used < 0.3, "{used} cores");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_cannot_be_enforced_are_told_once_per_service() {
    let mut spec = sh("echo ready; exec sleep 1000");
    spec.limits.memory = Some(Bytes(64 << 20));
    let mut host = Host::with(spec, UseCgroups::Never);
    for id in 1..=3 {
        host.platform.start(&app(), skala_types::ReplicaId(id)).unwrap();
    }
    let mut notes = Vec::new();
    let mut ready = 0;
    while ready < 3 {
        let note = host
            .event(|kind| match kind {
                EventKind::Note { text } => Some(Some(text.clone())),
                EventKind::Ready { .. } => Some(None),
                _ => None,
            })
            .await;
        ready += usize::from(note.is_none());
        notes.extend(note);
    }
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("control groups are switched off") && notes[0].contains("systemd-run"), "{}", notes[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_is_changed_in_place_and_a_kill_within_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let mut spec =
        sh("echo ready; until [ -e $GO ]; do sleep 0.05; done; python3 -c 'x = b\"x\" * (300 << 20)'; while :; do sleep 1; done");
    spec.env = vec![("GO".into(), go.display().to_string())];
    let mut host = Host::started(spec);
    host.ready().await;
    let before = host.status();
    let memory = |mib: u64| Size { limits: Amounts { cpu: None, memory: Some(Bytes(mib << 20)) }, ..Size::default() };
    match host.platform.resize(&app(), ONE, &memory(64)) {
        Ok(()) => {
            std::fs::write(go, "").unwrap();
            let kills = host.event(|kind| if let EventKind::OutOfMemory { kills } = kind { Some(*kills) } else { None }).await;
            assert_eq!(kills, 1, "the child, and only the child");
            let after = host.status();
            assert_eq!((after.pid, after.restarts), (before.pid, 0), "the replica lives on");
            let error = host.platform.resize(&app(), ONE, &memory(0)).unwrap_err().to_string();
            assert!(error.contains("are in use"), "{error}");
        }
        Err(error) => assert!(error.to_string().contains("control group"), "{error}"),
    }
    let error = host.platform.resize(&app(), skala_types::ReplicaId(9), &memory(64)).unwrap_err().to_string();
    assert_eq!(error, "change the size of app-9: there is no such replica");
}

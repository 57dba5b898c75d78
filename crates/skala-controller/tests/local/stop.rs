//! Stopping: grace, force, whole trees, and every phase.

use std::time::{Duration, Instant};

use skala_controller::platform::{EventKind, Phase, Platform, ReadyWhen, UseCgroups};
use skala_controller::probe::Check;

use crate::{Host, ONE, PATIENCE, app, sh, until};

/// A tree that ignores SIGTERM: a child, a grandchild, a daemon in a session of its own, and one without environment.
const STUBBORN: &str = r#"trap "" TERM
sh -c 'sh -c "sleep 1001; :"; :' &
setsid sh -c 'sleep 1002 & setsid sleep 1003' &
env -i sleep 1004 &
sleep 0.2
echo ready
while :; do sleep 1; done"#;

async fn ends_a_stubborn_tree(cgroups: UseCgroups) {
    let mut host = Host::with(sh(STUBBORN), cgroups);
    host.platform.start(&app(), ONE).unwrap();
    host.ready().await;
    assert!(host.left().len() >= 6, "{:?}", host.left());
    let main = host.status().pid.unwrap();
    let told = Instant::now();
    let grace = Duration::from_millis(700);
    assert!(host.stopped(grace).await, "it had to be killed");
    assert!(told.elapsed() >= grace && told.elapsed() < grace + Duration::from_secs(5), "{:?}", told.elapsed());
    assert_eq!(host.left(), Vec::<u32>::new());
    assert!(!std::path::Path::new(&format!("/proc/{main}")).exists(), "the main process was collected");
    let cgroups = std::fs::read_to_string(host.folder.path().join("instance")).unwrap();
    assert!(host.platform.shutdown(Duration::ZERO).await);
    for dir in cgroups.lines().skip(1) {
        assert!(!std::path::Path::new(dir).exists(), "{dir} is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stubborn_tree_ends_with_control_groups() {
    ends_a_stubborn_tree(UseCgroups::Auto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stubborn_tree_ends_without_control_groups() {
    ends_a_stubborn_tree(UseCgroups::Never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polite_replica_gets_its_grace() {
    let mut host = Host::started(sh("trap 'sleep 0.3; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
    host.ready().await;
    let told = Instant::now();
    assert!(!host.stopped(PATIENCE).await);
    assert!(told.elapsed() >= Duration::from_millis(300) && told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    assert!(host.platform.shutdown(Duration::ZERO).await);
    let log = std::fs::read_to_string(host.folder.path().join("logs/app-1.log")).unwrap();
    assert!(log.contains(" out bye\n") && log.contains(" skala stopped\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_works_in_every_phase_and_twice() {
    // While it starts.
    let mut spec = sh("exec sleep 1000");
    spec.readiness.when = ReadyWhen::Answers(Check::Tcp);
    let mut host = Host::started(spec);
    host.status_when(|status| status.pid.is_some()).await;
    host.platform.stop(&app(), ONE, PATIENCE);
    assert!(host.platform.replicas().iter().all(|status| status.phase == Phase::Stopping));
    assert!(!host.stopped(PATIENCE).await);
    // Before its process exists.
    host.platform.start(&app(), ONE).unwrap();
    assert!(!host.stopped(PATIENCE).await);
    // While it waits for its next start; and again when it is gone.
    let mut host = Host::started(sh("exit 1"));
    host.event(|kind| matches!(kind, EventKind::CrashLoop { .. }).then_some(())).await;
    assert!(!host.stopped(PATIENCE).await);
    host.platform.stop(&app(), ONE, PATIENCE);
    assert!(host.platform.replicas().is_empty() && host.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_shortens_the_grace() {
    let mut host = Host::started(sh("trap '' TERM; echo ready; while :; do sleep 0.05; done"));
    host.ready().await;
    host.platform.stop(&app(), ONE, Duration::from_secs(600));
    let told = Instant::now();
    assert!(host.stopped(Duration::from_millis(100)).await);
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_platform_kills() {
    let mut host = Host::started(sh("setsid sleep 1000 & echo ready; wait"));
    host.ready().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(host.folder.path().join("instance"), folder.path().join("instance")).unwrap();
    let Host { platform, .. } = host;
    drop(platform);
    until(|| crate::marked(folder.path()).is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crashed_main_process_leaves_is_ended_before_the_restart() {
    let mut host = Host::started(sh("setsid sleep 1000 & echo ready; sleep 0.1; exit 1"));
    for _ in 0..3 {
        host.exited().await;
    }
    assert!(host.left().len() <= 3, "only the present life is there: {:?}", host.left());
    host.stopped(PATIENCE).await;
    assert!(host.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_processes_that_end_are_collected() {
    for cgroups in [UseCgroups::Auto, UseCgroups::Never] {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = sh("(sleep 2.5 & echo $! > orphan); echo ready; exec sleep 1000");
        spec.cwd = Some(folder.path().into());
        let mut host = Host::with(spec, cgroups);
        host.platform.start(&app(), ONE).unwrap();
        host.ready().await;
        let orphan = std::fs::read_to_string(folder.path().join("orphan")).unwrap();
        let entry = std::path::PathBuf::from(format!("/proc/{}", orphan.trim()));
        assert!(entry.exists());
        until(|| (!entry.exists()).then_some(())).await;
    }
}

//! Exits, restarts, crash loops, and commands that cannot run.

use std::time::{Duration, Instant};

use skala_controller::platform::{EventKind, Phase, Platform, PlatformError, ReadyWhen};
use skala_types::ReplicaId;

use crate::{Host, ONE, app, command, is_phase, sh};

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_is_followed_by_a_restart_on_another_port() {
    let mut host = Host::started(sh("echo ready; sleep 0.2; exit 3"));
    let first = host.ready().await;
    assert_eq!(host.exited().await, "exited with status 3");
    let second = host.ready().await;
    assert_ne!(first, second);
    let status = host.status();
    assert_eq!((status.restarts, status.last_exit.as_deref()), (1, Some("exited with status 3")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_is_back_at_once() {
    let mut host = Host::started(sh("echo ready; exec sleep 1000"));
    host.ready().await;
    let pid = host.status().pid.unwrap();
    let killed = Instant::now();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(host.exited().await, "killed by signal 9 (SIGKILL), not by skala");
    host.ready().await;
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_names_the_last_lines() {
    let mut host = Host::started(sh("echo one; echo two >&2; printf three; exit 7"));
    let (exits, status, mut lines) = host
        .event(|kind| match kind {
            EventKind::CrashLoop { exits, status, last_lines } => Some((*exits, status.clone(), last_lines.clone())),
            _ => None,
        })
        .await;
    lines.sort(); // the two streams are read by two tasks
    assert_eq!((exits, status.as_str()), (5, "exited with status 7"));
    assert_eq!(lines, ["one", "three", "two"]);
    let status = host.status_when(|status| matches!(status.phase, Phase::CrashLooping { .. })).await;
    assert_eq!((status.restarts, status.pid, status.addr), (4, None, None));
    assert!(!host.stopped(Duration::from_secs(5)).await, "stopped while it waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_run_is_a_crash_loop_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("no-interpreter");
    std::fs::write(&script, "#!/nowhere/python\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let rows = [
        ("gunicron", "command 'gunicron' not found in PATH".to_owned()),
        (script, format!("command '{script}' needs an interpreter that does not exist (see its #! line)")),
    ];
    for (program, want) in rows {
        let mut host = Host::started(command(&[program]));
        let status =
            host.event(|kind| if let EventKind::CrashLoop { status, .. } = kind { Some(status.clone()) } else { None }).await;
        assert_eq!(status, want);
        host.status_when(|status| matches!(status.phase, Phase::CrashLooping { .. })).await;
        let delay = host.event(|kind| if let EventKind::Backoff { delay } = kind { Some(*delay) } else { None }).await;
        assert_eq!(delay, Duration::from_secs(2), "still tried, at the largest delay");
        assert_eq!(host.exited().await, want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_make_no_sense_are_refused() {
    let mut host = Host::started(sh("echo ready; exec sleep 1000"));
    let refused = |host: &Host, service: &str, id| host.platform.start(&service.into(), ReplicaId(id)).unwrap_err().to_string();
    assert_eq!(refused(&host, "app", 1), "start app-1: it exists already");
    assert_eq!(refused(&host, "api", 1), "start api-1: there is no service 'api'");
    host.platform.stop(&app(), ReplicaId(9), Duration::ZERO);
    host.ready().await;
    assert!(host.platform.shutdown(Duration::from_secs(5)).await);
    assert!(matches!(host.platform.start(&app(), ONE), Err(PlatformError::ShuttingDown { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_platform_in_the_same_folder_is_refused() {
    let mut host = Host::started(sh("echo ready; exec sleep 1000"));
    host.ready().await;
    let config = skala_controller::platform::LocalConfig::new(host.folder.path(), std::sync::Arc::new(crate::now));
    let second = skala_controller::platform::LocalPlatform::new(config, Default::default());
    assert!(matches!(second, Err(PlatformError::InUse { .. })));
    assert!(is_phase(Phase::Ready)(&host.status()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_lost_to_another_process_is_replaced_at_once() {
    let script = "[ -e again ] || { touch again; while [ ! -e taken ]; do sleep 0.02; done; }; exec python3 -m http.server $PORT --bind 127.0.0.1";
    let folder = tempfile::tempdir().unwrap();
    let mut spec = sh(script);
    spec.cwd = Some(folder.path().into());
    spec.readiness.when = ReadyWhen::Logs("never printed".into());
    spec.restart.initial = Duration::from_secs(600);
    spec.restart.max = Duration::from_secs(600);
    let mut host = Host::started(spec);
    let addr = host.event(|kind| if let EventKind::Spawned { addr, .. } = kind { Some(*addr) } else { None }).await;
    let _thief = std::net::TcpListener::bind(addr).unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    assert_eq!(host.exited().await, "exited with status 1");
    let again = host.event(|kind| if let EventKind::Spawned { addr, .. } = kind { Some(*addr) } else { None }).await;
    assert_ne!(addr, again);
}

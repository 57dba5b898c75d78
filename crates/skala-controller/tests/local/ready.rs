//! Readiness by each kind of check, and its loss.

use std::time::Duration;

use skala_controller::platform::{EventKind, Phase, Platform, ReadyWhen};
use skala_controller::probe::Check;

use crate::{Host, command, is_phase, sh};

/// A server that answers 200 while the file `ok` exists in its folder, else 503.
const SERVER: &str = r#"
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.path.exists("ok") else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn http_readiness_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = command(&["python3", "-c", SERVER, "$PORT"]);
    spec.cwd = Some(folder.path().into());
    spec.readiness.when = ReadyWhen::Answers(Check::HttpGet { path: "/health".into() });
    spec.readiness.period = Duration::from_millis(50);
    spec.readiness.failure_threshold = 2;
    let mut host = Host::started(spec);

    host.status_when(|status| status.pid.is_some()).await;
    assert_eq!(host.status().phase, Phase::Starting);
    std::fs::write(folder.path().join("ok"), "").unwrap();
    let addr = host.ready().await;
    assert_eq!(host.status_when(is_phase(Phase::Ready)).await.addr, Some(addr));

    std::fs::remove_file(folder.path().join("ok")).unwrap();
    let reason = host.event(|kind| if let EventKind::Unready { reason } = kind { Some(reason.clone()) } else { None }).await;
    assert_eq!(reason, "HTTP 503 from GET /health");
    assert_eq!(host.status().phase, Phase::NotReady);
    std::fs::write(folder.path().join("ok"), "").unwrap();
    host.ready().await;
    host.stopped(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_readiness_follows_the_port() {
    let mut spec = command(&["python3", "-m", "http.server", "${PORT}", "--bind", "127.0.0.1"]);
    spec.readiness.when = ReadyWhen::Answers(Check::Tcp);
    let mut host = Host::started(spec);
    let addr = host.ready().await;
    assert!(std::net::TcpStream::connect(addr).is_ok());
    assert!(!host.stopped(Duration::from_secs(5)).await, "http.server ends on SIGTERM");
    assert!(host.platform.replicas().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_makes_ready_and_the_environment_is_set() {
    let mut spec = sh("echo ready $SKALA_SERVICE $SKALA_REPLICA $PORT $MINE >&2; exec sleep 1000");
    spec.env = vec![("MINE".into(), "at-${PORT}".into())];
    let mut host = Host::started(spec);
    let port = host.ready().await.port();
    assert!(host.platform.shutdown(Duration::from_secs(5)).await);
    let log = std::fs::read_to_string(host.folder.path().join("logs/app-1.log")).unwrap();
    assert!(log.contains(&format!("Z err ready app 1 {port} at-{port}\n")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_gets_ready_is_killed_and_says_why() {
    let mut spec = sh("echo starting up; sleep 1000");
    spec.readiness.when = ReadyWhen::Answers(Check::HttpGet { path: "/".into() });
    spec.readiness.start_timeout = Duration::from_millis(300);
    spec.restart.crash_loop_after = 2;
    let mut host = Host::started(spec);
    let status = host.exited().await;
    assert!(status.starts_with("killed, not ready within 300ms: nothing listens on 127.0.0.1:"), "{status}");
    let (exits, lines) =
        host.event(|kind| {
            if let EventKind::CrashLoop { exits, last_lines, .. } = kind { Some((*exits, last_lines.clone())) } else { None }
        })
        .await;
    assert_eq!((exits, lines), (2, vec!["starting up".to_owned()]));
    host.stopped(Duration::from_secs(5)).await;
    assert!(host.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_listens_on_nothing_is_ready_once_it_has_lived() {
    let mut spec = command(&["sleep", "1000"]);
    spec.readiness.when = ReadyWhen::Lives(Duration::from_millis(300));
    let mut host = Host::started(spec);
    let begun = std::time::Instant::now();
    host.ready().await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    host.stopped(Duration::from_secs(5)).await;
    // One that dies before was never ready.
    let mut spec = command(&["sh", "-c", "echo no broker; exit 3"]);
    spec.readiness.when = ReadyWhen::Lives(Duration::from_secs(5));
    let mut host = Host::started(spec);
    let lines = |kind: &EventKind| if let EventKind::Exited { last_lines, .. } = kind { Some(last_lines.clone()) } else { None };
    let last = host.event(lines).await;
    assert!(last.iter().any(|line| line.contains("no broker")), "{last:?}");
    assert_ne!(host.status().phase, Phase::Ready);
    host.stopped(Duration::from_secs(5)).await;
}

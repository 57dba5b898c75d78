//! The local platform with real processes: sh and python3, in temporary folders, on 127.0.0.1.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod guardian;
mod logs;
mod probe;
mod ready;
mod restart;
mod stop;
mod usage;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skala_balance::replica::Backoff;
use skala_controller::platform::{
    EventKind, LocalConfig, LocalPlatform, Phase, Platform, PlatformEvent, ProcessSpec, ReadyWhen, ReplicaStatus, UseCgroups,
};
use skala_types::{ReplicaId, ServiceName, Time};
use tokio::sync::mpsc;

/// Longest wait for anything; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(30);
const ONE: ReplicaId = ReplicaId(1);

/// A platform with one service, `app`.
struct Host {
    platform: LocalPlatform,
    events: mpsc::Receiver<PlatformEvent>,
    folder: tempfile::TempDir,
}

fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(Time::ZERO, |since| Time::ZERO + since)
}

fn app() -> ServiceName {
    "app".into()
}

/// A specification that runs a shell script, ready when it prints "ready".
fn sh(script: &str) -> ProcessSpec {
    command(&["sh", "-c", script])
}

fn command(words: &[&str]) -> ProcessSpec {
    let mut spec = ProcessSpec::new(words.iter().map(|word| word.to_string()).collect());
    spec.readiness.when = ReadyWhen::Logs("ready".into());
    spec.restart = Backoff { initial: Duration::from_millis(20), max: Duration::from_secs(2), ..Backoff::default() };
    spec
}

impl Host {
    fn new(spec: ProcessSpec) -> Host {
        Host::with(spec, UseCgroups::Auto)
    }

    fn with(spec: ProcessSpec, cgroups: UseCgroups) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let mut config = LocalConfig::new(folder.path(), Arc::new(now));
        config.cgroups = cgroups;
        let (platform, events) = LocalPlatform::new(config, BTreeMap::from([(app(), spec)])).unwrap();
        Host { platform, events, folder }
    }

    /// Starts replica 1.
    fn started(spec: ProcessSpec) -> Host {
        let host = Host::new(spec);
        host.platform.start(&app(), ONE).unwrap();
        host
    }

    /// Waits for the first event that `pick` takes.
    async fn event<T>(&mut self, mut pick: impl FnMut(&EventKind) -> Option<T>) -> T {
        let mut passed = Vec::new();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("the event did not come; others were: {passed:#?}")).unwrap();
            if let Some(found) = pick(&event.kind) {
                return found;
            }
            passed.push(event.to_string());
        }
    }

    async fn ready(&mut self) -> std::net::SocketAddr {
        self.event(|kind| if let EventKind::Ready { addr, .. } = kind { Some(*addr) } else { None }).await
    }

    async fn exited(&mut self) -> String {
        self.event(|kind| if let EventKind::Exited { status, .. } = kind { Some(status.clone()) } else { None }).await
    }

    /// Stops replica 1 and says whether it had to be killed.
    async fn stopped(&mut self, grace: Duration) -> bool {
        self.platform.stop(&app(), ONE, grace);
        self.event(|kind| if let EventKind::Stopped { forced } = kind { Some(*forced) } else { None }).await
    }

    fn status(&self) -> ReplicaStatus {
        self.platform.replicas().into_iter().find(|status| status.id == ONE).unwrap()
    }

    /// Polls the snapshot until `done`.
    async fn status_when(&self, done: impl Fn(&ReplicaStatus) -> bool) -> ReplicaStatus {
        until(|| Some(self.status()).filter(|status| done(status))).await
    }

    fn left(&self) -> Vec<u32> {
        marked(self.folder.path())
    }
}

/// Polls until there is something.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The processes that carry the marker of the instance in a state folder, found independently of the platform.
fn marked(state_dir: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(state_dir.join("instance")).unwrap();
    marked_with(text.lines().next().unwrap())
}

fn marked_with(instance: &str) -> Vec<u32> {
    let marker = format!("SKALA_MARK={instance}/");
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let carries = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(marker.as_bytes()))
    };
    pids.filter(carries).collect()
}

fn is_phase(phase: Phase) -> impl Fn(&ReplicaStatus) -> bool {
    move |status| status.phase == phase
}

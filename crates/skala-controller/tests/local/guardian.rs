//! What happens to replicas when skala itself is killed: the example `local_host` is the skala to kill.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_controller::platform::{LocalConfig, LocalPlatform, Platform};

use crate::{Host, ONE, app, marked_with, sh, until};

/// A replica with a child, a daemon in a session of its own, and a child without environment, which shares the process group.
const TREE: &str = "sleep 1001 & setsid sh -c 'sleep 1002 & setsid sleep 1003' & env -i sleep 1004 & echo $! > orphan; sleep 0.2; echo ready; wait";

/// Builds the example, which `cargo test --test local` alone does not, and gives its path.
fn host_program() -> PathBuf {
    let args = ["build", "--quiet", "-p", "skala-controller", "--example", "local_host"];
    assert!(Command::new(env!("CARGO")).args(args).status().unwrap().success());
    let here = std::env::current_exe().unwrap();
    here.parent().and_then(Path::parent).unwrap().join("examples/local_host")
}

struct Skala {
    process: Child,
    instance: String,
    cgroups: Vec<PathBuf>,
}

impl Skala {
    /// Runs the example until its replica is ready.
    fn run(folder: &Path, guarded: bool, script: &str) -> Skala {
        let mut command = Command::new(host_program());
        command.args((!guarded).then_some("--no-guardian")).arg(folder).args(["sh", "-c", script]);
        let mut process = command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains(" ready on ")), "the replica did not get ready");
        let text = std::fs::read_to_string(folder.join("instance")).unwrap();
        let mut lines = text.lines();
        let instance = lines.next().unwrap().to_owned();
        Skala { process, instance, cgroups: lines.map(PathBuf::from).collect() }
    }

    fn replicas(&self) -> Vec<u32> {
        marked_with(&self.instance)
    }

    /// The guardian: the child of skala that leads a session.
    fn guardian(&self) -> Option<u32> {
        let parent = self.process.id().to_string();
        let pids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let guards = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let Some((name, rest)) = stat.rsplit_once(") ") else { return false };
            let fields: Vec<&str> = rest.split(' ').collect();
            name.ends_with("(sk-guard") && fields[1] == parent && fields[3] == pid.to_string()
        };
        pids.into_iter().find(guards)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn everything_ends(&self) {
        until(|| self.replicas().is_empty().then_some(())).await;
        until(|| self.cgroups.iter().all(|dir| !dir.exists()).then_some(())).await;
    }
}

fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guardian_ends_everything_when_skala_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut skala = Skala::run(folder.path(), true, TREE);
    assert!(skala.replicas().len() >= 4, "{:?}", skala.replicas());
    until(|| skala.guardian()).await;
    let orphan = std::fs::read_to_string(folder.path().join("orphan")).unwrap().trim().parse().unwrap();
    assert!(alive(orphan));
    skala.kill();
    skala.everything_ends().await;
    until(|| (!alive(orphan)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_that_dies_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut skala = Skala::run(folder.path(), true, TREE);
    let first = until(|| skala.guardian()).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first.cast_signed()), nix::sys::signal::Signal::SIGKILL).unwrap();
    until(|| skala.guardian().filter(|second| *second != first)).await;
    assert!(skala.replicas().len() >= 4, "the replica was left alone");
    skala.kill();
    skala.everything_ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_guardian_the_next_run_ends_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut skala = Skala::run(folder.path(), false, TREE);
    assert_eq!(skala.guardian(), None);
    let before = skala.replicas().len();
    skala.kill();
    until(|| (skala.replicas().len() < before).then_some(())).await; // the main process dies with skala in any case
    assert!(!skala.replicas().is_empty(), "daemons are still there");
    let mut next = Skala::run(folder.path(), true, "echo ready; exec sleep 1000");
    assert_ne!(next.instance, skala.instance);
    skala.everything_ends().await;
    assert!(!next.replicas().is_empty());
    next.kill();
    next.everything_ends().await;
}

/// A platform in this process, with the given guardian.
async fn guarded_by(command: &[&str]) -> Host {
    let folder = tempfile::tempdir().unwrap();
    let mut config = LocalConfig::new(folder.path(), Arc::new(crate::now));
    config.guardian = Some(command.iter().map(|word| word.to_string()).collect());
    let (platform, events) = LocalPlatform::new(config, BTreeMap::from([(app(), sh("echo ready; exec sleep 1000"))])).unwrap();
    platform.start(&app(), ONE).unwrap();
    let mut host = Host { platform, events, folder };
    host.ready().await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_shutdown_needs_no_guardian_and_lets_it_go() {
    let program = host_program().display().to_string();
    for command in [&[program.as_str(), "__guardian"][..], &["/nowhere/guardian"]] {
        let host = guarded_by(command).await;
        let begun = Instant::now();
        assert!(host.platform.shutdown(Duration::from_secs(5)).await);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(host.left().is_empty());
    }
}

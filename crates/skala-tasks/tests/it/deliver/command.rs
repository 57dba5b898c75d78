//! Commands, as real processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use skala_queue::{QueueId, QueueSettings};
use skala_tasks::deliver::command::{CommandSettings, Commands};
use tempfile::TempDir;

use super::fake::Fake;

struct World {
    tasks: Arc<Fake>,
    commands: Commands,
    folder: TempDir,
}

impl World {
    fn new(script: &str, change: impl FnOnce(&mut QueueSettings)) -> World {
        World::of(&["sh", "-c", script], 4, change)
    }

    fn of(command: &[&str], concurrency: u32, change: impl FnOnce(&mut QueueSettings)) -> World {
        let (tasks, folder) = (Fake::new(0, change), tempfile::tempdir().unwrap());
        let settings = CommandSettings {
            queue: QueueId(0),
            command: command.iter().map(|&part| part.to_owned()).collect(),
            folder: Some(folder.path().to_owned()),
            env: vec![("SKALA_TASKS_URL".into(), "http://127.0.0.1:7702".into())],
            concurrency,
        };
        let commands = Commands::start(Arc::clone(&tasks), settings).unwrap();
        World { tasks, commands, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn until(what: &str, look: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + super::fake::PATIENCE;
    while !look() {
        assert!(std::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn check(script: &str, want: Expect) {
    let world = World::new(script, |_| {});
    world.tasks.put(r#"{"n": 7}"#);
    want.assert_eq(&world.tasks.told(1).await.join("; "));
}

#[tokio::test]
async fn each_end_of_a_process_has_its_meaning() {
    check("cat", expect![[r#"1 done {"n": 7}"#]]).await;
    check("echo done", expect![[r#"1 done "done""#]]).await;
    check("exec true", expect!["1 done nothing"]).await;
    check("echo first >&2; echo last >&2; exit 3", expect![[r#"1 Failed: exit code 3 ["first", "last"]"#]]).await;
    check("exit 65", expect!["1 Rejected: exit code 65: its input is wrong"]).await;
    check("exit 75", expect!["1 Limited: exit code 75: try again later"]).await;
    check("echo why >&2; echo Skala-Retry: no >&2; exit 3", expect![[r#"1 Rejected: exit code 3 ["why"]"#]]).await;
    check("kill -KILL $$", expect!["1 Lost: killed by SIGKILL (out of memory?)"]).await;
    check("kill -SEGV $$", expect!["1 Lost: killed by SIGSEGV"]).await;
    check("exit 137", expect!["1 Lost: exit code 137: SIGKILL (out of memory?)"]).await;
    check(
        "head -c 2000000 /dev/zero",
        expect!["1 Rejected: wrote more than 1048576 bytes to stdout; keep results elsewhere and print where they are"],
    )
    .await;
}

#[tokio::test]
async fn a_process_learns_which_task_it_has() {
    check(
        "echo $SKALA_TASK_ID $SKALA_ATTEMPT $SKALA_FENCE $SKALA_QUEUE $SKALA_TASKS_URL",
        expect![[r#"1 done "0000000000001 1 2 q http://127.0.0.1:7702""#]],
    )
    .await;
}

#[tokio::test]
async fn a_process_that_reads_or_closes_nothing_ends_all_the_same() {
    let world = World::new("exit 0", |_| {});
    world.tasks.put(&"x".repeat(1 << 20));
    assert_eq!(world.tasks.told(1).await, ["1 done nothing"]);
    let world = World::new("sleep 600 & echo $! > left; echo over", |_| {});
    world.tasks.put("{}");
    assert_eq!(world.tasks.told(1).await, ["1 done \"over\""]);
    until("what it left behind is killed", || !is_alive(&world.file("left"))).await;
}

/// Whether the process whose number is in a file runs.
fn is_alive(file: &Path) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return true };
    let Ok(number) = text.trim().parse() else { return true };
    let state = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    kill(Pid::from_raw(number), None).is_ok() && !state.contains(") Z ")
}

#[tokio::test]
async fn the_timeout_asks_and_the_grace_kills() {
    let short = |settings: &mut QueueSettings| {
        (settings.timeout, settings.grace) = (Duration::from_millis(300), Duration::from_secs(60));
    };
    let world = World::new("trap 'echo stopped; exit 0' TERM; while :; do sleep 0.02; done", short);
    world.tasks.put("{}");
    assert_eq!(world.tasks.told(1).await, ["1 done \"stopped\""]);
    let stubborn = |settings: &mut QueueSettings| {
        (settings.timeout, settings.grace) = (Duration::from_millis(300), Duration::from_millis(100));
    };
    let world = World::new("trap '' TERM; echo $$ > pid; while :; do sleep 0.02; done", stubborn);
    world.tasks.put("{}");
    assert_eq!(world.tasks.told(1).await, ["1 Timeout: stopped at its timeout: killed by SIGKILL"]);
    assert!(!is_alive(&world.file("pid")));
}

#[tokio::test]
async fn a_called_off_process_is_asked_to_stop() {
    let world = World::new("echo $$ > pid; exec sleep 600", |settings| settings.lease = Duration::from_millis(150));
    let id = world.tasks.put("{}");
    until("it runs", || world.file("pid").exists()).await;
    world.tasks.cancel(id);
    assert_eq!(world.tasks.told(1).await, ["1 Failed: it was called off"]);
    assert!(!is_alive(&world.file("pid")));
}

#[tokio::test]
async fn a_process_whose_lease_is_gone_is_killed_at_once() {
    let world = World::new("trap '' TERM; echo $$ > pid; while :; do sleep 0.02; done", |settings| {
        settings.lease = Duration::from_millis(150);
    });
    let id = world.tasks.put("{}");
    until("it runs", || world.file("pid").exists()).await;
    world.tasks.void(id);
    until("it is killed", || !is_alive(&world.file("pid"))).await;
    assert_eq!(world.tasks.ended(), [""; 0]);
}

#[tokio::test]
async fn no_more_processes_run_at_once_than_the_queue_allows() {
    let world =
        World::of(&["sh", "-c", "ls running.* 2>/dev/null | wc -l; touch running.$$; sleep 0.03; rm running.$$"], 2, |_| {});
    world.tasks.put_many(12, "{}");
    let told = world.tasks.told(12).await;
    assert!(told.iter().all(|end| end.ends_with("done 0") || end.ends_with("done 1")), "{told:?}");
}

#[tokio::test]
async fn a_command_that_cannot_start_hands_its_tasks_back_and_pauses_the_queue() {
    let world = World::of(&["/there/is/no/such/program"], 1, |_| {});
    world.tasks.put("{}");
    let told = world.tasks.told(1).await;
    assert_eq!(told[0], "1 unbegun");
    assert_eq!(world.tasks.slowed()[0], Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn stopping_lets_processes_end_and_hands_back_the_rest() {
    let world = World::new("echo $$ > pid; exec sleep 600", |_| {});
    world.tasks.put("{}");
    until("it runs", || world.file("pid").exists()).await;
    world.commands.stop(Duration::from_millis(20)).await;
    assert_eq!(world.tasks.ended(), ["1 unbegun"]);
    assert!(!is_alive(&world.folder.path().join("pid")));
}

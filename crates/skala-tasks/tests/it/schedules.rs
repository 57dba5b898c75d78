//! Schedules on a real core: each occurrence once, whichever way the clock steps and whoever leads.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use skala_queue::schedule::{Misfire, Overlap, ScheduleSettings, Timetable};
use skala_queue::{Firing, FiringOutcome, Label, QueueId, QueueSettings};
use skala_tasks::schedules::{ScheduleRunner, ScheduledTasks};
use skala_tasks::store::{Filter, MemoryStore, SqliteSettings, SqliteStore, Store};
use skala_tasks::{Role, TaskClock, Tasks, TasksConfig};
use skala_testkit::http::Client;
use skala_testkit::wait;

const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);

fn schedule(name: &str, period: Duration, overlap: Overlap) -> ScheduledTasks {
    ScheduledTasks {
        settings: ScheduleSettings {
            name: name.into(),
            timetable: Timetable::every(period, "Europe/Berlin").unwrap(),
            misfire: Misfire::Once,
            catch_up: 24 * HOUR,
            overlap,
            paused: false,
        },
        queue: QueueId(0),
        body: "{}".into(),
        label: Label::default(),
        tenant: "".into(),
        tasks: 1,
        timeout: None,
    }
}

struct World {
    tasks: Arc<Tasks>,
    clock: TaskClock,
    _runner: ScheduleRunner,
    api: std::net::SocketAddr,
}

impl World {
    async fn new(schedules: Vec<ScheduledTasks>, most: usize) -> World {
        let clock = TaskClock::system();
        let queue = QueueSettings { max_tasks: most, ..QueueSettings::new("q") };
        let config = TasksConfig { listen: Some(([127, 0, 0, 1], 0).into()), ..TasksConfig::new(vec![queue]) };
        let tasks = Tasks::start(config, Box::new(MemoryStore::new()), clock.clone()).await.unwrap();
        let runner = ScheduleRunner::start(Arc::clone(&tasks), schedules).unwrap();
        let api = tasks.url().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let world = World { tasks, clock, _runner: runner, api };
        world.settled().await;
        world
    }

    async fn call(&self, method: &str, path: &str) -> (u16, Value) {
        let (api, request) = (self.api, format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        let answer = tokio::task::spawn_blocking(move || Client::connect(api).request(&request).unwrap());
        let answer = answer.await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// The runner has looked at the clock since: it looks between two answers.
    async fn settled(&self) {
        let mut role = self.tasks.role();
        role.wait_for(|role| matches!(role, Role::Leading { .. })).await.unwrap();
        for _ in 0..3 {
            while self.call("GET", "/v1/schedules").await.0 != 200 {}
        }
    }

    async fn outcomes(&self, name: &str) -> Vec<FiringOutcome> {
        self.settled().await;
        self.tasks.firings(name, 100).await.unwrap().into_iter().rev().map(|firing| firing.outcome).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_the_wall_clock_fire_no_occurrence_twice() {
    use FiringOutcome::Fired;
    let world = World::new(vec![schedule("hourly", HOUR, Overlap::Allow)], 100).await;
    world.clock.step(true, HOUR);
    assert_eq!(world.outcomes("hourly").await.len(), 1);
    world.clock.step(false, HOUR);
    assert_eq!(world.outcomes("hourly").await.len(), 1, "back");
    world.clock.step(true, HOUR);
    assert_eq!(world.outcomes("hourly").await.len(), 1, "and forth");
    world.clock.step(true, 5 * HOUR);
    let all = world.tasks.firings("hourly", 100).await.unwrap();
    let fired = world.outcomes("hourly").await.into_iter().filter(|outcome| *outcome == Fired).count();
    assert_eq!(fired, 2, "of those missed the last one fires: {all:?}");
    let tasks = world.tasks.list(Filter { schedule: Some("hourly".into()), most: 100, ..Filter::default() }).await.unwrap();
    assert_eq!(tasks.len(), 2);
    let headers = &tasks[0].row.label.headers;
    assert_eq!(headers["Skala-Schedule"], "hourly");
    assert_eq!(headers["Skala-Scheduled-For"], tasks[0].row.occurrence.as_ref().unwrap().nominal.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occurrence_meets_the_one_before_it_as_its_schedule_says() {
    use FiringOutcome::{Fired, Overlapped, Refused};
    let schedules = [("skip", Overlap::Skip), ("cancel", Overlap::Cancel), ("allow", Overlap::Allow)];
    let world = World::new(schedules.map(|(name, overlap)| schedule(name, HOUR, overlap)).into(), 4).await;
    world.clock.step(true, HOUR);
    world.settled().await;
    world.clock.step(true, HOUR);
    assert_eq!(world.outcomes("skip").await, [Fired, Overlapped]);
    assert_eq!(world.outcomes("cancel").await, [Fired, Fired]);
    assert_eq!(world.outcomes("allow").await, [Fired, Fired]);
    assert_eq!(world.tasks.stats()[0].1.cancelled, 1);
    world.clock.step(true, HOUR);
    assert_eq!(world.outcomes("allow").await, [Fired, Fired, Refused], "the queue holds four");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_look_run_and_pause_by_the_api() {
    let world = World::new(vec![schedule("hourly", HOUR, Overlap::Allow)], 100).await;
    let (status, shown) = world.call("GET", "/v1/schedules/hourly").await;
    assert_eq!((status, &shown["name"], &shown["queue"], &shown["paused"]), (200, &json!("hourly"), &json!("q"), &json!(false)));
    let next = shown["next"].as_array().unwrap();
    assert_eq!(next.len(), 5);
    assert!(next.iter().all(|at| at.as_str().unwrap().ends_with("[Europe/Berlin]")), "{next:?}");
    assert_eq!(world.call("POST", "/v1/schedules/hourly/run").await.0, 200);
    let (_, history) = world.call("GET", "/v1/schedules/hourly/history").await;
    assert_eq!(history["runs"][0]["outcome"], "manual");
    assert_eq!(history["runs"][0]["tasks"].as_array().unwrap().len(), 1);
    let (_, paused) = world.call("POST", "/v1/schedules/hourly/pause").await;
    assert_eq!((&paused["paused"], &paused["next"]), (&json!(true), &json!([])));
    world.clock.step(true, HOUR);
    assert_eq!(world.outcomes("hourly").await.len(), 1, "nothing fires in a pause");
    let (_, resumed) = world.call("POST", "/v1/schedules/hourly/resume").await;
    assert_eq!(resumed["paused"], false);
    assert_eq!(world.outcomes("hourly").await.len(), 1, "and a pause is not made up for");
    for path in ["/v1/schedules/weekly", "/v1/schedules/weekly/history"] {
        assert_eq!(world.call("GET", path).await.0, 404, "{path}");
    }
    assert_eq!(world.call("POST", "/v1/schedules/weekly/run").await.0, 404);
}

/// The name of the file with tasks that a runner in a process of its own shares.
const SHARED: &str = "SKALA_TEST_SHARED_TASKS";

#[test]
#[ignore = "started in a process of its own by the test below"]
fn a_runner_by_itself() {
    let path = std::env::var(SHARED).expect("the test below says where");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path, SqliteSettings::default()).unwrap();
        let config = TasksConfig { leader_ttl: Duration::from_secs(1), ..TasksConfig::new(vec![QueueSettings::new("q")]) };
        let tasks = Tasks::start(config, Box::new(store), TaskClock::system()).await.unwrap();
        let schedules = vec![schedule("often", Duration::from_secs(1), Overlap::Allow)];
        let _runner = ScheduleRunner::start(tasks, schedules).unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
    });
}

/// A process with a runner; killed when dropped.
struct Runner(Child);

impl Runner {
    fn start(path: &Path) -> Runner {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["schedules::a_runner_by_itself", "--exact", "--ignored"]).env(SHARED, path);
        Runner(command.stdout(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_processes_of_which_one_stands_still_for_a_while_fire_each_occurrence_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let first = Runner::start(&path);
    wait::until("the store is there", PATIENCE, || path.exists().then_some(()));
    let mut reader = wait::until("the store can be read", PATIENCE, || {
        SqliteStore::open(path.clone(), SqliteSettings::default()).ok()?.reader().ok()
    });
    let mut firings = |count: usize| {
        wait::until("occurrences", PATIENCE, || {
            Some(reader.firings("often", 1000).unwrap_or_default()).filter(|all| all.len() >= count)
        })
    };
    firings(2);
    let second = Runner::start(&path);
    let before = firings(3).len();
    first.signal(Signal::SIGSTOP);
    let taken_over = firings(before + 3).len();
    first.signal(Signal::SIGCONT);
    firings(taken_over + 3);
    second.signal(Signal::SIGSTOP);
    firings(taken_over + 5);
    drop((first, second));
    let all = firings(taken_over + 5);
    let mut nominal: Vec<u64> = all.iter().map(|firing: &Firing| firing.occurrence.nominal.as_nanos() / 1_000_000_000).collect();
    nominal.reverse();
    assert!(nominal.windows(2).all(|pair| pair[1] == pair[0] + 1), "each second once: {nominal:?}");
    assert!(all.iter().all(|firing| firing.outcome == FiringOutcome::Fired && firing.tasks.len() == 1), "{all:?}");
    let tasks = reader.list(&Filter { most: 1000, ..Filter::default() }).unwrap();
    let mut made: BTreeMap<_, usize> = BTreeMap::new();
    for stored in &tasks {
        *made.entry(stored.row.occurrence.clone().unwrap().nominal).or_default() += 1;
    }
    assert_eq!((tasks.len(), made.len()), (all.len(), all.len()), "a task each");
}

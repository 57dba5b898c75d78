//! Push on the real core: limits, deaths and slowing as a platform sees them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skala_balance::Settings;
use skala_queue::{NewTask, QueueId, QueueSettings, QueueStats, Retry, TaskId};
use skala_runtime::{Clock, Station};
use skala_tasks::deliver::push::{Push, PushRoute};
use skala_tasks::deliver::{instance, worker_name};
use skala_tasks::store::MemoryStore;
use skala_tasks::{TaskClock, Tasks, TasksConfig};
use skala_testkit::http::{Backend, Then};
use skala_types::ReplicaId;

use super::fake::PATIENCE;

struct World {
    tasks: Arc<Tasks>,
    station: Arc<Station>,
    _push: Push,
}

impl World {
    async fn new(change: impl FnOnce(&mut QueueSettings)) -> World {
        let mut queue = QueueSettings::new("q");
        change(&mut queue);
        let tasks = Tasks::start(TasksConfig::new(vec![queue]), Box::new(MemoryStore::new()), TaskClock::system()).await.unwrap();
        let station = Station::new("worker".into(), Settings::default(), Clock::system(), 1);
        let route = PushRoute { queue: QueueId(0), path: "/tasks".into() };
        let push = Push::start(Arc::clone(&tasks), Arc::clone(&station), vec![route]);
        World { tasks, station, _push: push }
    }

    fn replica(&self, number: u64, addr: SocketAddr) {
        self.station.add_endpoint(ReplicaId(number), addr, 1.0, true);
    }

    async fn put(&self, count: usize) -> Vec<TaskId> {
        let tasks = vec![NewTask::new(QueueId(0), "{}"); count];
        self.tasks.enqueue(tasks).await.unwrap().into_iter().map(|task| task.id).collect()
    }

    fn stats(&self) -> QueueStats {
        self.tasks.stats().remove(0).1
    }

    async fn until(&self, what: &str, look: impl Fn(&QueueStats) -> bool) -> QueueStats {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = self.stats();
            if look(&stats) {
                return stats;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}: {stats:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn answer(status: &'static str) -> Backend {
    Backend::start(move |stream, _| {
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")?;
        Ok(Then::Keep)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_is_done_once_and_no_replica_has_more_than_it_may() {
    let world = World::new(|queue| queue.per_instance = Some(2)).await;
    let (now, most) = (Arc::new(Mutex::new([0_u32; 3])), Arc::new(Mutex::new(0)));
    let replicas: Vec<Backend> = (0..3)
        .map(|at| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            Backend::start(move |stream, _| {
                let here = {
                    let mut now = now.lock().unwrap();
                    now[at] += 1;
                    now[at]
                };
                let mut most = most.lock().unwrap();
                *most = here.max(*most);
                drop(most);
                std::thread::sleep(Duration::from_millis(1));
                now.lock().unwrap()[at] -= 1;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7")?;
                Ok(Then::Keep)
            })
        })
        .collect();
    for (number, replica) in (1..).zip(&replicas) {
        world.replica(number, replica.addr());
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.extend(world.put(100).await);
    }
    let stats = world.until("all are done", |stats| stats.done == 300).await;
    assert_eq!((stats.attempts, stats.failed, stats.lost, *most.lock().unwrap()), (300, 0, 0, 2));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for received in replicas.iter().flat_map(Backend::received) {
        *seen.entry(received.header("skala-task-id").unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(seen, ids.iter().map(|id| (id.to_string(), 1)).collect());
    assert_eq!(world.tasks.task(ids[0]).await.unwrap().result.as_deref(), Some(&b"7"[..]));
    assert_eq!(world.station.totals().completions, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_of_a_dead_replica_runs_again_long_before_its_lease_is_over() {
    let world = World::new(|queue| queue.lease = Duration::from_secs(3600)).await;
    let asked = Arc::new(AtomicBool::new(false));
    let silent = Backend::raw({
        let asked = Arc::clone(&asked);
        move |stream, _| {
            stream.read_exact(&mut [0])?;
            asked.store(true, Ordering::SeqCst);
            std::io::copy(stream, &mut std::io::sink()).map(drop)
        }
    });
    world.replica(1, silent.addr());
    let id = world.put(1).await[0];
    world.until("its replica is asked", |_| asked.load(Ordering::SeqCst)).await;
    assert_eq!(world.tasks.held_by(instance("worker", ReplicaId(1))).0, 1);
    let healthy = answer("200 OK");
    world.replica(2, healthy.addr());
    tokio::task::spawn_blocking(move || silent.kill()).await.unwrap();
    let stats = world.until("it is done", |stats| stats.done == 1).await;
    assert_eq!(stats.lost, 1);
    let progressed = world.tasks.task(id).await.unwrap().stored.row.progressed;
    assert_eq!((progressed.losses, progressed.attempts), (1, 1), "a loss is counted apart from the attempts that ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_that_the_platform_sees_first_counts_once() {
    let world = World::new(|queue| queue.lease = Duration::from_secs(3600)).await;
    let silent = Backend::raw(|stream, _| std::io::copy(stream, &mut std::io::sink()).map(drop));
    world.replica(1, silent.addr());
    let id = world.put(1).await[0];
    world.until("it runs", |stats| stats.leased == 1).await;
    let id_of_replica = world.station.endpoints()[0].endpoint.id;
    world.station.remove(id_of_replica);
    let worker = worker_name("worker", ReplicaId(1));
    assert_eq!(world.tasks.worker_died(worker.as_str(), "killed by signal 9", &["last words".to_owned()]).unwrap(), 1);
    tokio::task::spawn_blocking(move || silent.kill()).await.unwrap();
    let healthy = answer("200 OK");
    world.replica(2, healthy.addr());
    let stats = world.until("it is done", |stats| stats.done == 1).await;
    assert_eq!((stats.lost, world.tasks.task(id).await.unwrap().stored.row.progressed.losses), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_refuses_for_want_of_capacity_slows_the_queue() {
    let world = World::new(|_| {}).await;
    let full = answer("429 Too Many Requests\r\nRetry-After: 600");
    world.replica(1, full.addr());
    let id = world.put(1).await[0];
    world.until("it was refused", |stats| stats.failed == 1).await;
    let ids = world.put(20).await;
    let stats = world.stats();
    assert!(stats.speed < 1.0, "{stats:?}");
    let why = world.tasks.why(ids[0]).await.unwrap();
    assert!(why.is_some(), "the queue pauses for the time that the answer says");
    let due = world.tasks.task(id).await.unwrap().stored.row.progressed.due;
    assert!(due.since(world.tasks.clock().now().wall) > Duration::from_secs(500));
    assert_eq!(full.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_fails_for_good_is_a_dead_letter_with_its_cause() {
    let retry = Retry { initial: Duration::from_millis(10), max: Duration::from_millis(10), attempts: 3, losses: 3 };
    let world = World::new(|queue| queue.retry = retry).await;
    let broken = answer("500 Internal Server Error");
    world.replica(1, broken.addr());
    let id = world.put(1).await[0];
    let stats = world.until("it is dead", |stats| stats.dead == 1).await;
    assert_eq!((stats.attempts, broken.received().len()), (3, 3));
    let death = world.tasks.task(id).await.unwrap().stored.row.progressed.death.unwrap();
    assert_eq!(death.message, "answered 500 Internal Server Error");
}

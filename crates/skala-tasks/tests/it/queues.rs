//! Queues that come and go, many tasks that may not run before one that may, and a leader that does not know whether it leads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use skala_queue::{Ceiling, CeilingOf, Change, Durability, Keep, NewTask, Per, QueueId, QueueSettings, Restored};
use skala_tasks::store::{Candidate, Leadership, Loaded, MemoryStore, Reader, SqliteSettings, SqliteStore, Store, StoreError};
use skala_tasks::{TakeAsk, TaskClock, Tasks, TasksConfig, TasksError};
use skala_types::{Text, Time};

async fn start(queues: &[&str], store: Box<dyn Store>) -> Arc<Tasks> {
    let queues = queues.iter().map(|name| QueueSettings::new(*name)).collect();
    Tasks::start(TasksConfig::new(queues), store, TaskClock::system()).await.unwrap()
}

fn ask(queue: QueueId) -> TakeAsk {
    TakeAsk { queues: vec![queue], worker: "w".into(), most: 1, ..TakeAsk::default() }
}

#[tokio::test]
async fn a_queue_that_comes_after_one_that_went_has_its_own_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let store = || Box::new(SqliteStore::open(folder.path().join("tasks.db"), SqliteSettings::default()).unwrap());
    let tasks = start(&["mail", "old"], store()).await;
    tasks.enqueue(vec![NewTask::new(tasks.queue("old").unwrap(), "1")]).await.unwrap();
    tasks.shutdown(Duration::ZERO).await;
    let tasks = start(&["mail"], store()).await;
    let old = tasks.queue("old").expect("it has a task still");
    assert_eq!(tasks.take(&ask(old), Duration::ZERO).await.unwrap(), []);
    tasks.set_queues(["mail", "new"].map(QueueSettings::new).into());
    let new = tasks.queue("new").unwrap();
    let id = tasks.enqueue(vec![NewTask::new(new, "2")]).await.unwrap()[0].id;
    let taken = tasks.take(&ask(new), Duration::ZERO).await.unwrap();
    assert_eq!(taken.iter().map(|job| (job.leased.id, job.queue.as_str())).collect::<Vec<_>>(), [(id, "new")]);
    assert_eq!(tasks.purge(old, 10).await.unwrap(), 1);
    tasks.shutdown(Duration::ZERO).await;
}

#[tokio::test]
async fn a_worker_that_waits_gets_a_task_behind_many_that_a_ceiling_parks() {
    let ceiling = Ceiling { of: CeilingOf::Tenant, micros: 1, per: Per::Month };
    let queue = QueueSettings { ceilings: vec![ceiling], cost: 5, ..QueueSettings::new("mail") };
    let tasks = Tasks::start(TasksConfig::new(vec![queue]), Box::new(MemoryStore::new()), TaskClock::system()).await.unwrap();
    let mail = tasks.queue("mail").unwrap();
    tasks.pause(mail, true).await.unwrap();
    for _ in 0..24 {
        let dear = NewTask { tenant: "a".into(), priority: Some(10), ..NewTask::new(mail, "1") };
        tasks.enqueue(vec![dear; 128]).await.unwrap();
    }
    let free = tasks.enqueue(vec![NewTask::new(mail, "2")]).await.unwrap()[0].id;
    let waiting = tokio::spawn({
        let tasks = Arc::clone(&tasks);
        async move { tasks.take(&ask(mail), Duration::from_secs(5)).await.unwrap() }
    });
    while !tasks.metrics().contains("skala_tasks_waiting_takes 1") {
        tokio::task::yield_now().await;
    }
    tasks.pause(mail, false).await.unwrap();
    assert_eq!(waiting.await.unwrap().iter().map(|job| job.leased.id).collect::<Vec<_>>(), [free]);
    tasks.shutdown(Duration::ZERO).await;
}

/// A store whose commits and beats wait while the test holds the gate, as on a disk that hangs, or in a process that is stopped.
struct Hanging(MemoryStore, Arc<Mutex<()>>);

impl Store for Hanging {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        self.0.lead(me, expected)
    }
    fn beat(&mut self) -> Result<(), StoreError> {
        let _held = self.1.lock();
        self.0.beat()
    }
    fn resign(&mut self) -> Result<(), StoreError> {
        self.0.resign()
    }
    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        self.0.load(now, each)
    }
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        let _held = self.1.lock();
        self.0.commit(changes, durability)
    }
    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        self.0.sweep(now, keep)
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.0.reader()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_cannot_tell_whether_it_was_replaced_gives_nothing_out() {
    let gate = Arc::<Mutex<()>>::default();
    let ttl = Duration::from_millis(500);
    let config = TasksConfig { leader_ttl: ttl, ..TasksConfig::new(vec![QueueSettings::new("mail")]) };
    let store = Box::new(Hanging(MemoryStore::new(), Arc::clone(&gate)));
    let tasks = Tasks::start(config, store, TaskClock::system()).await.unwrap();
    let mail = tasks.queue("mail").unwrap();
    let id = tasks.enqueue(vec![NewTask::new(mail, "1")]).await.unwrap()[0].id;
    let held = tokio::task::spawn_blocking(move || {
        let held = gate.lock();
        std::thread::sleep(2 * ttl);
        let refused = tokio::runtime::Handle::current().block_on(tasks.take(&ask(mail), Duration::ZERO));
        drop(held);
        (tasks, refused)
    });
    let (tasks, refused) = held.await.unwrap();
    assert_eq!(refused, Err(TasksError::Unavailable { leader: None }));
    let taken = loop {
        match tasks.take(&ask(mail), Duration::from_secs(5)).await {
            Ok(taken) => break taken,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(taken.iter().map(|job| job.leased.id).collect::<Vec<_>>(), [id]);
    tasks.shutdown(Duration::ZERO).await;
}

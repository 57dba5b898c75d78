//! Queues that come and go, and many tasks that may not run before one that may.

use std::sync::Arc;
use std::time::Duration;

use skala_queue::{Ceiling, CeilingOf, NewTask, Per, QueueId, QueueSettings};
use skala_tasks::store::{MemoryStore, SqliteSettings, SqliteStore, Store};
use skala_tasks::{TakeAsk, TaskClock, Tasks, TasksConfig};

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

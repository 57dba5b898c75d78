//! The worker that the documentation shows, as it stands there.

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use skala_queue::{NewTask, Phase, QueueId, QueueSettings};
use skala_tasks::store::MemoryStore;
use skala_tasks::{TaskClock, Tasks, TasksConfig};

/// What it does with a body.
const WORK: &str = "def work(body):\n    return {'twice': 2 * body['n']}\n\n";

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn documented() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tasks.md")).unwrap();
    let (_, from) = page.split_once("## Pull").expect("the page has the heading");
    let (_, from) = from.split_once("```python\n").expect("there is code");
    from.split_once("```").expect("it ends").0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_worker_works() {
    let config =
        TasksConfig { listen: Some(([127, 0, 0, 1], 0).into()), ..TasksConfig::new(vec![QueueSettings::new("ingestion")]) };
    let tasks: Arc<Tasks> = Tasks::start(config, Box::new(MemoryStore::new()), TaskClock::system()).await.unwrap();
    let bodies = [r#"{"n": 21}"#, "{}"];
    let put = tasks.enqueue(bodies.map(|body| NewTask::new(QueueId(0), body)).into()).await.unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", &(WORK.to_owned() + &documented())]);
    python.env("SKALA_TASKS_URL", tasks.url().unwrap()).env("SKALA_INSTANCE", "7").env("SKALA_WORKER", "worker-7");
    let _worker = Worker(python.spawn().expect("python3 is there"));
    let done = tasks.wait(put[0].id, Duration::from_secs(20)).await.unwrap();
    assert_eq!((done.phase(), done.result.as_deref()), (Phase::Done, Some(&br#"{"twice": 42}"#[..])));
    let mut changes = tasks.watch(put[1].id).unwrap();
    let failed = loop {
        if let Some(death) = tasks.task(put[1].id).await.unwrap().stored.row.progressed.death {
            break death;
        }
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.expect("its failure is told").unwrap();
    };
    assert_eq!(failed.message, "'n'");
}

//! A task server of a test, and a client that speaks its documents.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use skala_queue::{QueueSettings, Retry};
use skala_tasks::store::{MemoryStore, Store};
use skala_tasks::{TaskClock, Tasks, TasksConfig};
use skala_testkit::http::Client;

/// A server with a runtime of its own.
pub(super) struct Server {
    pub(super) tasks: Arc<Tasks>,
    pub(super) runtime: tokio::runtime::Runtime,
}

/// An answer: status, head, document.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) head: skala_testkit::http::Response,
    pub(super) doc: Value,
}

/// A queue whose failures are retried at once.
pub(super) fn queue(name: &str) -> QueueSettings {
    let retry = Retry { initial: Duration::from_millis(1), max: Duration::from_millis(1), attempts: 2, losses: 1 };
    QueueSettings { retry, ..QueueSettings::new(name) }
}

impl Server {
    /// With tasks in memory.
    pub(super) fn start(queues: Vec<QueueSettings>) -> Server {
        Server::with(TasksConfig::new(queues), Box::new(MemoryStore::new()))
    }

    /// With a store and settings of the test's.
    pub(super) fn with(mut config: TasksConfig, store: Box<dyn Store>) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads start");
        config.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let tasks = runtime.block_on(Tasks::start(config, store, TaskClock::system())).expect("the server starts");
        Server { tasks, runtime }
    }

    pub(super) fn at(&self) -> SocketAddr {
        let url = self.tasks.url().expect("it listens");
        url.trim_start_matches("http://").parse().expect("an address")
    }

    /// Calls on a connection of its own.
    pub(super) fn call(&self, method: &str, path: &str, body: &str) -> Said {
        call_with(self.at(), method, path, "", body)
    }

    pub(super) fn post(&self, path: &str, body: &str) -> Said {
        self.call("POST", path, body)
    }

    pub(super) fn get(&self, path: &str) -> Said {
        self.call("GET", path, "")
    }

    /// Enqueues and gives the id.
    pub(super) fn enqueue(&self, queue: &str, body: &str) -> String {
        self.post(&format!("/v1/queues/{queue}/tasks"), body).expect(201)["id"].as_str().expect("an id").to_owned()
    }

    /// Takes up to `max` tasks without waiting.
    pub(super) fn take(&self, queue: &str, max: usize) -> Vec<Value> {
        let ask = format!(r#"{{"queues":"{queue}","max":{max},"worker":"w"}}"#);
        self.post("/v1/leases", &ask).expect(200)["tasks"].as_array().expect("tasks").clone()
    }

    pub(super) fn stop(&self) {
        self.runtime.block_on(self.tasks.shutdown(Duration::ZERO));
    }
}

impl Said {
    /// The document of an answer with this status.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.doc);
        self.doc
    }
}

/// Calls with further header lines, each with its line end.
pub(super) fn call_with(at: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Said {
    call_on(&mut Client::connect(at), method, path, headers, body)
}

/// The same on a connection that is open.
pub(super) fn call_on(client: &mut Client, method: &str, path: &str, headers: &str, body: &str) -> Said {
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: tasks\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    let head = client.request(&request).expect("it answers");
    let doc = serde_json::from_slice(&head.body).unwrap_or_else(|_| head.text().into());
    Said { status: head.status, head, doc }
}

/// The line of a worker's word about a task.
pub(super) fn word(task: &Value, more: &str) -> String {
    format!(r#"{{"id":{},"fence":{}{more}}}"#, task["id"], task["fence"])
}

/// The document of one such word.
pub(super) fn one(task: &Value, more: &str) -> String {
    format!(r#"{{"tasks":[{}]}}"#, word(task, more))
}

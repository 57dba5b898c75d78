//! Results as Celery's Redis backend keeps them.
//!
//! Method: one key per task with a time to live, set and published in one transaction, so that a waiting `AsyncResult.get()` wakes.
//!   Results that Celery 5.7 compressed are inflated.
//! Invariants: a success is never overwritten by anything else, as in Celery itself.
//! Tested: `tests` below; `tests/it/results.rs` with a real `AsyncResult`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::message::{Problem, Task, inflate};
use crate::{Broker, Error};

/// Before a compressed result; its content type and a zero byte follow.
const COMPRESSED: &[u8] = b"\0celery-compressed\0";

/// A task's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody knows the task.
    Pending,
    /// It runs; only with `task_track_started`.
    Started,
    /// It failed and will be tried again.
    Retry,
    /// It is done.
    Success,
    /// It failed.
    Failure,
    /// It was taken back, or came too late.
    Revoked,
    /// The application's own.
    Other(String),
}

impl State {
    fn of(text: &str) -> State {
        match text {
            "PENDING" => State::Pending,
            "STARTED" => State::Started,
            "RETRY" => State::Retry,
            "SUCCESS" => State::Success,
            "FAILURE" => State::Failure,
            "REVOKED" => State::Revoked,
            other => State::Other(other.to_owned()),
        }
    }

    /// Celery's word.
    pub fn text(&self) -> &str {
        match self {
            State::Pending => "PENDING",
            State::Started => "STARTED",
            State::Retry => "RETRY",
            State::Success => "SUCCESS",
            State::Failure => "FAILURE",
            State::Revoked => "REVOKED",
            State::Other(text) => text,
        }
    }

    /// Whether nothing will follow.
    pub fn is_final(&self) -> bool {
        matches!(self, State::Success | State::Failure | State::Revoked)
    }
}

/// An exception, as Python will raise it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class: `ValueError`; one that Python does not find is made up by Celery.
    pub class: String,
    /// The class's module: `builtins`.
    pub module: String,
    /// Its text.
    pub message: String,
    /// The traceback.
    pub traceback: Option<String>,
}

impl Failure {
    /// A built-in exception.
    pub fn new(class: &str, message: &str) -> Failure {
        Failure { class: class.to_owned(), module: "builtins".to_owned(), message: message.to_owned(), traceback: None }
    }

    /// One of Celery's own exceptions.
    pub(crate) fn celery(class: &str, message: &str) -> Failure {
        Failure { module: "celery.exceptions".to_owned(), ..Failure::new(class, message) }
    }

    fn document(&self) -> Value {
        json!({"exc_type": self.class, "exc_message": [self.message], "exc_module": self.module})
    }

    fn read(value: &Value) -> Option<Failure> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        value.get("exc_type")?;
        let message = match value.get("exc_message") {
            Some(Value::Array(parts)) => parts.iter().map(shown).collect::<Vec<_>>().join(", "),
            Some(other) => shown(other),
            None => String::new(),
        };
        Some(Failure { class: text("exc_type"), module: text("exc_module"), message, traceback: None })
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// The task's state.
    pub state: State,
    /// What it returned; of another state what Celery keeps there.
    pub result: Value,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// When it ended.
    pub done: Option<Timestamp>,
    /// Everything as it is written.
    pub fields: Map<String, Value>,
}

/// A result store.
#[derive(Clone, Debug)]
pub struct Results {
    broker: Broker,
    ttl: Duration,
}

impl Results {
    /// The store in a Redis; the prefix of its layout is `global_keyprefix` of `result_backend_transport_options`.
    pub fn new(broker: Broker, ttl: Duration) -> Results {
        Results { broker, ttl }
    }

    /// Reads a task's result.
    ///
    /// # Errors
    /// When the store fails, or what is there is no result.
    pub async fn get(&self, id: &str) -> Result<Meta, Error> {
        let raw: Option<Vec<u8>> = self.broker.ask(redis::cmd("GET").arg(self.key(id))).await?;
        Ok(match raw {
            Some(raw) => read(raw)?,
            None => Meta { state: State::Pending, result: Value::Null, failure: None, done: None, fields: Map::new() },
        })
    }

    /// Writes that a task is done.
    ///
    /// # Errors
    /// When the store fails, as for all that follow.
    pub async fn success(&self, task: &Task, result: &Value, children: &[String]) -> Result<(), Error> {
        self.put(task, &State::Success, result.clone(), None, children).await
    }

    /// Writes that a task failed.
    ///
    /// # Errors
    /// As [`Self::success`].
    pub async fn failure(&self, task: &Task, failure: &Failure) -> Result<(), Error> {
        self.put(task, &State::Failure, failure.document(), failure.traceback.as_deref(), &[]).await
    }

    /// Writes that a task failed and will be tried again.
    ///
    /// # Errors
    /// As [`Self::success`].
    pub async fn retry(&self, task: &Task, failure: &Failure) -> Result<(), Error> {
        self.put(task, &State::Retry, failure.document(), failure.traceback.as_deref(), &[]).await
    }

    /// Writes that a task will not run.
    ///
    /// # Errors
    /// As [`Self::success`].
    pub async fn revoked(&self, task: &Task, why: &str) -> Result<(), Error> {
        let failure = Failure::celery("TaskRevokedError", why);
        self.put(task, &State::Revoked, failure.document(), None, &[]).await
    }

    /// Writes that a task runs.
    ///
    /// # Errors
    /// As [`Self::success`].
    pub async fn started(&self, task: &Task, worker: &str) -> Result<(), Error> {
        self.put(task, &State::Started, json!({"hostname": worker, "pid": std::process::id()}), None, &[]).await
    }

    async fn put(
        &self,
        task: &Task,
        state: &State,
        result: Value,
        traceback: Option<&str>,
        children: &[String],
    ) -> Result<(), Error> {
        if task.ignore_result {
            return Ok(());
        }
        if *state != State::Success && self.get(&task.id).await.is_ok_and(|meta| meta.state == State::Success) {
            return Ok(());
        }
        let text = document(task, state, &result, traceback, children, Timestamp::now()).to_string();
        let key = self.key(&task.id);
        let mut both = redis::pipe();
        both.atomic().cmd("SETEX").arg(&key).arg(self.ttl.as_secs().max(1)).arg(&text).ignore();
        both.cmd("PUBLISH").arg(&key).arg(&text).ignore();
        self.broker.all(&both).await
    }

    fn key(&self, id: &str) -> String {
        let prefix = &self.broker.layout().prefix;
        let line = if prefix.is_empty() || prefix.ends_with('_') { "" } else { "_" };
        format!("{prefix}{line}celery-task-meta-{id}")
    }
}

fn document(task: &Task, state: &State, result: &Value, traceback: Option<&str>, children: &[String], now: Timestamp) -> Value {
    // A child is [[id, parent], no group members].
    let children: Vec<Value> = children.iter().map(|id| json!([[id, [[task.id, null], null]], null])).collect();
    let done = state.is_final().then(|| now.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string());
    let mut fields = json!({
        "status": state.text(),
        "result": result,
        "traceback": traceback,
        "children": children,
        "date_done": done,
        "task_id": task.id,
    });
    for (name, value) in [("group_id", &task.group), ("parent_id", &task.parent_id)] {
        if let (Some(value), Value::Object(fields)) = (value, &mut fields) {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    fields
}

fn read(raw: Vec<u8>) -> Result<Meta, Problem> {
    let bytes = match raw.strip_prefix(COMPRESSED) {
        None => raw,
        Some(rest) => {
            let zero = rest.iter().position(|b| *b == 0).ok_or_else(|| Problem::malformed("its compression has no name"))?;
            let name = String::from_utf8_lossy(&rest[..zero]).into_owned();
            inflate(rest[zero + 1..].to_vec(), Some(&name))?
        }
    };
    if bytes.first() == Some(&0x80) {
        return Err(Problem::Pickle);
    }
    let fields: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|e| Problem::malformed(e.to_string()))?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let state = State::of(text("status").ok_or_else(|| Problem::malformed("the result has no status"))?);
    let result = fields.get("result").cloned().unwrap_or_default();
    let mut failure = (state != State::Success).then(|| Failure::read(&result)).flatten();
    if let Some(failure) = &mut failure {
        failure.traceback = text("traceback").map(str::to_owned);
    }
    let done = text("date_done").and_then(crate::message::moment);
    Ok(Meta { state, result, failure, done, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_back() {
        let failure = Failure { traceback: Some("Traceback: ..".to_owned()), ..Failure::new("ValueError", "no") };
        let task = Task { parent_id: Some("p".to_owned()), ..Task::new("t", "n") };
        let text =
            document(&task, &State::Failure, &failure.document(), failure.traceback.as_deref(), &[], Timestamp::UNIX_EPOCH);
        let meta = read(text.to_string().into_bytes()).unwrap();
        assert_eq!((meta.state, meta.failure, meta.done), (State::Failure, Some(failure), Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(meta.fields.get("parent_id"), Some(&json!("p")));
    }

    #[test]
    fn pickled_and_broken_results_are_refused() {
        assert_eq!(read(vec![0x80, 4, 0x7d]), Err(Problem::Pickle));
        for broken in [&b"{}"[..], b"[1]", b"", b"\0celery-compressed\0", b"\0celery-compressed\0application/x-gzip\0nonsense"] {
            assert!(read(broken.to_vec()).is_err(), "{broken:?}");
        }
    }
}

//! Requests that become tasks, and questions about them: what `Prefer: respond-async` means.
//!
//! Decides: what is kept of a request, how its client finds the answer, and who may ask for it: whoever has the address.
//! Inputs: requests that the gateway took aside.
//! Invariants: a task's address cannot be guessed; an idempotency key of one caller never yields the task of another.
//! Tested: `tests/e2e/tasks_async.rs`.

mod answer;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use skala_gateway::offload::{Answering, Offload, Offloaded, PREFIX, Purpose, Reply};
use skala_queue::{Holds, Key, Label, NewTask, TaskId};
use skala_tasks::{TaskView, TasksError};
use tokio::runtime::Handle;

use super::TaskSide;

/// What begins the names of headers that skala makes.
const OURS: [&str; 2] = ["skala-", "x-cloudtasks-"];
/// Longest that a client may wait for an answer at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Answers the gateway.
pub struct Offloads {
    side: Arc<TaskSide>,
    runtime: Handle,
}

impl Offloads {
    /// Must be called within a tokio runtime, on which streams run.
    pub fn new(side: Arc<TaskSide>) -> Offloads {
        Offloads { side, runtime: Handle::current() }
    }
}

impl Offload for Offloads {
    fn call(&self, request: Offloaded) -> Answering<'_> {
        Box::pin(async move {
            let answered = match &request.purpose {
                Purpose::Submit { queue } => self.submit(&request, queue).await,
                Purpose::Ask => self.ask(&request).await,
            };
            answered.unwrap_or_else(|error| answer::failure(&error))
        })
    }
}

impl Offloads {
    /// Makes a task of a request.
    async fn submit(&self, request: &Offloaded, queue: &str) -> Result<Reply, TasksError> {
        let tasks = &self.side.tasks;
        let id = tasks.queue(queue).ok_or_else(|| TasksError::NoQueue { name: queue.to_owned(), near: None })?;
        let mut task = NewTask::new(id, request.body.clone());
        task.label = label(request);
        task.key = request.header("idempotency-key").map(|key| self.key(request, key));
        let made = tasks.enqueue(vec![task]).await?;
        let made = made.first().expect("one task in, one answer out").id;
        if let Some(wait) = request.prefer.wait.filter(|wait| !wait.is_zero()) {
            let view = tasks.wait(made, wait.min(LONGEST_WAIT)).await?;
            if view.phase().has_ended() {
                return Ok(answer::ended(made, &view));
            }
        }
        Ok(answer::accepted(made, &self.location(made)))
    }

    /// Whose key it is, in the key: another caller with the same text must not be given this one's answer.
    fn key(&self, request: &Offloaded, text: &str) -> Key {
        let caller = ["authorization", "cookie", "x-api-key"].map(|name| request.header(name).unwrap_or_default());
        let whole = [text, &request.method, &request.target, caller[0], caller[1], caller[2]].join("\n");
        Key { text: format!("async:{}", self.side.ticket.code(whole.as_bytes())).into(), holds: Holds::Window }
    }

    fn location(&self, id: TaskId) -> String {
        format!("{PREFIX}{}", self.side.ticket.address(id))
    }

    /// Answers a question about a task.
    async fn ask(&self, request: &Offloaded) -> Result<Reply, TasksError> {
        let address = request.target.strip_prefix(PREFIX).unwrap_or_default();
        let address = address.split('?').next().unwrap_or_default();
        let Some(id) = self.side.ticket.task(address) else { return Ok(answer::unknown()) };
        match request.method.as_str() {
            "GET" if accepts_events(request) => self.events(id).await,
            "GET" | "HEAD" => self.state(id, request.prefer.wait).await,
            "DELETE" => self.cancel(id).await,
            _ => Ok(answer::method()),
        }
    }

    async fn state(&self, id: TaskId, wait: Option<Duration>) -> Result<Reply, TasksError> {
        let view = match wait {
            Some(wait) => self.side.tasks.wait(id, wait.min(LONGEST_WAIT)).await?,
            None => self.side.tasks.task(id).await?,
        };
        Ok(self.of(id, &view))
    }

    fn of(&self, id: TaskId, view: &TaskView) -> Reply {
        if view.phase().has_ended() { answer::ended(id, view) } else { answer::pending(id, view) }
    }

    async fn cancel(&self, id: TaskId) -> Result<Reply, TasksError> {
        match self.side.tasks.cancel(id).await {
            Ok(_) => Ok(answer::cancelling(id)),
            Err(TasksError::NoTask(_)) => {
                let view = self.side.tasks.task(id).await?;
                Ok(answer::too_late(id, &view))
            }
            Err(error) => Err(error),
        }
    }

    async fn events(&self, id: TaskId) -> Result<Reply, TasksError> {
        // A task that is unknown is said so at once.
        self.side.tasks.task(id).await?;
        let changes = self.side.tasks.watch(id)?;
        Ok(stream::start(&self.runtime, Arc::clone(&self.side.tasks), id, changes))
    }
}

fn accepts_events(request: &Offloaded) -> bool {
    request.header("accept").is_some_and(|accept| accept.to_ascii_lowercase().contains("text/event-stream"))
}

/// Everything that the replica needs to answer as if it had been asked directly.
fn label(request: &Offloaded) -> Label {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut content_type = "";
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "content-type" => content_type = value,
            // The task's own key goes to the replica instead.
            "idempotency-key" => {}
            // What skala says of a task nobody outside can say.
            _ if OURS.iter().any(|ours| name.starts_with(ours)) => {}
            _ => {
                let separator = if name == "cookie" { "; " } else { ", " };
                headers.entry(name).and_modify(|all| *all += &format!("{separator}{value}")).or_insert_with(|| value.clone());
            }
        }
    }
    headers.insert("x-request-id".into(), request.request_id.clone());
    let path = request.target.split('?').next().unwrap_or_default();
    Label {
        name: format!("{} {path}", request.method).chars().take(100).collect::<String>().as_str().into(),
        content_type: content_type.into(),
        headers,
        with_results: false,
        method: request.method.as_str().into(),
        path: request.target.as_str().into(),
    }
}

//! Takes the tasks of a Celery queue over into a queue of skala's, which pushes them to a service.
//!
//! Method: a message stays unacknowledged in the broker, its lease renewed, while its task runs here under a key made of its id, so that
//!   one that is delivered twice runs once. Retries, limits and rates are the queue's own. When the task has ended, its result is
//!   written where `AsyncResult` looks, and the message is acknowledged.
//! Invariants: a message is acknowledged only after its end was written.
//! Tested: `tests/e2e/tasks/celery.rs`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};
use skala_celery::{Bridge, BridgeSettings, Broker, BrokerSettings, Delivery, Failure, Outcome, Results, Work};
use skala_queue::{Holds, Key, Label, NewTask, Phase, QueueId, Refusal};
use skala_spec::CeleryQueue;
use skala_tasks::{TaskView, Tasks, TasksError};

use super::settings;

/// Tasks of one queue that are here at once; the rest waits in the broker.
const AT_ONCE: usize = 256;
/// One wait for a task's end.
const STEP: Duration = Duration::from_secs(30);
/// The pause before a task is offered again to a queue that is full, or a server that does not lead.
const AGAIN: Duration = Duration::from_secs(5);
/// How long results are kept; Celery's own default.
const KEPT: Duration = Duration::from_secs(86_400);

/// Starts one.
///
/// # Errors
/// When the address of the broker or of the results is none.
pub fn start(tasks: &Arc<Tasks>, queue: QueueId, name: &str, celery: &CeleryQueue) -> anyhow::Result<Bridge> {
    let at = || format!("queues.{name}.deliver.celery");
    let broker = Broker::new(settings(celery)).with_context(at)?;
    let kept = match &celery.results {
        Some(url) => Broker::new(BrokerSettings { url: url.expose().to_owned(), ..settings(celery) }).with_context(at)?,
        None => broker.clone(),
    };
    let settings = BridgeSettings {
        queues: vec![celery.queue.clone()],
        concurrency: AT_ONCE,
        // Retries are those of the queue here.
        max_retries: 0,
        hard_limits: false,
        routes: Default::default(),
    };
    // The bridge ends with the server, which it does not keep.
    let tasks = Arc::downgrade(tasks);
    let work: Work = Arc::new(move |delivery: Delivery| {
        let tasks = Weak::clone(&tasks);
        Box::pin(async move { run(&tasks, queue, delivery).await })
    });
    Ok(Bridge::start(broker, Some(Results::new(kept, KEPT)), settings, work))
}

/// Waits for as long as it takes: the message's lease is renewed meanwhile.
async fn run(tasks: &Weak<Tasks>, queue: QueueId, delivery: Delivery) -> Outcome {
    loop {
        // Without a server nobody waits for the outcome: the message is given back.
        let Some(server) = tasks.upgrade() else { std::future::pending().await };
        match end_of(&server, queue, &delivery).await {
            Ok(view) => return outcome(&view),
            Err(TasksError::Refused { refusal, .. }) if !matches!(refusal, Refusal::Full { .. } | Refusal::Keys { .. }) => {
                return Outcome::Failed(Failure::new("ValueError", &refusal.to_string()));
            }
            Err(error) => tracing::debug!(%error, task = delivery.task.id, "a task of Celery waits in the broker"),
        }
        drop(server);
        tokio::time::sleep(AGAIN).await;
    }
}

/// Enqueues the task, or finds it, and waits for its end.
async fn end_of(tasks: &Tasks, queue: QueueId, delivery: &Delivery) -> Result<TaskView, TasksError> {
    let task = &delivery.task;
    let body = json!({"task": task.name, "id": task.id, "args": task.args, "kwargs": task.kwargs});
    let new = NewTask {
        label: Label { name: task.name.as_str().into(), ..Label::default() },
        key: Some(Key { text: format!("celery:{}", task.id).into(), holds: Holds::Window }),
        timeout: task.hard_limit.and_then(|limit| Duration::try_from_secs_f64(limit).ok()).filter(|limit| !limit.is_zero()),
        ..NewTask::new(queue, Bytes::from(body.to_string()))
    };
    let id = tasks.enqueue(vec![new]).await?.first().map(|enqueued| enqueued.id).ok_or(TasksError::Stopping)?;
    loop {
        let view = tasks.wait(id, STEP).await?;
        if view.phase().has_ended() {
            return Ok(view);
        }
    }
}

fn outcome(view: &TaskView) -> Outcome {
    match view.phase() {
        Phase::Done => {
            let result = view.result.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
            Outcome::Done(result.unwrap_or(Value::Null))
        }
        Phase::Cancelled => Outcome::Failed(Failure::new("RuntimeError", "the task was called off")),
        _ => {
            let said = view.stored.row.progressed.death.as_ref().map(|death| death.message.as_str());
            Outcome::Failed(Failure::new("RuntimeError", said.unwrap_or("the task failed")))
        }
    }
}

//! Answers about tasks that were requests.
//!
//! Decides: the status: 202 while the task waits or runs, 200 with the replica's own answer, 502 when it is a dead letter, 410 when it
//! was called off.
//! Invariants: nobody outside sees the last lines of a worker's log.

use std::time::Duration;

use serde_json::{Value, json};
use skala_gateway::offload::{Reply, ReplyBody};
use skala_queue::{Phase, Refusal, TaskId};
use skala_tasks::{TaskView, TasksError};

/// When to ask again about a task that runs or waits.
const ASK_AGAIN: Duration = Duration::from_secs(1);

fn document(status: u16, value: &Value) -> Reply {
    Reply::json(status, format!("{value}\n"))
}

/// The request is a task.
pub fn accepted(id: TaskId, location: &str) -> Reply {
    let mut reply = document(202, &json!({"id": id, "status": "accepted", "location": location}));
    reply.headers.push(("Location", location.to_owned()));
    reply.headers.push(("Preference-Applied", "respond-async".into()));
    reply.retry_after = Some(ASK_AGAIN);
    reply
}

/// The task has not ended.
pub fn pending(id: TaskId, view: &TaskView) -> Reply {
    let mut reply = document(202, &state(id, view));
    reply.retry_after = Some(ASK_AGAIN);
    reply
}

/// The task has ended.
pub fn ended(id: TaskId, view: &TaskView) -> Reply {
    let mut reply = match (view.phase(), &view.result) {
        (Phase::Done, Some(result)) => Reply { body: ReplyBody::Whole(result.clone()), ..Reply::json(200, "") },
        (Phase::Done, None) => Reply::json(200, "null"),
        (Phase::Cancelled, _) => document(410, &state(id, view)),
        _ => document(502, &state(id, view)),
    };
    reply.headers.push(("Skala-Task-Status", phase(view.phase())));
    reply
}

/// What is told of a task that has no answer, or none yet.
pub fn state(id: TaskId, view: &TaskView) -> Value {
    let mut state = json!({"id": id, "status": phase(view.phase())});
    if let Some(progress) = view.live.as_ref().and_then(|live| live.progress.as_ref()) {
        state["progress"] = json!(progress.as_str());
    }
    if let (Some(death), Phase::Dead) = (&view.stored.row.progressed.death, view.phase()) {
        state["error"] = json!({"cause": death.cause, "message": death.message});
    }
    state
}

/// The task will not run, or is told to stop.
pub fn cancelling(id: TaskId) -> Reply {
    document(200, &json!({"id": id, "status": "cancelled"}))
}

/// The task had ended before it was called off.
pub fn too_late(id: TaskId, view: &TaskView) -> Reply {
    document(409, &state(id, view))
}

/// No task has that address.
pub fn unknown() -> Reply {
    document(404, &json!({"error": "no task has this address; it may have been forgotten after its time"}))
}

/// A method that means nothing here.
pub fn method() -> Reply {
    let mut reply = document(405, &json!({"error": "GET tells of the task, DELETE calls it off"}));
    reply.headers.push(("Allow", "GET, HEAD, DELETE".into()));
    reply
}

/// Why there is no answer.
pub fn failure(error: &TasksError) -> Reply {
    let soon = Some(Duration::from_secs(1));
    let (status, retry_after) = match error {
        TasksError::NoTask(_) => return unknown(),
        TasksError::Refused { refusal: Refusal::Full { retry_after, .. }, .. } => (429, Some(*retry_after)),
        TasksError::Refused { refusal: Refusal::TooLong { .. }, .. } => (413, None),
        TasksError::Refused { .. } => (400, None),
        TasksError::NoRoom(_) => (507, soon),
        _ => (503, soon),
    };
    Reply { retry_after, ..document(status, &json!({"error": text(error)})) }
}

/// In words for a client: not where other processes listen, nor why the disk has no room.
fn text(error: &TasksError) -> String {
    match error {
        TasksError::Unavailable { .. } => "nobody takes tasks at the moment; ask again in a second".into(),
        TasksError::NoRoom(_) => "there is no room for more tasks at the moment".into(),
        TasksError::Read(_) => "the task cannot be read at the moment".into(),
        other => other.to_string(),
    }
}

/// A phase as its name in documents.
pub fn phase(phase: Phase) -> String {
    serde_json::to_value(phase).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

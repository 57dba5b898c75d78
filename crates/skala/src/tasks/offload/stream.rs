//! A task's life as server-sent events: `state` at each change, `end` with the result, comments in between.
//!
//! Invariants: a reader that is slow misses states in between, never the end; one that is gone ends the stream.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use skala_gateway::offload::{Reply, ReplyBody};
use skala_queue::{Phase, TaskId};
use skala_tasks::{TaskView, Tasks};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::answer;

/// Longest silence; proxies cut streams that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that wait for a slow reader.
const WAITING: usize = 4;

/// Begins to tell.
pub fn start(runtime: &Handle, tasks: Arc<Tasks>, id: TaskId, changes: watch::Receiver<u64>) -> Reply {
    let (tell, told) = mpsc::channel(WAITING);
    runtime.spawn(run(tasks, id, changes, tell));
    let headers = vec![("Content-Type", "text/event-stream".to_owned()), ("Cache-Control", "no-store".to_owned())];
    Reply { status: 200, headers, body: ReplyBody::Stream(told), retry_after: None }
}

async fn run(tasks: Arc<Tasks>, id: TaskId, mut changes: watch::Receiver<u64>, tell: mpsc::Sender<Bytes>) {
    let mut last = None;
    loop {
        let Ok(view) = tasks.task(id).await else { return };
        let ended = view.phase().has_ended();
        let said = document(id, &view);
        if last.as_ref() != Some(&said) {
            let event = if ended { "end" } else { "state" };
            if tell.send(Bytes::from(format!("event: {event}\ndata: {said}\n\n"))).await.is_err() || ended {
                return;
            }
            last = Some(said);
        }
        loop {
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        // Nobody will tell any more; the next look comes with the next word.
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    break;
                }
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    if tell.send(Bytes::from_static(b": still there\n\n")).await.is_err() {
                        return;
                    }
                }
                () = tell.closed() => return,
            }
        }
    }
}

/// The state, with the result once it is there, on one line.
fn document(id: TaskId, view: &TaskView) -> Value {
    let mut state = answer::state(id, view);
    if view.phase() == Phase::Done {
        let result = view.result.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        state["result"] = result.unwrap_or_else(|| json!(null));
    }
    state
}

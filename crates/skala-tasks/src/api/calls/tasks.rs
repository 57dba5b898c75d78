//! Questions about tasks, and orders.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use skala_queue::{Phase, TaskId};
use tokio::sync::{mpsc, watch};

use super::super::answer::{Answer, document, events as events_answer};
use super::super::problem::Problem;
use super::super::quantity::span;
use super::super::server::{closed, event};
use super::super::write;
use super::Asked;
use crate::store::{Filter, Stored};
use crate::{TaskView, Tasks, TasksError};

/// Tasks that are listed when nobody says how many, and at most.
const LISTED: usize = 100;
const MOST_LISTED: usize = 1000;
/// Pages that are looked through for tasks that are worked on: the store does not know them.
const MOST_PAGES: usize = 20;
/// Between two signs of life on a stream of events.
const STILL_HERE: Duration = Duration::from_secs(15);
/// Events that a slow reader may be behind.
const EVENTS_AHEAD: usize = 16;

/// Tasks, newest first.
pub(super) async fn list(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let mut filter = Filter { most: LISTED, ..Filter::default() };
    let mut wanted: Vec<Phase> = Vec::new();
    for (name, value) in asked.parameters(&["queue", "state", "tenant", "name", "schedule", "before", "limit"])? {
        match name {
            "queue" => filter.queue = Some(asked.queue(&value)?.1.name.clone()),
            "state" => wanted = value.split(',').map(phase).collect::<Result<_, _>>()?,
            "tenant" => filter.tenant = Some((&*value).into()),
            "name" => filter.name = Some((&*value).into()),
            "schedule" => filter.schedule = Some((&*value).into()),
            "before" => filter.before = Some(value.parse().map_err(|e| Problem::field("before", format!("{e}")))?),
            _ => filter.most = limit(&value)?,
        }
    }
    let most = filter.most;
    let (tasks, next) = page(asked, filter, &wanted).await?;
    let tasks: Vec<Value> = tasks.iter().take(most).map(|(s, phase)| write::stored(s, *phase).into()).collect();
    Ok(document(StatusCode::OK, &json!({"tasks": tasks, "next": next})))
}

/// Tasks in the wanted phases as they are now, and where the next page begins.
async fn page(
    asked: &Asked<'_>,
    mut filter: Filter,
    wanted: &[Phase],
) -> Result<(Vec<(Stored, Phase)>, Option<TaskId>), Problem> {
    let most = filter.most;
    filter.phases = in_store(wanted);
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let rows = asked.tasks.list(filter.clone()).await.map_err(|e| asked.failed(e))?;
        let is_last = rows.len() < filter.most;
        filter.before = rows.last().map(|s| s.row.id).or(filter.before);
        for row in rows {
            let phase = asked.tasks.phase(&row);
            if wanted.is_empty() || wanted.contains(&phase) {
                found.push((row, phase));
            }
            if found.len() == most {
                let next = found.last().map(|(s, _): &(Stored, Phase)| s.row.id);
                return Ok((found, next));
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, filter.before))
}

/// The phases under which wanted tasks lie in the store: what is worked on lies there as it was before.
fn in_store(wanted: &[Phase]) -> Vec<Phase> {
    let mut phases = wanted.to_vec();
    if wanted.iter().any(|p| !p.has_ended()) {
        phases.retain(|p| p.has_ended());
        phases.extend([Phase::Ready, Phase::Delayed, Phase::Held, Phase::Parked]);
        // Called off while it is worked on.
        if wanted.contains(&Phase::Leased) && !phases.contains(&Phase::Cancelled) {
            phases.push(Phase::Cancelled);
        }
    }
    phases
}

fn phase(text: &str) -> Result<Phase, Problem> {
    serde_json::from_value(text.into()).map_err(|_| {
        let known = "ready, delayed, held, parked, leased, done, dead or cancelled";
        Problem::field("state", format!("`{text}` is not one of {known}"))
    })
}

fn limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|n| (1..=MOST_LISTED).contains(n));
    limit.ok_or_else(|| Problem::field("limit", format!("is from 1 to {MOST_LISTED}")))
}

/// One task; with `wait`, once it has ended.
pub(super) async fn show(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let id = asked.task()?;
    let (mut wait, mut with_body) = (Duration::ZERO, false);
    for (name, value) in asked.parameters(&["wait", "body"])? {
        match name {
            "wait" => wait = span(&value).map_err(|e| Problem::field("wait", e))?,
            _ => with_body = value != "false",
        }
    }
    let mut closing = asked.context.closing.clone();
    let view = async { if wait.is_zero() { asked.tasks.task(id).await } else { asked.tasks.wait(id, wait).await } };
    let view = tokio::select! {
        view = view => view,
        () = closed(&mut closing) => Err(TasksError::Stopping),
    };
    let view = view.map_err(|e| asked.failed(e))?;
    let mut doc = write::view(&view);
    if with_body && let Some((label, body)) = asked.tasks.body(id).await.map_err(|e| asked.failed(e))? {
        write::put_body(&mut doc, &label, &body);
    }
    Ok(document(StatusCode::OK, &doc))
}

/// A task's progress and end, as they come.
pub(super) async fn events(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let id = asked.task()?;
    asked.parameters(&[])?;
    let news = asked.tasks.watch(id).map_err(|e| asked.failed(e))?;
    let view = asked.tasks.task(id).await.map_err(|e| asked.failed(e))?;
    let (tell, told) = mpsc::channel(EVENTS_AHEAD);
    tokio::spawn(follow(Arc::clone(asked.tasks), asked.context.closing.clone(), news, view, tell));
    Ok(events_answer(told))
}

/// Writes events until the task has ended, the reader has gone, or the server closes.
async fn follow(
    tasks: Arc<Tasks>,
    mut closing: watch::Receiver<bool>,
    mut news: watch::Receiver<u64>,
    mut view: TaskView,
    tell: mpsc::Sender<Bytes>,
) {
    let id = view.stored.row.id;
    let mut said: (Option<Phase>, Option<String>) = (None, None);
    loop {
        if tell_view(&view, &mut said, &tell).await.is_err() || view.phase().has_ended() {
            return;
        }
        loop {
            tokio::select! {
                () = closed(&mut closing) => return,
                () = tell.closed() => return,
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                () = tokio::time::sleep(STILL_HERE) => {
                    if tell.send(Bytes::from_static(b": still here\n\n")).await.is_err() {
                        return;
                    }
                }
            }
        }
        match tasks.task(id).await {
            Ok(now) => view = now,
            // Such as a change of leader: the reader connects again.
            Err(_) => return,
        }
    }
}

/// Says what is new of a task.
async fn tell_view(
    view: &TaskView,
    said: &mut (Option<Phase>, Option<String>),
    tell: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let progress = view.live.as_ref().and_then(|live| live.progress.as_ref()).map(|p| p.as_str().to_owned());
    if progress.is_some() && progress != said.1 {
        tell.send(event("progress", &json!({"progress": progress}))).await?;
        said.1 = progress;
    }
    if said.0 != Some(view.phase()) {
        said.0 = Some(view.phase());
        let name = if view.phase().has_ended() { "end" } else { "state" };
        tell.send(event(name, &write::view(view))).await?;
    }
    Ok(())
}

/// Calls a task off.
pub(super) async fn cancel(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let id = asked.task()?;
    match asked.tasks.cancel(id).await {
        Ok(cancelled) => Ok(document(StatusCode::OK, &json!({"id": id, "cancelled": cancelled}))),
        Err(TasksError::NoTask(_)) => {
            let view = asked.tasks.task(id).await.map_err(|e| asked.failed(e))?;
            if view.phase() == Phase::Cancelled {
                return Ok(document(StatusCode::OK, &json!({"id": id, "cancelled": 0})));
            }
            Err(asked.failed(TasksError::State(format!("task {id} has ended: there is nothing to call off"))))
        }
        Err(error) => Err(asked.failed(error)),
    }
}

/// A dead or cancelled task begins anew.
pub(super) async fn retry(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let id = asked.task()?;
    asked.tasks.revive(id).await.map_err(|e| asked.failed(e))?;
    let view = asked.tasks.task(id).await.map_err(|e| asked.failed(e))?;
    Ok(document(StatusCode::OK, &json!({"id": id, "state": view.phase()})))
}

/// Why a task does not run.
pub(super) async fn why(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let id = asked.task()?;
    let why = asked.tasks.why(id).await.map_err(|e| asked.failed(e))?;
    let view = asked.tasks.task(id).await.map_err(|e| asked.failed(e))?;
    let now = asked.tasks.clock().now().at;
    let why = why.map(|why| write::why(&why, now));
    Ok(document(StatusCode::OK, &json!({"id": id, "state": view.phase(), "why": why})))
}

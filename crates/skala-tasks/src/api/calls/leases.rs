//! Tasks out: workers that take them, and what they say of them.

use std::time::Duration;

use http::StatusCode;
use hyper::Request;
use hyper::body::Incoming;
use serde_json::json;
use skala_queue::{Ack, Cause, Death, LONGEST_MESSAGE, MOST_AT_ONCE, MOST_LOG_LINES, Nack, TaskId};

use super::super::answer::{Answer, document, json as json_answer};
use super::super::problem::Problem;
use super::super::read::{AckDoc, EffectDoc, ExtendDoc, ManyDoc, NackDoc, TakeDoc, parse, progress};
use super::super::write;
use super::Asked;
use crate::{Extend, TakeAsk, TasksError};

/// Queues that one worker may name.
const MOST_QUEUES: usize = 64;
/// Bytes of a worker's name.
const LONGEST_NAME: usize = 256;

/// Gives out tasks, and waits for the first.
pub(super) async fn take(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let received = asked.body(request).await?;
    let doc: TakeDoc<'_> = parse(&received.bytes)?;
    if doc.queues.0.is_empty() || doc.queues.0.len() > MOST_QUEUES {
        return Err(Problem::field("queues", format!("name from 1 to {MOST_QUEUES} queues")));
    }
    let most = doc.max.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&most) {
        return Err(Problem::field("max", format!("is from 1 to {MOST_AT_ONCE}")));
    }
    let queues = doc.queues.0.iter().map(|name| Ok(asked.queue(name)?.0)).collect::<Result<Vec<_>, Problem>>()?;
    let worker = match &doc.worker {
        Some(name) if name.0.len() <= LONGEST_NAME => (&*name.0).into(),
        Some(_) => return Err(Problem::field("worker", format!("a name has at most {LONGEST_NAME} bytes"))),
        None => asked.peer.to_string().as_str().into(),
    };
    let ask = TakeAsk { queues, worker, instance: doc.instance, most, lease: doc.lease.map(|lease| lease.0) };
    let wait = doc.wait.map_or(Duration::ZERO, |wait| wait.0);
    drop(received);
    let jobs = asked.tasks.take(&ask, wait).await.map_err(|e| asked.failed(e))?;
    Ok(json_answer(StatusCode::OK, write::jobs(&jobs, asked.tasks.clock().now().at)))
}

/// Workers live, and say how far they are.
pub(super) async fn extend(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let received = asked.body(request).await?;
    let doc: ManyDoc<ExtendDoc<'_>> = parse(&received.bytes)?;
    count(doc.tasks.len())?;
    let one = |e: &ExtendDoc<'_>| Extend { id: e.id, fence: e.fence.0, progress: e.progress.map(progress) };
    let extends: Vec<Extend> = doc.tasks.iter().map(one).collect();
    let each = asked.tasks.extend(&extends).map_err(|e| asked.failed(e))?;
    let now = asked.tasks.clock().now().at;
    let ids: Vec<TaskId> = extends.iter().map(|e| e.id).collect();
    each_answer(asked, &ids, each, |id, extended| write::extended(id, extended, now))
}

/// Tasks are done.
pub(super) async fn ack(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let received = asked.body(request).await?;
    let doc: ManyDoc<AckDoc<'_>> = parse(&received.bytes)?;
    count(doc.tasks.len())?;
    let one = |a: &AckDoc<'_>| Ack {
        id: a.id,
        fence: a.fence.0,
        result: a.result.map(|r| bytes::Bytes::copy_from_slice(r.get().as_bytes())),
        cost: a.cost.map(|cost| cost.0),
    };
    let acks: Vec<Ack> = doc.tasks.iter().map(one).collect();
    let ids: Vec<TaskId> = acks.iter().map(|a| a.id).collect();
    let each = asked.tasks.ack(acks).await.map_err(|e| asked.failed(e))?;
    each_answer(asked, &ids, each, |id, ()| write::item(id, 200, None))
}

/// Attempts have failed, or are handed back.
pub(super) async fn nack(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let received = asked.body(request).await?;
    let doc: ManyDoc<NackDoc> = parse(&received.bytes)?;
    count(doc.tasks.len())?;
    let nacks = doc.tasks.into_iter().enumerate();
    let nacks = nacks.map(|(place, doc)| nack_of(doc).map_err(|p| p.with("place", place))).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<TaskId> = nacks.iter().map(|n| n.id).collect();
    let each = asked.tasks.nack(nacks).await.map_err(|e| asked.failed(e))?;
    each_answer(asked, &ids, each, |id, ()| write::item(id, 200, None))
}

fn nack_of(doc: NackDoc) -> Result<Nack, Problem> {
    let failed = doc.error.is_some() || doc.cause.is_some() || !doc.log.is_empty();
    if doc.hand_back == failed {
        return Err(Problem::field("handBack", "state either handBack: true, or an error"));
    }
    let death = failed.then(|| Death {
        cause: doc.cause.unwrap_or(Cause::Failed),
        message: shortened(doc.error.unwrap_or_default()),
        log: last_lines(doc.log),
    });
    let cost = doc.cost.map(|cost| cost.0);
    Ok(Nack { id: doc.id, fence: doc.fence.0, death, retry_after: doc.retry_after.map(|after| after.0), cost })
}

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
    }
    text
}

fn last_lines(mut log: Vec<String>) -> Vec<String> {
    let first = log.len().saturating_sub(MOST_LOG_LINES);
    log.drain(first..).map(shortened).collect()
}

/// Whether an effect may take place.
pub(super) async fn effect(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let received = asked.body(request).await?;
    let doc: EffectDoc<'_> = parse(&received.bytes)?;
    if doc.key.0.is_empty() || doc.key.0.len() > LONGEST_NAME {
        return Err(Problem::field("key", format!("has from 1 to {LONGEST_NAME} bytes")));
    }
    let first = asked.tasks.once(doc.id, doc.fence.0, &doc.key.0).await.map_err(|e| asked.failed(e))?;
    Ok(document(StatusCode::OK, &json!({"first": first})))
}

fn count(tasks: usize) -> Result<(), Problem> {
    if (1..=MOST_AT_ONCE).contains(&tasks) {
        return Ok(());
    }
    Err(Problem::field("tasks", format!("has {tasks} entries; from 1 to {MOST_AT_ONCE} are taken")))
}

/// How each of many calls ended. A single one that failed is the answer itself.
fn each_answer<T>(
    asked: &Asked<'_>,
    ids: &[TaskId],
    each: Vec<Result<T, TasksError>>,
    good: impl Fn(TaskId, &T) -> write::Item<'static>,
) -> Result<Answer, Problem> {
    if let [Err(error)] = each.as_slice() {
        return Err(asked.failed(error.clone()));
    }
    let mut out = Vec::with_capacity(16 + each.len() * 48);
    out.extend_from_slice(b"{\"tasks\":[");
    for (at, (id, each)) in ids.iter().zip(&each).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Writing to memory cannot fail.
        let _ = match each {
            Ok(value) => serde_json::to_writer(&mut out, &good(*id, value)),
            Err(error) => {
                let problem = asked.failed(error.clone());
                serde_json::to_writer(&mut out, &write::item(*id, problem.status.as_u16(), Some(&problem.detail)))
            }
        };
    }
    out.extend_from_slice(b"]}");
    Ok(json_answer(StatusCode::OK, out))
}

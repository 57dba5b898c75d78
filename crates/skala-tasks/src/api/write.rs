//! Documents that go out.

use base64::Engine as _;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use skala_queue::{After, Extended, Parent, Parked, Phase, QueueSettings, QueueStats, Stop, TaskId, Waiting, When, Why};
use skala_types::{Text, Time};

use super::quantity::amount;
use super::secrets;
use crate::store::Stored;
use crate::{Job, TaskView};

/// A task in a worker's hands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobDoc<'a> {
    id: TaskId,
    queue: &'a str,
    fence: String,
    lease_seconds: f64,
    deadline_seconds: f64,
    attempt: u32,
    losses: u32,
    priority: u8,
    created: String,
    due: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    tenant: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    headers: &'a std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<ResultDoc<'a>>,
}

/// What a task that was waited for has answered.
#[derive(Serialize)]
struct ResultDoc<'a> {
    id: TaskId,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
}

/// What a worker gets.
pub(crate) fn jobs(jobs: &[Job], now: Time) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + jobs.iter().map(|job| 320 + job.body.len()).sum::<usize>());
    out.extend_from_slice(b"{\"tasks\":[");
    for (at, job) in jobs.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Writing to memory cannot fail, and every value is JSON.
        let _ = serde_json::to_writer(&mut out, &job_doc(job, now));
    }
    out.extend_from_slice(b"]}");
    out
}

fn job_doc(job: &Job, now: Time) -> JobDoc<'_> {
    let (leased, label) = (&job.leased, &job.label);
    // A body of another media type may happen to be JSON too: it stays bytes.
    let body = if is_json(&label.content_type) { raw(&job.body) } else { None };
    let body_base64 = body.is_none().then(|| base64::engine::general_purpose::STANDARD.encode(&job.body));
    JobDoc {
        id: leased.id,
        queue: job.queue.as_str(),
        fence: leased.fence.0.to_string(),
        lease_seconds: leased.until.since(now).as_secs_f64(),
        deadline_seconds: leased.deadline.since(now).as_secs_f64(),
        attempt: leased.attempts + 1,
        losses: leased.losses,
        priority: leased.priority,
        created: leased.created.to_string(),
        due: leased.due.to_string(),
        tenant: leased.tenant.as_str(),
        name: label.name.as_str(),
        content_type: label.content_type.as_str(),
        headers: &label.headers,
        body,
        body_base64,
        results: job.results.iter().map(|(id, r)| ResultDoc { id: *id, result: r.as_ref().and_then(|r| raw(r)) }).collect(),
    }
}

/// Whether a media type is JSON's; none is.
fn is_json(media: &Text) -> bool {
    let media = media.as_str().split(';').next().unwrap_or_default().trim();
    media.is_empty() || media.eq_ignore_ascii_case("application/json")
}

/// Bytes as a JSON value, when they are one.
fn raw(bytes: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(bytes).ok()
}

/// How one of many calls ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item<'a> {
    id: TaskId,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'static str>,
}

/// How one of many calls ended.
pub(crate) fn item(id: TaskId, status: u16, detail: Option<&str>) -> Item<'_> {
    Item { id, status, detail, lease_seconds: None, stop: None }
}

/// A lease that holds on.
pub(crate) fn extended(id: TaskId, extended: &Extended, now: Time) -> Item<'static> {
    let stop = extended.stop.map(|stop| match stop {
        Stop::Cancelled => "cancelled",
        Stop::Timeout => "timeout",
    });
    Item { lease_seconds: Some(extended.until.since(now).as_secs_f64()), stop, ..item(id, 200, None) }
}

/// A result's JSON; text that is none, as nothing is kept that is not JSON, is shown as text.
pub(crate) fn result(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

/// Everything about a task.
pub(crate) fn view(view: &TaskView) -> Value {
    let mut doc = stored(&view.stored, view.phase());
    if let Some(live) = &view.live {
        doc.insert("attempts".into(), live.attempts.into());
        doc.insert("losses".into(), live.losses.into());
        put(&mut doc, "progress", live.progress.as_ref().map(|p| p.as_str().into()));
        if let Some((worker, since, until)) = &live.lease {
            doc.insert("worker".into(), worker.as_str().into());
            doc.insert("started".into(), since.to_string().into());
            doc.insert("leaseUntil".into(), until.to_string().into());
        }
    }
    put(&mut doc, "result", view.result.as_ref().map(result));
    doc.into()
}

/// What lies in the store of a task that is in this phase.
pub(crate) fn stored(stored: &Stored, phase: Phase) -> Map<String, Value> {
    let row = &stored.row;
    let (label, progressed) = (&row.label, &row.progressed);
    let mut doc = Map::new();
    doc.insert("id".into(), json!(row.id));
    doc.insert("queue".into(), row.queue.as_str().into());
    doc.insert("state".into(), json!(phase));
    put_text(&mut doc, "name", &label.name);
    put_text(&mut doc, "tenant", &row.tenant);
    doc.insert("priority".into(), row.priority.into());
    doc.insert("created".into(), row.created.to_string().into());
    doc.insert("due".into(), progressed.due.to_string().into());
    put(&mut doc, "expires", row.expires.map(|at| at.to_string().into()));
    doc.insert("attempts".into(), progressed.attempts.into());
    doc.insert("mostAttempts".into(), row.attempts.into());
    doc.insert("losses".into(), progressed.losses.into());
    doc.insert("timeoutSeconds".into(), row.timeout.as_secs_f64().into());
    put(&mut doc, "cost", (row.cost > 0).then(|| amount(row.cost).into()));
    put(&mut doc, "spent", (progressed.spent > 0).then(|| amount(progressed.spent).into()));
    put(&mut doc, "key", row.key.as_ref().map(|key| key.text.as_str().into()));
    put(&mut doc, "after", (!row.after.is_empty()).then(|| row.after.iter().map(after).collect()));
    put(&mut doc, "schedule", row.occurrence.as_ref().map(|o| o.schedule.as_str().into()));
    put(&mut doc, "nominal", row.occurrence.as_ref().map(|o| o.nominal.to_string().into()));
    put_text(&mut doc, "contentType", &label.content_type);
    put(&mut doc, "headers", (!label.headers.is_empty()).then(|| secrets::shown(&label.headers)));
    doc.insert("bodyBytes".into(), row.body_len.into());
    put(&mut doc, "death", progressed.death.as_ref().map(|death| json!(death)));
    put(&mut doc, "ended", stored.ended.map(|at| at.to_string().into()));
    put(&mut doc, "keptUntil", stored.until.map(|at| at.to_string().into()));
    doc
}

fn after(after: &After) -> Value {
    let task = match after.task {
        Parent::Id(id) => json!(id),
        Parent::Place(place) => place.into(),
    };
    let when = match after.when {
        When::Done => "done",
        When::Failed => "failed",
        When::Ended => "ended",
    };
    json!({"task": task, "when": when})
}

fn put(doc: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        doc.insert(name.to_owned(), value);
    }
}

fn put_text(doc: &mut Map<String, Value>, name: &str, text: &Text) {
    put(doc, name, (!text.is_empty()).then(|| text.as_str().into()));
}

/// A queue: its numbers, and the settings that explain them.
pub(crate) fn queue(settings: &QueueSettings, stats: &QueueStats, ceilings: &[Parked]) -> Value {
    let mut doc = Map::new();
    doc.insert("name".into(), settings.name.as_str().into());
    for (name, count) in [
        ("ready", stats.ready),
        ("delayed", stats.delayed),
        ("held", stats.held),
        ("parked", stats.parked),
        ("leased", stats.leased),
        ("enqueued", stats.enqueued),
        ("duplicates", stats.duplicates),
        ("refused", stats.refused),
        ("done", stats.done),
        ("dead", stats.dead),
        ("cancelled", stats.cancelled),
        ("attempts", stats.attempts),
        ("failed", stats.failed),
        ("lost", stats.lost),
        ("stale", stats.stale),
    ] {
        doc.insert(name.into(), count.into());
    }
    doc.insert("paused".into(), stats.paused.into());
    doc.insert("alarm".into(), stats.alarm.into());
    doc.insert("speed".into(), stats.speed.into());
    put(&mut doc, "oldestAgeSeconds", stats.oldest_age.map(|age| age.as_secs_f64().into()));
    put(&mut doc, "arrivalsPerSecond", stats.arrival_rate.map(Value::from));
    put(&mut doc, "completionsPerSecond", stats.completion_rate.map(Value::from));
    put(&mut doc, "meanAttemptSeconds", stats.mean_attempt.map(|mean| mean.as_secs_f64().into()));
    doc.insert("spent".into(), amount(stats.spent).into());
    let ceiling = |c: &Parked| json!({"text": c.text, "until": c.until.to_string(), "tasks": c.tasks});
    put(&mut doc, "ceilings", (!ceilings.is_empty()).then(|| ceilings.iter().map(ceiling).collect()));
    doc.insert("maxTasks".into(), settings.max_tasks.into());
    doc.insert("maxBody".into(), settings.max_body.into());
    doc.insert("leaseSeconds".into(), settings.lease.as_secs_f64().into());
    doc.insert("timeoutSeconds".into(), settings.timeout.as_secs_f64().into());
    doc.insert("durability".into(), json!(settings.durability));
    doc.into()
}

/// Why a task waits. `now` is the monotonic clock's.
pub(crate) fn why(why: &Why, now: Time) -> Value {
    let (kind, text, more) = waiting(&why.waiting, now);
    let mut doc = Map::new();
    doc.insert("reason".into(), kind.into());
    doc.insert("text".into(), text.into());
    doc.extend(more);
    doc.insert("ahead".into(), why.ahead.into());
    put(&mut doc, "expectedSeconds", why.expected.map(|e| e.as_secs_f64().into()));
    doc.into()
}

fn waiting(waiting: &Waiting, now: Time) -> (&'static str, String, Map<String, Value>) {
    let mut more = Map::new();
    let mut with = |name: &str, value: Value| {
        more.insert(name.to_owned(), value);
    };
    let (kind, text) = match waiting {
        Waiting::Due { at } => {
            with("at", at.to_string().into());
            ("due", format!("it is not due before {at}"))
        }
        Waiting::Retry { at, last } => {
            with("at", at.to_string().into());
            with("last", json!(last));
            ("retry", format!("its last attempt failed ({}); the next is made at {at}", last.message))
        }
        Waiting::Parents { tasks } => {
            with("tasks", json!(tasks));
            ("parents", format!("it waits for {} other tasks", tasks.len()))
        }
        Waiting::Ceiling { text, until } => {
            with("until", until.to_string().into());
            ("ceiling", format!("{text}; until {until}"))
        }
        Waiting::Paused => ("paused", "its queue pauses".to_owned()),
        Waiting::Concurrency { text } => ("concurrency", text.clone()),
        Waiting::Rate { text, at } => {
            with("inSeconds", at.since(now).as_secs_f64().into());
            ("rate", text.clone())
        }
        Waiting::Slowed { text } => ("slowed", text.clone()),
        Waiting::NoWorker { last } => {
            with("lastAskedSecondsAgo", last.map_or(Value::Null, |at| now.since(at).as_secs_f64().into()));
            ("noWorker", "no worker asks for tasks of its queue".to_owned())
        }
        Waiting::Turn => ("turn", "others are before it".to_owned()),
        Waiting::Commit => ("commit", "it is not on disk yet".to_owned()),
    };
    (kind, text, more)
}

/// Adds a task's body to a document about it.
pub(crate) fn put_body(doc: &mut Value, label: &skala_queue::Label, body: &[u8]) {
    let json: Option<Value> = if is_json(&label.content_type) { serde_json::from_slice(body).ok() } else { None };
    match json {
        Some(body) => doc["body"] = body,
        None => doc["bodyBase64"] = base64::engine::general_purpose::STANDARD.encode(body).into(),
    }
}

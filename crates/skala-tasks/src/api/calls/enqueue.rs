//! Tasks in: one, or many of one queue.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::Request;
use hyper::body::Incoming;
use skala_queue::{After, Enqueued, Holds, Key, MOST_AT_ONCE, NewTask, Parent, Phase, QueueId};
use skala_types::Time;

use super::super::answer::{Answer, json as json_answer};
use super::super::problem::Problem;
use super::super::quantity::{When, money, span};
use super::super::read::{AfterDoc, BatchDoc, TaskDoc, check_headers, parse};
use super::{Asked, ENVELOPE};

/// The media type of documents.
const JSON: &str = "application/json";
/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";
/// Headers of the request that a task carries on, for traces.
const CARRIED: [&str; 2] = ["traceparent", "tracestate"];
/// What begins the name of a header that the worker gets without it.
const CARRY: &str = "skala-header-";

/// One task: a JSON document, or, with another media type or `?raw=true`, the body itself with the rest in headers. A form that begins
/// with a brace is a document, too: it is what `curl -d` sends, and no form begins like that.
pub(super) async fn one(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let (queue, settings) = asked.queue(asked.part)?;
    let is_raw = asked.parameters(&["raw"])?.iter().any(|(_, value)| value != "false");
    let now = asked.tasks.clock().now().wall;
    let (head, body) = request.into_parts();
    let head = head.headers;
    let task = if is_raw || !is_of(&head, JSON) {
        let why = format!("as many as a body in queue {} may have; put it elsewhere and enqueue where it is", settings.name);
        let received = asked.context.receiver.body(&head, body, settings.max_body, &why).await?;
        if !is_raw && is_of(&head, FORM) && received.bytes.trim_ascii_start().starts_with(b"{") {
            document_task(asked, queue, &parse(&received.bytes)?, &head, now)?
        } else {
            raw(queue, &head, received.bytes, now)?
        }
    } else {
        let why = format!("as many as a task of queue {} may have; put the body elsewhere", settings.name);
        let most = settings.max_body.saturating_mul(4) / 3 + ENVELOPE;
        let received = asked.context.receiver.body(&head, body, most, &why).await?;
        let doc: TaskDoc<'_> = parse(&received.bytes)?;
        document_task(asked, queue, &doc, &head, now)?
    };
    let enqueued = asked.tasks.enqueue(vec![task]).await.map_err(|e| asked.failed(e))?;
    let Some(enqueued) = enqueued.first() else { return Err(Problem::field("", "no task was taken in")) };
    answer(asked, enqueued).await
}

/// Up to 128 tasks of one queue, all or none.
pub(super) async fn batch(asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let (queue, _) = asked.queue(asked.part)?;
    asked.parameters(&[])?;
    let received = asked.body(request).await?;
    let doc: BatchDoc<'_> = parse(&received.bytes)?;
    let now = asked.tasks.clock().now().wall;
    let mut names = Names::default();
    let mut tasks = Vec::with_capacity(doc.tasks.len());
    for (place, doc) in doc.tasks.iter().enumerate() {
        let at = |problem: Problem| problem.with("place", place);
        if doc.queue.is_some() {
            return Err(at(Problem::field("queue", "the path names the queue; tasks of several queues are a flow")));
        }
        let mut task = doc.task(queue, now).map_err(at)?;
        task.after = doc.after.iter().map(|a| names.after(a)).collect::<Result<_, _>>().map_err(at)?;
        names.add(doc, place).map_err(at)?;
        tasks.push(task);
    }
    many(asked, tasks).await
}

/// Enqueues many and answers.
pub(super) async fn many(asked: &Asked<'_>, tasks: Vec<NewTask>) -> Result<Answer, Problem> {
    if tasks.is_empty() {
        return Err(Problem::field("tasks", format!("from 1 to {MOST_AT_ONCE} tasks are taken at once, not none")));
    }
    let enqueued = asked.tasks.enqueue(tasks).await.map_err(|e| asked.failed(e))?;
    let is_new = enqueued.iter().any(|e| e.is_new);
    let mut out = Vec::with_capacity(16 + enqueued.len() * 64);
    out.extend_from_slice(b"{\"tasks\":[");
    for (at, e) in enqueued.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut out, &Taken { id: e.id, state: e.phase, is_new: e.is_new });
    }
    out.extend_from_slice(b"]}");
    Ok(json_answer(if is_new { StatusCode::CREATED } else { StatusCode::OK }, out))
}

/// A task that was taken in, or was there.
#[derive(serde::Serialize)]
struct Taken {
    id: skala_queue::TaskId,
    /// None: it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Phase>,
    #[serde(rename = "new")]
    is_new: bool,
}

async fn answer(asked: &Asked<'_>, enqueued: &Enqueued) -> Result<Answer, Problem> {
    let state = match enqueued.phase {
        Some(phase) => phase,
        // It has ended: the store knows how.
        None => asked.tasks.task(enqueued.id).await.map(|view| view.phase()).map_err(|e| asked.failed(e))?,
    };
    let status = if enqueued.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut out = Vec::with_capacity(64);
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut out, &Taken { id: enqueued.id, state: Some(state), is_new: enqueued.is_new });
    let mut answer = json_answer(status, out);
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/tasks/{}", enqueued.id)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

/// Names that tasks of one call have for one another.
#[derive(Default)]
pub(super) struct Names(HashMap<String, u16>);

impl Names {
    /// A task's own name, if it has one.
    pub(super) fn add(&mut self, doc: &TaskDoc<'_>, place: usize) -> Result<(), Problem> {
        let Some(name) = &doc.reference else { return Ok(()) };
        let place = u16::try_from(place).map_err(|_| Problem::field("tasks", "are too many"))?;
        match self.0.insert(name.0.as_ref().to_owned(), place) {
            Some(_) => Err(Problem::field("ref", format!("`{}` is the name of two tasks", name.0))),
            None => Ok(()),
        }
    }

    /// What a task waits for: an earlier one of the call, or one that is known.
    pub(super) fn after(&self, doc: &AfterDoc<'_>) -> Result<After, Problem> {
        let name = &*doc.task.0;
        let task = match (self.0.get(name), name.parse()) {
            (Some(place), _) => Parent::Place(*place),
            (None, Ok(id)) => Parent::Id(id),
            (None, Err(_)) => {
                let reason = format!("`{name}` is neither a task id nor the `ref` of an earlier task of this call");
                return Err(Problem::field("after", reason));
            }
        };
        Ok(After { task, when: doc.when })
    }
}

fn document_task(asked: &Asked<'_>, queue: QueueId, doc: &TaskDoc<'_>, head: &HeaderMap, now: Time) -> Result<NewTask, Problem> {
    asked.parameters(&["raw"])?;
    if doc.queue.is_some() {
        return Err(Problem::field("queue", "the path names the queue"));
    }
    if doc.reference.is_some() {
        return Err(Problem::field("ref", "is for batches and flows"));
    }
    let mut task = doc.task(queue, now)?;
    task.after = doc.after.iter().map(|a| Names::default().after(a)).collect::<Result<_, _>>()?;
    if task.key.is_none() {
        task.key = key(head)?;
    }
    carry(head, &mut task.label.headers)?;
    Ok(task)
}

/// Whether the body is said to be of a media type; it is JSON when nothing is said.
fn is_of(head: &HeaderMap, wanted: &str) -> bool {
    let Some(media) = head.get(CONTENT_TYPE) else { return wanted == JSON };
    let media = media.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case(wanted)
}

/// A task whose body is the request's, with the rest in headers.
fn raw(queue: QueueId, head: &HeaderMap, body: Bytes, now: Time) -> Result<NewTask, Problem> {
    let mut task = NewTask::new(queue, Bytes::copy_from_slice(&body));
    if let Some(media) = text(head, CONTENT_TYPE.as_str())? {
        task.label.content_type = media.into();
    }
    if is_of(head, JSON) && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
        return Err(Problem::field("", "the body is not JSON, as its media type says"));
    }
    let name = text(head, "skala-name")?;
    task.label.name = name.unwrap_or_default().into();
    task.tenant = text(head, "skala-tenant")?.unwrap_or_default().into();
    task.key = key(head)?;
    task.priority = number(head, "skala-priority", "a number from 0 to 10")?;
    task.attempts = number(head, "skala-attempts", "a number of attempts")?;
    task.timeout = read(head, "skala-timeout", span)?;
    task.cost = read(head, "skala-cost", |text| money(text.parse().unwrap_or(f64::NAN)))?.map(|cost| cost.0);
    task.expires = read(head, "skala-expires", When::parse)?.map(|expires| expires.at(now));
    task.due = read(head, "skala-due", When::parse)?.map(|due| due.at(now));
    if let Some(delay) = read(head, "skala-delay", span)? {
        task.due = Some(now + delay);
    }
    if let Some(eta) = read(head, "x-cloudtasks-tasketa", cloud_eta)? {
        task.due = Some(eta);
    }
    carry(head, &mut task.label.headers)?;
    check_headers(&task.label.headers)?;
    Ok(task)
}

/// Seconds since 1970, with a fraction, as Cloud Tasks writes them.
fn cloud_eta(text: &str) -> Result<Time, String> {
    let secs: f64 = text.parse().map_err(|_| "is not a number of seconds since 1970".to_owned())?;
    let since = std::time::Duration::try_from_secs_f64(secs).map_err(|e| e.to_string())?;
    Ok(Time::ZERO + since)
}

/// The key in a request's head.
fn key(head: &HeaderMap) -> Result<Option<Key>, Problem> {
    for name in ["idempotency-key", "skala-key", "x-cloudtasks-taskname"] {
        if let Some(text) = text(head, name)? {
            let holds = read(head, "skala-holds", holds)?.unwrap_or(Holds::Window);
            return Ok(Some(Key { text: text.into(), holds }));
        }
    }
    Ok(None)
}

fn holds(text: &str) -> Result<Holds, String> {
    match text {
        "window" => Ok(Holds::Window),
        "waiting" => Ok(Holds::Waiting),
        "unfinished" => Ok(Holds::Unfinished),
        _ => Err("is window, waiting or unfinished".to_owned()),
    }
}

/// Headers that go on to the worker.
fn carry(head: &HeaderMap, headers: &mut BTreeMap<String, String>) -> Result<(), Problem> {
    for name in CARRIED {
        if let Some(value) = text(head, name)? {
            headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    for name in head.keys() {
        if let Some(rest) = name.as_str().strip_prefix(CARRY).filter(|rest| !rest.is_empty())
            && let Some(value) = text(head, name.as_str())?
        {
            headers.insert(rest.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

fn text<'h>(head: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let Some(value) = head.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| Problem::field(name, "is not text"))
}

fn read<T>(head: &HeaderMap, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Problem> {
    text(head, name)?.map(|text| read(text).map_err(|reason| Problem::field(name, reason))).transpose()
}

fn number<T: std::str::FromStr>(head: &HeaderMap, name: &str, what: &str) -> Result<Option<T>, Problem> {
    read(head, name, |text| text.parse().map_err(|_| format!("is not {what}")))
}

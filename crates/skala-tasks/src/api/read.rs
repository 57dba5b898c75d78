//! Documents that come in.
//!
//! Method: borrowed from the request's bytes; a task's body stays the text that was sent. An unknown key is an error that names it.
//!   Only when a document is wrong is it read a second time, to say where.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use skala_queue::{Cause, Holds, Key, Label, NewTask, PRIORITIES, QueueId, TaskId};
use skala_types::{Text, Time};

use super::problem::Problem;
use super::quantity::{FenceText, Micros, Span, When};

/// Headers that a task may carry, and their bytes.
const MOST_HEADERS: usize = 64;
const MOST_HEADER_BYTES: usize = 16 << 10;

/// A text that is borrowed where it can be.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Str<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A task to enqueue.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TaskDoc<'a> {
    /// In flows: where it waits, instead of the flow's queue.
    #[serde(borrow)]
    pub(crate) queue: Option<Str<'a>>,
    /// In batches and flows: a name by which others of the same call wait for it.
    #[serde(borrow, rename = "ref")]
    pub(crate) reference: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) body: Option<&'a RawValue>,
    #[serde(borrow)]
    body_base64: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    tenant: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) key: Option<Str<'a>>,
    holds: Option<Holds>,
    priority: Option<u8>,
    delay: Option<Span>,
    pub(crate) due: Option<When>,
    expires: Option<When>,
    timeout: Option<Span>,
    attempts: Option<u32>,
    cost: Option<Micros>,
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(borrow)]
    content_type: Option<Str<'a>>,
    #[serde(borrow)]
    method: Option<Str<'a>>,
    #[serde(borrow)]
    path: Option<Str<'a>>,
    pub(crate) with_results: bool,
    #[serde(borrow)]
    pub(crate) after: Vec<AfterDoc<'a>>,
}

/// One that a task waits for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AfterDoc<'a> {
    /// An id, or a `ref` of the same call.
    #[serde(borrow)]
    pub(crate) task: Str<'a>,
    #[serde(default = "done")]
    pub(crate) when: skala_queue::When,
}

fn done() -> skala_queue::When {
    skala_queue::When::Done
}

/// Many tasks for one queue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchDoc<'a> {
    #[serde(borrow)]
    pub(crate) tasks: Vec<TaskDoc<'a>>,
}

/// Tasks that wait for one another.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct FlowDoc<'a> {
    /// Where tasks wait that name no queue.
    #[serde(borrow)]
    pub(crate) queue: Option<Str<'a>>,
    /// Any shape: tasks with `ref` and `after`.
    #[serde(borrow)]
    pub(crate) tasks: Vec<TaskDoc<'a>>,
    /// One after the other.
    #[serde(borrow)]
    pub(crate) chain: Vec<TaskDoc<'a>>,
    /// Side by side.
    #[serde(borrow)]
    pub(crate) group: Vec<TaskDoc<'a>>,
    /// After all of them are done.
    #[serde(borrow)]
    pub(crate) then: Option<TaskDoc<'a>>,
    /// Once when one of them failed.
    #[serde(borrow)]
    pub(crate) on_failure: Option<TaskDoc<'a>>,
}

/// What a worker asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TakeDoc<'a> {
    #[serde(borrow)]
    pub(crate) queues: Names<'a>,
    pub(crate) max: Option<usize>,
    pub(crate) wait: Option<Span>,
    #[serde(borrow)]
    pub(crate) worker: Option<Str<'a>>,
    pub(crate) instance: Option<u64>,
    pub(crate) lease: Option<Span>,
}

/// One name or several.
#[derive(Debug)]
pub(crate) struct Names<'a>(pub(crate) Vec<Cow<'a, str>>);

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a queue's name, or a list of names")
    }

    fn visit_str<E>(self, text: &str) -> Result<Names<'de>, E> {
        Ok(Names(vec![Cow::Owned(text.to_owned())]))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Names<'de>, E> {
        Ok(Names(vec![Cow::Borrowed(text)]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names<'de>, A::Error> {
        let mut names = Vec::new();
        while let Some(Str(name)) = seq.next_element::<Str<'de>>()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Names<'a>, D::Error> {
        d.deserialize_any(NamesVisitor)
    }
}

/// Many of a worker's answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManyDoc<T> {
    pub(crate) tasks: Vec<T>,
}

/// A worker lives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExtendDoc<'a> {
    pub(crate) id: TaskId,
    pub(crate) fence: FenceText,
    #[serde(borrow, default)]
    pub(crate) progress: Option<&'a RawValue>,
}

/// A worker has succeeded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AckDoc<'a> {
    pub(crate) id: TaskId,
    pub(crate) fence: FenceText,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    pub(crate) cost: Option<Micros>,
}

/// A worker has failed, or hands back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NackDoc {
    pub(crate) id: TaskId,
    pub(crate) fence: FenceText,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<Cause>,
    #[serde(default)]
    pub(crate) log: Vec<String>,
    #[serde(default)]
    pub(crate) hand_back: bool,
    pub(crate) retry_after: Option<Span>,
    pub(crate) cost: Option<Micros>,
}

/// An effect that must take place once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EffectDoc<'a> {
    pub(crate) id: TaskId,
    pub(crate) fence: FenceText,
    #[serde(borrow)]
    pub(crate) key: Str<'a>,
}

/// Reads a document.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|e| wrong::<T>(bytes, &e))
}

fn wrong<'a, T: Deserialize<'a>>(bytes: &'a [u8], error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let detail = format!("the body is not a JSON document: {error}");
        return Problem::new(StatusCode::BAD_REQUEST, "json", "The body is not JSON", detail);
    }
    let mut again = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut again) {
        Err(e) if e.path().iter().next().is_some() => Problem::field(e.path().to_string(), e.inner().to_string()),
        _ => Problem::field("", error.to_string()),
    }
}

impl TaskDoc<'_> {
    /// As the core wants it; `after` is the caller's business. `now` is the wall clock's.
    pub(crate) fn task(&self, queue: QueueId, now: Time) -> Result<NewTask, Problem> {
        let text = |text: &Option<Str<'_>>| text.as_ref().map(|t| Text::from(&*t.0));
        let mut task = NewTask::new(queue, self.bytes()?);
        task.label = self.label()?;
        if let Some(tenant) = text(&self.tenant) {
            task.tenant = tenant;
        }
        task.key = self.key()?;
        task.priority = self.priority;
        if self.priority.is_some_and(|p| !PRIORITIES.contains(&p)) {
            return Err(Problem::field("priority", "is from 0 to 10; 10 goes first"));
        }
        if self.delay.is_some() && self.due.is_some() {
            return Err(Problem::field("delay", "state either delay or due"));
        }
        task.due = self.delay.map(|delay| now + delay.0).or_else(|| self.due.map(|due| due.at(now)));
        task.expires = self.expires.map(|expires| expires.at(now));
        task.timeout = self.timeout.map(|timeout| timeout.0);
        task.attempts = self.attempts;
        task.cost = self.cost.map(|cost| cost.0);
        Ok(task)
    }

    fn key(&self) -> Result<Option<Key>, Problem> {
        match (&self.key, self.holds) {
            (Some(key), holds) => Ok(Some(Key { text: (&*key.0).into(), holds: holds.unwrap_or(Holds::Window) })),
            (None, Some(_)) => Err(Problem::field("holds", "says how long a key holds; there is no key")),
            (None, None) => Ok(None),
        }
    }

    fn bytes(&self) -> Result<Bytes, Problem> {
        match (self.body, &self.body_base64) {
            (Some(_), Some(_)) => Err(Problem::field("bodyBase64", "state either body or bodyBase64")),
            // A copy: the request's buffer is much larger, and would live as long.
            (Some(body), None) => Ok(Bytes::copy_from_slice(body.get().as_bytes())),
            (None, Some(text)) => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text.0.as_bytes());
                bytes.map(Bytes::from).map_err(|e| Problem::field("bodyBase64", format!("is not base64: {e}")))
            }
            (None, None) => Ok(Bytes::from_static(b"null")),
        }
    }

    fn label(&self) -> Result<Label, Problem> {
        let mut label = Label { headers: self.headers.clone(), with_results: self.with_results, ..Label::default() };
        let set = |to: &mut Text, from: &Option<Str<'_>>| {
            if let Some(text) = from {
                *to = (&*text.0).into();
            }
        };
        set(&mut label.name, &self.name);
        set(&mut label.content_type, &self.content_type);
        set(&mut label.method, &self.method);
        set(&mut label.path, &self.path);
        if self.body_base64.is_some() && label.content_type.is_empty() {
            label.content_type = "application/octet-stream".into();
        }
        check_headers(&label.headers)?;
        Ok(label)
    }
}

/// Whether a task may carry these headers.
pub(crate) fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), Problem> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || bytes > MOST_HEADER_BYTES {
        let reason = format!("at most {MOST_HEADERS} headers of {MOST_HEADER_BYTES} bytes together are taken");
        return Err(Problem::field("headers", reason));
    }
    for (name, value) in headers {
        let fits = http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(value).is_ok();
        if !fits {
            return Err(Problem::field(format!("headers.{name}"), "is not a header of HTTP"));
        }
    }
    Ok(())
}

/// A worker's word about its progress: a text as it is, anything else as JSON.
pub(crate) fn progress(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

//! What went wrong, as `application/problem+json` (RFC 9457): status, what, and what to do.

use std::time::Duration;

use http::header::{ALLOW, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use skala_queue::{LeaseError, Refusal};

use super::answer::{Answer, typed};
use crate::TasksError;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The kind, as the last part of its `type`.
    kind: &'static str,
    title: &'static str,
    pub(crate) detail: String,
    // Boxed: few problems have them, and every call may answer with one.
    more: Option<Box<Map<String, Value>>>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, kind, title, detail: detail.into(), more: None, header: None }
    }

    /// A value that cannot be used, and where it stands.
    pub(crate) fn field(field: impl Into<String>, reason: impl Into<String>) -> Problem {
        let (field, reason) = (field.into(), reason.into());
        let detail = if field.is_empty() { reason } else { format!("{field}: {reason}") };
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "value", "A value cannot be used", detail);
        if field.is_empty() { problem } else { problem.with("field", field) }
    }

    pub(crate) fn no_path(path: &str) -> Problem {
        let detail = format!("there is nothing at {path}; the calls are listed at /v1/openapi.json");
        Problem::new(StatusCode::NOT_FOUND, "path", "There is no such path", detail)
    }

    pub(crate) fn methods(methods: &[&str]) -> Problem {
        let allowed = methods.join(", ");
        let detail = format!("this path takes {allowed}");
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "The method is not for this path", detail);
        problem.header(ALLOW, &allowed)
    }

    pub(crate) fn token() -> Problem {
        let detail = "this API needs a token: send `Authorization: Bearer ...` with the value of `tasks.token`";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "token", "The token is missing or wrong", detail);
        problem.header(WWW_AUTHENTICATE, "Bearer")
    }

    pub(crate) fn page(why: &str) -> Problem {
        let detail = format!("{why}; use 127.0.0.1, or set `tasks.token` in the platform file");
        Problem::new(StatusCode::FORBIDDEN, "page", "Not from there", detail)
    }

    pub(crate) fn too_long(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "The body is too long", detail)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: HeaderName, value: &str) -> Problem {
        self.header = HeaderValue::from_str(value).ok().map(|value| Box::new((name, value)));
        self
    }

    pub(crate) fn retry_after(self, after: Duration) -> Problem {
        let secs = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.header(RETRY_AFTER, &secs.max(1).to_string())
    }

    /// As an answer.
    pub(crate) fn answer(self) -> Answer {
        let mut document = json!({
            "type": format!("urn:skala:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Value::Object(fields) = &mut document {
            fields.extend(self.more.into_iter().flat_map(|more| *more));
        }
        let mut answer = typed(self.status, "application/problem+json", document.to_string());
        if let Some((name, value)) = self.header.map(|header| *header) {
            answer.headers_mut().insert(name, value);
        }
        answer
    }

    /// What went wrong in the server, for a request of this path and query. `own` is this process's own address.
    pub(crate) fn of(error: TasksError, path: &str, own: Option<&str>) -> Problem {
        let detail = error.to_string();
        let soon = Duration::from_secs(1);
        match error {
            // A leader's row that names this very process is of its earlier life.
            TasksError::Unavailable { leader: Some(leader) } if own != Some(leader.as_str()) => {
                let there = format!("{leader}{path}");
                Problem::new(StatusCode::TEMPORARY_REDIRECT, "elsewhere", "Another process leads", detail)
                    .header(LOCATION, &there)
            }
            TasksError::Unavailable { .. } => unavailable("no-leader", "Nobody leads", detail).retry_after(soon),
            TasksError::Stopping => unavailable("stopping", "The server shuts down", detail).retry_after(soon),
            TasksError::Busy(_) => unavailable("busy", "The disk lags behind", detail).retry_after(soon),
            TasksError::Late(_) => unavailable("late", "The disk lags behind", detail).retry_after(soon),
            TasksError::Bound(_) => unavailable("bound", "A bound of the server is reached", detail).retry_after(soon),
            TasksError::NoRoom(_) => {
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, "no-room", "The disk is full", detail).retry_after(soon)
            }
            TasksError::Refused { place, refusal } => refused(refusal, detail).with("place", place),
            TasksError::Lease(error) => lease(&error, detail),
            TasksError::NoTask(_) => not_found("task", "There is no such task", detail),
            TasksError::NoQueue { .. } => not_found("queue", "There is no such queue", detail),
            TasksError::NoSchedule(_) => not_found("schedule", "There is no such schedule", detail),
            TasksError::State(_) => Problem::new(StatusCode::CONFLICT, "state", "Not in this state", detail),
            TasksError::Read(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "The store cannot be read", detail),
        }
    }
}

fn unavailable(kind: &'static str, title: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
}

fn not_found(kind: &'static str, title: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, kind, title, detail)
}

fn refused(refusal: Refusal, detail: String) -> Problem {
    let full = |detail| Problem::new(StatusCode::TOO_MANY_REQUESTS, "full", "The queue is full", detail);
    match refusal {
        Refusal::NoQueue => not_found("queue", "There is no such queue", detail),
        Refusal::Full { retry_after, .. } => full(detail).retry_after(retry_after),
        Refusal::Keys { .. } => full(detail).retry_after(Duration::from_secs(60)),
        Refusal::TooLong { .. } => Problem::too_long(detail),
        Refusal::Count(_) => Problem::field("tasks", detail),
        Refusal::Value { field, reason } => Problem::field(field, reason),
        Refusal::NoParent(_) => Problem::field("after", detail),
    }
}

fn lease(error: &LeaseError, detail: String) -> Problem {
    match error {
        LeaseError::Unknown(_) => not_found("task", "There is no such task", detail),
        LeaseError::Stale { .. } => Problem::new(StatusCode::CONFLICT, "stale", "The lease is void", detail),
        LeaseError::TooLong { .. } => Problem::too_long(detail),
    }
}

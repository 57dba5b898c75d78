//! One function per call.

mod enqueue;
mod flow;
mod leases;
mod queues;
mod schedules;
mod tasks;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use hyper::Request;
use hyper::body::Incoming;
use serde_json::json;
use skala_queue::{QueueId, QueueSettings, TaskId};

use super::answer::{Answer, document, json as json_answer, typed};
use super::problem::Problem;
use super::receive::Received;
use super::routes::{Call, decode};
use super::server::Context;
use crate::{Role, Tasks, TasksError};

/// The API's description.
pub(crate) const OPENAPI: &str = include_str!("../openapi.json");
/// Bytes that a document may have beside bodies.
const ENVELOPE: usize = 64 << 10;

/// A request's circumstances.
pub(crate) struct Asked<'a> {
    pub(crate) context: &'a Context,
    pub(crate) tasks: &'a Arc<Tasks>,
    pub(crate) peer: SocketAddr,
    /// Path and query.
    pub(crate) path: &'a str,
    /// The path's variable part.
    pub(crate) part: &'a str,
    pub(crate) query: &'a str,
}

/// Answers a call.
pub(crate) async fn answer(call: Call, asked: &Asked<'_>, request: Request<Incoming>) -> Result<Answer, Problem> {
    match call {
        Call::Enqueue => enqueue::one(asked, request).await,
        Call::Batch => enqueue::batch(asked, request).await,
        Call::Flow => flow::flow(asked, request).await,
        Call::Take => leases::take(asked, request).await,
        Call::Extend => leases::extend(asked, request).await,
        Call::Ack => leases::ack(asked, request).await,
        Call::Nack => leases::nack(asked, request).await,
        Call::Effect => leases::effect(asked, request).await,
        Call::List => tasks::list(asked).await,
        Call::Show => tasks::show(asked).await,
        Call::Events => tasks::events(asked).await,
        Call::Cancel => tasks::cancel(asked).await,
        Call::Retry => tasks::retry(asked).await,
        Call::Why => tasks::why(asked).await,
        Call::Queues => queues::list(asked),
        Call::Queue => queues::show(asked),
        Call::Pause => queues::pause(asked, true).await,
        Call::Resume => queues::pause(asked, false).await,
        Call::Purge => queues::purge(asked).await,
        Call::Schedules | Call::Schedule | Call::History | Call::RunSchedule | Call::PauseSchedule | Call::ResumeSchedule => {
            schedules::answer(call, asked).await
        }
        Call::Health => Ok(health(asked)),
        Call::Metrics => Ok(typed(StatusCode::OK, "text/plain; version=0.0.4", asked.tasks.metrics())),
        Call::OpenApi => Ok(json_answer(StatusCode::OK, OPENAPI)),
    }
}

/// Whether the server can be used; those that ask need no token.
fn health(asked: &Asked<'_>) -> Answer {
    let role = asked.tasks.role().borrow().clone();
    let (status, doc) = match role {
        Role::Leading { epoch } => (StatusCode::OK, json!({"status": "leading", "epoch": epoch})),
        Role::Following { leader } => (StatusCode::OK, json!({"status": "following", "leader": leader})),
        Role::Stopped(why) => (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "stopped", "why": why})),
    };
    document(status, &doc)
}

impl Asked<'_> {
    /// What went wrong in the server, as a problem.
    pub(crate) fn failed(&self, error: TasksError) -> Problem {
        Problem::of(error, self.path, self.tasks.url())
    }

    /// A queue by name.
    pub(crate) fn queue(&self, name: &str) -> Result<(QueueId, Arc<QueueSettings>), Problem> {
        let known = self.tasks.queue(name).and_then(|id| Some((id, self.tasks.settings(id)?)));
        known.ok_or_else(|| self.failed(TasksError::NoQueue { name: name.to_owned(), near: self.near(name) }))
    }

    /// The queue's name that is most like this one.
    fn near(&self, name: &str) -> Option<String> {
        let queues = self.tasks.shared().queues.load();
        let names = queues.iter().map(|q| q.name.as_str());
        let near = names.map(|known| (distance(known, name), known)).min()?;
        (near.0 <= 1 + name.len() / 4).then(|| near.1.to_owned())
    }

    /// The task that the path names.
    pub(crate) fn task(&self) -> Result<TaskId, Problem> {
        self.part.parse().map_err(|e| {
            let detail = format!("`{}` {e}", self.part);
            Problem::new(StatusCode::NOT_FOUND, "task", "There is no such task", detail)
        })
    }

    /// The request's body, of whatever length a request may have.
    pub(crate) async fn body(&self, request: Request<Incoming>) -> Result<Received, Problem> {
        let why = "as many as a request may have";
        let (head, body) = request.into_parts();
        self.context.receiver.body(&head.headers, body, usize::MAX, why).await
    }

    /// The query's parameters; others than `known` are errors that name them.
    pub(crate) fn parameters(&self, known: &[&'static str]) -> Result<Vec<(&'static str, Cow<'_, str>)>, Problem> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let Some(name) = known.iter().find(|k| **k == name) else {
                    return Err(Problem::field(name, format!("is not a parameter here; there are {}", known.join(", "))));
                };
                let value = decode(value, true).ok_or_else(|| Problem::field(*name, "is not text in percent encoding"))?;
                Ok((*name, value))
            })
            .collect()
    }
}

/// Changes of single letters that lead from one text to another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(128).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("mail", "mail"), 0);
        assert_eq!(distance("mail", "mial"), 2);
        assert_eq!(distance("mail", "mails"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}

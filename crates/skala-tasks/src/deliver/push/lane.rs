//! A lane: one task of the runtime that makes attempts at one endpoint, one after the other, over one connection.
//!
//! Decides: what an attempt came to when there was no answer.
//! Method: a connection that was refused means that nobody saw the task: it is handed back and the endpoint shunned, as the gateway
//!   does. One that breaks midway is a lost lease ([`Cause::Lost`]), not a failed attempt: the replica may have died of this very
//!   task, and losses have a bound of their own. A kept connection that breaks within [`STALE`] of sending had most likely been
//!   closed by the replica already; the request goes out once more over a new one.
//! Tested: `tests/it/push.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use skala_balance::Outcome;
use skala_queue::Cause;
use skala_runtime::Lease;

use super::answer::judge;
use super::connection::{Answer, Connection, NoAnswer};
use super::request::request;
use super::shared::Shared;
use crate::Job;
use crate::deliver::keep::{Hold, Word};
use crate::deliver::settle::Settled;
use crate::deliver::{Ending, Source};

/// A reused connection that breaks so soon after a request was sent had been closed before.
const STALE: Duration = Duration::from_millis(50);
/// How long a connection that broke midway waits before it speaks for its replica: when the process has died, whoever supervises it
/// says so within this, with the exit code and the last lines, and what is said here is void.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How long a lane waits for its next attempt. Below the five seconds after which common servers close idle connections.
const IDLE: Duration = Duration::from_secs(4);

/// A task, and what is held for its attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) job: Job,
    pub(crate) hold: Hold,
    pub(crate) lease: Lease,
    pub(crate) path: Arc<str>,
    /// When it is given up, its grace included.
    pub(crate) ends: Instant,
}

/// Makes attempts until there are no more for a while.
pub(crate) async fn run<S: Source>(shared: Arc<Shared<S>>, first: Attempt) {
    let endpoint = first.lease.endpoint().id;
    let mut connection = None;
    let mut next = Some(first);
    while let Some(attempt) = next {
        make(&shared, &mut connection, attempt).await;
        next = wait(&shared, endpoint, &mut connection).await;
    }
    shared.lanes.ended(endpoint);
}

async fn wait<S: Source>(
    shared: &Shared<S>,
    endpoint: skala_balance::EndpointId,
    connection: &mut Option<Connection>,
) -> Option<Attempt> {
    let mut next = shared.lanes.idle(endpoint)?;
    tokio::select! {
        biased;
        attempt = &mut next => return attempt.ok(),
        () = closed(connection) => {}
        () = tokio::time::sleep(IDLE) => {}
    }
    *connection = None;
    next.close();
    next.try_recv().ok()
}

async fn closed(connection: &mut Option<Connection>) {
    match connection {
        Some(connection) => connection.closed().await,
        None => std::future::pending().await,
    }
}

/// What became of an attempt: for the task, and for the station.
type Came = (Option<Ending>, Outcome);

async fn make<S: Source>(shared: &Shared<S>, connection: &mut Option<Connection>, attempt: Attempt) {
    let Attempt { job, mut hold, lease, path, ends } = attempt;
    let (ending, outcome) = match request(&job, &path, lease.endpoint().addr, shared.source.now()) {
        Err(words) => (Some(Ending::failed(Cause::Rejected, words)), Outcome::ClientGone),
        Ok(request) => {
            let came = tokio::select! {
                biased;
                came = send(shared, connection, request, (&job, &path), &lease) => came,
                word = hold.word() => told(word),
                () = tokio::time::sleep_until(ends.into()) => overdue(&job),
            };
            if !matches!(came.1, Outcome::Status(_)) {
                *connection = None;
            }
            came
        }
    };
    lease.finish(outcome);
    if matches!(&ending, Some(Ending::Failed { death, .. }) if death.cause == Cause::Lost) {
        tokio::time::sleep(LAST_WORDS).await;
    }
    if let Some(ending) = ending {
        let _ = shared.endings.send(Settled { hold, ending }).await;
    }
}

/// The only way to tell a replica to stop is to close the connection.
fn told(word: Word) -> Came {
    let ending = match word {
        Word::Cancelled => Some(Ending::failed(Cause::Failed, "it was called off")),
        Word::Stopping => Some(Ending::Unbegun),
        Word::Void => None,
    };
    (ending, Outcome::ClientGone)
}

fn overdue(job: &Job) -> Came {
    let words = format!("no answer by {}, its timeout and grace", job.leased.deadline);
    (Some(Ending::failed(Cause::Timeout, words)), Outcome::Broken)
}

async fn send<S: Source>(
    shared: &Shared<S>,
    connection: &mut Option<Connection>,
    first: Request<Full<Bytes>>,
    (job, path): (&Job, &str),
    lease: &Lease,
) -> Came {
    let addr = lease.endpoint().addr;
    let reused = connection.as_ref().is_some_and(Connection::is_usable);
    let sent = Instant::now();
    let first = if reused { ask(connection, first).await } else { Err(NoAnswer::Unsent(Box::new(first))) };
    let (request, before) = match first {
        Ok(answer) => return answered(shared, job, &answer),
        Err(NoAnswer::Unsent(request)) => (*request, None),
        Err(NoAnswer::Lost(words)) if sent.elapsed() < STALE => match request(job, path, addr, shared.source.now()) {
            Ok(request) => (request, Some(words)),
            Err(_) => return unanswered(NoAnswer::Lost(words)),
        },
        Err(other) => return unanswered(other),
    };
    match Connection::open(addr).await {
        Ok(new) => *connection = Some(new),
        Err(words) => {
            lease.station().connect_failed(lease.endpoint().id);
            return match before {
                // The request went out, and now nobody is there: its replica has died.
                Some(before) => lost(&format!("{before}; then {words}")),
                None => (Some(Ending::Unbegun), Outcome::ConnectFailed),
            };
        }
    }
    match ask(connection, request).await {
        Ok(answer) => answered(shared, job, &answer),
        Err(no) => unanswered(no),
    }
}

async fn ask(connection: &mut Option<Connection>, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
    match connection {
        Some(connection) => connection.ask(request).await,
        None => Err(NoAnswer::Unsent(Box::new(request))),
    }
}

fn answered<S: Source>(shared: &Shared<S>, job: &Job, answer: &Answer) -> Came {
    let verdict = judge(answer.status, &answer.headers, &answer.body, shared.source.now().wall);
    if let Some(pause) = verdict.slow {
        shared.source.slow(job.leased.queue, pause);
    }
    (Some(verdict.ending), Outcome::Status(answer.status.as_u16()))
}

fn unanswered(no: NoAnswer) -> Came {
    match no {
        NoAnswer::Unsent(_) => (Some(Ending::Unbegun), Outcome::ConnectFailed),
        NoAnswer::Lost(words) => lost(&words),
        NoAnswer::Garbage(words) => (Some(Ending::failed(Cause::Failed, words)), Outcome::Broken),
    }
}

fn lost(words: &str) -> Came {
    let words = format!("the connection to its replica ended before the answer: {words}");
    (Some(Ending::failed(Cause::Lost, words)), Outcome::Broken)
}

//! What the answer to a push means.
//!
//! Decides: done, again, again later, or never, from status and headers.
//! Inputs: the head of the answer, its body or that it was too long.
//! Method: 2xx is done. 429 and 503 say that what the worker needs has no capacity: the attempt is [`Cause::Limited`] and the queue
//!   slows. [`NEVER`] is what a repetition cannot cure. Everything else is tried again, 404 too: a replica of an older release
//!   may not know the path yet. `Skala-Retry: no` or `yes` overrules all of that but 2xx.
//! Tested: `tests` below; `tests/it/push.rs` over sockets.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use skala_queue::Cause;
use skala_types::Time;

use crate::deliver::ending::{Ending, LONGEST_RESULT, death};
use crate::deliver::quantity::{micros, pause};
use crate::deliver::result;

/// Statuses that the same request gets again: malformed, wrong method, gone, too large, wrong type, invalid, head too large, not
/// implemented.
const NEVER: [u16; 9] = [400, 405, 410, 413, 414, 415, 422, 431, 501];
/// Bytes of a failed answer's body that are kept in the message.
const TOLD: usize = 1024;
/// What an attempt cost, in the platform's currency: `0.0021`.
const COST: &str = "skala-cost";
/// Whether a failed attempt is worth another: `yes` or `no`.
const RETRY: &str = "skala-retry";

/// A body, or that it was longer than [`LONGEST_RESULT`].
pub(crate) type Body = Result<Bytes, TooLong>;

/// The body was too long to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What an answer means.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    /// For the task.
    pub(crate) ending: Ending,
    /// For the queue: it slows down, and pauses so long where the answer says so.
    pub(crate) slow: Option<Option<Duration>>,
}

/// Judges an answer; `wall` is what `Retry-After: <date>` is compared with.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, body: &Body, wall: Time) -> Verdict {
    let cost = text(headers, COST).and_then(micros);
    if status.is_success() {
        return Verdict { ending: done(status, headers, body, cost), slow: None };
    }
    let retry_after = text(headers, header::RETRY_AFTER.as_str()).and_then(|t| pause(t, wall));
    let limited = matches!(status.as_u16(), 429 | 503);
    let cause = match text(headers, RETRY) {
        Some("no") => Cause::Rejected,
        Some("yes") if !limited => Cause::Failed,
        _ if limited => Cause::Limited,
        _ if NEVER.contains(&status.as_u16()) => Cause::Rejected,
        _ => Cause::Failed,
    };
    let ending = Ending::Failed { death: death(cause, words(status, body)), retry_after, cost };
    Verdict { ending, slow: limited.then_some(retry_after) }
}

fn done(status: StatusCode, headers: &HeaderMap, body: &Body, cost: Option<u64>) -> Ending {
    match body {
        Ok(body) => Ending::Done { result: result::from_body(text(headers, header::CONTENT_TYPE.as_str()), body), cost },
        // A repetition would do the work again and answer the same.
        Err(TooLong) => Ending::Failed { death: death(Cause::Rejected, too_long(status)), retry_after: None, cost },
    }
}

fn too_long(status: StatusCode) -> String {
    format!(
        "answered {} with more than {LONGEST_RESULT} bytes; keep results elsewhere and answer where they are",
        status.as_u16()
    )
}

fn words(status: StatusCode, body: &Body) -> String {
    let Ok(body) = body else { return too_long(status) };
    let reason = status.canonical_reason().unwrap_or_default();
    let told = String::from_utf8_lossy(&body[..body.len().min(TOLD)]);
    match told.trim() {
        "" => format!("answered {} {reason}", status.as_u16()),
        told => format!("answered {} {reason}: {told}", status.as_u16()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(rows: &[(&'static str, &str)]) -> HeaderMap {
        rows.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().expect("a value"))).collect()
    }

    fn check(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> String {
        let body = Ok(Bytes::from_static(body.as_bytes()));
        let wall = "1994-11-06T08:49:00Z".parse().expect("a time");
        let verdict = judge(StatusCode::from_u16(status).expect("a status"), &head(headers), &body, wall);
        let slow = verdict.slow.map(|pause| format!(", slow {pause:?}")).unwrap_or_default();
        match verdict.ending {
            Ending::Done { result, cost } => {
                format!("done {:?} {cost:?}{slow}", result.map(|r| String::from_utf8_lossy(&r).into_owned()))
            }
            Ending::Failed { death, retry_after, cost } => {
                format!("{:?} {retry_after:?} {cost:?}: {}{slow}", death.cause, death.message)
            }
            Ending::Unbegun => "unbegun".into(),
        }
    }

    #[test]
    fn each_class_of_answers_has_its_meaning() {
        let rows = [
            (check(200, &[("content-type", "application/json"), ("skala-cost", "0.002")], "{}"), "done Some(\"{}\") Some(2000)"),
            (check(204, &[], ""), "done None None"),
            (check(500, &[], "no database\n"), "Failed None None: answered 500 Internal Server Error: no database"),
            (check(404, &[], ""), "Failed None None: answered 404 Not Found"),
            (check(302, &[], ""), "Failed None None: answered 302 Found"),
            (check(422, &[], "no url"), "Rejected None None: answered 422 Unprocessable Entity: no url"),
            (check(422, &[("skala-retry", "yes")], ""), "Failed None None: answered 422 Unprocessable Entity"),
            (check(500, &[("skala-retry", "no")], ""), "Rejected None None: answered 500 Internal Server Error"),
            (check(429, &[("retry-after", "30")], ""), "Limited Some(30s) None: answered 429 Too Many Requests, slow Some(30s)"),
            (check(503, &[], ""), "Limited None None: answered 503 Service Unavailable, slow None"),
            (
                check(503, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], ""),
                "Limited Some(37s) None: answered 503 Service Unavailable, slow Some(37s)",
            ),
            (check(503, &[("retry-after", "soon")], ""), "Limited None None: answered 503 Service Unavailable, slow None"),
        ];
        for (got, want) in rows {
            assert_eq!(got, want);
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_asked_for_again() {
        let verdict = judge(StatusCode::OK, &HeaderMap::new(), &Err(TooLong), Time::ZERO);
        let Ending::Failed { death, .. } = verdict.ending else { panic!("it is a failure") };
        assert_eq!(death.cause, Cause::Rejected);
        assert!(death.message.contains("1048576"), "{}", death.message);
    }
}

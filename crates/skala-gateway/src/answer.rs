//! Answers that the gateway gives itself.
//!
//! Decides: nothing; writes the status, a reason in JSON and the request's id.
//! Invariants: every refusal and failure carries the request id, so that a user's report finds its line in a log.

use std::time::Duration;

use crate::buffer::Side;
use crate::codec::rewrite::push_decimal;

/// An answer of the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// What went wrong, for the one who sent the request.
    pub(crate) error: &'a str,
    /// The service that could not answer, where one is known.
    pub(crate) service: Option<&'a str>,
    pub(crate) request_id: &'a str,
    /// When to come back; said in whole seconds, rounded up.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) close: bool,
    /// The request was HEAD: the body is announced but not sent.
    pub(crate) head_only: bool,
}

impl Answer<'_> {
    /// Appends the answer to what goes to the client.
    pub(crate) fn write(&self, client: &mut Side) {
        let body = self.body();
        let out = client.output.writer();
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(out, u64::from(self.status));
        out.extend_from_slice(b" ");
        out.extend_from_slice(reason(self.status).as_bytes());
        out.extend_from_slice(b"\r\nContent-Type: application/json\r\nContent-Length: ");
        push_decimal(out, body.len() as u64);
        if let Some(after) = self.retry_after {
            out.extend_from_slice(b"\r\nRetry-After: ");
            push_decimal(out, whole_seconds(after));
        }
        if self.close {
            out.extend_from_slice(b"\r\nConnection: close");
        }
        out.extend_from_slice(b"\r\nX-Request-Id: ");
        out.extend_from_slice(self.request_id.as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        if !self.head_only {
            out.extend_from_slice(body.as_bytes());
        }
    }

    fn body(&self) -> String {
        let mut body = String::from("{\"error\":");
        push_json(&mut body, self.error);
        if let Some(service) = self.service {
            body.push_str(",\"service\":");
            push_json(&mut body, service);
        }
        body.push_str(",\"requestId\":");
        push_json(&mut body, self.request_id);
        body.push_str("}\n");
        body
    }
}

pub(crate) fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_json_and_seconds_round_up() {
        let answer = Answer {
            status: 503,
            error: "a \"b\"\n",
            service: Some("api"),
            request_id: "x",
            retry_after: None,
            close: false,
            head_only: false,
        };
        assert_eq!(answer.body(), "{\"error\":\"a \\\"b\\\" \",\"service\":\"api\",\"requestId\":\"x\"}\n");
        let rows = [(0, 0), (1, 1), (1000, 1), (1001, 2), (59_999, 60)];
        for (ms, expected) in rows {
            assert_eq!(whole_seconds(Duration::from_millis(ms)), expected);
        }
    }
}

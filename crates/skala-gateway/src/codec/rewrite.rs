//! Writes the head that goes to the other side.
//!
//! Decides: which headers pass, which are dropped, and which the gateway adds.
//! Inputs: a head that has been read and found good; the peer's forwarding lines; the request id.
//! Invariants: exactly one framing header leaves; no hop-by-hop header does, nor one named by Connection.
//! Tested: `tests` below; over sockets in `tests/gateway/forward.rs`.

use super::fields::{self, Field};
use super::request::{Framing, RequestHead};
use super::response::ResponseHead;

/// What the gateway knows of the client's side of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Via<'a> {
    /// The client's address as text.
    pub(crate) peer: &'a str,
    pub(crate) request_id: &'a str,
    /// Stands in for the host of an HTTP/1.0 request without one.
    pub(crate) default_host: &'a str,
}

/// Appends the request head for the backend.
pub(crate) fn request_head(out: &mut Vec<u8>, request: &RequestHead<'_, '_>, via: Via<'_>) {
    let host = request.host.unwrap_or(via.default_host);
    push(out, &[request.method, " ", request.target, " HTTP/1.1\r\nHost: ", host, "\r\n"]);
    let mut forwarded_for = None;
    let mut more_forwarded_for = false;
    for header in request.headers {
        match fields::classify(header.name) {
            Field::Other if !request.connection.names(header.name) => push_header(out, header.name, header.value),
            Field::Expect if request.expects_continue => out.extend_from_slice(b"Expect: 100-continue\r\n"),
            Field::ForwardedFor => {
                more_forwarded_for = forwarded_for.is_some();
                forwarded_for = forwarded_for.or(Some(header.value));
            }
            _ => {}
        }
    }
    match request.framing {
        Framing::Length(n) => push_length(out, n),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::Empty | Framing::UntilClose => {}
    }
    if request.websocket {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    out.extend_from_slice(b"X-Forwarded-For: ");
    if more_forwarded_for {
        for header in request.headers.iter().filter(|h| fields::classify(h.name) == Field::ForwardedFor) {
            out.extend_from_slice(header.value);
            out.extend_from_slice(b", ");
        }
    } else if let Some(earlier) = forwarded_for.filter(|v| !v.is_empty()) {
        out.extend_from_slice(earlier);
        out.extend_from_slice(b", ");
    }
    push(
        out,
        &[via.peer, "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ", host, "\r\nX-Request-Id: ", via.request_id, "\r\n\r\n"],
    );
}

/// How a response goes on to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Onward<'a> {
    pub(crate) request_id: &'a str,
    /// The client's connection ends with this response.
    pub(crate) close: bool,
    pub(crate) framing: Framing,
}

/// Appends the response head for the client.
pub(crate) fn response_head(out: &mut Vec<u8>, response: &ResponseHead<'_, '_>, onward: Onward<'_>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_status(out, response.status);
    push(out, &[" ", response.reason, "\r\n"]);
    for header in response.headers {
        if fields_pass(fields::classify(header.name)) && !response.connection.names(header.name) {
            push_header(out, header.name, header.value);
        }
    }
    match onward.framing {
        Framing::Length(n) => push_length(out, n),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        // An answer to HEAD, or 304, says how long the body would have been.
        Framing::Empty if response.status >= 200 && response.status != 204 => {
            if let Some(n) = response.length {
                push_length(out, n);
            }
        }
        Framing::Empty | Framing::UntilClose => {}
    }
    if response.status == 101 {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if onward.close && response.status >= 200 {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    push(out, &["X-Request-Id: ", onward.request_id, "\r\n\r\n"]);
}

fn fields_pass(field: Field) -> bool {
    matches!(
        field,
        Field::Other | Field::Host | Field::Expect | Field::ForwardedFor | Field::ForwardedProto | Field::ForwardedHost
    )
}

/// Appends several pieces with one look at the capacity.
fn push(out: &mut Vec<u8>, pieces: &[&str]) {
    out.reserve(pieces.iter().map(|p| p.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_length(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(b"Content-Length: ");
    push_decimal(out, n);
    out.extend_from_slice(b"\r\n");
}

fn push_status(out: &mut Vec<u8>, status: u16) {
    push_decimal(out, u64::from(status));
}

/// Appends a number in decimal digits.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::super::request::{HEADER_SLOTS, HeadLimits};
    use super::*;

    fn forward(head: &str) -> String {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let limits = HeadLimits { max_headers: 100, max_target: 1000 };
        let request = RequestHead::parse(head.as_bytes(), &mut slots, limits).unwrap();
        let mut out = Vec::new();
        request_head(&mut out, &request, Via { peer: "1.2.3.4", request_id: "id", default_host: "api" });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests_lose_what_belongs_to_one_hop() {
        let got = forward(
            "GET /p HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
             Upgrade: h2c\r\nX-Forwarded-Proto: https\r\nX_Forwarded_For: 6.6.6.6\r\nSCRIPT_NAME: /p\r\nProxy: e\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n",
        );
        assert_eq!(
            got,
            "GET /p HTTP/1.1\r\nHost: a:1\r\nAccept: */*\r\nX-Forwarded-For: 9.9.9.9, 1.2.3.4\r\n\
             X-Forwarded-Proto: http\r\nX-Forwarded-Host: a:1\r\nX-Request-Id: id\r\n\r\n"
        );
    }

    #[test]
    fn requests_keep_their_framing_and_old_ones_get_a_host() {
        let got = forward("POST / HTTP/1.0\r\nContent-Length: 0\r\nX-Forwarded-For: a\r\nX-Forwarded-For: b\r\n\r\n");
        assert_eq!(
            got,
            "POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 0\r\nX-Forwarded-For: a, b, 1.2.3.4\r\n\
             X-Forwarded-Proto: http\r\nX-Forwarded-Host: api\r\nX-Request-Id: id\r\n\r\n"
        );
    }

    #[test]
    fn responses_lose_what_belongs_to_one_hop() {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let head = b"HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nConnection: X-Mine\r\nX-Mine: 1\r\nX-Request-Id: other\r\nSet-Cookie: a\r\n\r\n";
        let response = ResponseHead::parse(head, &mut slots, false).unwrap();
        let mut out = Vec::new();
        response_head(&mut out, &response, Onward { request_id: "id", close: true, framing: Framing::Length(3) });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nContent-Length: 3\r\nConnection: close\r\nX-Request-Id: id\r\n\r\n"
        );
    }
}

//! Reads one complete request head and decides whether it may pass.
//!
//! Decides: method, target, host, body framing and connection options of a request, or why it is refused.
//! Inputs: the bytes of one head, ended by an empty line, each line by CRLF (see `scan`).
//! Method: RFC 9112 with every choice that two servers could read differently refused (request smuggling).
//! Tested: `tests` below; over sockets in `tests/gateway/strict.rs`.

use std::mem::MaybeUninit;

use httparse::Header;

use super::fields::{self, Connection, Field};
use super::reject::Reject;

/// The most headers a head can hold, whatever the configured limit.
pub(crate) const HEADER_SLOTS: usize = 128;

/// Room for the headers of one head, on the stack.
pub(crate) type HeaderSlots<'b> = [MaybeUninit<Header<'b>>; HEADER_SLOTS];

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    /// Until the peer closes; responses only.
    UntilClose,
}

/// A request head that may be forwarded.
#[derive(Debug)]
pub(crate) struct RequestHead<'h, 'b> {
    pub(crate) method: &'b str,
    /// Path and query, starting with `/`.
    pub(crate) target: &'b str,
    /// With its port where given; `None` for HTTP/1.0 without a Host header.
    pub(crate) host: Option<&'b str>,
    pub(crate) http11: bool,
    pub(crate) framing: Framing,
    pub(crate) connection: Connection<'b>,
    pub(crate) expects_continue: bool,
    /// The request asks for a websocket.
    pub(crate) websocket: bool,
    pub(crate) request_id: Option<&'b str>,
    pub(crate) headers: &'h [Header<'b>],
}

/// The bounds of a head that concern its contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) max_headers: usize,
    pub(crate) max_target: usize,
}

impl<'h, 'b> RequestHead<'h, 'b> {
    /// Reads `head`, which ends with the empty line.
    pub(crate) fn parse(head: &'b [u8], slots: &'h mut HeaderSlots<'b>, limits: HeadLimits) -> Result<Self, Reject> {
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, slots) {
            Ok(httparse::Status::Complete(n)) if n == head.len() => {}
            Ok(_) => return Err(Reject::RequestLine),
            Err(e) => return Err(explain(e, head)),
        }
        let (Some(method), Some(raw_target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Reject::RequestLine);
        };
        let headers: &'h [Header<'b>] = parsed.headers;
        if headers.len() > limits.max_headers {
            return Err(Reject::TooManyHeaders);
        }
        if raw_target.len() > limits.max_target {
            return Err(Reject::TargetTooLong);
        }
        let (target, authority) = split_target(method, raw_target)?;
        let mut request = RequestHead {
            method,
            target,
            host: None,
            http11: version == 1,
            framing: Framing::Empty,
            connection: Connection::default(),
            expects_continue: false,
            websocket: false,
            request_id: None,
            headers,
        };
        request.read_headers()?;
        // An absolute target replaces the Host header (RFC 9112 section 3.2.2), which must be there and valid all the same.
        if let Some(authority) = authority {
            request.host = Some(authority);
        }
        Ok(request)
    }

    fn read_headers(&mut self) -> Result<(), Reject> {
        let (mut length, mut chunked, mut websocket) = (None, false, false);
        for header in self.headers {
            match fields::classify(header.name) {
                Field::Host if self.host.is_some() || !fields::is_host(header.value) => return Err(Reject::Host),
                Field::Host => self.host = std::str::from_utf8(header.value).ok(),
                Field::ContentLength if length.is_some() => return Err(Reject::ContentLength),
                Field::ContentLength => length = Some(fields::content_length(header.value).ok_or(Reject::ContentLength)?),
                Field::TransferEncoding if chunked || !self.http11 || !fields::is_exactly_chunked(header.value) => {
                    return Err(Reject::TransferEncoding);
                }
                Field::TransferEncoding => chunked = true,
                Field::Connection if !self.connection.read(header.value) => return Err(Reject::Connection),
                Field::Expect if !header.value.eq_ignore_ascii_case(b"100-continue") => return Err(Reject::Expectation),
                Field::Expect => self.expects_continue = self.http11,
                // Only websockets: a tunnel for h2c would let requests pass that no rule here has seen.
                Field::Upgrade => websocket = header.value.eq_ignore_ascii_case(b"websocket"),
                Field::RequestId => self.request_id = valid_request_id(header.value),
                _ => {}
            }
        }
        if self.http11 && self.host.is_none() {
            return Err(Reject::Host);
        }
        self.framing = match (length, chunked) {
            (Some(_), true) => return Err(Reject::LengthAndEncoding),
            (None, true) => Framing::Chunked,
            (None | Some(0), false) => Framing::Empty,
            (Some(n), false) => Framing::Length(n),
        };
        self.websocket =
            websocket && self.method == "GET" && self.http11 && self.connection.upgrade && self.framing == Framing::Empty;
        // A length of zero is still said to the backend where the client said it: some methods are refused without one.
        if length == Some(0) {
            self.framing = Framing::Length(0);
        }
        Ok(())
    }

    /// Whether the request may be sent twice without harm (RFC 9110 section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
    }
}

fn explain(error: httparse::Error, head: &[u8]) -> Reject {
    match error {
        httparse::Error::TooManyHeaders => Reject::TooManyHeaders,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Reject::Header,
        httparse::Error::Version if claims_other_version(head) => Reject::Version,
        httparse::Error::NewLine if head.windows(2).any(|w| w == b"\r\n") => Reject::Header,
        _ => Reject::RequestLine,
    }
}

/// Whether the request line ends with a well-formed version that is not ours, such as `HTTP/2.0`.
fn claims_other_version(head: &[u8]) -> bool {
    let line = head.split(|&b| b == b'\r').next().unwrap_or_default();
    matches!(line, [.., b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Divides a target into the path that is forwarded and the authority it names, if it does.
fn split_target<'b>(method: &str, target: &'b str) -> Result<(&'b str, Option<&'b str>), Reject> {
    if method == "CONNECT" || target.contains('#') {
        return Err(Reject::Target);
    }
    if target.starts_with('/') {
        return Ok((target, None));
    }
    let rest = match target.as_bytes().get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"http://") => &target[7..],
        _ => return Err(Reject::Target),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !fields::is_host(authority.as_bytes()) {
        return Err(Reject::Host);
    }
    match path.as_bytes().first() {
        None => Ok(("/", Some(authority))),
        Some(b'/') => Ok((path, Some(authority))),
        Some(_) => Err(Reject::Target),
    }
}

/// A request id that is kept: visible ASCII without what would break a log line or a JSON text, up to 96 bytes.
fn valid_request_id(value: &[u8]) -> Option<&str> {
    let ok = (1..=96).contains(&value.len()) && value.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    ok.then(|| std::str::from_utf8(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_headers: 10, max_target: 40 };

    fn check(head: &str) -> Result<String, Reject> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let r = RequestHead::parse(head.as_bytes(), &mut slots, LIMITS)?;
        Ok(format!("{} {} {} {:?}{}", r.method, r.host.unwrap_or("-"), r.target, r.framing, if r.websocket { " ws" } else { "" }))
    }

    #[test]
    fn heads_that_pass() {
        let rows = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET a / Empty"),
            ("GET /x?y=1 HTTP/1.0\r\n\r\n", "GET - /x?y=1 Empty"),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST a / Length(5)"),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST a / Length(0)"),
            ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n", "POST a / Chunked"),
            ("GET http://b:81/p HTTP/1.1\r\nHost: a\r\n\r\n", "GET b:81 /p Empty"),
            ("GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET b / Empty"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", "GET a / Empty ws"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "GET a / Empty"),
            ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "GET a / Empty"),
            ("PUT / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "PUT a / Empty"),
        ];
        for (head, expected) in rows {
            assert_eq!(check(head).as_deref(), Ok(expected), "{head}");
        }
    }

    #[test]
    fn heads_that_are_refused() {
        let rows = [
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Reject::LengthAndEncoding),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Reject::ContentLength),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", Reject::ContentLength),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", Reject::ContentLength),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Reject::TransferEncoding),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Reject::TransferEncoding),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", Reject::TransferEncoding),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                Reject::TransferEncoding,
            ),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Reject::TransferEncoding),
            ("GET / HTTP/1.1\r\n\r\n", Reject::Host),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Reject::Host),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reject::Host),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Reject::Header),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Reject::Header),
            ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Reject::Header),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", Reject::Header),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Reject::Header),
            ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", Reject::Header),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Reject::Version),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Reject::Version),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", Reject::RequestLine),
            ("GET /\r\n\r\n", Reject::RequestLine),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::RequestLine),
            ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::RequestLine),
            ("* HTTP/1.1\r\n\r\n", Reject::RequestLine),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Target),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Target),
            ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Target),
            ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Host),
            ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", Reject::Target),
            ("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", Reject::TargetTooLong),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n",
                Reject::TooManyHeaders,
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", Reject::Expectation),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: a,b,c,d,e,f,g,h,i\r\n\r\n", Reject::Connection),
        ];
        for (head, expected) in rows {
            assert_eq!(check(head), Err(expected), "{head}");
        }
    }
}

//! Reads one complete response head from a backend, as strictly as a request.
//!
//! Decides: status, body framing and whether the connection can be used again, or that the answer cannot be trusted.
//! Inputs: the bytes of one head ended by an empty line; whether the request was HEAD.
//! Method: RFC 9112 section 6.3, refusing what smuggles: both framings, repeated lengths, codings other than chunked.
//! Tested: `tests` below.

use httparse::Header;

use super::fields::{self, Connection, Field};
use super::request::{Framing, HeaderSlots};

/// The backend's answer is not HTTP that can be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadResponse;

/// A response head.
#[derive(Debug)]
pub(crate) struct ResponseHead<'h, 'b> {
    pub(crate) status: u16,
    pub(crate) reason: &'b str,
    pub(crate) framing: Framing,
    /// The Content-Length as given, which an answer to HEAD keeps although it has no body.
    pub(crate) length: Option<u64>,
    /// The backend will keep its connection open.
    pub(crate) reusable: bool,
    pub(crate) connection: Connection<'b>,
    pub(crate) headers: &'h [Header<'b>],
}

impl<'h, 'b> ResponseHead<'h, 'b> {
    /// Reads `head`, which ends with the empty line.
    pub(crate) fn parse(head: &'b [u8], slots: &'h mut HeaderSlots<'b>, to_head_request: bool) -> Result<Self, BadResponse> {
        let mut parsed = httparse::Response::new(&mut []);
        let complete = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, head, slots);
        if complete != Ok(httparse::Status::Complete(head.len())) {
            return Err(BadResponse);
        }
        let (Some(status @ 100..=599), Some(version)) = (parsed.code, parsed.version) else { return Err(BadResponse) };
        let headers: &'h [Header<'b>] = parsed.headers;
        let (mut length, mut chunked, mut connection) = (None, false, Connection::default());
        for header in headers {
            match fields::classify(header.name) {
                Field::ContentLength if length.is_some() => return Err(BadResponse),
                Field::ContentLength => length = Some(fields::content_length(header.value).ok_or(BadResponse)?),
                Field::TransferEncoding if chunked || version == 0 || !fields::is_exactly_chunked(header.value) => {
                    return Err(BadResponse);
                }
                Field::TransferEncoding => chunked = true,
                Field::Connection if !connection.read(header.value) => return Err(BadResponse),
                _ => {}
            }
        }
        if chunked && length.is_some() {
            return Err(BadResponse);
        }
        let bodiless = to_head_request || status < 200 || status == 204 || status == 304;
        let framing = match length {
            _ if bodiless => Framing::Empty,
            _ if chunked => Framing::Chunked,
            Some(n) => Framing::Length(n),
            None => Framing::UntilClose,
        };
        let persistent = if version == 1 { !connection.close } else { connection.keep_alive && !connection.close };
        let reusable = persistent && framing != Framing::UntilClose && status != 101;
        Ok(ResponseHead { status, reason: parsed.reason.unwrap_or(""), framing, length, reusable, connection, headers })
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::super::request::HEADER_SLOTS;
    use super::*;

    fn check(head: &str, to_head: bool) -> Result<String, BadResponse> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let r = ResponseHead::parse(head.as_bytes(), &mut slots, to_head)?;
        Ok(format!("{} {:?}{}", r.status, r.framing, if r.reusable { " reusable" } else { "" }))
    }

    #[test]
    fn framing_follows_the_rules_in_order() {
        let rows = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, Ok("200 Length(5) reusable")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, Ok("200 Empty reusable")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Ok("200 Chunked reusable")),
            ("HTTP/1.1 200\r\n\r\n", false, Ok("200 UntilClose")),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, Ok("204 Empty reusable")),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, Ok("304 Empty reusable")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", false, Ok("200 Length(5)")),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, Ok("200 Length(5)")),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false, Ok("200 Length(5) reusable")),
            ("HTTP/1.1 101 Switching\r\n\r\n", false, Ok("101 Empty")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.1 999 Odd\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/2.0 200 OK\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", false, Err(BadResponse)),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, Err(BadResponse)),
            ("garbage\r\n\r\n", false, Err(BadResponse)),
            ("\r\n", false, Err(BadResponse)),
        ];
        for (head, to_head, expected) in rows {
            assert_eq!(check(head, to_head).as_deref(), expected.as_ref().map(|s| *s), "{head}");
        }
    }
}

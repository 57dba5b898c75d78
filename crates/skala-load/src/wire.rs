//! HTTP/1.1 answers as bytes: where the head ends, how the body is framed, when it is over.
//!
//! Decides: the status of an answer, whether its body is complete, and whether the connection can be used again.
//! Inputs: bytes in the order that they arrive, in pieces of any size.
//! Method: RFC 9112 sections 6 and 7; bodies are counted and thrown away.
//! Invariants: never panics; the result does not depend on how the bytes are cut; the head is bounded by [`MAX_HEAD`].
//! Tested: `tests` below.

use thiserror::Error;

/// The largest head of an answer, bytes (nginx's and hyper's defaults lie below).
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The most headers in an answer.
const MAX_HEADERS: usize = 128;

/// Why an answer is not HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct WireError(&'static str);

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// Bytes of the head itself, the empty line included.
    pub(crate) length: usize,
    /// How the body is framed.
    pub(crate) body: Body,
    /// Whether another request may follow on the connection.
    pub(crate) keep_alive: bool,
}

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes.
    Sized(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Everything until the connection closes.
    UntilClose,
}

/// Where in a chunked body the next byte falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the hexadecimal size; holds the size so far and how many digits it has.
    Size(u64, u8),
    /// After the size: extensions up to the end of the line.
    Extension(u64),
    /// In the data; holds how many bytes are left, the line break after them included.
    Data(u64),
    /// At the start of a line after the last chunk.
    TrailerStart,
    /// Within a trailer line.
    Trailer,
    /// After a carriage return at the start of a line after the last chunk.
    LastLine,
    /// The body is over.
    Done,
}

/// Reads the head of an answer, `None` while it is incomplete. Interim answers (1xx) are heads without a body.
///
/// # Errors
/// When the bytes are no HTTP/1 answer, its framing is contradictory, or the head is too large.
pub(crate) fn head(bytes: &[u8], to_head_request: bool) -> Result<Option<Head>, WireError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => return Err(WireError("the head is larger than 64 KiB")),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(WireError("the answer is not HTTP/1.1")),
    };
    let status = answer.code.unwrap_or_default();
    let mut keep_alive = answer.version == Some(1);
    let (mut size, mut chunked, mut coded) = (None, false, false);
    for header in answer.headers.iter() {
        let has = |token: &str| header.value.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(token.as_bytes()));
        if header.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(header.value).ok().and_then(|v| v.trim().parse::<u64>().ok());
            let value = value.ok_or(WireError("the content-length is no number"))?;
            if size.replace(value).is_some_and(|before| before != value) {
                return Err(WireError("two different content-lengths"));
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            coded = true;
            chunked = has("chunked");
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = (keep_alive || has("keep-alive")) && !has("close");
        }
    }
    let bodiless = to_head_request || status < 200 || status == 204 || status == 304;
    let body = match (bodiless, chunked, coded, size) {
        (true, ..) => Body::Sized(0),
        (_, true, ..) => Body::Chunked(Chunk::Size(0, 0)),
        (_, _, false, Some(size)) => Body::Sized(size),
        _ => Body::UntilClose,
    };
    let keep_alive = keep_alive && body != Body::UntilClose && status != 101;
    Ok(Some(Head { status, length, body, keep_alive }))
}

impl Body {
    /// Whether nothing more is to come.
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Body::Sized(0) | Body::Chunked(Chunk::Done))
    }

    /// Takes the body's bytes from the front of `bytes` and says how many they were; fewer than given when the body ends.
    ///
    /// # Errors
    /// When a chunk is malformed.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        match self {
            Body::UntilClose => Ok(bytes.len()),
            Body::Sized(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                Ok(taken)
            }
            Body::Chunked(chunk) => {
                let mut at = 0;
                while at < bytes.len() && *chunk != Chunk::Done {
                    at += chunk.take(&bytes[at..])?;
                }
                Ok(at)
            }
        }
    }
}

impl Chunk {
    /// Takes at least one of `bytes`, which are not empty, and says how many.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        let byte = bytes[0];
        let (next, taken) = match *self {
            Chunk::Size(size, digits) => (after_size(size, digits, byte)?, 1),
            Chunk::Extension(0) if byte == b'\n' => (Chunk::TrailerStart, 1),
            Chunk::Extension(size) if byte == b'\n' => (Chunk::Data(size + 2), 1),
            Chunk::Extension(size) => (Chunk::Extension(size), 1),
            Chunk::Data(left) => {
                let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - taken as u64;
                (if left == 0 { Chunk::Size(0, 0) } else { Chunk::Data(left) }, taken)
            }
            Chunk::TrailerStart if byte == b'\r' => (Chunk::LastLine, 1),
            Chunk::TrailerStart | Chunk::LastLine if byte == b'\n' => (Chunk::Done, 1),
            Chunk::LastLine => return Err(WireError("a carriage return alone after the last chunk")),
            Chunk::TrailerStart => (Chunk::Trailer, 1),
            Chunk::Trailer if byte == b'\n' => (Chunk::TrailerStart, 1),
            Chunk::Trailer => (Chunk::Trailer, 1),
            Chunk::Done => (Chunk::Done, bytes.len()),
        };
        *self = next;
        Ok(taken)
    }
}

fn after_size(size: u64, digits: u8, byte: u8) -> Result<Chunk, WireError> {
    match (byte as char).to_digit(16) {
        // Fifteen digits stay far from overflow and above any real chunk.
        Some(digit) if digits < 15 => Ok(Chunk::Size(size * 16 + u64::from(digit), digits + 1)),
        None if digits > 0 && matches!(byte, b'\r' | b';' | b' ' | b'\t') => Ok(Chunk::Extension(size)),
        None if digits > 0 && byte == b'\n' => Ok(if size == 0 { Chunk::TrailerStart } else { Chunk::Data(size + 2) }),
        _ => Err(WireError("a chunk without a size")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// Reads an answer in pieces of `step` bytes, as a connection would.
    fn read(bytes: &[u8], step: usize) -> String {
        let mut end = step.min(bytes.len());
        let head = loop {
            match head(&bytes[..end], false) {
                Err(e) => return e.to_string(),
                Ok(Some(head)) => break head,
                Ok(None) if end == bytes.len() => return "incomplete head".to_owned(),
                Ok(None) => end = (end + step).min(bytes.len()),
            }
        };
        let (mut body, mut at) = (head.body, head.length);
        while at < bytes.len() && !body.is_done() {
            match body.take(&bytes[at..(at + step).min(bytes.len())]) {
                Ok(taken) => at += taken,
                Err(e) => return e.to_string(),
            }
        }
        let done = if body.is_done() { "done" } else { "open" };
        format!("{} keep-alive={} body={} {done}, {} left", head.status, head.keep_alive, at - head.length, bytes.len() - at)
    }

    fn check(answer: &str, expected: Expect) {
        let whole = read(answer.as_bytes(), 1 << 20);
        expected.assert_eq(&whole);
        for step in [1, 2, 3, 7] {
            assert_eq!(read(answer.as_bytes(), step), whole, "in pieces of {step}");
        }
    }

    #[test]
    fn reads_answers_however_they_are_cut() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokX", expect!["200 keep-alive=true body=2 done, 1 left"]);
        check("HTTP/1.1 200 OK\r\n\r\nall of it", expect!["200 keep-alive=false body=9 open, 0 left"]);
        check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", expect!["200 keep-alive=false body=0 done, 0 left"]);
        check(
            "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n",
            expect!["200 keep-alive=true body=0 done, 0 left"],
        );
        check("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", expect!["204 keep-alive=false body=0 done, 0 left"]);
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", expect!["100 keep-alive=true body=0 done, 8 left"]);
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n",
            expect!["200 keep-alive=true body=32 done, 0 left"],
        );
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nexpires: never\r\n\r\nX",
            expect!["200 keep-alive=true body=27 done, 1 left"],
        );
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc",
            expect!["200 keep-alive=true body=7 open, 0 left"],
        );
        check("HTTP/1.1 200 OK\r\ncontent-le", expect!["incomplete head"]);
    }

    #[test]
    fn refuses_nonsense() {
        check("SSH-2.0-OpenSSH_9.2\r\n", expect!["the answer is not HTTP/1.1"]);
        check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", expect!["two different content-lengths"]);
        check("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", expect!["the content-length is no number"]);
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz", expect!["a chunk without a size"]);
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n", expect!["a chunk without a size"]);
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(MAX_HEAD));
        expect!["the head is larger than 64 KiB"].assert_eq(&read(endless.as_bytes(), 4096));
    }

    proptest! {
        #[test]
        fn never_panics(tail in proptest::collection::vec(any::<u8>(), 0..64), step in 1usize..9) {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            answer.extend(&tail);
            let _ = read(&answer, step);
            let _ = read(&tail, step);
        }
    }
}

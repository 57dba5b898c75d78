//! One connection and one request on it.
//!
//! Decides: how an exchange of request and answer ended.
//! Inputs: the request's bytes; the socket.
//! Method: writes the whole request, then reads into a buffer that all connections of a thread share, so that ten thousand waiting
//!   connections need no memory of their own.
//! Invariants: a connection is reusable only after a complete answer with nothing behind it.
//! Tested: `tests/run/`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::wire::{self, Body, MAX_HEAD};

/// Bytes that one read may return.
const SCRATCH: usize = 64 * 1024;

/// The read buffer that the connections of one thread share.
pub(crate) struct Scratch(RefCell<Box<[u8]>>);

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch(RefCell::new(vec![0; SCRATCH].into_boxed_slice()))
    }
}

/// A complete answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When its first byte came.
    pub(crate) first_byte: Instant,
    /// Bytes of head and body, framing included.
    pub(crate) bytes: u64,
    /// Whether the connection can carry another request.
    pub(crate) reusable: bool,
}

/// Why there is no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection ended before the first byte of an answer.
    Unanswered,
    /// The connection ended within the answer.
    Cut,
    /// The answer is not HTTP/1.1.
    Garbage,
}

/// What has been read of an answer.
#[derive(Default)]
struct Reading {
    head: Option<wire::Head>,
    /// The bytes of an incomplete head.
    pending: Vec<u8>,
    bytes: u64,
    first_byte: Option<Instant>,
    /// More bytes came than the answer has.
    surplus: bool,
}

/// Sends `request` and reads the whole answer.
///
/// # Errors
/// See [`Broken`]; the connection is of no more use then.
pub(crate) async fn exchange(stream: &mut TcpStream, scratch: &Scratch, request: &[u8], is_head: bool) -> Result<Answer, Broken> {
    // A server may answer and close before it has read a large body: look for its answer even when writing failed.
    let written = stream.write_all(request).await;
    let mut reading = Reading::default();
    loop {
        let read = poll_fn(|cx| {
            let mut scratch = scratch.0.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            Pin::new(&mut *stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
        })
        .await;
        let ended = match read {
            Ok(0) | Err(_) => true,
            // No other task runs between the read and this look at its bytes.
            Ok(n) => reading.feed(&scratch.0.borrow()[..n], is_head)?,
        };
        if ended {
            let clean_end = matches!(read, Ok(0));
            return reading.finish(clean_end, written.is_ok());
        }
    }
}

impl Reading {
    /// Takes bytes; true when the answer is complete.
    fn feed(&mut self, bytes: &[u8], is_head: bool) -> Result<bool, Broken> {
        self.first_byte.get_or_insert_with(Instant::now);
        self.bytes += bytes.len() as u64;
        if self.head.is_some() {
            return self.feed_body(bytes);
        }
        if self.pending.is_empty() {
            return self.feed_head(bytes, is_head);
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        self.feed_head(&pending, is_head)
    }

    fn feed_head(&mut self, mut bytes: &[u8], is_head: bool) -> Result<bool, Broken> {
        loop {
            match wire::head(bytes, is_head).map_err(|_| Broken::Garbage)? {
                None => {
                    debug_assert!(bytes.len() < MAX_HEAD);
                    self.pending = bytes.to_vec();
                    return Ok(false);
                }
                // An interim answer: the real one follows.
                Some(head) if (100..200).contains(&head.status) && head.status != 101 => bytes = &bytes[head.length..],
                Some(head) => {
                    self.head = Some(head);
                    return self.feed_body(&bytes[head.length..]);
                }
            }
        }
    }

    fn feed_body(&mut self, bytes: &[u8]) -> Result<bool, Broken> {
        let Some(head) = &mut self.head else { return Ok(false) };
        let taken = head.body.take(bytes).map_err(|_| Broken::Garbage)?;
        self.surplus = taken < bytes.len();
        Ok(head.body.is_done())
    }

    /// The answer, when it is complete or the end of the connection completes it.
    fn finish(&self, clean_end: bool, written: bool) -> Result<Answer, Broken> {
        let Some(first_byte) = self.first_byte else { return Err(Broken::Unanswered) };
        let Some(head) = self.head else { return Err(Broken::Cut) };
        let ended_by_closing = head.body == Body::UntilClose && clean_end;
        if !head.body.is_done() && !ended_by_closing {
            return Err(Broken::Cut);
        }
        let reusable = head.keep_alive && head.body.is_done() && !self.surplus && written;
        Ok(Answer { status: head.status, first_byte, bytes: self.bytes, reusable })
    }
}

/// Whether an idle connection still stands: nothing has come on it, not even its end.
pub(crate) fn is_fresh(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
}

//! Buffers of a connection, held only while there is something in them.
//!
//! Method: storage comes from a free list of the thread and goes back when the last byte is consumed, so an idle connection or
//! a silent stream holds none.
//! Invariants: a buffer is at most `MAX_STORAGE` bytes unless a head needs more; the free list is bounded.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// First size of a buffer: a page-aligned read that holds nearly every head and small answer.
const STORAGE: usize = 16 * 1024;
/// Size after a read filled the first one, for streams: fewer system calls per byte.
const MAX_STORAGE: usize = 64 * 1024;
/// Most bytes that wait for a slow reader.
pub(crate) const OUTPUT_LIMIT: usize = 32 * 1024;
/// Buffers kept per thread (4 MiB of each kind).
const MAX_FREE: usize = 256;
/// Large buffers kept per thread (4 MiB).
const MAX_FREE_BULK: usize = 64;

thread_local! {
    static FREE_INPUTS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static FREE_BULK: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static FREE_OUTPUTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Received bytes that nobody has consumed.
#[derive(Debug, Default)]
pub(crate) struct Input {
    storage: Box<[u8]>,
    start: usize,
    end: usize,
    /// A read filled the buffer: the next storage is a large one.
    bulk: bool,
}

impl Input {
    pub(crate) fn filled(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.is_empty() {
            self.release();
        }
    }

    fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        let storage = std::mem::take(&mut self.storage);
        let (free, max) = match storage.len() {
            STORAGE => (&FREE_INPUTS, MAX_FREE),
            MAX_STORAGE => (&FREE_BULK, MAX_FREE_BULK),
            _ => return,
        };
        free.with_borrow_mut(|free| {
            if free.len() < max {
                free.push(storage);
            }
        });
    }

    /// Makes room to read into, at most up to `max` bytes in all; `false` when there is none.
    fn make_room(&mut self, max: usize) -> bool {
        if self.storage.is_empty() {
            let (free, size) = if self.bulk { (&FREE_BULK, MAX_STORAGE) } else { (&FREE_INPUTS, STORAGE) };
            self.storage = free.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; size].into());
        }
        if self.end < self.storage.len() {
            return self.len() < max;
        }
        if self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        } else if self.storage.len() < max {
            let mut larger = vec![0; (self.storage.len() * 2).min(max)];
            larger[..self.end].copy_from_slice(&self.storage);
            self.storage = larger.into();
        }
        self.end < self.storage.len()
    }

    /// Reads once. `Ok(0)` is the end of the stream. Must not be called with `max` bytes or more in the buffer.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream, max: usize) -> Poll<io::Result<usize>> {
        // Storage is taken only when there is something to read into it.
        ready!(stream.poll_read_ready(cx))?;
        if !self.make_room(max) {
            return Poll::Pending;
        }
        let mut buf = ReadBuf::new(&mut self.storage[self.end..]);
        let polled = Pin::new(stream).poll_read(cx, &mut buf);
        let (n, full) = (buf.filled().len(), buf.remaining() == 0);
        self.end += n;
        self.bulk |= full && self.storage.len() <= STORAGE;
        if self.is_empty() {
            self.release();
        }
        polled.map_ok(|()| n)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    /// A place to append to.
    pub(crate) fn writer(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = FREE_OUTPUTS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(STORAGE));
        }
        &mut self.bytes
    }

    /// Whether everything has been written.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Bytes written of those still kept.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    /// Starts over with what is kept.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Writes once.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<usize>> {
        let n = ready!(poll_write(cx, stream, &self.bytes[self.sent..]))?;
        self.sent += n;
        Poll::Ready(Ok(n))
    }

    /// Forgets what has been written.
    pub(crate) fn clear(&mut self) {
        self.sent = 0;
        let mut bytes = std::mem::take(&mut self.bytes);
        // Only ordinary buffers are worth keeping.
        if (STORAGE..=MAX_STORAGE).contains(&bytes.capacity()) {
            bytes.clear();
            FREE_OUTPUTS.with_borrow_mut(|free| {
                if free.len() < MAX_FREE {
                    free.push(bytes);
                }
            });
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Writes once; a peer that takes nothing is an error, never `Ok(0)`.
pub(crate) fn poll_write(cx: &mut Context<'_>, stream: &mut TcpStream, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(stream).poll_write(cx, bytes)) {
        Ok(0) if !bytes.is_empty() => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}

/// A connection with its buffers.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) stream: TcpStream,
    pub(crate) input: Input,
    pub(crate) output: Output,
}

impl Side {
    pub(crate) fn new(stream: TcpStream) -> Side {
        Side { stream, input: Input::default(), output: Output::default() }
    }

    /// Reads once unless `max` bytes are waiting already.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<usize>> {
        if self.input.len() >= max {
            return Poll::Pending;
        }
        self.input.poll_read(cx, &mut self.stream, max)
    }

    /// Writes until the output is empty.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_sent() {
            ready!(self.output.poll_write(cx, &mut self.stream))?;
        }
        self.output.clear();
        Poll::Ready(Ok(()))
    }
}

/// Most bytes read ahead of a body or of the next request.
pub(crate) const READ_AHEAD: usize = MAX_STORAGE;

//! Lines of a stream: whatever ends them, and never more of them in memory than one.
//!
//! Invariants: a byte order mark and empty lines are passed over; `\n`, `\r\n` and `\r` end a line, mixed as they may be; a line
//!   longer than [`MAX_LINE`] is refused.

use std::io::BufRead;

use crate::TraceError;
use crate::limits::MAX_LINE;

/// Lines of a stream.
pub(crate) struct Lines<R> {
    input: R,
    number: u64,
    buffer: Vec<u8>,
    /// The last line ended with `\r`: a `\n` that follows belongs to it.
    carriage: bool,
    over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Lines<R> {
        Lines { input, number: 0, buffer: Vec::with_capacity(256), carriage: false, over: false }
    }

    /// The present line, without its end.
    pub(crate) fn line(&self) -> &[u8] {
        &self.buffer
    }

    /// The number of the present line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Goes to the next line that is not empty; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, TraceError> {
        while self.read_line()? {
            if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_line(&mut self) -> Result<bool, TraceError> {
        self.buffer.clear();
        if self.over {
            return Ok(false);
        }
        self.number += 1;
        loop {
            let available = match self.input.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(TraceError::Read(format!("{e} (behind line {})", self.number - 1))),
            };
            if available.is_empty() {
                self.over = true;
                return Ok(!self.buffer.is_empty());
            }
            if std::mem::take(&mut self.carriage) && available[0] == b'\n' {
                self.input.consume(1);
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', available);
            let taken = &available[..end.unwrap_or(available.len())];
            if self.buffer.len() + taken.len() > MAX_LINE {
                let reason = format!("is longer than {MAX_LINE} bytes: this is no trace as text");
                return Err(TraceError::row(self.number, reason));
            }
            self.buffer.extend_from_slice(taken);
            self.carriage = end.is_some_and(|i| available[i] == b'\r');
            let used = end.map_or(available.len(), |i| i + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

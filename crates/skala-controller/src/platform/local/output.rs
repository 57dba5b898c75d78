//! Takes what a replica prints: into its log, into memory for verdicts, and past the readiness check.
//!
//! Decides: how fast a replica may print.
//! Inputs: its standard output and error.
//! Method: one task per stream reads in chunks of 16 KiB. Beyond [`RATE`] it pauses; the replica then waits in its write, so a flood
//! slows the one that floods.
//! Invariants: memory is one chunk, one line per stream and the last [`KEPT`] lines; a line is stamped when it is read.
//! Tested: `tests/local/logs.rs`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::lines::Lines;
use super::log_file::LogWriter;
use super::logs::Stream;
use super::procfs::Tag;
use super::{Clock, locked};
use crate::platform::LogRotation;

/// Lines of output that a verdict can name.
const KEPT: usize = 50;
/// Bytes of each of them; the log has the whole.
const KEPT_LINE: usize = 1024;
/// Size of one read.
const CHUNK: usize = 16 * 1024;
/// Bytes per second that one stream may print; enough for 100,000 lines, little enough to leave the machine to its work.
const RATE: f64 = 8.0 * 1024.0 * 1024.0;

/// The output of one replica, over all its lives.
pub(super) struct Output {
    tag: Tag,
    clock: Clock,
    rotation: LogRotation,
    writer: LogWriter,
    awaited: Option<String>,
    seen: watch::Sender<bool>,
    last: Mutex<VecDeque<String>>,
}

impl Output {
    /// Prepares for a replica; `awaited` is the text that makes it ready.
    pub(super) fn new(tag: Tag, clock: Clock, rotation: LogRotation, writer: LogWriter, awaited: Option<String>) -> Arc<Output> {
        let seen = watch::Sender::new(false);
        Arc::new(Output { tag, clock, rotation, writer, awaited, seen, last: Mutex::default() })
    }

    /// Forgets the last life's lines.
    pub(super) fn begin_life(&self) {
        self.seen.send_replace(false);
        locked(&self.last).clear();
    }

    /// Returns once the awaited text was printed in this life.
    pub(super) async fn awaited_text(&self) {
        let _ = self.seen.subscribe().wait_for(|seen| *seen).await; // the sender lives as long as `self`
    }

    /// The last lines of this life.
    pub(super) fn last_lines(&self) -> Vec<String> {
        locked(&self.last).iter().cloned().collect()
    }

    /// Writes a line of skala's own into the log.
    pub(super) async fn say(&self, text: &str) {
        let line = format!("{} {} {text}\n", (self.clock)(), Stream::Skala);
        self.writer.write(&self.tag, self.rotation, line).await;
    }

    /// Closes the log.
    pub(super) async fn close(&self) {
        self.writer.close(&self.tag).await;
    }

    /// Reads a stream to its end.
    pub(super) async fn pump(self: Arc<Self>, mut from: impl AsyncRead + Unpin, stream: Stream) {
        let mut lines = Lines::default();
        let mut chunk = vec![0u8; CHUNK];
        let mut allowed_from = Instant::now();
        loop {
            let read = match from.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            let mut batch = String::with_capacity(read + 256);
            let at = (self.clock)();
            lines.feed(&chunk[..read], |line| self.take(&mut batch, at, stream, &line));
            self.hand_on(batch).await;
            let now = Instant::now();
            allowed_from = allowed_from.max(now.checked_sub(Duration::from_secs(1)).unwrap_or(now));
            allowed_from += Duration::from_secs_f64(read as f64 / RATE);
            if allowed_from > now {
                tokio::time::sleep_until(allowed_from).await;
            }
        }
        if let Some(line) = lines.end() {
            let mut batch = String::new();
            self.take(&mut batch, (self.clock)(), stream, &line);
            self.hand_on(batch).await;
        }
    }

    fn take(&self, batch: &mut String, at: skala_types::Time, stream: Stream, line: &str) {
        let _ = writeln!(batch, "{at} {stream} {line}"); // writing to a String cannot fail
        if self.awaited.as_ref().is_some_and(|text| line.contains(text)) {
            self.seen.send_replace(true);
        }
        let mut last = locked(&self.last);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(start_of(line, KEPT_LINE).to_owned());
    }

    async fn hand_on(&self, batch: String) {
        if !batch.is_empty() {
            self.writer.write(&self.tag, self.rotation, batch).await;
        }
    }
}

/// As much of a text as fits into `bytes`.
fn start_of(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

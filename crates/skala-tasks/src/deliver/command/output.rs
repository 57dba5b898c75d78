//! What a command writes: all of stdout up to a bound, the last lines of stderr.
//!
//! Decides: which lines of stderr are words to skala, by the names of the headers that a pushed task's answer has: `Skala-Cost: 0.0021`,
//!   `Skala-Retry: no` and `Retry-After: 30`. The last of each counts, and they are no part of the log.
//! Invariants: both are read to the end whatever their length, so that a command never blocks on a full pipe.
//! Tested: `tests` below.

use std::collections::VecDeque;

use skala_queue::MOST_LOG_LINES;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::deliver::ending::LONGEST_RESULT;

/// Bytes of a line of stderr that are kept.
const LONGEST_LINE: usize = 512;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    /// There was more.
    pub(super) is_too_long: bool,
    pub(super) stderr: VecDeque<String>,
    pub(super) said: Said,
}

/// What a command tells skala beside its exit code, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) cost: Option<String>,
    pub(super) retry: Option<String>,
    pub(super) retry_after: Option<String>,
}

impl Said {
    /// Takes a line that is meant for skala; whether it was.
    fn takes(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
        let place = match name.to_ascii_lowercase().as_str() {
            "skala-cost" => &mut self.cost,
            "skala-retry" => &mut self.retry,
            "retry-after" => &mut self.retry_after,
            _ => return false,
        };
        *place = Some(value.trim().to_owned());
        true
    }
}

impl Output {
    /// Reads both pipes to their ends.
    pub(super) async fn read(&mut self, stdout: impl AsyncRead + Unpin, stderr: impl AsyncRead + Unpin) {
        let Output { stdout: kept, is_too_long, stderr: lines, said } = self;
        tokio::join!(read_bounded(stdout, kept, is_too_long), read_lines(stderr, lines, said));
    }
}

async fn read_bounded(mut pipe: impl AsyncRead + Unpin, kept: &mut Vec<u8>, is_too_long: &mut bool) {
    let mut part = vec![0; 8192];
    while let Ok(count @ 1..) = pipe.read(&mut part).await {
        let room = LONGEST_RESULT - kept.len();
        *is_too_long |= count > room;
        kept.extend_from_slice(&part[..count.min(room)]);
    }
}

async fn read_lines(mut pipe: impl AsyncRead + Unpin, lines: &mut VecDeque<String>, said: &mut Said) {
    let mut part = vec![0; 4096];
    let mut line = Vec::new();
    while let Ok(count @ 1..) = pipe.read(&mut part).await {
        for byte in &part[..count] {
            match byte {
                b'\n' => push(lines, said, &mut line),
                byte if line.len() < LONGEST_LINE => line.push(*byte),
                _ => {}
            }
        }
    }
    if !line.is_empty() {
        push(lines, said, &mut line);
    }
}

fn push(lines: &mut VecDeque<String>, said: &mut Said, line: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    line.clear();
    if said.takes(&text) {
        return;
    }
    if lines.len() == MOST_LOG_LINES {
        lines.pop_front();
    }
    lines.push_back(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_long_output_is_noticed() {
        let lines: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let stderr = format!("{lines}{}", "x".repeat(2 * LONGEST_LINE));
        let mut output = Output::default();
        output.read(&vec![b'a'; LONGEST_RESULT + 1][..], stderr.as_bytes()).await;
        assert_eq!((output.stdout.len(), output.is_too_long), (LONGEST_RESULT, true));
        assert_eq!(output.stderr.len(), MOST_LOG_LINES);
        assert_eq!(output.stderr[0], "line 31");
        assert_eq!(output.stderr[MOST_LOG_LINES - 1].len(), LONGEST_LINE);
    }
    #[tokio::test]
    async fn words_to_skala_are_no_part_of_the_log() {
        let stderr = "one\nSkala-Cost: 0.1\nskala-cost: 0.2 EUR\ntwo: three\nRetry-After: 30\nSkala-Retry: no";
        let mut output = Output::default();
        output.read(&b""[..], stderr.as_bytes()).await;
        assert_eq!(output.stderr, ["one", "two: three"]);
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(output.said, Said { cost: said("0.2 EUR"), retry: said("no"), retry_after: said("30") });
    }
}

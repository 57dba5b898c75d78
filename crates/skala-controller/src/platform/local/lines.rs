//! Cuts a replica's output into lines that are safe to keep, show and store.
//!
//! Decides: where a line ends, how much of it is kept, and which bytes are shown as escapes.
//! Inputs: chunks of bytes as they arrive.
//! Invariants: memory is at most one line of [`MAX_LINE`]; a line given on holds no control character but tab and colour sequences, and
//! none that turns the direction of writing, so that reading a log cannot change the terminal; its colours end with it, so that no
//! replica hides another's lines.
//! Tested: `tests` below; `tests/local/logs.rs` floods it.

use std::fmt::Write as _;

/// Bytes of a line that are kept; the rest is counted.
pub(super) const MAX_LINE: usize = 16 * 1024;

/// Collects bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    dropped: usize,
}

impl Lines {
    /// Takes a chunk and gives each line that it completes.
    pub(super) fn feed(&mut self, mut chunk: &[u8], mut each: impl FnMut(String)) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.keep(&chunk[..end]);
            each(self.finish());
            chunk = &chunk[end + 1..];
        }
        self.keep(chunk);
    }

    /// Gives the last line, if it did not end.
    pub(super) fn end(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.finish())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.partial.len();
        let kept = bytes.len().min(room);
        self.partial.extend_from_slice(&bytes[..kept]);
        self.dropped += bytes.len() - kept;
    }

    fn finish(&mut self) -> String {
        let bytes = self.partial.strip_suffix(b"\r").unwrap_or(&self.partial);
        let mut line = safe(bytes);
        if self.dropped > 0 {
            let _ = write!(line, " ... ({} bytes more)", self.dropped); // writing to a String cannot fail
        }
        self.partial.clear();
        self.dropped = 0;
        line
    }
}

/// Back to the terminal's own colours.
const RESET: &str = "\u{1b}[0m";

/// Text with what is not UTF-8 replaced, and what changes the terminal but tab and colours escaped.
fn safe(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if !text.chars().any(changes_terminal) {
        return text.into_owned();
    }
    let mut coloured = false;
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let colour = colour_length(rest);
        if colour > 0 {
            let sequence = &rest[..colour];
            coloured = !matches!(sequence, RESET | "\u{1b}[m");
            out.push_str(sequence);
        } else if changes_terminal(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        rest = &rest[colour.max(c.len_utf8())..];
    }
    if coloured {
        out.push_str(RESET);
    }
    out
}

/// Control characters but tab, and those that turn the direction of writing (Unicode's bidirectional controls, CVE-2021-42574).
fn changes_terminal(c: char) -> bool {
    c.is_control() && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Length of the colour sequence (`ESC [ digits and ; m`) that the text begins with, or 0.
fn colour_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let length = parameters.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(parameters.len());
    if length <= 16 && parameters[length..].starts_with('m') { length + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(line));
        }
        out.extend(lines.end());
        out
    }

    #[test]
    fn chunks_become_lines() {
        let rows: [(&[&[u8]], &[&str]); 9] = [
            (&[b"a\nb\r\n"], &["a", "b"]),
            (&[b"a", b"b", b"\nc"], &["ab", "c"]),
            (&[b"\n\n"], &["", ""]),
            (&[b"x\xff\x00\x07y\tz\n"], &["x\u{fffd}\\u{0}\\u{7}y\tz"]),
            (&[b"\x1b[1;31mred\x1b[0m \x1b[2J\n"], &["\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J"]),
            (&[b"\x1b[8mhidden\nseen\x1b[31m\x1b[m\n"], &["\u{1b}[8mhidden\u{1b}[0m", "seen\u{1b}[31m\u{1b}[m"]),
            (&["user \u{202e}nimda\n".as_bytes()], &["user \\u{202e}nimda"]),
            (&[b"\x1b[\n", b"\x1b\n"], &["\\u{1b}[", "\\u{1b}"]),
            (&[], &[]),
        ];
        for (chunks, want) in rows {
            assert_eq!(lines(chunks), want);
        }
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let chunk = vec![b'x'; 1_000_000];
        let out = lines(&[&chunk, &chunk, b"\nnext"]);
        assert_eq!(out.len(), 2);
        assert!(out[0].len() < MAX_LINE + 40 && out[0].ends_with(" ... (1983616 bytes more)"), "{}", &out[0][MAX_LINE..]);
        assert_eq!(out[1], "next");
    }
}

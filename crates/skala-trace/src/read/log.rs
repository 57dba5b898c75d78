//! Access logs in Common or Combined Log Format: `host - user [20/Nov/2026:21:27:00 +0000] "GET / HTTP/1.1" 200 512`.
//!
//! Method: only the time in brackets is read. Lines are written when a request ends, so they may be out of order; their seconds are
//!   spread out later.

use super::lines::Lines;
use super::number::{SECOND, days, offset};
use super::{Row, Rows};
use crate::TraceError;
use crate::trace::Input;

const MONTHS: [&[u8]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Length of `20/Nov/2026:21:27:00 +0000`.
const LENGTH: usize = 26;

pub(super) struct LogRows {
    lines: Lines<Input>,
    pending: bool,
    /// The last time as text, and its value: most lines repeat it.
    last: ([u8; LENGTH], u64),
}

impl LogRows {
    /// Begins with the present line.
    pub(super) fn new(lines: Lines<Input>) -> LogRows {
        LogRows { lines, pending: true, last: ([0; LENGTH], 0) }
    }
}

impl Rows for LogRows {
    fn next(&mut self) -> Result<Option<Row>, TraceError> {
        if !std::mem::take(&mut self.pending) && !self.lines.advance()? {
            return Ok(None);
        }
        let number = self.lines.number();
        let Some(text) = bracketed(self.lines.line()) else {
            return Err(TraceError::row(number, "has no time in brackets, such as [20/Nov/2026:21:27:00 +0000]"));
        };
        if *text != self.last.0 {
            self.last = (*text, value(text).unwrap_or(0));
        }
        Ok(Some(Row::at(number, self.last.1)))
    }
}

/// The time of a line of an access log; `None` when it is none.
pub(super) fn time(line: &[u8]) -> Option<u64> {
    bracketed(line).and_then(value)
}

fn bracketed(line: &[u8]) -> Option<&[u8; LENGTH]> {
    memchr::memchr_iter(b'[', line).take(8).find_map(|i| {
        let text: &[u8; LENGTH] = line.get(i + 1..i + 1 + LENGTH)?.try_into().ok()?;
        (line.get(i + 1 + LENGTH) == Some(&b']') && value(text).is_some()).then_some(text)
    })
}

fn value(text: &[u8; LENGTH]) -> Option<u64> {
    let two = |i: usize| -> Option<u64> {
        let (a, b) = (text[i], text[i + 1]);
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| u64::from(a - b'0') * 10 + u64::from(b - b'0'))
    };
    let separators = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if separators.iter().any(|(i, c)| text[*i] != *c) {
        return None;
    }
    let month = MONTHS.iter().position(|m| text[3..6].eq_ignore_ascii_case(m))? as u64 + 1;
    let days = days(two(7)? * 100 + two(9)?, month, two(0)?)?;
    let (hours, minutes, seconds) = (two(12)?, two(15)?, two(18)?);
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let of_day = i64::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
    let at = days * 86_400 + of_day - offset(&text[21..])?;
    u64::try_from(at).ok()?.checked_mul(SECOND)
}

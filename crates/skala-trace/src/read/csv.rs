//! CSV: a row per arrival, or a row per step.
//!
//! Method: commas, semicolons or tabs, whichever the first line has; fields may stand in double quotes. Lines that begin with `#` are
//!   remarks, save `# hole FROM TO` (seconds), which a written trace has where nothing is known.

use std::borrow::Cow;

use super::columns::{Columns, columns, unnamed};
use super::lines::Lines;
use super::number::{Clock, SECOND, float};
use super::{Row, RowKind, Rows, Source};
use crate::TraceError;
use crate::limits::{MAX_CV, MAX_TOKENS};
use crate::trace::Input;

struct CsvRows {
    lines: Lines<Input>,
    delimiter: u8,
    columns: Columns,
    clock: Option<Clock>,
    names: Vec<String>,
    /// The present line is a row already: there was no header.
    pending: bool,
}

/// Reads the header.
pub(super) fn open(mut lines: Lines<Input>, rows: Option<RowKind>) -> Result<Source, TraceError> {
    while lines.line().starts_with(b"#") {
        if !lines.advance()? {
            return Err(TraceError::Empty);
        }
    }
    let line = lines.number();
    let delimiter = delimiter(lines.line());
    let names: Vec<String> =
        Fields::new(lines.line(), delimiter).map(|f| String::from_utf8_lossy(f.trim_ascii()).into_owned()).collect();
    let header = names.first().is_some_and(|n| Clock::of(n.as_bytes(), None).is_none() && !looks_numeric(n));
    let (columns, kind) = if header { columns(&names, rows, line)? } else { unnamed(names.len(), rows, line)? };
    let names = if header { names } else { Vec::new() };
    Ok(Source { rows: Box::new(CsvRows { lines, delimiter, columns, clock: None, names, pending: !header }), kind })
}

fn looks_numeric(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.')
}

fn delimiter(line: &[u8]) -> u8 {
    let count = |d: u8| line.iter().filter(|c| **c == d).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|d| count(*d)).unwrap_or(b',')
}

/// Fields of a line.
struct Fields<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Fields<'a> {
    fn new(line: &'a [u8], delimiter: u8) -> Fields<'a> {
        Fields { rest: Some(line), delimiter }
    }

    fn quoted(&mut self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut out = Vec::new();
        let mut i = 1;
        while i < text.len() {
            match (text[i], text.get(i + 1)) {
                (b'"', Some(b'"')) => {
                    out.push(b'"');
                    i += 1;
                }
                (b'"', _) => break,
                (c, _) => out.push(c),
            }
            i += 1;
        }
        let tail = text.get(i + 1..).unwrap_or_default();
        let end = memchr::memchr(self.delimiter, tail);
        self.rest = end.map(|e| &tail[e + 1..]);
        Cow::Owned(out)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        let rest = self.rest.take()?;
        if rest.first() == Some(&b'"') {
            return Some(self.quoted(rest));
        }
        match memchr::memchr(self.delimiter, rest) {
            Some(i) => {
                self.rest = Some(&rest[i + 1..]);
                Some(Cow::Borrowed(&rest[..i]))
            }
            None => Some(Cow::Borrowed(rest)),
        }
    }
}

impl Rows for CsvRows {
    fn next(&mut self) -> Result<Option<Row>, TraceError> {
        loop {
            if !std::mem::take(&mut self.pending) && !self.lines.advance()? {
                return Ok(None);
            }
            let line = self.lines.line();
            if line[0] != b'#' {
                return self.row().map(Some);
            }
            if let Some(row) = hole(line, self.lines.number())? {
                return Ok(Some(row));
            }
        }
    }
}

/// `# hole 3600 7200`.
fn hole(line: &[u8], number: u64) -> Result<Option<Row>, TraceError> {
    let mut words = line[1..].split(|c| *c == b' ').filter(|w| !w.is_empty());
    if words.next() != Some(b"hole") {
        return Ok(None);
    }
    let mut time = || words.next().and_then(|w| Clock::Number(SECOND).read(w));
    match (time(), time()) {
        (Some(from), Some(to)) if from < to => Ok(Some(Row { hole: Some(to), ..Row::at(number, from) })),
        _ => Err(TraceError::row(number, "a hole is written '# hole FROM TO', in seconds")),
    }
}

impl CsvRows {
    fn row(&mut self) -> Result<Row, TraceError> {
        let number = self.lines.number();
        let columns = &self.columns;
        let mut row = Row::at(number, 0);
        let mut seen = 0;
        for (i, field) in Fields::new(self.lines.line(), self.delimiter).enumerate().take(columns.last + 1) {
            seen = i + 1;
            let text = field.trim_ascii();
            let fault = |what: &str| TraceError::row(number, fault_of(&self.names, i, text, what));
            if i == columns.time {
                if self.clock.is_none() {
                    self.clock = Clock::of(text, columns.unit);
                }
                let at = self.clock.and_then(|clock| clock.read(text));
                row.at = at.ok_or_else(|| {
                    fault("is no time: write seconds, a time since 1970 in s, ms, us or ns, or 2026-11-20 21:27:00")
                })?;
            } else if columns.value.is_some_and(|v| v.0 == i) {
                row.value =
                    value(text, columns.value.map_or(1, |v| v.1)).map_err(|()| fault("is no number of requests, 0 or more"))?;
            } else if columns.input == Some(i) {
                row.tokens.0 = tokens(text).ok_or_else(|| fault("is no number of tokens"))?;
            } else if columns.output == Some(i) {
                row.tokens.1 = tokens(text).ok_or_else(|| fault("is no number of tokens"))?;
            } else if let Some((_, squared)) = columns.cv.filter(|c| c.0 == i) {
                row.scv = variation(text, squared).map_err(|()| fault("is no coefficient of variation"))?;
            }
        }
        if seen <= columns.last {
            let reason = format!("has {seen} columns, and {} are needed", columns.last + 1);
            return Err(TraceError::row(number, reason));
        }
        Ok(row)
    }
}

fn fault_of(names: &[String], column: usize, text: &[u8], what: &str) -> String {
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
    let shown = short(&String::from_utf8_lossy(text));
    match names.get(column) {
        Some(name) => format!("'{shown}' in column '{}' {what}", short(name)),
        None => format!("'{shown}' in column {} {what}", column + 1),
    }
}

/// A count or rate; none when the cell is empty.
pub(super) fn value(text: &[u8], per: u32) -> Result<Option<f64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    float(text).filter(|v| *v >= 0.0).map(|v| Some(if per == 1 { v } else { v / f64::from(per) })).ok_or(())
}

/// Tokens; none are 0.
pub(super) fn tokens(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    float(text).filter(|v| (0.0..=f64::from(MAX_TOKENS)).contains(v))
}

/// SCV of gaps; empty or 0 says nothing.
pub(super) fn variation(text: &[u8], squared: bool) -> Result<Option<f64>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = float(text).filter(|v| *v >= 0.0).ok_or(())?;
    let scv = if squared { value } else { value * value };
    // Recordings do have a gap of minutes among thousands a second; a draw by that would be of no use.
    Ok(Some(scv.min(MAX_CV * MAX_CV)))
}

//! Recorded arrivals: what a CSV file says about when requests came.
//!
//! Decides: whether a file is a list of arrivals or of counts, and what each row means.
//! Inputs: text with a row per line, fields separated by commas; times in seconds, from any origin (they count from the first row).
//! Method: the header decides. A second column called `requests`, `count`, `requests_per_s`, `rps` or the like makes the rows counts
//!   or rates that hold from their time to the next row's (the last for as long as the one before); anything else is one arrival per
//!   row in its first column.
//! Invariants: reading streams; times never decrease; a bad row is named with its line.
//! Tested: `tests` below.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::pieces::Pieces;

/// The longest line that is read, bytes; a longer one means that the file is no CSV.
const MAX_LINE: usize = 64 * 1024;

/// Header names that make the second column a number of requests since the row before it.
const COUNT_NAMES: [&str; 4] = ["requests", "count", "requests_count", "value"];

/// Header names that make the second column a rate, per second.
const RATE_NAMES: [&str; 6] = ["requests_per_s", "requests_per_second", "requestspersecond", "rps", "rate", "qps"];

/// Why a trace cannot be used.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("read trace {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A row that has no meaning.
    #[error("{}:{line}: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// No arrival at all.
    #[error("{} holds no arrivals: it needs a row per arrival (seconds), or rows of timestamp,requests", .0.display())]
    Empty(PathBuf),
}

/// What the rows of a trace are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// One arrival per row.
    Arrivals,
    /// A number of requests per row, from its time to the next row's.
    Counts,
    /// A rate (per second) per row, from its time to the next row's.
    Rates,
}

/// What a trace holds, after one pass over it.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSummary {
    /// What its rows are.
    pub kind: TraceKind,
    /// Rows of data.
    pub rows: u64,
    /// Requests in it, before scaling (expected ones for rates).
    pub requests: f64,
    /// From the first arrival or row to the last arrival, or the end of the last row.
    pub length: Duration,
}

/// Reads the whole trace once, so that a bad row is known before the first request is sent.
///
/// # Errors
/// The first bad row, a file that cannot be read, or one without arrivals.
pub fn check(path: &Path) -> Result<TraceSummary, TraceError> {
    let rows = Rows::open(path)?;
    let kind = rows.kind;
    let mut summary = TraceSummary { kind, rows: 0, requests: 0.0, length: Duration::ZERO };
    if kind == TraceKind::Arrivals {
        for row in rows {
            let row = row?;
            summary.rows += 1;
            summary.requests += 1.0;
            summary.length = Duration::from_secs_f64(row.at);
        }
    } else {
        for piece in Pieces::new(rows) {
            let piece = piece?;
            let length = piece.length.unwrap_or_default();
            summary.rows += 1;
            summary.requests += piece.from * length.as_secs_f64();
            summary.length += length;
        }
    }
    if summary.requests > 0.0 { Ok(summary) } else { Err(TraceError::Empty(path.to_owned())) }
}

/// One row of data: seconds since the first row, and the second column where it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) at: f64,
    pub(crate) value: f64,
}

/// Streams the rows of a file.
pub(crate) struct Rows {
    path: PathBuf,
    input: BufReader<File>,
    line: u64,
    kind: TraceKind,
    first_at: Option<f64>,
    last_at: f64,
    buffer: String,
    /// Whether `buffer` holds a row that has not been given yet (the first, read in search of a header).
    peeked: bool,
}

impl Rows {
    /// Opens a trace and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Rows, TraceError> {
        let failed = |source| TraceError::Read { path: path.to_owned(), source };
        // A trace is read twice, which a pipe cannot be; opening one could wait for ever.
        if !path.metadata().map_err(failed)?.is_file() {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let input = File::open(path).map_err(failed)?;
        let mut rows = Rows {
            path: path.to_owned(),
            input: BufReader::with_capacity(MAX_LINE, input),
            line: 0,
            kind: TraceKind::Arrivals,
            first_at: None,
            last_at: 0.0,
            buffer: String::new(),
            peeked: false,
        };
        if !rows.fill()? {
            return Err(TraceError::Empty(path.to_owned()));
        }
        let first = field(&rows.buffer, 0).unwrap_or_default();
        rows.peeked = first.parse::<f64>().is_ok() || first.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if !rows.peeked {
            rows.kind = kind_of(field(&rows.buffer, 1).unwrap_or_default());
        }
        Ok(rows)
    }

    /// What the rows are.
    pub(crate) fn kind(&self) -> TraceKind {
        self.kind
    }

    /// Reads the next line that is neither blank nor a comment; false at the end.
    fn fill(&mut self) -> Result<bool, TraceError> {
        loop {
            self.line += 1;
            self.buffer.clear();
            let mut limited = std::io::Read::take(&mut self.input, MAX_LINE as u64);
            let read = limited.read_line(&mut self.buffer);
            match read {
                Err(e) if e.kind() == std::io::ErrorKind::InvalidData => return Err(self.bad("not UTF-8 text".to_owned())),
                Err(source) => return Err(TraceError::Read { path: self.path.clone(), source }),
                Ok(0) => return Ok(false),
                Ok(MAX_LINE) => return Err(self.bad(format!("longer than {MAX_LINE} bytes, which no row of a trace is"))),
                Ok(_) => {}
            }
            let text = self.buffer.trim_start_matches('\u{feff}').trim();
            if !text.is_empty() && !text.starts_with('#') {
                return Ok(true);
            }
        }
    }

    /// Names the current line as bad.
    pub(crate) fn bad(&self, reason: String) -> TraceError {
        TraceError::Row { path: self.path.clone(), line: self.line, reason }
    }

    fn read(&mut self) -> Result<Row, TraceError> {
        let text = field(&self.buffer, 0).unwrap_or_default();
        let at = text.parse::<f64>().ok().filter(|at| at.is_finite());
        let at = at.ok_or_else(|| self.bad(format!("'{text}' is not a time in seconds")))?;
        if at < 0.0 {
            return Err(self.bad(format!("time {at} is negative; times are seconds, from any origin at or above zero")));
        }
        let first = *self.first_at.get_or_insert(at);
        if self.last_at > at {
            return Err(self.bad(format!("time {at} comes before {} of an earlier row; sort the trace by time", self.last_at)));
        }
        if at - first > 1e9 {
            return Err(self.bad(format!("time {at} lies more than 30 years after the first row")));
        }
        self.last_at = at;
        let value = if self.kind == TraceKind::Arrivals { 1.0 } else { self.value()? };
        Ok(Row { at: at - first, value })
    }

    fn value(&self) -> Result<f64, TraceError> {
        let text =
            field(&self.buffer, 1).ok_or_else(|| self.bad("the second field, a number of requests, is missing".to_owned()))?;
        let value = text.parse::<f64>().ok().filter(|v| v.is_finite() && (0.0..=1e12).contains(v));
        value.ok_or_else(|| self.bad(format!("'{text}' is not a number of requests (zero or more)")))
    }
}

impl Iterator for Rows {
    type Item = Result<Row, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !std::mem::take(&mut self.peeked) {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(self.read())
    }
}

fn field(line: &str, index: usize) -> Option<&str> {
    line.trim_start_matches('\u{feff}').trim().split([',', ';', '\t']).nth(index).map(|f| f.trim().trim_matches('"'))
}

fn kind_of(second_column: &str) -> TraceKind {
    let name = second_column.to_ascii_lowercase();
    match name.as_str() {
        n if RATE_NAMES.contains(&n) => TraceKind::Rates,
        n if COUNT_NAMES.contains(&n) => TraceKind::Counts,
        _ => TraceKind::Arrivals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use std::io::Write as _;

    fn summary(text: &[u8]) -> String {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(text).expect("written");
        match super::check(file.path()) {
            Ok(s) => format!("{:?}: {} rows, {:.1} requests in {:?}", s.kind, s.rows, s.requests, s.length),
            Err(e) => e.to_string().replace(&file.path().display().to_string(), "t.csv"),
        }
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&summary(text.as_bytes()));
    }

    #[test]
    fn reads_arrivals() {
        check("0.0\n0.5\n2\n", expect!["Arrivals: 3 rows, 3.0 requests in 2s"]);
        check(
            "arrival_s,input_tokens,output_tokens\n0.000,374,44\n4.315,396,109\n",
            expect!["Arrivals: 2 rows, 2.0 requests in 4.315s"],
        );
        check("5,1\r\n5,1\r\n\r\n# night\r\n9;x\r\n", expect!["Arrivals: 3 rows, 3.0 requests in 4s"]);
        check("\u{feff}\"time\"\n\"1\"\n", expect!["Arrivals: 1 rows, 1.0 requests in 0ns"]);
    }

    #[test]
    fn reads_counts_and_rates() {
        check("timestamp,requests\n1397088240,94\n1397088540,56\n", expect!["Counts: 2 rows, 150.0 requests in 600s"]);
        check(
            "timestamp,requests_per_s,clients\n0,986.5,55\n600,1000,56\n",
            expect!["Rates: 2 rows, 1191900.0 requests in 1200s"],
        );
        check("t,count\n0,7\n", expect!["Counts: 1 rows, 7.0 requests in 1s"]);
    }

    #[test]
    fn names_bad_rows() {
        check("", expect!["t.csv holds no arrivals: it needs a row per arrival (seconds), or rows of timestamp,requests"]);
        check(
            "time,requests\n",
            expect!["t.csv holds no arrivals: it needs a row per arrival (seconds), or rows of timestamp,requests"],
        );
        check(
            "time,requests\n0,0\n",
            expect!["t.csv holds no arrivals: it needs a row per arrival (seconds), or rows of timestamp,requests"],
        );
        check("t\n1\nlater\n", expect!["t.csv:3: 'later' is not a time in seconds"]);
        check("2014-04-10 00:04:00,94\n", expect!["t.csv:1: '2014-04-10 00:04:00' is not a time in seconds"]);
        check("t\n1\n-2\n", expect!["t.csv:3: time -2 is negative; times are seconds, from any origin at or above zero"]);
        check("t\n5\n4\n", expect!["t.csv:3: time 4 comes before 5 of an earlier row; sort the trace by time"]);
        check("t,requests\n5\n", expect!["t.csv:2: the second field, a number of requests, is missing"]);
        check("t,requests\n5,-1\n", expect!["t.csv:2: '-1' is not a number of requests (zero or more)"]);
        check(
            "t,requests\n5,1\n5,1\n",
            expect!["t.csv:3: the same time as the row before; a row of counts needs a time of its own"],
        );
        check("t\ninf\n", expect!["t.csv:2: 'inf' is not a time in seconds"]);
        expect!["t.csv:2: not UTF-8 text"].assert_eq(&summary(b"1\n\xff\xfe\n"));
        expect!["t.csv:1: longer than 65536 bytes, which no row of a trace is"].assert_eq(&summary(&vec![b'1'; 100_000]));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = super::check(Path::new("/nowhere/t.csv")).expect_err("missing");
        expect!["read trace /nowhere/t.csv"].assert_eq(&error.to_string());
        let error = super::check(&std::env::temp_dir()).expect_err("a folder");
        expect!["not a regular file"].assert_eq(&std::error::Error::source(&error).expect("a source").to_string());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn never_panics(text in "((t,(requests|rps|x)\n)?([0-9.eE+-]{0,6}[,;]?[0-9.eE+-]{0,6}\n){0,5})|\\PC{0,40}") {
            let _ = summary(text.as_bytes());
        }
    }
}

//! Readers of recordings: CSV, access logs, JSON lines; streams in bounded memory.
//!
//! Decides: what a file is, what its rows mean, and when a row is refused.
//! Inputs: a stream of bytes; options where the file does not tell by itself.
//! Method: the first line decides the format, the header the columns, the first value the unit of time. Times since 1970 count from
//!   the first row; small numbers (below 100 million seconds) are offsets already, and stay as they are for arrivals.
//! Invariants: times never decrease, or the line is named; nothing is guessed where two readings are possible; no input panics.
//! Tested: `tests/it/read.rs`, `tests/it/bad.rs`; fuzz target `trace`.

mod columns;
mod csv;
mod json;
mod lines;
mod log;
mod number;
mod order;
mod points;
mod rates;
mod spread;
mod zeros;

use std::time::Duration;

use skala_types::{Streams, Time};

use crate::trace::{BoxArrivals, BoxSteps, Input, Opener};
use crate::{MAX_LENGTH, TraceError};
use lines::Lines;

pub use spread::Spread;

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As its first line looks.
    #[default]
    Auto,
    /// Comma-separated (or semicolons, or tabs), with a header or without.
    Csv,
    /// Common or Combined Log Format, as web servers write it.
    AccessLog,
    /// A JSON object per line.
    JsonLines,
}

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// One arrival each.
    Arrivals,
    /// Requests counted from the row's time to the next row's.
    Counts,
    /// Requests per second from the row's time to the next row's.
    Rates,
}

/// How a file is read; the default asks the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// What it is.
    pub format: Format,
    /// What its rows are, where its header does not tell.
    pub rows: Option<RowKind>,
    /// Time from row to row of counts and rates, where it is not to be inferred.
    pub step: Option<Duration>,
    /// How much earlier than the latest row a row may be; access logs default to 30 s, others to none.
    pub sort: Option<Duration>,
    /// Whether missing rows and long runs of zero in a busy series are read as holes of the recording.
    pub holes: bool,
    /// How arrivals of the same second are spread over it; access logs default to [`Spread::Random`].
    pub spread: Option<Spread>,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions { format: Format::Auto, rows: None, step: None, sort: None, holes: true, spread: None }
    }
}

/// Out-of-order rows of access logs: servers write a line when its request ends.
const LOG_SORT: Duration = Duration::from_secs(30);

/// A row that was understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its line, from 1.
    pub(crate) line: u64,
    /// Nanoseconds since 1970 or since the beginning.
    pub(crate) at: u64,
    /// Count or rate; `None` when the cell is empty.
    pub(crate) value: Option<f64>,
    /// Squared coefficient of variation of gaps.
    pub(crate) scv: Option<f64>,
    /// Tokens of prompt and answer.
    pub(crate) tokens: (f64, f64),
    /// End of a hole that begins here; such a row is no arrival.
    pub(crate) hole: Option<u64>,
}

impl Row {
    fn at(line: u64, at: u64) -> Row {
        Row { line, at, value: None, scv: None, tokens: (0.0, 0.0), hole: None }
    }
}

/// A stream of rows.
pub(crate) trait Rows: Send {
    /// The next one.
    fn next(&mut self) -> Result<Option<Row>, TraceError>;
}

/// What a file turned out to be.
pub(crate) enum Opened {
    Arrivals(BoxArrivals),
    Rates(BoxSteps),
}

/// Rows with what their header told.
struct Source {
    rows: Box<dyn Rows>,
    kind: RowKind,
}

/// Times from here on are since 1970, nanoseconds.
pub(crate) const EPOCH: u64 = 100_000_000 * 1_000_000_000;

/// Opens a file up to its first row; with the moment of its beginning, where it tells.
pub(crate) fn open(open: &Opener, options: &ReadOptions, streams: Streams) -> Result<(Opened, Option<Time>), TraceError> {
    let input = open().map_err(|e| TraceError::Read(e.to_string()))?;
    let mut lines = Lines::new(input);
    if !lines.advance()? {
        return Err(TraceError::Empty);
    }
    let log = is_log(lines.line(), options.format);
    let source = source(lines, log, options)?;
    let window = options.sort.unwrap_or(if log { LOG_SORT } else { Duration::ZERO });
    let mut rows = order::Ordered::new(source.rows, window.min(MAX_LENGTH));
    let Some(first) = rows.peek()? else { return Err(TraceError::Empty) };
    let epoch = first.at >= EPOCH;
    let begins = epoch.then(|| Time::from_nanos(first.at));
    if source.kind != RowKind::Arrivals {
        let steps = rates::Rates::new(rows, first.at, source.kind, options)?;
        let steps: BoxSteps = if options.holes { Box::new(zeros::Zeros::new(steps)) } else { Box::new(steps) };
        return Ok((Opened::Rates(steps), begins));
    }
    let base = if epoch { first.at } else { 0 };
    let spread = options.spread.unwrap_or(if log { Spread::Random } else { Spread::None });
    let points = points::Points::new(rows, base);
    let arrivals: BoxArrivals = match spread {
        Spread::None => Box::new(points),
        spread => Box::new(spread::SpreadOut::new(points, spread, streams)),
    };
    Ok((Opened::Arrivals(arrivals), begins))
}

fn is_log(line: &[u8], format: Format) -> bool {
    match format {
        Format::AccessLog => true,
        Format::Auto => log::time(line).is_some(),
        _ => false,
    }
}

fn source(lines: Lines<Input>, log: bool, options: &ReadOptions) -> Result<Source, TraceError> {
    let json = match options.format {
        Format::JsonLines => true,
        Format::Auto => lines.line().trim_ascii_start().starts_with(b"{"),
        _ => false,
    };
    if log {
        return Ok(Source { rows: Box::new(log::LogRows::new(lines)), kind: RowKind::Arrivals });
    }
    if json { json::open(lines, options.rows) } else { csv::open(lines, options.rows) }
}

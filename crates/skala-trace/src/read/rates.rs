//! Steps of rows that are counts or rates.
//!
//! Decides: how long each row holds, and where rows are missing.
//! Method: the step is the median gap of the first rows. A series is regular when four gaps of five are that step (within 1 %), at
//!   least 8 rows given; there a row holds for a step, or until the next row when that comes sooner or within half a step more, and a
//!   longer gap is a hole. In an irregular series a row holds until the next, and the last as long as the one before it.
//! Invariants: steps follow one another; two rows of one time are refused.

use std::collections::VecDeque;
use std::time::Duration;

use super::order::Ordered;
use super::{ReadOptions, Row, RowKind, Rows as _};
use crate::limits::{MAX_RATE, nanos};
use crate::{MAX_LENGTH, RateStep, Steps, TraceError};

/// Rows that the step is inferred from.
const LOOKED_AT: usize = 65;

/// Fewer rows tell nothing of regularity.
const FEWEST: usize = 8;

pub(super) struct Rates {
    rows: Ordered,
    ahead: VecDeque<Row>,
    base: u64,
    kind: RowKind,
    step: Step,
    hole: Option<RateStep>,
}

/// The time between rows.
#[derive(Clone, Copy, Debug)]
struct Step {
    nanos: u64,
    regular: bool,
    /// Whether missing rows are holes.
    holes: bool,
}

impl Rates {
    /// Times count from `base`, nanoseconds.
    pub(super) fn new(mut rows: Ordered, base: u64, kind: RowKind, options: &ReadOptions) -> Result<Rates, TraceError> {
        let mut ahead = VecDeque::new();
        while ahead.len() < LOOKED_AT {
            let Some(row) = rows.next()? else { break };
            if let Some(before) = ahead.back() {
                apart(before, &row)?;
            }
            ahead.push_back(row);
        }
        let step = match options.step {
            Some(step) if step.is_zero() => return Err(TraceError::setting("step", "must be more than 0")),
            Some(step) => Step { nanos: nanos(step), regular: true, holes: options.holes },
            None => inferred(&ahead, options.holes)?,
        };
        Ok(Rates { rows, ahead, base, kind, step, hole: None })
    }

    /// From a row to its end: where the next one begins, or a step later.
    fn length(&mut self, row: &Row, next: Option<&Row>) -> u64 {
        let Some(gap) = next.map(|n| n.at - row.at) else { return row.hole.map_or(self.step.nanos, |to| to - row.at) };
        let missing = self.step.regular && self.step.holes && gap > self.step.nanos + self.step.nanos / 2;
        if missing && row.value.is_some() {
            return self.step.nanos;
        }
        if !self.step.regular {
            self.step.nanos = gap;
        }
        gap
    }

    fn rate(&self, row: &Row, length: u64) -> Result<Option<f64>, TraceError> {
        let Some(value) = row.value else { return Ok(None) };
        let rate = match self.kind {
            RowKind::Counts => value / (length as f64 / 1e9),
            _ => value,
        };
        if rate > MAX_RATE {
            let reason = format!("makes {rate:.3e} requests per second; {MAX_RATE:.0e} is the most");
            return Err(TraceError::row(row.line, reason));
        }
        Ok(Some(rate))
    }
}

/// Refuses two rows of one time.
fn apart(row: &Row, next: &Row) -> Result<(), TraceError> {
    if next.at == row.at {
        let reason = format!("has the time of line {}: steps must not overlap; join the rows or remove one", row.line);
        return Err(TraceError::row(next.line, reason));
    }
    Ok(())
}

fn inferred(rows: &VecDeque<Row>, holes: bool) -> Result<Step, TraceError> {
    let mut gaps: Vec<u64> = rows.iter().zip(rows.iter().skip(1)).map(|(a, b)| b.at - a.at).collect();
    gaps.sort_unstable();
    let Some(&median) = gaps.get(gaps.len() / 2) else {
        let line = rows.front().map_or(1, |r| r.line);
        return Err(TraceError::row(line, "is the only row: how long its step is must be told, such as with --row-step 60s"));
    };
    let alike = gaps.iter().filter(|g| g.abs_diff(median) <= median / 100).count();
    Ok(Step { nanos: median, regular: rows.len() >= FEWEST && alike * 5 >= gaps.len() * 4, holes })
}

impl Steps for Rates {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        if let Some(hole) = self.hole.take() {
            return Ok(Some(hole));
        }
        let Some(row) = self.ahead.pop_front() else { return Ok(None) };
        if self.ahead.is_empty()
            && let Some(next) = self.rows.next()?
        {
            self.ahead.push_back(next);
        }
        let next = self.ahead.front().copied();
        if let Some(next) = &next {
            apart(&row, next)?;
        }
        let length = self.length(&row, next.as_ref());
        let offset = |at: u64| Duration::from_nanos(at - self.base);
        if row.at - self.base > nanos(MAX_LENGTH) || length > nanos(MAX_LENGTH) {
            return Err(TraceError::row(row.line, "is more than 100 years behind the beginning"));
        }
        let (from, to) = (offset(row.at), offset(row.at + length));
        let step = RateStep { from, to, rate: self.rate(&row, length)?, gap_scv: row.scv.unwrap_or(1.0), tokens: row.tokens };
        if let Some(next) = next.filter(|n| n.at > row.at + length) {
            self.hole = Some(RateStep { from: to, to: offset(next.at), rate: None, gap_scv: 1.0, tokens: (0.0, 0.0) });
        }
        Ok(Some(step))
    }
}

//! Arrivals of rows that are arrivals.

use std::time::Duration;

use super::order::Ordered;
use super::{Row, Rows};
use crate::limits::nanos;
use crate::{Arrival, Arrivals, Item, MAX_LENGTH, TraceError};

pub(super) struct Points {
    rows: Ordered,
    base: u64,
    /// End of the last hole.
    until: u64,
}

impl Points {
    /// Times count from `base`, nanoseconds.
    pub(super) fn new(rows: Ordered, base: u64) -> Points {
        Points { rows, base, until: 0 }
    }

    fn offset(&self, row: &Row, at: u64) -> Result<Duration, TraceError> {
        let offset = at.saturating_sub(self.base);
        if offset > nanos(MAX_LENGTH) {
            return Err(TraceError::row(row.line, "is more than 100 years behind the beginning"));
        }
        Ok(Duration::from_nanos(offset))
    }
}

impl Arrivals for Points {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        let Some(row) = self.rows.next()? else { return Ok(None) };
        if row.at < self.until {
            return Err(TraceError::row(row.line, "lies within a hole that an earlier line tells of"));
        }
        let at = self.offset(&row, row.at)?;
        if let Some(to) = row.hole {
            self.until = to;
            return Ok(Some(Item::Hole { from: at, to: self.offset(&row, to)? }));
        }
        // Bounded when read; the casts saturate.
        let (input_tokens, output_tokens) = (row.tokens.0.round() as u32, row.tokens.1.round() as u32);
        Ok(Some(Item::Arrival(Arrival { at, input_tokens, output_tokens })))
    }

    fn end(&self) -> Option<Duration> {
        None
    }
}

//! Rows in order of time, where the file has them nearly so.
//!
//! Method: a row waits until the latest row seen is a window later. A row that comes later than that is refused by its line.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Row, Rows};
use crate::TraceError;
use crate::limits::{MAX_REORDERED, nanos};

pub(super) struct Ordered {
    rows: Box<dyn Rows>,
    window: u64,
    heap: BinaryHeap<Reverse<Waiting>>,
    latest: u64,
    /// Time and line of the last row given out.
    last: (u64, u64),
    peeked: Option<Row>,
    over: bool,
}

struct Waiting(Row);

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        (self.0.at, self.0.line).cmp(&(other.0.at, other.0.line))
    }
}

impl Ordered {
    pub(super) fn new(rows: Box<dyn Rows>, window: Duration) -> Ordered {
        Ordered { rows, window: nanos(window), heap: BinaryHeap::new(), latest: 0, last: (0, 0), peeked: None, over: false }
    }

    /// The next row, which stays.
    pub(super) fn peek(&mut self) -> Result<Option<Row>, TraceError> {
        if self.peeked.is_none() {
            self.peeked = self.next()?;
        }
        Ok(self.peeked)
    }

    fn checked(&mut self, row: Row) -> Result<Row, TraceError> {
        if row.at < self.last.0 {
            let by = Duration::from_nanos(self.last.0 - row.at).as_secs_f64();
            let reason = format!(
                "is {by} s earlier than line {}: sort the file, or allow for it, such as with --sort {}s",
                self.last.1,
                // With room to spare.
                (2.0 * by).ceil().max(1.0)
            );
            return Err(TraceError::row(row.line, reason));
        }
        self.last = (row.at, row.line);
        Ok(row)
    }

    fn fill(&mut self) -> Result<(), TraceError> {
        while !self.over && self.heap.peek().is_none_or(|Reverse(w)| w.0.at.saturating_add(self.window) > self.latest) {
            let Some(row) = self.rows.next()? else {
                self.over = true;
                break;
            };
            self.latest = self.latest.max(row.at);
            self.heap.push(Reverse(Waiting(row)));
            if self.heap.len() > MAX_REORDERED {
                let reason = format!("{MAX_REORDERED} rows wait to be put in order: give a smaller --sort");
                return Err(TraceError::row(row.line, reason));
            }
        }
        Ok(())
    }
}

impl Rows for Ordered {
    fn next(&mut self) -> Result<Option<Row>, TraceError> {
        if let Some(row) = self.peeked.take() {
            return Ok(Some(row));
        }
        if self.window == 0 {
            return match self.rows.next()? {
                Some(row) => self.checked(row).map(Some),
                None => Ok(None),
            };
        }
        self.fill()?;
        match self.heap.pop() {
            Some(Reverse(Waiting(row))) => self.checked(row).map(Some),
            None => Ok(None),
        }
    }
}

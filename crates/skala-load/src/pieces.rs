//! Rows of counts or rates as pieces of constant rate.
//!
//! Decides: over which time the requests of a row are spread: from its time to the next row's, and for the last row as long as for the
//!   one before it (one second when it is alone).
//! Inputs: rows with their time (seconds) and value.
//! Invariants: every piece has a length above zero and a rate of at most [`MAX_RATE`].
//! Tested: `trace.rs`, `arrivals.rs`.

use std::time::Duration;

use crate::rate::{MAX_RATE, Piece};
use crate::trace::{Row, Rows, TraceError, TraceKind};

/// Turns rows of counts or rates into pieces of constant rate.
pub(crate) struct Pieces {
    rows: Rows,
    kind: TraceKind,
    before: Option<Row>,
    length: f64,
}

impl Pieces {
    /// Pieces of the rows of a trace of counts or rates.
    pub(crate) fn new(rows: Rows) -> Pieces {
        Pieces { kind: rows.kind(), rows, before: None, length: 1.0 }
    }

    fn piece(&self, row: Row) -> Result<Piece, TraceError> {
        let rate = if self.kind == TraceKind::Counts { row.value / self.length } else { row.value };
        if rate > MAX_RATE {
            let reason = format!("{rate} requests per second is more than {MAX_RATE}");
            return Err(self.rows.bad(reason));
        }
        Ok(Piece { from: rate, to: rate, length: Some(Duration::from_secs_f64(self.length)) })
    }
}

impl Iterator for Pieces {
    type Item = Result<Piece, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = match self.rows.next() {
                None => return self.before.take().map(|last| self.piece(last)),
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(row)) => row,
            };
            let Some(before) = self.before.replace(row) else { continue };
            let length = row.at - before.at;
            if length <= 0.0 {
                let reason = "the same time as the row before; a row of counts needs a time of its own".to_owned();
                return Some(Err(self.rows.bad(reason)));
            }
            self.length = length;
            return Some(self.piece(before));
        }
    }
}

//! Where the arrivals of a run come from, and how long it lasts.
//!
//! Decides: the arrival times of a plan, scaled.
//! Inputs: a rate or a trace; spacing and seed; the duration that the user gave, if any.
//! Method: a scaled trace of arrivals keeps its shape by re-sampling: each arrival is kept, dropped or repeated so that its expected
//!   number is the scale, and repeats fall at random before the next arrival. Time is never compressed, which would make bursts
//!   steeper against start-up delays than they were.
//! Invariants: times never decrease and lie before the end of the run.
//! Tested: `tests` below.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand_distr::{Distribution, StandardUniform};
use skala_types::{Stream, Streams};

use crate::pieces::Pieces;
use crate::rate::{Piece, Rate};
use crate::schedule::{Schedule, Spacing, Times};
use crate::trace::{self, Rows, TraceError, TraceKind};

/// How long a constant rate runs when no duration is given.
pub const DEFAULT_DURATION: Duration = Duration::from_secs(30);

/// When requests are intended to start.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// A constant, ramping or stepping rate.
    Rate(Rate),
    /// A recorded trace.
    Trace {
        /// The CSV file.
        path: PathBuf,
        /// Multiplies its rate; 1.0 replays it as it is. Above zero, at most 10,000.
        scale: f64,
    },
}

/// How long the arrivals of a run last: `wanted` where given, else the length of the rate or trace.
///
/// # Errors
/// When the trace has a bad row or cannot be read.
pub(crate) fn duration(arrivals: &Arrivals, wanted: Option<Duration>) -> Result<Duration, TraceError> {
    Ok(match arrivals {
        Arrivals::Rate(rate) => wanted.or_else(|| rate.length()).unwrap_or(DEFAULT_DURATION),
        Arrivals::Trace { path, .. } => {
            // One microsecond more, so that the last arrival is part of the run.
            let length = trace::check(path)?.length + Duration::from_micros(1);
            wanted.map_or(length, |w| w.min(length))
        }
    })
}

/// The arrival times within `duration`, computed as they are asked for.
///
/// # Errors
/// When the trace cannot be opened.
pub(crate) fn times(arrivals: &Arrivals, duration: Duration, spacing: Spacing, seed: u64) -> Result<Times, TraceError> {
    let all: Times = match arrivals {
        Arrivals::Rate(rate) => {
            let mut pieces = rate.pieces().to_vec();
            if let Some(last) = pieces.last().copied().filter(|last| last.length.is_some()) {
                pieces.push(Piece { from: last.to, to: last.to, length: None });
            }
            Box::new(Schedule::new(pieces.into_iter().map(Ok), spacing, seed))
        }
        Arrivals::Trace { path, scale } => replay(path, *scale, spacing, seed)?,
    };
    Ok(Box::new(all.take_while(move |at| at.as_ref().map_or(true, |at| *at < duration))))
}

fn replay(path: &Path, scale: f64, spacing: Spacing, seed: u64) -> Result<Times, TraceError> {
    let rows = Rows::open(path)?;
    if rows.kind() != TraceKind::Arrivals {
        let scaled = move |p: Piece| Piece { from: p.from * scale, to: p.to * scale, ..p };
        return Ok(Box::new(Schedule::new(Pieces::new(rows).map(move |p| p.map(scaled)), spacing, seed)));
    }
    if scale == 1.0 {
        return Ok(Box::new(rows.map(|row| row.map(|row| Duration::from_secs_f64(row.at)))));
    }
    let stream = Streams::new(seed).stream("trace");
    Ok(Box::new(Resampled { rows, scale, stream, current: None, copies: Vec::new() }))
}

/// Arrivals of a trace, each kept, dropped or repeated; see the module header.
struct Resampled<R> {
    rows: R,
    scale: f64,
    stream: Stream,
    /// The row whose copies come next, seconds.
    current: Option<f64>,
    /// Arrivals that are due before the next row, latest first.
    copies: Vec<f64>,
}

impl<R: Iterator<Item = Result<trace::Row, TraceError>>> Iterator for Resampled<R> {
    type Item = Result<Duration, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(at) = self.copies.pop() {
                return Some(Ok(Duration::from_secs_f64(at)));
            }
            let following = match self.rows.next() {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(row)) => Some(row.at),
                None => None,
            };
            let current = match self.current.take() {
                Some(current) => current,
                None => {
                    self.current = Some(following?);
                    continue;
                }
            };
            self.current = following;
            self.repeat(current, following.unwrap_or(current));
        }
    }
}

impl<R> Resampled<R> {
    fn uniform(&mut self) -> f64 {
        StandardUniform.sample(&mut self.stream)
    }

    fn repeat(&mut self, at: f64, following: f64) {
        let more = u64::from(self.uniform() < self.scale.fract());
        for copy in 0..self.scale as u64 + more {
            let jitter = if copy == 0 { 0.0 } else { self.uniform() };
            self.copies.push(at + (following - at) * jitter);
        }
        self.copies.sort_by(|a, b| b.total_cmp(a));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn trace(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    fn all(arrivals: &Arrivals, wanted: Option<f64>) -> Vec<f64> {
        let duration = duration(arrivals, wanted.map(Duration::from_secs_f64)).expect("duration");
        let times = times(arrivals, duration, Spacing::Constant, 3).expect("times");
        times.map(|t| t.expect("good row").as_secs_f64()).collect()
    }

    #[test]
    fn a_trace_is_replayed_and_cut() {
        let file = trace("t,tokens\n10,1\n11,1\n11,1\n14,1\n");
        let arrivals = Arrivals::Trace { path: file.path().to_owned(), scale: 1.0 };
        assert_eq!(all(&arrivals, None), [0.0, 1.0, 1.0, 4.0]);
        assert_eq!(all(&arrivals, Some(2.0)), [0.0, 1.0, 1.0]);
        assert_eq!(all(&arrivals, Some(99.0)), [0.0, 1.0, 1.0, 4.0]);
    }

    #[test]
    fn counts_become_rates() {
        let file = trace("timestamp,requests\n0,2\n2,8\n");
        let arrivals = Arrivals::Trace { path: file.path().to_owned(), scale: 0.5 };
        assert_eq!(all(&arrivals, None), [0.0, 2.0, 2.5, 3.0, 3.5]);
    }

    #[test]
    fn scaling_arrivals_keeps_time_and_changes_the_number() {
        let rows: String = (0..10_000).map(|i| format!("{}\n", f64::from(i) / 100.0)).collect();
        let file = trace(&rows);
        for scale in [0.3, 2.0, 3.5] {
            let times = all(&Arrivals::Trace { path: file.path().to_owned(), scale }, None);
            let expected = 10_000.0 * scale;
            assert!((times.len() as f64 - expected).abs() < 300.0, "{} for scale {scale}", times.len());
            assert!(times.windows(2).all(|w| w[0] <= w[1]));
            assert!(times.iter().all(|t| (0.0..100.0).contains(t)));
        }
    }

    #[test]
    fn a_rate_holds_its_last_value_for_a_longer_run() {
        let rate: Rate = "0..2/2s".parse().expect("rate");
        assert_eq!(all(&Arrivals::Rate(rate.clone()), None).len(), 2);
        assert_eq!(all(&Arrivals::Rate(rate), Some(4.0)).len(), 6);
        assert_eq!(all(&Arrivals::Rate("1".parse().expect("rate")), None).len(), 30);
    }
}

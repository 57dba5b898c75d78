//! The line per second that tells how a run goes.
//!
//! Decides: nothing; the caller decides whether and where to show it.
//! Units: rates per second, latencies in milliseconds.
//! Tested: `tests` below.

use std::fmt;
use std::time::Duration;

use crate::units::human;

/// How a run goes, once a second.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// How long arrivals come.
    pub total: Duration,
    /// Arrivals since the start, dropped ones included.
    pub arrivals: u64,
    /// Arrivals of the last second.
    pub offered_rps: u64,
    /// Answers with a status below 400 of the last second.
    pub ok_rps: u64,
    /// Arrivals that ended since the start, failed ones included.
    pub done: u64,
    /// Requests without an answer yet.
    pub in_flight: u64,
    /// 95th percentile of the latency of what ended in the last second.
    pub p95_ms: Option<f64>,
    /// Failed since the start, dropped ones apart.
    pub failed: u64,
    /// Dropped since the start.
    pub dropped: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p95 = self.p95_ms.map_or("-".to_owned(), |ms| human(Duration::from_secs_f64(ms / 1e3)));
        let (elapsed, total) = (self.elapsed.as_secs(), self.total.as_secs_f64().ceil());
        write!(f, "{elapsed:>4}/{total} s  {:>6}/s offered  {:>6}/s ok  ", self.offered_rps, self.ok_rps)?;
        write!(f, "{:>6} in flight  p95 {p95:>8}  {} failed", self.in_flight, self.failed)?;
        if self.dropped > 0 { write!(f, "  {} DROPPED", self.dropped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn one_line_a_second() {
        let mut progress = Progress {
            elapsed: Duration::from_secs(7),
            total: Duration::from_millis(59_500),
            arrivals: 3507,
            offered_rps: 512,
            ok_rps: 498,
            done: 3400,
            in_flight: 107,
            p95_ms: Some(187.3),
            failed: 2,
            dropped: 0,
        };
        expect!["   7/60 s     512/s offered     498/s ok     107 in flight  p95   187 ms  2 failed"]
            .assert_eq(&progress.to_string());
        (progress.dropped, progress.p95_ms) = (4, None);
        expect!["   7/60 s     512/s offered     498/s ok     107 in flight  p95        -  2 failed  4 DROPPED"]
            .assert_eq(&progress.to_string());
    }
}

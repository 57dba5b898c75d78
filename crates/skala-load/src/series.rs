//! The course of a run, a point per second, and whether its backlog grew.
//!
//! Decides: when the words "saturated: rate not sustained" are due.
//! Inputs: counts of each second.
//! Method: runs of up to an hour have a point per second, longer ones a point per two, three ... seconds. After its first third, a run
//!   is searched for the stretch of a third of its length (at least three seconds) in which arrivals exceed completions most; when that
//!   is more than a tenth of the stretch's arrivals, and more than twenty, the backlog grew.
//! Invariants: at most [`MAX_POINTS`] points.
//! Tested: `tests` below.

use std::time::Duration;

use serde::Serialize;

use crate::tally::Window;

/// The most points of a series: an hour of seconds.
const MAX_POINTS: u64 = 3600;

/// A share of a stretch's arrivals that may stay unanswered before the backlog counts as growing.
const GROWTH_SHARE: f64 = 0.1;

/// Growth in requests that is too little to speak of.
const GROWTH_FLOOR: u64 = 20;

/// One step of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Seconds from the start of the run to the end of the step.
    pub at_seconds: u64,
    /// Arrivals that were due, dropped ones included.
    pub offered: u64,
    /// Answers with a status below 400.
    pub ok: u64,
    /// Arrivals that failed, dropped ones apart.
    pub failed: u64,
    /// Arrivals that could not start.
    pub dropped: u64,
    /// Requests without an answer at the end of the step.
    pub in_flight: u64,
    /// Median latency of what ended in the step, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile, milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile, milliseconds.
    pub p99_ms: Option<f64>,
}

/// The course of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Seconds that a point covers.
    pub step_seconds: u64,
    /// The points, in order.
    pub points: Vec<Point>,
}

/// A stretch in which more came than was answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// Where the stretch begins, seconds from the start of the run.
    pub from_seconds: u64,
    /// Where it ends.
    pub to_seconds: u64,
    /// Arrivals per second in it.
    pub offered_rps: f64,
    /// Arrivals per second that ended in it.
    pub sustained_rps: f64,
}

impl Series {
    /// An empty series for a run of `duration`.
    pub(crate) fn new(duration: Duration) -> Series {
        Series { step_seconds: duration.as_secs().div_ceil(MAX_POINTS).max(1), points: Vec::new() }
    }

    /// Adds a step that ends at `at_seconds`; `counts` are those of the step alone.
    pub(crate) fn push(&mut self, at_seconds: u64, window: &Window, counts: StepCounts) {
        self.points.push(Point {
            at_seconds,
            offered: counts.offered,
            ok: window.ok,
            failed: window.failed,
            dropped: counts.dropped,
            in_flight: counts.in_flight,
            p50_ms: window.latency.quantile_ms(0.5),
            p95_ms: window.latency.quantile_ms(0.95),
            p99_ms: window.latency.quantile_ms(0.99),
        });
    }

    /// The stretch in which the backlog grew most, when it grew; only steps within the first `duration` count.
    pub(crate) fn saturation(&self, duration: Duration) -> Option<Saturation> {
        let points: Vec<&Point> = self.points.iter().filter(|p| p.at_seconds <= duration.as_secs()).collect();
        let stretch = (points.len() / 3).max(3);
        let after_start = &points[points.len() / 3..];
        let worst = after_start.windows(stretch).max_by_key(|w| growth(w))?;
        let offered: u64 = worst.iter().map(|p| p.offered).sum();
        let grown = growth(worst);
        if grown <= GROWTH_FLOOR || (grown as f64) < GROWTH_SHARE * offered as f64 {
            return None;
        }
        let seconds = (worst.len() as u64 * self.step_seconds) as f64;
        let to_seconds = worst.last()?.at_seconds;
        Some(Saturation {
            from_seconds: worst.first()?.at_seconds.saturating_sub(self.step_seconds),
            to_seconds,
            offered_rps: offered as f64 / seconds,
            sustained_rps: offered.saturating_sub(grown) as f64 / seconds,
        })
    }
}

/// Counts of a step that do not come from answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepCounts {
    pub(crate) offered: u64,
    pub(crate) dropped: u64,
    pub(crate) in_flight: u64,
}

/// How many more arrived than ended; drops count as growth, since the backlog was at its bound.
fn growth(points: &[&Point]) -> u64 {
    let offered: u64 = points.iter().map(|p| p.offered).sum();
    offered.saturating_sub(points.iter().map(|p| p.ok + p.failed).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(offered: &[u64], ended: &[u64], expected: Expect) {
        let mut series = Series::new(Duration::from_secs(offered.len() as u64));
        for (i, (offered, ok)) in offered.iter().zip(ended).enumerate() {
            let window = Window { ok: *ok, ..Window::default() };
            series.push(i as u64 + 1, &window, StepCounts { offered: *offered, ..StepCounts::default() });
        }
        let shown = match series.saturation(Duration::from_secs(offered.len() as u64)) {
            None => "sustained".to_owned(),
            Some(s) => format!("{}-{} s: {:.0}/s of {:.0}/s", s.from_seconds, s.to_seconds, s.sustained_rps, s.offered_rps),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn says_when_the_backlog_grew() {
        check(&[100; 9], &[100; 9], expect!["sustained"]);
        check(&[100; 9], &[80; 9], expect!["6-9 s: 80/s of 100/s"]);
        check(&[100; 9], &[0, 0, 100, 100, 100, 100, 100, 100, 100], expect!["sustained"]);
        check(&[2; 9], &[0; 9], expect!["sustained"]);
        check(
            &[50, 50, 50, 900, 900, 900, 50, 50, 50],
            &[50, 50, 50, 300, 300, 300, 700, 700, 350],
            expect!["3-6 s: 300/s of 900/s"],
        );
        check(&[100], &[0], expect!["sustained"]);
        check(&[], &[], expect!["sustained"]);
    }

    #[test]
    fn long_runs_have_longer_steps() {
        assert_eq!(Series::new(Duration::from_secs(3600)).step_seconds, 1);
        assert_eq!(Series::new(Duration::from_secs(14 * 86_400)).step_seconds, 336);
    }
}

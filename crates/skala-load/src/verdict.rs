//! Whether a run passed, and whether it may be believed at all.
//!
//! Decides: the verdict and the exit code of a run.
//! Inputs: thresholds, drops, the generator's own lag and CPU time.
//! Method: a measurement is invalid when the generator was part of what it measured. Its lag runs from the intended start to the moment
//!   its thread takes up the request; more than 1 % of requests (and more than [`LATE_FEW`]) beyond the bound make the run invalid.
//!   The bound is the larger of 1 ms and 1 % of the median service time: below a millisecond the scheduler of a busy machine adds noise
//!   that no percentile of a service shows, and one part in a hundred does not change a conclusion. A thread, or all together,
//!   busy above [`BUSY_BOUND`], and a machine without descriptors or ports, make it invalid too.
//! Invariants: invalid comes before missed, missed before failed.
//! Tested: `tests` below.

use std::time::Duration;

use serde::Serialize;

use crate::units::human;

/// The floor of the bound on the generator's lag. A machine that also runs the service wakes a thread some milliseconds late now and
/// then; the lag is part of every latency, so that it makes a service look slower by at most this, never faster.
pub(crate) const LAG_FLOOR: Duration = Duration::from_millis(5);

/// Late requests that are set aside: in a short run a single hiccup of the machine is more than 1 %.
const LATE_FEW: u64 = 3;

/// The bound on the generator's lag as a share of the median service time.
pub(crate) const LAG_SHARE: f64 = 0.02;

/// The share of a core, or of all cores, above which the generator is too busy to be believed.
pub(crate) const BUSY_BOUND: f64 = 0.8;

/// The shortest run whose CPU share means anything.
const BUSY_MINIMUM: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictKind {
    /// Everything as wished.
    Ok,
    /// Arrivals were dropped, or not one was answered.
    Failed,
    /// A condition of the user's holds.
    ThresholdMissed,
    /// The generator itself was late or overloaded: the numbers say nothing about the service.
    Invalid,
}

/// How a run ended, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The verdict.
    pub kind: VerdictKind,
    /// Why it is not ok, a sentence each.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// The exit code that says it: 0 ok, 1 failed, 4 threshold missed, 5 invalid.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            VerdictKind::Ok => 0,
            VerdictKind::Failed => 1,
            VerdictKind::ThresholdMissed => 4,
            VerdictKind::Invalid => 5,
        }
    }
}

/// What the verdict depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) requests: u64,
    pub(crate) ok: u64,
    pub(crate) dropped: u64,
    pub(crate) max_in_flight: usize,
    /// Whether the user has set a condition on drops, which then decides.
    pub(crate) drops_have_threshold: bool,
    /// Conditions that hold, in words.
    pub(crate) missed: Vec<String>,
    /// Requests that the generator sent, and those of them that left it later than the bound.
    pub(crate) sent: u64,
    pub(crate) late: u64,
    pub(crate) lag_bound: Duration,
    /// How long the run took.
    pub(crate) elapsed: Duration,
    /// CPU time of the generator's busiest thread.
    pub(crate) busiest: Duration,
    /// CPU time of all of the generator's threads.
    pub(crate) cpu: Duration,
    /// Cores that the generator may use.
    pub(crate) cores: usize,
    /// Requests that failed because this machine had no descriptor or port left.
    pub(crate) own_failures: u64,
}

/// The bound on the generator's lag for a run with this median service time.
pub(crate) fn lag_bound(median: Option<Duration>) -> Duration {
    median.map_or(LAG_FLOOR, |m| m.mul_f64(LAG_SHARE).max(LAG_FLOOR))
}

/// Judges a run.
pub(crate) fn judge(e: &Evidence) -> Verdict {
    let invalid = invalid(e);
    if !invalid.is_empty() {
        return Verdict { kind: VerdictKind::Invalid, reasons: invalid };
    }
    let failed = failed(e);
    if !e.missed.is_empty() {
        let reasons = e.missed.iter().cloned().chain(failed).collect();
        return Verdict { kind: VerdictKind::ThresholdMissed, reasons };
    }
    let kind = if failed.is_empty() { VerdictKind::Ok } else { VerdictKind::Failed };
    Verdict { kind, reasons: failed }
}

fn invalid(e: &Evidence) -> Vec<String> {
    let mut reasons = Vec::new();
    if e.late > (e.sent / 100).max(LATE_FEW) {
        reasons.push(format!(
            "the generator was late: {} of {} requests left it more than {} after their time; use a less busy machine or a lower rate",
            e.late,
            e.sent,
            human(e.lag_bound)
        ));
    }
    let share = |cpu: Duration, cores: usize| cpu.as_secs_f64() / (e.elapsed.as_secs_f64() * cores.max(1) as f64);
    let (thread, all) = (share(e.busiest, 1), share(e.cpu, e.cores));
    if e.elapsed >= BUSY_MINIMUM && thread.max(all) > BUSY_BOUND {
        reasons.push(format!(
            "the generator was overloaded: its busiest thread used {:.0} % of a core, all together {:.0} % of {} (bound {:.0} %); use more threads or a second machine",
            thread * 100.0,
            all * 100.0,
            e.cores,
            BUSY_BOUND * 100.0
        ));
    }
    if e.own_failures > 0 {
        reasons.push(format!(
            "{} requests could not be sent: the generator's machine ran out of file descriptors or ports; raise `ulimit -n`, or allow fewer connections",
            e.own_failures
        ));
    }
    reasons
}

fn failed(e: &Evidence) -> Vec<String> {
    let mut reasons = Vec::new();
    if e.dropped > 0 && !e.drops_have_threshold {
        reasons.push(format!(
            "{} of {} arrivals could not start: {} requests were in flight already",
            e.dropped, e.requests, e.max_in_flight
        ));
    }
    if e.requests == 0 {
        reasons.push("no request was due in the measured part of the run".to_owned());
    } else if e.ok == 0 {
        reasons.push(format!("not one of {} requests succeeded", e.requests));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(change: impl FnOnce(&mut Evidence), expected: Expect) {
        let mut evidence = Evidence {
            requests: 100,
            ok: 99,
            max_in_flight: 10,
            sent: 100,
            late: 3,
            lag_bound: lag_bound(Some(Duration::from_millis(20))),
            elapsed: Duration::from_secs(10),
            cores: 2,
            ..Evidence::default()
        };
        change(&mut evidence);
        let verdict = judge(&evidence);
        expected.assert_eq(&format!("{:?} {}: {}", verdict.kind, verdict.exit_code(), verdict.reasons.join("; ")));
    }

    #[test]
    fn judges() {
        check(|_| {}, expect!["Ok 0: "]);
        check(|e| e.dropped = 3, expect!["Failed 1: 3 of 100 arrivals could not start: 10 requests were in flight already"]);
        check(|e| (e.dropped, e.drops_have_threshold) = (3, true), expect!["Ok 0: "]);
        check(|e| e.ok = 0, expect!["Failed 1: not one of 100 requests succeeded"]);
        check(|e| (e.ok, e.requests) = (0, 0), expect!["Failed 1: no request was due in the measured part of the run"]);
        check(|e| e.missed = vec!["p95>1ms: 3.00 ms".into()], expect!["ThresholdMissed 4: p95>1ms: 3.00 ms"]);
        check(
            |e| (e.missed, e.dropped) = (vec!["p95>1ms: 3.00 ms".into()], 1),
            expect!["ThresholdMissed 4: p95>1ms: 3.00 ms; 1 of 100 arrivals could not start: 10 requests were in flight already"],
        );
        check(
            |e| (e.late, e.dropped) = (4, 1),
            expect![
                "Invalid 5: the generator was late: 4 of 100 requests left it more than 5.00 ms after their time; use a less busy machine or a lower rate"
            ],
        );
        check(
            |e| (e.busiest, e.cpu) = (Duration::from_secs(9), Duration::from_secs(9)),
            expect![
                "Invalid 5: the generator was overloaded: its busiest thread used 90 % of a core, all together 45 % of 2 (bound 80 %); use more threads or a second machine"
            ],
        );
        check(
            |e| e.own_failures = 2,
            expect![
                "Invalid 5: 2 requests could not be sent: the generator's machine ran out of file descriptors or ports; raise `ulimit -n`, or allow fewer connections"
            ],
        );
    }

    #[test]
    fn the_bound_on_the_lag_follows_the_median() {
        assert_eq!(lag_bound(None), Duration::from_millis(5));
        assert_eq!(lag_bound(Some(Duration::from_millis(20))), Duration::from_millis(5));
        assert_eq!(lag_bound(Some(Duration::from_millis(400))), Duration::from_millis(8));
    }
}

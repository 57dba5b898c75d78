//! Whether a request that finds no free server may wait, and what an honest `Retry-After` is when it may not.
//!
//! Decides: wait or refuse.
//! Inputs: the waiting room's fill and bound, servers, mean service time (seconds), when the next replica is expected, the
//!   request's remaining time.
//! Method: a newcomer behind `w` others is served after about `(w + 1) * s / c` (c servers, mean service time s); servers that
//!   are still starting join when they are expected. Refusing at once what cannot be served in time costs nobody a timeout.
//! Invariants: a refusal's `retry_after` is at least a second and at most five minutes.
//! Tested: `tests` below.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// What the controller expects of a service's near future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// When the next starting replica should be ready; `None` when none is starting.
    pub next_ready: Option<Time>,
    /// How many replicas are starting.
    pub starting: u32,
    /// How long a replica takes from start to ready, as learned; a replica can be had on demand when this is set.
    pub on_demand: Option<Duration>,
}

/// What [`judge`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct RoomInputs {
    /// Now.
    pub now: Time,
    /// Requests already waiting.
    pub waiting: usize,
    /// Bound of the waiting room.
    pub max_waiting: usize,
    /// Servers of ready replicas (replicas x concurrency); 0 when none is ready.
    pub servers: u64,
    /// Servers that one further replica brings.
    pub servers_per_replica: u64,
    /// Recent mean service time, seconds; 0 when unknown.
    pub service_mean: f64,
    /// The controller's expectation.
    pub outlook: Outlook,
    /// Latest time at which service may begin.
    pub deadline: Time,
}

/// May the request wait?
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoomVerdict {
    /// It may wait until its deadline.
    Wait,
    /// It is refused at once.
    Refuse(Refusal),
}

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalKind {
    /// The waiting room is full.
    RoomFull,
    /// It would wait past its deadline.
    WaitTooLong,
    /// Its deadline passed while it waited.
    TimedOut,
    /// No replica is ready and none is expected.
    NoReplica,
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusalKind::RoomFull => "waiting room full",
            RefusalKind::WaitTooLong => "expected wait exceeds the deadline",
            RefusalKind::TimedOut => "deadline passed while waiting",
            RefusalKind::NoReplica => "no replica is ready",
        })
    }
}

/// A refusal and when it makes sense to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// After how long a retry should find room.
    pub retry_after: Duration,
}

const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(300);
/// `Retry-After` when nothing is known about when a replica comes.
const UNKNOWN_RETRY: Duration = Duration::from_secs(5);

/// Judges a request that found no free server.
pub fn judge(i: &RoomInputs) -> RoomVerdict {
    let expected = expected_wait(i, i.waiting as u64 + 1);
    let refuse = |kind| RoomVerdict::Refuse(Refusal { kind, retry_after: retry_after(expected) });
    if expected.is_none() {
        return refuse(RefusalKind::NoReplica);
    }
    if i.waiting >= i.max_waiting {
        return refuse(RefusalKind::RoomFull);
    }
    match expected {
        Some(wait) if i.now + wait > i.deadline => refuse(RefusalKind::WaitTooLong),
        _ => RoomVerdict::Wait,
    }
}

/// The refusal for a request whose deadline passed in the room: it should come back when today's queue is gone.
pub(crate) fn timed_out(i: &RoomInputs) -> Refusal {
    Refusal { kind: RefusalKind::TimedOut, retry_after: retry_after(expected_wait(i, i.waiting as u64 + 1)) }
}

fn retry_after(expected: Option<Duration>) -> Duration {
    expected.unwrap_or(UNKNOWN_RETRY).clamp(MIN_RETRY, MAX_RETRY)
}

/// When the `place`-th in line is served, from now; `None` when no server is or will be there; zero when service times are
/// not known yet but servers are.
fn expected_wait(i: &RoomInputs, place: u64) -> Option<Duration> {
    let drain = |places: f64, servers: u64| places * i.service_mean / servers as f64;
    let with_present = (i.servers > 0).then(|| drain(place as f64, i.servers));
    let until_ready = match (i.outlook.next_ready, i.outlook.on_demand) {
        (Some(at), _) => Some(at.since(i.now)),
        (None, Some(start_up)) if i.servers == 0 => Some(start_up),
        _ => None,
    };
    let Some(until_ready) = until_ready else { return with_present.and_then(seconds) };
    let start = until_ready.as_secs_f64();
    let served_before = if i.service_mean > 0.0 { start * i.servers as f64 / i.service_mean } else { 0.0 };
    let left = (place as f64 - served_before).max(0.0);
    let joined = i.servers + i.servers_per_replica.max(1) * u64::from(i.outlook.starting.max(1));
    // The servers that arrive begin with those still in line; the very first of them waits only for the start.
    let with_new = start + drain((left - joined as f64).max(0.0), joined);
    with_present.map_or(Some(with_new), |p| Some(p.min(with_new))).and_then(seconds)
}

fn seconds(s: f64) -> Option<Duration> {
    Some(Duration::try_from_secs_f64(s).unwrap_or(MAX_RETRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> RoomInputs {
        RoomInputs {
            now: Time::from_secs(100),
            waiting: 0,
            max_waiting: 100,
            servers: 10,
            servers_per_replica: 5,
            service_mean: 1.0,
            outlook: Outlook::default(),
            deadline: Time::from_secs(110),
        }
    }

    fn shown(i: RoomInputs) -> String {
        match judge(&i) {
            RoomVerdict::Wait => "wait".into(),
            RoomVerdict::Refuse(r) => format!("{} (retry in {:.1}s)", r.kind, r.retry_after.as_secs_f64()),
        }
    }

    #[test]
    fn rows() {
        let starting = |secs, n| Outlook { next_ready: Some(Time::from_secs(secs)), starting: n, on_demand: None };
        let rows = [
            (inputs(), "wait"),
            (RoomInputs { waiting: 100, ..inputs() }, "waiting room full (retry in 10.1s)"),
            (RoomInputs { waiting: 99, max_waiting: 1000, ..inputs() }, "wait"),
            (RoomInputs { waiting: 109, max_waiting: 1000, ..inputs() }, "expected wait exceeds the deadline (retry in 11.0s)"),
            (RoomInputs { servers: 0, ..inputs() }, "no replica is ready (retry in 5.0s)"),
            (RoomInputs { servers: 0, outlook: starting(103, 1), ..inputs() }, "wait"),
            (
                RoomInputs { servers: 0, outlook: starting(118, 1), ..inputs() },
                "expected wait exceeds the deadline (retry in 18.0s)",
            ),
            (
                RoomInputs {
                    servers: 0,
                    outlook: Outlook { on_demand: Some(Duration::from_secs(4)), ..Outlook::default() },
                    ..inputs()
                },
                "wait",
            ),
            (RoomInputs { service_mean: 0.0, waiting: 99, ..inputs() }, "wait"),
            // 150 in line at 10/s would take 15 s; six replicas that join in 2 s bring it to about 5 s.
            (RoomInputs { waiting: 149, max_waiting: 1000, outlook: starting(102, 6), ..inputs() }, "wait"),
        ];
        for (input, want) in rows {
            assert_eq!(shown(input), want, "{input:?}");
        }
    }

    #[test]
    fn a_refusal_never_promises_less_than_a_second_or_more_than_five_minutes() {
        for service_mean in [0.0, 1e-6, 1e6, f64::MAX] {
            let i = RoomInputs { waiting: 100, service_mean, ..inputs() };
            let RoomVerdict::Refuse(r) = judge(&i) else { panic!("full") };
            assert!((MIN_RETRY..=MAX_RETRY).contains(&r.retry_after), "{r:?}");
        }
    }
}

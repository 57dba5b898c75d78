//! From what platform and station report to the autoscaler's `Observation`.
//!
//! Decides: nothing; it names which replica is in which state and how loaded it is.
//! Inputs: the platform's snapshot, the station's samples, the controller's list of draining replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_autoscaler::{Directive, Observation, Phase, ReplicaObservation, StationWindows};
use skala_balance::Outlook;
use skala_runtime::Station;
use skala_types::{ReplicaId, Replicas, Sampled, Time};

use crate::control::LOOKS;
use crate::platform::{self, ReplicaStatus};

/// Sampling windows that make the fast window: one tick.
const FAST_WINDOWS: usize = LOOKS as usize;
/// Sampling windows that make the slow window: ten ticks.
const SLOW_WINDOWS: usize = 10 * FAST_WINDOWS;

/// Looks at one service.
pub(crate) fn observe<'a>(
    replicas: impl Iterator<Item = &'a ReplicaStatus>,
    is_draining: impl Fn(ReplicaId) -> bool,
    station: &Station,
    directive: Option<Directive>,
) -> Observation {
    let in_flight: BTreeMap<ReplicaId, u32> =
        station.endpoints().into_iter().map(|e| (e.endpoint.replica, e.view.in_flight)).collect();
    let replicas: Vec<ReplicaObservation> = replicas
        .map(|r| ReplicaObservation {
            id: r.id,
            phase: if is_draining(r.id) { Phase::Draining } else { phase(r.phase) },
            phase_since: r.phase_since,
            started_at: r.started_at,
            in_flight: in_flight.get(&r.id).copied().unwrap_or(0),
            cpu: r.usage.map(|u| Sampled::new(u.at, u.value.cpu)),
            cpu_fast: r.usage.map(|u| Sampled::new(u.at, u.value.cpu_fast)),
            memory: r.usage.map(|u| Sampled::new(u.at, u.value.memory)),
        })
        .collect();
    let staying = replicas.iter().filter(|r| r.phase != Phase::Draining).count();
    Observation {
        current: Replicas(u32::try_from(staying).unwrap_or(u32::MAX)),
        replicas,
        station: Some(StationWindows { fast: station.sample(FAST_WINDOWS), slow: station.sample(SLOW_WINDOWS) }),
        directive,
        ..Observation::default()
    }
}

fn phase(phase: platform::Phase) -> Phase {
    match phase {
        platform::Phase::Starting => Phase::Starting,
        platform::Phase::Ready => Phase::Ready,
        platform::Phase::NotReady => Phase::NotReady,
        platform::Phase::Backoff { .. } => Phase::Backoff,
        platform::Phase::CrashLooping { .. } => Phase::CrashLooping,
        platform::Phase::Stopping => Phase::Draining,
    }
}

/// What the waiting room may hope for: when the next replica is ready, judged by the learned start-up time.
pub(crate) fn outlook<'a>(
    replicas: impl Iterator<Item = &'a ReplicaStatus>,
    start_up: Duration,
    may_start: bool,
    now: Time,
) -> Outlook {
    let mut outlook = Outlook { next_ready: None, starting: 0, on_demand: None };
    let mut looping = false;
    for replica in replicas {
        let expected = match replica.phase {
            platform::Phase::Starting => expected_ready(replica.started_at, start_up, now),
            platform::Phase::Backoff { until } => until.max(now) + start_up,
            platform::Phase::CrashLooping { .. } => {
                looping = true;
                continue;
            }
            platform::Phase::Ready | platform::Phase::NotReady | platform::Phase::Stopping => continue,
        };
        outlook.starting += 1;
        outlook.next_ready = Some(outlook.next_ready.map_or(expected, |t| t.min(expected)));
    }
    if may_start && !looping {
        outlook.on_demand = Some(start_up);
    }
    outlook
}

/// A start that takes longer than learned is expected to need half as long again as it already took.
fn expected_ready(started: Time, start_up: Duration, now: Time) -> Time {
    let usual = started + start_up;
    if usual > now { usual } else { now + now.since(started) / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_start_is_expected_later_and_later() {
        let at = Time::from_secs;
        let start_up = Duration::from_secs(10);
        let expected = |now| expected_ready(at(100), start_up, at(now));
        assert_eq!([expected(100), expected(109), expected(110), expected(120)], [at(110), at(110), at(115), at(130)]);
    }
}

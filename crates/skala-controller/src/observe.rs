//! From what platform and station report to the autoscaler's `Observation`.
//!
//! Decides: nothing; it names which replica is in which state and how loaded it is.
//! Inputs: the platform's snapshot, the station's samples, the controller's list of draining replicas, signals.

use std::collections::BTreeMap;

use skala_autoscaler::{Directive, Observation, Phase, ReplicaObservation, SignalObservation, StationWindows};
use skala_balance::replica::Prospect;
use skala_runtime::Station;
use skala_types::{ReplicaId, Replicas, Sampled};

use crate::control::LOOKS;
use crate::platform::{self, ReplicaStatus};
use crate::work::Held;

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
    signals: Vec<SignalObservation>,
    held_by: impl Fn(ReplicaId) -> Held,
) -> Observation {
    let in_flight: BTreeMap<ReplicaId, u32> =
        station.endpoints().into_iter().map(|e| (e.endpoint.replica, e.view.in_flight)).collect();
    let replicas: Vec<ReplicaObservation> = replicas
        .map(|r| (r, held_by(r.id)))
        .map(|(r, held)| ReplicaObservation {
            id: r.id,
            phase: if is_draining(r.id) { Phase::Draining } else { phase(r.phase) },
            phase_since: r.phase_since,
            started_at: r.started_at,
            in_flight: in_flight.get(&r.id).copied().unwrap_or(0).saturating_add(held.tasks),
            work_left: held.left.filter(|left| !left.is_zero()),
            cpu: r.usage.map(|u| Sampled::new(u.at, u.value.cpu)),
            cpu_fast: r.usage.map(|u| Sampled::new(u.at, u.value.cpu_fast)),
            memory: r.usage.map(|u| Sampled::new(u.at, u.value.memory)),
        })
        .collect();
    let staying = replicas.iter().filter(|r| r.phase != Phase::Draining).count();
    Observation {
        current: Replicas(u32::try_from(staying).unwrap_or(u32::MAX)),
        replicas,
        station: Some(windows(station)),
        directive,
        signals,
        ..Observation::default()
    }
}

/// What the station saw in the last tick and in the last ten.
pub(crate) fn windows(station: &Station) -> StationWindows {
    StationWindows { fast: station.sample(FAST_WINDOWS), slow: station.sample(SLOW_WINDOWS) }
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

/// What can be hoped for from a replica.
pub(crate) fn prospect(replica: &ReplicaStatus) -> Prospect {
    match replica.phase {
        platform::Phase::Starting => Prospect::Starting { since: replica.started_at },
        platform::Phase::Backoff { until } => Prospect::Backoff { until },
        platform::Phase::CrashLooping { .. } => Prospect::CrashLooping,
        platform::Phase::Ready | platform::Phase::NotReady | platform::Phase::Stopping => Prospect::None,
    }
}

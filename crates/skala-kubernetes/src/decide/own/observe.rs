//! What was seen of a target, as the core takes it.
//!
//! Decides: the phase of each pod.
//! Method: pods are numbered in the order of their names; the plan's victims are found again by that number.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_autoscaler::{Directive, Observation, Phase, ReplicaObservation, SignalObservation, Text};
use skala_hpa::{Phase as PodPhase, Reading, ReadyStatus};
use skala_types::{Bytes, Cores, ReplicaId, Sampled, Time};

use super::Signal;
use super::policy::replicas;
use crate::decide::Seen;
use crate::objects::pod::Restarting;

/// Everything that was read.
pub(crate) struct Scene<'a> {
    pub(crate) current: i32,
    pub(crate) pods: &'a [Seen],
    /// Readings of the resources that are read off the pods, by name.
    pub(crate) resources: &'a BTreeMap<&'a str, Reading>,
    pub(crate) signals: &'a BTreeMap<String, Signal>,
    pub(crate) paused: bool,
    pub(crate) now: Time,
}

/// What was seen, as the core takes it.
pub(crate) fn observation(scene: &Scene<'_>) -> Observation {
    let now = scene.now;
    let sample = |resource: &str, at: usize| match scene.resources.get(resource) {
        Some(Reading::Pods(all)) => all.samples.get(at).copied().flatten(),
        _ => None,
    };
    let replica = |(at, seen): (usize, &Seen)| {
        let (phase, phase_since) = phase(seen, now);
        ReplicaObservation {
            id: ReplicaId(at as u64 + 1),
            phase,
            phase_since,
            started_at: seen.pod.pod.started_at.unwrap_or(now),
            in_flight: 0,
            work_left: None,
            cpu: sample("cpu", at).map(|s| Sampled::new(s.timestamp, Cores(s.value as f64 / 1000.0))),
            cpu_fast: None,
            memory: sample("memory", at).map(|s| Sampled::new(s.timestamp, Bytes(s.value.max(0).unsigned_abs() / 1000))),
        }
    };
    let signal = |(name, signal): (&String, &Signal)| SignalObservation {
        name: name.as_str().into(),
        value: signal.last,
        activity: signal.activity,
        queue: None,
        error: signal.error.as_deref().map(Text::from),
        failures: signal.failures,
    };
    Observation {
        current: replicas(scene.current),
        replicas: scene.pods.iter().enumerate().map(replica).collect(),
        directive: scene.paused.then_some(Directive::Pause { until: None }),
        signals: scene.signals.iter().map(signal).collect(),
        ..Observation::default()
    }
}

fn phase(seen: &Seen, now: Time) -> (Phase, Time) {
    let pod = &seen.pod.pod;
    let started = pod.started_at.unwrap_or(now);
    match (pod.phase, pod.ready) {
        (PodPhase::Failed | PodPhase::Succeeded, _) => (Phase::Draining, started),
        _ if pod.deleted => (Phase::Draining, started),
        _ if seen.pod.restarting == Restarting::CrashLooping => (Phase::CrashLooping, started),
        _ if seen.pod.restarting == Restarting::BackingOff => (Phase::Backoff, started),
        (PodPhase::Pending, _) | (_, None) => (Phase::Starting, started),
        (_, Some(ready)) => match ready.status {
            ReadyStatus::True => (Phase::Ready, ready.last_transition),
            // A pod whose condition has not moved since shortly after its start was never ready.
            _ if ready.last_transition <= started + Duration::from_secs(30) => (Phase::Starting, started),
            _ => (Phase::NotReady, ready.last_transition),
        },
    }
}

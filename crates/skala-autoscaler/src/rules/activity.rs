//! Idle or not: leaving zero and going to zero, or to `idleReplicas`.
//!
//! Decides: whether a service that may idle does.
//! Inputs: the station's windows, the replicas' requests in flight, each trigger's value against its activation, tasks in the queues
//!   that wake the service.
//! Method: KEDA's activation for triggers, and any request for the station. Active: at least one, or `minReplicas`. Idle when
//!   nothing has been active for the cooldown, and then through stabilization and policies as any other step, unless
//!   `jumpToIdle`. An idle replica always uses some CPU and memory; that alone does not keep the last one. A failed
//!   metric, or a station that does not report, does.
//! Invariants: what is not known to be idle stays as it is.
//! Tested: `tests/decisions` rows `zero`, `activation`.

use std::time::Duration;

use skala_types::{StationSample, Time};

use super::{Bound, Case, Chain};
use crate::report::{Detail, Rule};
use crate::{MetricReport, MetricResult, Observation, Policy, PolicySpec, State, Text};

/// Cooldown of a service with triggers: KEDA's.
const COOLDOWN: Duration = Duration::from_secs(300);

/// Whether anybody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Requests arrived, wait or are in service; or a trigger lies above its activation.
    Active,
    /// Nothing of the kind.
    Inactive,
    /// A source does not report.
    Unknown,
}

impl Activity {
    pub(crate) fn of(observation: &Observation, policy: &Policy, metrics: &[MetricReport], now: Time) -> Activity {
        let spec = policy.spec();
        if observation.replicas.iter().any(|r| r.in_flight > 0) || metrics.iter().any(|m| m.active == Some(true)) {
            return Activity::Active;
        }
        let queues: Vec<Activity> = spec.wakes_by.iter().map(|name| of_queue(observation, spec, name, now)).collect();
        if queues.contains(&Activity::Active) {
            return Activity::Active;
        }
        let is_trigger = |i: usize| spec.metrics.get(i).is_some_and(|m| m.what.is_trigger());
        let (mut triggers, mut unknown) = (!queues.is_empty(), queues.contains(&Activity::Unknown));
        for (_, metric) in metrics.iter().enumerate().filter(|(i, _)| is_trigger(*i)) {
            triggers = true;
            unknown |= metric.active.is_none();
        }
        match &observation.station {
            Some(windows) if now.since(windows.slow.at) <= spec.stale_after => {
                if asked(&windows.slow) || asked(&windows.fast) {
                    return Activity::Active;
                }
            }
            // A worker behind a queue has no station.
            None if triggers && !spec.metrics.iter().any(|m| m.what.is_station()) => {}
            _ => unknown = true,
        }
        if unknown { Activity::Unknown } else { Activity::Inactive }
    }
}

/// Whether a queue that no metric is about holds a task.
fn of_queue(observation: &Observation, spec: &PolicySpec, name: &Text, now: Time) -> Activity {
    let seen = observation.signals.iter().find(|signal| signal.name == *name);
    let fresh = |at: Time| now.since(at) <= spec.stale_after;
    match seen.and_then(|signal| Some((signal, signal.value.filter(|v| fresh(v.at))?))) {
        None => Activity::Unknown,
        Some((signal, backlog)) => {
            let all = signal.queue.map_or(backlog.value, |q| q.ready + q.leased + q.due_soon);
            if all <= 0.0 { Activity::Inactive } else { Activity::Active }
        }
    }
}

/// Whether a window saw a request; a mean that is not a number counts as one.
fn asked(s: &StationSample) -> bool {
    let none = s.in_flight_mean <= 0.0 && s.waiting_mean <= 0.0;
    s.arrivals > 0 || s.refused > 0 || s.waiting > 0 || s.in_flight > 0 || !none
}

/// Whether and how a service may idle at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Idling {
    /// The idle size.
    pub(crate) size: u32,
    pub(crate) activity: Activity,
    /// Until then it is not idle, although nothing is active.
    pub(crate) cooling_until: Option<Time>,
}

impl Idling {
    /// None for a service that never idles.
    pub(crate) fn of(policy: &Policy, state: &State, bound: Bound, activity: Activity, now: Time) -> Option<Idling> {
        let spec = policy.spec();
        let size = match spec.idle_replicas {
            // A window that asks for replicas means it.
            Some(idle) if bound.min <= spec.min_replicas.0 => idle.0.min(bound.min),
            _ if bound.min == 0 => 0,
            _ => return None,
        };
        let triggers = !spec.wakes_by.is_empty() || spec.metrics.iter().any(|m| m.what.is_trigger());
        let cooldown = spec.cooldown.unwrap_or(if triggers { COOLDOWN } else { Duration::ZERO });
        let until = match state.last_active {
            Some(active) => active + cooldown,
            None => state.since.unwrap_or(now) + spec.initial_cooldown,
        };
        let cooling_until = (activity == Activity::Inactive && now < until).then_some(until);
        Some(Idling { size, activity, cooling_until })
    }

    /// Nothing is active, and nothing has been for the cooldown.
    pub(crate) fn is_idle(&self) -> bool {
        self.activity == Activity::Inactive && self.cooling_until.is_none()
    }

    /// Below `min` the size is left alone while the service idles, and while nobody knows.
    pub(crate) fn floor(&self, min: u32, current: u32) -> u32 {
        match self.activity {
            Activity::Active => min,
            Activity::Inactive if self.is_idle() => self.size,
            Activity::Inactive | Activity::Unknown => min.min(current.max(self.size)),
        }
    }
}

pub(super) fn zero(case: &Case<'_>, chain: &mut Chain<'_>) {
    let Some(idling) = case.idling else { return };
    let least = case.bound.min.max(1);
    match idling.activity {
        Activity::Active if chain.value < least && case.current < least => chain.clamp(Rule::Activation, least, Detail::None),
        Activity::Active | Activity::Unknown if chain.value == 0 && case.current > 0 => chain.clamp(Rule::Busy, 1, Detail::None),
        Activity::Unknown if case.current <= idling.size => stay_asleep(case, chain),
        Activity::Inactive if idling.is_idle() => go_idle(case, idling, chain),
        Activity::Inactive if case.current <= idling.size => chain.clamp(Rule::Idle, case.current, Detail::None),
        Activity::Inactive => {
            let floor = chain.value.max(least.min(case.current));
            chain.clamp(Rule::Cooldown, floor, Detail::Until { time: idling.cooling_until });
        }
        _ => {}
    }
}

/// Triggers below their activation ask for nothing; what CPU and memory ask for counts from two replicas on.
fn go_idle(case: &Case<'_>, idling: Idling, chain: &mut Chain<'_>) {
    if chain.fails && case.current > idling.size {
        return;
    }
    let others = case.metrics.iter().enumerate().filter(|(i, m)| chain.counts(*i) && m.active.is_none());
    let most = others.filter_map(|(_, m)| m.proposal()).map(|n| n.0).max();
    let wanted = match most {
        Some(n) if n > 1 && chain.value > 1 => n.max(idling.size),
        _ => idling.size,
    };
    // From the idle size nothing but activity leads up; a window's or a person's size is another rule's business.
    let to = if case.current <= idling.size { idling.size } else { wanted.min(chain.value.max(idling.size)) };
    if to < chain.value || case.current <= idling.size {
        chain.clamp(Rule::Idle, to, Detail::None);
    }
}

/// A source is silent, and no trigger is active: only a fallback, or what asks without being a trigger, leads up.
fn stay_asleep(case: &Case<'_>, chain: &mut Chain<'_>) {
    let awake = case.metrics.iter().enumerate().filter(|(i, m)| chain.counts(*i) && m.active != Some(false));
    let most = awake.filter_map(|(_, m)| m.proposal()).map(|n| n.0).max().unwrap_or(0);
    let to = chain.value.min(most.max(case.current));
    chain.clamp(Rule::Idle, to, Detail::None);
}

/// Idle at once, past stabilization and policies, where the policy says so.
pub(super) fn jump(case: &Case<'_>, chain: &mut Chain<'_>) {
    let failed = case.metrics.iter().any(|m| matches!(m.result, MetricResult::Failed { .. }));
    if let Some(idling) = case.idling
        && case.policy.spec().jump_to_idle
        && idling.is_idle()
        && !failed
    {
        chain.clamp(Rule::JumpToIdle, idling.size, Detail::None);
    }
}

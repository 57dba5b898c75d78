//! Bounds, the initial size, and the way to zero and back.
//!
//! Decides: the size to set, or to leave it; whether the proxy has to be in the path.
//! Inputs: the wanted size of `scale`, the ready replicas, the proxy as it was seen.
//! Method: knative/serving `pkg/reconciler/autoscaling/kpa`: `scaler.scale` and `handleScaleToZero` (a stable window active,
//!   then inactive behind the proxy for the grace period and the retention), then `computeActiveCondition`.
//! Invariants: nothing becomes zero unless the proxy is in the path, except an activation that timed out.
//! Tested: `super::tests` rows `zero`.

use std::time::Duration;

use skala_types::Time;

use super::{Config, Input, State, Status, Why};

/// What to do about the size.
pub(super) struct Outcome {
    /// The size to set; none leaves it.
    pub(super) replicas: Option<u32>,
    /// The size that is wanted; none while nothing is known.
    pub(super) want: Option<u32>,
    pub(super) want_activator: bool,
    pub(super) recheck_at: Option<Time>,
}

/// A step on the way to zero.
enum Step {
    Set(u32),
    /// Wanted, and not set yet.
    Later(u32, Option<Time>),
    /// Nothing is known; look again then.
    Unknown(Option<Time>),
}

pub(super) fn settle(config: &Config, state: &mut State, input: &Input, now: Time, why: &mut Vec<Why>) -> Outcome {
    let step = step(config, state, input, now, why);
    let (replicas, want, recheck_at) = match step {
        Step::Set(n) => (Some(n), Some(n), idle_until(config, state, now, why)),
        Step::Later(n, at) => (None, Some(n), at),
        Step::Unknown(at) => (None, None, at),
    };
    let inactive = state.activity.status == Status::Inactive;
    let want_activator = want == Some(0) || state.excess_burst < 0 || want.is_none() && inactive;
    update_status(config, state, input, now, want);
    Outcome { replicas, want, want_activator, recheck_at }
}

fn idle_until(config: &Config, state: &State, now: Time, why: &[Why]) -> Option<Time> {
    let idle = why.iter().any(|w| matches!(w, Why::Idle { .. }));
    let until = state.activity.since + config.spec().stable_window;
    (idle && until > now).then_some(until)
}

fn step(config: &Config, state: &State, input: &Input, now: Time, why: &mut Vec<Why>) -> Step {
    let activating = state.activity.status == Status::Activating;
    if state.desired.is_none() && !activating {
        return Step::Unknown(None);
    }
    let bounded = bounded(config, state, input.reachable, why);
    if bounded != 0 {
        return Step::Set(bounded);
    }
    if !config.spec().enable_scale_to_zero {
        why.push(Why::ZeroDisabled);
        return Step::Set(1);
    }
    match state.activity.status {
        Status::Activating => {
            let until = state.activity.since + config.activation_timeout();
            if now > until {
                why.push(Why::ActivationTimedOut);
                return Step::Set(0);
            }
            why.push(Why::Activating { until });
            Step::Unknown(Some(until))
        }
        Status::Active => {
            let until = state.activity.since + config.spec().stable_window;
            if now >= until {
                why.push(Why::Deactivated);
                return Step::Later(0, Some(now));
            }
            why.push(Why::Idle { until });
            Step::Set(1)
        }
        Status::Inactive => to_zero(config, state, input, now, why),
    }
}

/// The wanted size within the bounds; an unknown one counts as less than any minimum.
fn bounded(config: &Config, state: &State, reachable: bool, why: &mut Vec<Why>) -> u32 {
    let spec = config.spec();
    let mut min = if reachable { spec.min_scale } else { 0 };
    let initial = spec.initial_scale > 1 && !state.initialized && spec.initial_scale > min;
    if initial {
        min = spec.initial_scale;
    }
    let want = state.desired.unwrap_or(0);
    if want < min {
        why.push(if initial { Why::InitialScale { to: min } } else { Why::MinScale { to: min } });
        return min;
    }
    if spec.max_scale != 0 && want > spec.max_scale && state.desired.is_some() {
        why.push(Why::MaxScale { to: spec.max_scale });
        return spec.max_scale;
    }
    want
}

/// Inactive: the proxy has to be there, and the last replica stays for the grace period and the retention.
fn to_zero(config: &Config, state: &State, input: &Input, now: Time, why: &mut Vec<Why>) -> Step {
    let spec = config.spec();
    if spec.target_burst_capacity != -1.0 && !input.activator.in_path {
        why.push(Why::ProxyNotInPath);
        return Step::Later(0, None);
    }
    let (grace, retention) = (spec.scale_to_zero_grace_period, spec.scale_to_zero_pod_retention_period);
    let inactive_for = state.status_for(now);
    if inactive_for >= grace.max(retention) {
        why.push(Why::ZeroAfterGrace);
        return Step::Set(0);
    }
    if inactive_for < retention {
        let until = state.activity.since + retention;
        why.push(Why::PodRetention { until });
        return Step::Later(0, Some(until));
    }
    let proxied_for = input.activator.proxying_since.map_or(Duration::ZERO, |since| now.since(since));
    if proxied_for >= grace {
        why.push(Why::ZeroFastPath);
        return Step::Set(0);
    }
    let until = now + (grace - proxied_for);
    why.push(Why::ProxyGrace { until });
    Step::Later(0, Some(until))
}

fn update_status(config: &Config, state: &mut State, input: &Input, now: Time, want: Option<u32>) {
    // Replicas that could not be counted tell nothing new.
    let Some(ready) = input.ready.map(|r| r.0) else { return };
    let spec = config.spec();
    let min = if input.reachable { spec.min_scale } else { 0 };
    let threshold = if state.initialized { min.max(1) } else { min.max(spec.initial_scale) };
    state.initialized |= ready >= threshold;
    let inactive = state.activity.status == Status::Inactive;
    let status = match want {
        Some(0) => Status::Inactive,
        _ if threshold == 0 => Status::Inactive,
        None if inactive => Status::Inactive,
        _ if ready < threshold => Status::Activating,
        _ => Status::Active,
    };
    state.mark(status, now);
}

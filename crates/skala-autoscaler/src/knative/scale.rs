//! One tick of the autoscaler: from two windows to a wanted size.
//!
//! Decides: the size before bounds, the mode, and the burst capacity.
//! Inputs: the windows, the ready replicas, reachability.
//! Method: knative/serving `pkg/autoscaler/scaling/autoscaler.go`, in its order: rates, activation scale, panic, delay, burst.
//! Invariants: panic never shrinks; between the rates' limits unless the activation scale lifts it.
//! Tested: `super::tests` rows `scale`.

use skala_types::Time;

use super::{Config, Input, State, Why};

/// What the windows want.
pub(super) struct Proposal {
    pub(super) stable: f64,
    pub(super) panic: f64,
    pub(super) desired: u32,
    pub(super) excess_burst: i32,
}

/// The wanted size, or none when there is nothing to go by.
pub(super) fn propose(config: &Config, state: &mut State, input: &Input, now: Time, why: &mut Vec<Why>) -> Option<Proposal> {
    let Some(ready) = input.ready else {
        why.push(Why::ReadyUnknown);
        return None;
    };
    if state.stable.is_empty(now) {
        why.push(Why::NoData);
        return None;
    }
    let (stable, panic) = (state.stable.average(now), state.panic.average(now));
    let counted = f64::from(ready.0.max(1));
    let want = |observed: f64| (observed / config.target()).ceil();
    let (stable_want, panic_want) = (want(stable), want(panic));
    why.push(Why::Observed { stable: stable_want as u32, panic: panic_want as u32 });

    let over = panic_want / counted >= config.spec().panic_threshold_percentage / 100.0;
    let rates = Rates::new(config, counted, input.reachable);
    let by_stable = activation(config, stable_want, rates.clamp(stable_want));
    let by_panic = activation(config, panic_want, rates.clamp(panic_want));
    panic_mode(config, state, input, now, over, why);
    let (mut desired, raw) = if state.panicking_since.is_some() {
        (by_stable.max(by_panic), stable_want.max(panic_want))
    } else {
        (by_stable, stable_want)
    };
    rates.explain(raw, why);
    if desired > rates.clamp(raw) {
        why.push(Why::ActivationScale { to: desired });
    }
    if state.panicking_since.is_some() {
        if desired < state.panic_max {
            why.push(Why::PanicHeld { at: state.panic_max });
        }
        state.panic_max = state.panic_max.max(desired);
        desired = state.panic_max;
    }
    if input.reachable && !config.spec().scale_down_delay.is_zero() {
        let delayed = state.delay.record(now, desired, config.spec().scale_down_delay);
        if delayed != desired {
            why.push(Why::ScaleDownDelay { to: delayed });
            desired = delayed;
        }
    }
    Some(Proposal { stable, panic, desired, excess_burst: excess_burst(config, ready.0, panic) })
}

/// How far one tick may go.
struct Rates {
    down: f64,
    up: f64,
}

impl Rates {
    fn new(config: &Config, ready: f64, reachable: bool) -> Rates {
        // Rounded up, so that growing by one replica is always possible; rounded down for the same reason.
        let up = (config.spec().max_scale_up_rate * ready).ceil();
        let down = if reachable { (ready / config.spec().max_scale_down_rate).floor() } else { 0.0 };
        Rates { down, up }
    }

    fn clamp(&self, want: f64) -> u32 {
        want.max(self.down).min(self.up) as u32
    }

    fn explain(&self, want: f64, why: &mut Vec<Why>) {
        if want > self.up {
            why.push(Why::ScaleUpRate { limit: self.up as u32 });
        } else if want < self.down {
            why.push(Why::ScaleDownRate { limit: self.down as u32 });
        }
    }
}

/// The activation scale, which says something from two on.
fn activation(config: &Config, want: f64, clamped: u32) -> u32 {
    let scale = config.spec().activation_scale;
    if want > 0.0 && scale > 1 { clamped.max(scale) } else { clamped }
}

fn panic_mode(config: &Config, state: &mut State, input: &Input, now: Time, over: bool, why: &mut Vec<Why>) {
    let spec = config.spec();
    let Some(since) = state.panicking_since else {
        if over {
            why.push(Why::PanicEntered);
            state.panicking_since = Some(now);
        }
        return;
    };
    if over {
        why.push(Why::PanicExtended);
        state.panicking_since = Some(now);
    } else if now > since + spec.stable_window {
        let patience = since + spec.stable_window + config.activation_timeout();
        if spec.repairs.keep_starting && input.starting.0 > 0 && now <= patience {
            why.push(Why::PanicWaitsForStarting { starting: input.starting.0 });
            return;
        }
        why.push(Why::PanicLeft);
        state.panicking_since = None;
        state.panic_max = 0;
    }
}

/// Capacity of the ready replicas beyond the load of the panic window and the burst to be ready for.
fn excess_burst(config: &Config, ready: u32, panic: f64) -> i32 {
    match config.spec().target_burst_capacity {
        0.0 => 0,
        burst if burst > 0.0 => (f64::from(ready) * config.total() - burst - panic).floor() as i32,
        _ => -1,
    }
}

//! A queue that grew only because replicas were starting (repair, off by default).
//!
//! Decides: what such a queue counts for before it enters the windows.
//! Inputs: the samples, the replicas ready and starting, the [`Backlog`](super::Backlog).
//! Method: Little's law. The arrivals need `arrivals x service time` in flight; the queue needs `waiting x service time / D` more
//!   to be gone within the stable window D. Counted one by one, a queue of a slow start asks for as many replicas as it has
//!   requests, once it is nobody's demand any more. Without a learned service time the queue counts for no more than the
//!   replicas that are already ordered carry.
//!   The samples of one second shrink together.
//! Invariants: a sample never counts for more than was measured; without a queue nothing changes.
//! Tested: `super::tests` rows `cold_start`.

use std::collections::BTreeMap;

use skala_types::Time;

use super::{Backlog, Config, Input, Sample, State, Why};

pub(super) fn discounted(config: &Config, state: &mut State, input: &Input, now: Time, why: &mut Vec<Why>) -> Vec<Sample> {
    let mut samples = input.samples.clone();
    if !config.spec().repairs.cold_start_queue {
        return samples;
    }
    let ready = input.ready.map_or(0, |r| r.0);
    if ready == 0 || input.starting.0 > 0 {
        // The queue of a start outlives the start by the time the new replicas take to drain it.
        state.cold_until = Some(now + config.spec().stable_window);
    }
    let cold = state.cold_until.is_some_and(|until| now <= until);
    let Some(backlog) = input.backlog.filter(|b| cold && sound(b)) else { return samples };
    let ordered = f64::from(ready.saturating_add(input.starting.0).max(1));
    let cap = demand(config, &backlog).unwrap_or(ordered * config.target());
    let mut seconds: BTreeMap<u64, f64> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s.value.is_finite() && s.value > 0.0) {
        *seconds.entry(second(sample)).or_default() += sample.value;
    }
    let (mut measured, mut counted) = (0.0, 0.0);
    for sample in &mut samples {
        let total = seconds.get(&second(sample)).copied().unwrap_or(0.0);
        measured += sample.value;
        if total > cap {
            sample.value *= cap / total;
        }
        counted += sample.value;
    }
    if counted < measured {
        why.push(Why::ColdStartQueue { measured, counted });
    }
    samples
}

fn second(sample: &Sample) -> u64 {
    sample.at.as_nanos() / 1_000_000_000
}

fn sound(backlog: &Backlog) -> bool {
    let number = |x: f64| x.is_finite() && x >= 0.0;
    number(backlog.waiting) && backlog.waiting > 0.0 && number(backlog.arrivals)
}

/// The metric's value that serves the arrivals and drains the queue within a stable window.
fn demand(config: &Config, backlog: &Backlog) -> Option<f64> {
    let drain = config.spec().stable_window.as_secs_f64();
    let rate = backlog.arrivals + backlog.waiting / drain;
    match config.spec().metric {
        super::Metric::Rps => Some(rate),
        super::Metric::Concurrency => {
            let service_time = backlog.service_time_s.filter(|s| s.is_finite() && *s > 0.0)?;
            Some(rate * service_time)
        }
    }
}

//! Metrics with one value: Object and External.
//!
//! Decides: the size at which one value meets its target, as a total or per replica.
//! Units: milli.
//! Method: `autoscaling/v2`. A total scales the pods that are Running and Ready (deletion is not looked at); per replica, the
//!   value is divided by the target, and the tolerance is taken against `status.replicas`.
//! Invariants: values are not negative and targets positive when they get here; a larger value never proposes less, except
//!   from the top of the tolerance band to just above it when pods are not ready.
//! Tested: `tests/rows/value.rs`.

use super::text::Stage;
use super::{Computed, Context, Wrong};
use crate::math::ceil_i32;
use crate::{Counts, Current, MetricTrace, Pass, Phase, ReadyStatus, Verdict};

/// Object and External with `value`.
pub(super) fn total(context: &Context<'_>, value: i64, target: i64, trace: &mut MetricTrace) -> Result<Computed, Wrong> {
    let ratio = value as f64 / target as f64;
    trace.target = target;
    trace.first = Some(Pass { samples: 1, value, ratio });
    let current = Current { value: Some(value), ..Current::default() };
    let size = context.scale.spec_replicas;
    let done = |proposal, verdict| Ok(Computed { proposal, current, verdict });
    if size == 0 {
        return done(ceil_i32(ratio), Verdict::FromZero);
    }
    if context.within(ratio) {
        return done(size, Verdict::WithinTolerance);
    }
    let pods = context.input.pods;
    if pods.is_empty() {
        let message = "unable to calculate ready pods: no pods returned by selector while calculating replica count";
        return Err((Stage::Compute, message.to_owned()));
    }
    let is_ready = |p: &&crate::Pod| p.phase == Phase::Running && p.ready.is_some_and(|r| r.status == ReadyStatus::True);
    let ready = pods.iter().filter(is_ready).count();
    trace.counts = Counts { ready, ..Counts::default() };
    done(ceil_i32(ratio * ready as f64), Verdict::Scaled)
}

/// Object and External with `averageValue`.
pub(super) fn per_replica(context: &Context<'_>, value: i64, target: i64, trace: &mut MetricTrace) -> Result<Computed, Wrong> {
    let replicas = context.scale.status_replicas;
    // At zero replicas this is infinite or not a number, and neither is within any tolerance.
    let ratio = value as f64 / (target as f64 * f64::from(replicas));
    trace.target = target;
    trace.first = Some(Pass { samples: 1, value, ratio });
    let average = match replicas {
        _ if value as f64 >= i64::MAX as f64 => i64::MAX,
        // Upstream divided by zero for long; since it does not, it reports 0.
        0 => 0,
        _ => (value as f64 / f64::from(replicas)).ceil() as i64,
    };
    let current = Current { average_value: Some(average), ..Current::default() };
    if context.within(ratio) {
        return Ok(Computed { proposal: replicas, current, verdict: Verdict::WithinTolerance });
    }
    Ok(Computed { proposal: ceil_i32(value as f64 / target as f64), current, verdict: Verdict::Scaled })
}

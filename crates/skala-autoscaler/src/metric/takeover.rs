//! What replicas that are starting, or have just started, will work off.
//!
//! Decides: how much of a backlog is no reason for more replicas.
//! Inputs: when each young replica was started, the expected start-up time, how long one unit of work takes a replica.
//! Method: a replica ordered now would be ready after the expected start-up time E, and needs as long again to be of use. Until
//!   then, 2 E from its own start, each young replica works off (2 E - the later of its age and E) / seconds of work. One that is
//!   not ready by then does not count, so that growth goes on when starts hang.
//! Invariants: finite, at least 0; falls as the replicas age.
//! Tested: `tests/decisions` rows `repairs`.

use std::time::Duration;

use skala_types::Replicas;

use super::{MetricReport, MetricResult, Notes, Scene, Why, input};
use crate::Phase;
use crate::report::{InputName, Unit};

/// Longest start-up time that is reckoned with.
const LONGEST_START: Duration = Duration::from_secs(600);

/// Units of work that young replicas will work off, when one takes a replica `seconds`.
pub(super) fn work_off(scene: &Scene<'_>, seconds: f64) -> f64 {
    if !scene.repairs().starting_replicas || seconds.is_nan() || seconds <= 0.0 {
        return 0.0;
    }
    // Most observations hold no young replica: learn the start-up time only when one does.
    let limit = 2 * LONGEST_START;
    let age = |r: &crate::ReplicaObservation| match r.phase {
        Phase::Starting | Phase::Ready => Some((r.phase, scene.now.since(r.started_at))).filter(|(_, age)| *age < limit),
        _ => None,
    };
    if !scene.observation.replicas.iter().any(|r| age(r).is_some()) {
        return 0.0;
    }
    let expected = scene.state.startup_estimate(scene.policy).min(LONGEST_START);
    let ahead = |(phase, age): (Phase, Duration)| {
        let from = if phase == Phase::Starting { age.max(expected) } else { age };
        (expected * 2).saturating_sub(from).min(expected).as_secs_f64()
    };
    scene.observation.replicas.iter().filter_map(age).map(|young| ahead(young) / seconds).sum()
}

pub(super) fn note(taken: f64, unit: Unit, notes: &mut Notes) {
    if taken > 0.0 && taken.is_finite() {
        notes.inputs.push(input(InputName::TakenOver, taken, unit));
    }
}

/// A proposal that was reduced by what is taken over never shrinks.
pub(super) fn at_least(mut report: MetricReport, current: u32) -> MetricReport {
    if let MetricResult::Proposes { replicas, why } = &mut report.result
        && replicas.0 <= current
    {
        (*replicas, *why) = (Replicas(current), Why::StillStarting);
    }
    report
}

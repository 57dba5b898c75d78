//! Latency: a quantile of the time to the first byte, against its goal.
//!
//! Decides: the size that would bring the quantile to its goal, as far as a proportion can tell.
//! Inputs: the station's slow window; the replicas that were ready during all of it.
//! Method: ceil(quantile / goal x ready replicas). Latency is no total: it neither falls in proportion when replicas come nor
//!   rises in proportion when they go. Hence three restraints: growing multiplies only the replicas that served the whole
//!   window, so that the same slow answers are not paid for twice; replicas that are starting count against the proposal; and
//!   shrinking goes by half at most, once per stabilization window, and feels its way from there.
//! Invariants: too few answers never grow; they shrink only while there are fewer requests than replicas.
//! Tested: `tests/decisions` rows `latency`.

use std::time::Duration;

use skala_types::StationSample;

use super::station::{demand_is_sane, usable};
use super::{Failure, MetricReport, MetricResult, Notes, Reading, Scene, Why, Window, failed, proposes, read};
use crate::math::{ceil_replicas, sane, within};
use crate::report::{Input, InputName, Unit};
use crate::{Direction, MetricName, Phase, Quantile};

/// Latency shrinks by at most one part in this many at a time.
const STEP_DOWN: u32 = 2;

pub(super) fn latency(scene: &Scene<'_>, quantile: Quantile, target: Duration, notes: &mut Notes) -> MetricReport {
    let (name, unit, target) = (MetricName::Latency(quantile), Unit::Seconds, target.as_secs_f64());
    let slow = match usable(scene) {
        Ok(windows) => &windows.slow,
        Err(failure) => return failed(name, unit, target, failure),
    };
    let value = quantile.of(slow);
    if !sane(value) || !demand_is_sane(slow) {
        return failed(name, unit, target, Failure::NotANumber);
    }
    let age = scene.now.since(slow.at);
    let measured = |name, value, unit| Input { age: Some(age), window: Some(slow.window), ..super::input(name, value, unit) };
    let seen = slow.latency.count;
    notes.inputs.push(measured(InputName::Answers, seen as f64, Unit::Requests));

    let needed = quantile.answers_needed().max(scene.policy.spec().latency_min_samples);
    if seen < needed {
        return MetricReport {
            result: few_requests(scene, slow, seen, needed),
            ..failed(name, unit, target, Failure::NoSamples)
        };
    }
    notes.inputs.push(measured(InputName::Latency(quantile), value, unit));
    let ratio = value / target;
    let reading =
        Reading { value, ratio: Some(ratio).filter(|r| r.is_finite()), window: Window::Slow { length: slow.window }, age };
    read(name, unit, target, reading, by_ratio(scene, slow, ratio, target))
}

fn by_ratio(scene: &Scene<'_>, slow: &StationSample, ratio: f64, target: f64) -> MetricResult {
    let current = scene.current();
    let inside = within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up));
    if inside && (ratio > 1.0 || scene.down_target().is_none()) {
        return proposes(current, Why::WithinTolerance);
    }
    if ratio > 1.0 {
        let wanted = ceil_replicas(ratio * f64::from(scene.serving(served_throughout(scene, slow))));
        let why = if wanted <= current && scene.counts.starting > 0 { Why::StillStarting } else { Why::AboveTarget };
        return proposes(wanted.max(current), why);
    }
    if scene.shows_an_old_size(slow.at, slow.window) {
        return proposes(current, Why::Settling);
    }
    let (wanted, why) = scene.shrink(ratio * f64::from(scene.counts.ready), ratio, target);
    proposes(wanted.max(a_step_down(current)).min(current), why)
}

/// Without enough answers: fewer requests than replicas (Little's law) cannot need more of them; else nothing is known.
fn few_requests(scene: &Scene<'_>, slow: &StationSample, seen: u64, needed: u64) -> MetricResult {
    let current = scene.current();
    let busy = ceil_replicas(slow.demand()).max(slow.in_flight.saturating_add(slow.waiting));
    if busy >= current && current > 0 {
        return MetricResult::Failed { failure: Failure::TooFewAnswers { seen, needed } };
    }
    if scene.shows_an_old_size(slow.at, slow.window) {
        return proposes(current, Why::Settling);
    }
    // Where nobody asks, there is nothing to feel the way for: the stabilization window is caution enough.
    let floor = if seen == 0 && slow.arrivals == 0 { 0 } else { a_step_down(current) };
    proposes(busy.max(floor).min(current), Why::FewRequests { seen })
}

pub(super) fn a_step_down(current: u32) -> u32 {
    current - (current / STEP_DOWN).max(1).min(current)
}

/// Ready replicas that were ready during the whole window; all ready ones when none was.
fn served_throughout(scene: &Scene<'_>, slow: &StationSample) -> u32 {
    let start = slow.at.minus(slow.window);
    let replicas = scene.observation.replicas.iter();
    let throughout = replicas.filter(|r| r.phase == Phase::Ready && r.phase_since <= start).count();
    if throughout == 0 { scene.counts.ready } else { u32::try_from(throughout).unwrap_or(u32::MAX) }
}

impl Quantile {
    fn of(self, slow: &StationSample) -> f64 {
        match self {
            Quantile::P50 => slow.latency.p50,
            Quantile::P90 => slow.latency.p90,
            Quantile::P95 => slow.latency.p95,
            Quantile::P99 => slow.latency.p99,
        }
    }

    /// One answer beyond the quantile is the least that makes it one: 1 / (1 - q).
    fn answers_needed(self) -> u64 {
        match self {
            Quantile::P50 => 2,
            Quantile::P90 => 10,
            Quantile::P95 => 20,
            Quantile::P99 => 100,
        }
    }
}

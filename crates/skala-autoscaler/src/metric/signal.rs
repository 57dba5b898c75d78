//! A number from outside: a query's result, the length of a list, a lag.
//!
//! Decides: the size that the number asks for, by one of two targets.
//! Inputs: the last good value with its time, the failures since, the current and the ready size.
//! Method: `autoscaling/v2` External metrics. `Value`: ready replicas x value / target; at 0, value / target. `AverageValue`:
//!   value / target, when value / (target x current) is outside the tolerance. Rounded up. Active while above its activation
//!   (KEDA).
//! Invariants: a value that is old, missing, negative or no number is a failure, never a small number.
//! Tested: `tests/decisions` rows `signals`.

use std::time::Duration;

use skala_types::{Sampled, Time};

use super::{Failure, MetricReport, Notes, Reading, Scene, Why, Window, failed, proposes, read};
use crate::math::{ceil_replicas, sane, within};
use crate::report::{Input, InputName, Unit};
use crate::{Direction, MetricName, SignalObservation, SignalTarget, Text};

pub(super) fn signal(scene: &Scene<'_>, name: &Text, target: SignalTarget, notes: &mut Notes) -> MetricReport {
    let metric = MetricName::Signal(name.clone());
    match value(scene, name) {
        Ok((seen, sample)) => {
            let report = scalar(scene, metric, sample.value, Some(sample.at), target, notes);
            let active = seen.activity.map(|a| wakes(scene, a)).or(report.active);
            MetricReport { active, ..report }
        }
        Err(failure) => {
            // Work for which there is no figure wakes a service all the same.
            let seen = scene.observation.signals.iter().find(|s| s.name == *name);
            let active = seen.filter(|s| s.error.is_some()).and_then(|s| s.activity).filter(|a| wakes(scene, *a)).map(|_| true);
            MetricReport { active, ..failed(metric, unit(target), target.get(), failure) }
        }
    }
}

fn wakes(scene: &Scene<'_>, activity: f64) -> bool {
    activity > scene.options.activation.unwrap_or(0.0)
}

/// The signal of a name with its last good value, if that is young and a number of at least 0.
pub(super) fn value<'a>(scene: &Scene<'a>, name: &Text) -> Result<(&'a SignalObservation, Sampled<f64>), Failure> {
    let seen = scene.observation.signals.iter().find(|s| s.name == *name);
    let seen = seen.ok_or_else(|| Failure::NoSignal { name: name.clone() })?;
    let unreachable = || Failure::Unreachable { name: name.clone(), failures: seen.failures, error: seen.error.clone() };
    let sample = seen.value.ok_or_else(unreachable)?;
    let age = sample.age(scene.now);
    if scene.is_stale(age) {
        return Err(if seen.error.is_some() { unreachable() } else { Failure::Stale { age } });
    }
    if sane(sample.value) { Ok((seen, sample)) } else { Err(Failure::NotANumber) }
}

pub(super) fn unit(target: SignalTarget) -> Unit {
    match target {
        SignalTarget::Value(_) => Unit::Number,
        SignalTarget::AverageValue(_) => Unit::Total,
    }
}

/// What one number asks for; `at` is none for one that is made of several.
pub(super) fn scalar(
    scene: &Scene<'_>,
    name: MetricName,
    value: f64,
    at: Option<Time>,
    target: SignalTarget,
    notes: &mut Notes,
) -> MetricReport {
    let (unit, goal) = (unit(target), target.get());
    let age = at.map(|at| scene.now.since(at));
    if let MetricName::Signal(text) | MetricName::Formula(text) = &name {
        notes.inputs.push(Input { age, ..super::input(InputName::Signal(text.clone()), value, unit) });
    }
    let current = scene.current();
    let (ratio, (replicas, why)) = match target {
        SignalTarget::Value(_) => (value / goal, by_value(scene, value / goal, at, goal)),
        SignalTarget::AverageValue(_) => {
            let ratio = value / goal / f64::from(current.max(1));
            (ratio, by_average(scene, value / goal, ratio, goal))
        }
    };
    if !sane(ratio) {
        return failed(name, unit, goal, Failure::NotANumber);
    }
    let window = Window::Slow { length: Duration::ZERO };
    let reading = Reading { value, ratio: (current > 0).then_some(ratio), window, age: age.unwrap_or_default() };
    let active = Some(wakes(scene, value));
    MetricReport { active, ..read(name, unit, goal, reading, proposes(replicas, why)) }
}

/// A total: `needed` replicas' worth of it.
pub(super) fn by_average(scene: &Scene<'_>, needed: f64, ratio: f64, target: f64) -> (u32, Why) {
    let current = scene.current();
    if current == 0 {
        return (ceil_replicas(needed), Why::FromZero);
    }
    if ratio <= 1.0 {
        return scene.shrink(needed, ratio, target);
    }
    if within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up)) {
        return (current, Why::WithinTolerance);
    }
    (ceil_replicas(needed).max(current), Why::AboveTarget)
}

/// A number that is no total.
fn by_value(scene: &Scene<'_>, ratio: f64, at: Option<Time>, target: f64) -> (u32, Why) {
    let current = scene.current();
    if current == 0 {
        return (ceil_replicas(ratio), Why::FromZero);
    }
    if ratio <= 1.0 {
        let (replicas, why) = scene.shrink(ratio * f64::from(scene.counts.ready), ratio, target);
        let old = at.is_some_and(|at| scene.shows_an_old_size(at, Duration::ZERO));
        return if old && replicas < current { (current, Why::Settling) } else { (replicas, why) };
    }
    if within(ratio, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up)) {
        return (current, Why::WithinTolerance);
    }
    let wanted = ceil_replicas(ratio * f64::from(scene.serving(scene.counts.ready)));
    let why = if wanted <= current && scene.counts.starting > 0 { Why::StillStarting } else { Why::AboveTarget };
    (wanted.max(current), why)
}

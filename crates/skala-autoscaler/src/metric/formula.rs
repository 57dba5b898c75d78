//! A formula over several triggers.
//!
//! Decides: the size that the formula's result asks for.
//! Inputs: the signals that it names; `requestsPerSecond`, `concurrency`, `cpu` and `memory` (shares of the request) and `replicas`,
//!   unless a signal has that name.
//! Method: KEDA's `scalingModifiers`: the result against its target, active while above its activation.
//! Invariants: one input that fails makes the formula fail, as does a result that is negative or not finite.
//! Tested: `tests/decisions` rows `formulas`; `crate::formula` for the language.

use skala_types::Time;

use super::replicas::share_of_request;
use super::signal::{scalar, unit, value};
use super::station::{demand_is_sane, usable};
use super::{Failure, MetricReport, Notes, Scene, failed};
use crate::math::sane;
use crate::report::{Input, InputName, Unit};
use crate::{MetricName, SignalTarget, Text};

/// Inputs that fit on the stack.
const USUAL: usize = 16;

pub(super) fn formula(scene: &Scene<'_>, name: &Text, target: SignalTarget, notes: &mut Notes) -> MetricReport {
    let metric = MetricName::Formula(name.clone());
    match result(scene, notes) {
        Ok((x, at)) => scalar(scene, metric, x, at, target, notes),
        Err(failure) => failed(metric, unit(target), target.get(), failure),
    }
}

/// The result, and the time of the oldest signal in it.
fn result(scene: &Scene<'_>, notes: &mut Notes) -> Result<(f64, Option<Time>), Failure> {
    let formula = scene.policy.formula(scene.index).ok_or(Failure::NoResult)?;
    let mut few = [0.0; USUAL];
    let mut many = Vec::new();
    let names = formula.names();
    let values = if names.len() <= USUAL {
        &mut few[..names.len()]
    } else {
        many.resize(names.len(), 0.0);
        &mut many[..]
    };
    let mut oldest: Option<Time> = None;
    for (slot, name) in values.iter_mut().zip(names) {
        let (x, at) = input(scene, name)?;
        *slot = x;
        oldest = oldest.into_iter().chain(at).min();
        let age = at.map(|at| scene.now.since(at));
        notes.inputs.push(Input { age, ..super::input(InputName::Signal(name.clone()), x, Unit::Number) });
    }
    let x = formula.evaluate(values).filter(|x| sane(*x)).ok_or(Failure::NoResult)?;
    Ok((x, oldest))
}

fn input(scene: &Scene<'_>, name: &Text) -> Result<(f64, Option<Time>), Failure> {
    let missing = match value(scene, name) {
        Ok((_, sample)) => return Ok((sample.value, Some(sample.at))),
        Err(missing @ Failure::NoSignal { .. }) => missing,
        Err(failure) => return Err(failure),
    };
    let x = match &**name {
        "replicas" => f64::from(scene.current()),
        "requestsPerSecond" => usable(scene)?.slow.arrival_rate(),
        "concurrency" => {
            let slow = &usable(scene)?.slow;
            if !demand_is_sane(slow) {
                return Err(Failure::NotANumber);
            }
            slow.demand()
        }
        "cpu" => share_of_request(scene, &MetricName::Cpu)?,
        "memory" => share_of_request(scene, &MetricName::Memory)?,
        _ => return Err(missing),
    };
    Ok((x, None))
}

//! One metric's proposal: from a reading to a size, or to a failure that says so.
//!
//! Decides: which formula a metric uses, and which target field counts.
//! Inputs: the metric's spec and reading, the pods, the scale.
//! Method: `autoscaling/v2`: an average value wins over a utilization, for External also over a value; an Object metric goes
//!   by its declared type.
//! Invariants: a reading that does not fit, a target that is not positive, or a negative load is a failure, never a size.
//! Tested: `tests/rows/pods.rs`, `tests/rows/value.rs`.

mod classify;
mod pods;
mod text;
mod value;

pub(crate) use text::Failure;

use crate::{
    Current, Input, MetricKind, MetricSpec, MetricTrace, Quirks, Reading, Scale, Target, TargetKind, Tolerance, Verdict,
};

use text::{Stage, failure};

/// What every metric of one reconcile shares.
pub(crate) struct Context<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) scale: Scale,
    pub(crate) quirks: Quirks,
    pub(crate) tolerance: Tolerance,
}

/// What a formula gives.
struct Computed {
    proposal: i32,
    current: Current,
    verdict: Verdict,
}

/// Why a formula gives nothing.
type Wrong = (Stage, String);

impl Context<'_> {
    /// Whether a ratio is near enough to 1 for the size to stay.
    fn within(&self, ratio: f64) -> bool {
        if self.quirks.tolerance_by_distance {
            (1.0 - ratio).abs() <= self.tolerance.up
        } else {
            (1.0 - self.tolerance.down) <= ratio && ratio <= (1.0 + self.tolerance.up)
        }
    }
}

/// Evaluates one metric.
pub(crate) fn evaluate(
    context: &Context<'_>,
    spec: &MetricSpec,
    reading: Option<&Reading>,
) -> (Result<(i32, Current), Failure>, MetricTrace) {
    let mut trace = MetricTrace { title: text::title(spec), tolerance: context.tolerance, ..MetricTrace::default() };
    let computed = match reading {
        Some(Reading::Failed(message)) => Err((Stage::Fetch, message.clone())),
        None => Err((Stage::Fetch, "there is no reading".to_owned())),
        Some(reading) => compute(context, spec, reading, &mut trace),
    };
    let result = match computed {
        Ok(Computed { proposal, current, verdict }) => {
            trace.verdict = verdict;
            Ok((proposal, current))
        }
        Err((stage, message)) => Err(failure(spec, context.input.namespace, stage, &message)),
    };
    (result, trace)
}

fn compute(context: &Context<'_>, spec: &MetricSpec, reading: &Reading, trace: &mut MetricTrace) -> Result<Computed, Wrong> {
    match (spec, reading) {
        (MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. }, Reading::Pods(r)) => {
            let cpu = name == "cpu";
            match (target.average_value, target.average_utilization) {
                (Some(mean), _) => pods::average(context, r, positive(spec, mean)?, cpu, trace),
                (None, Some(percent)) => {
                    positive(spec, i64::from(percent))?;
                    pods::utilization(context, r, percent, cpu, trace)
                }
                (None, None) => Err(unset(spec)),
            }
        }
        (MetricSpec::Pods { target, .. }, Reading::Pods(r)) => {
            let mean = target.average_value.ok_or_else(|| unset(spec))?;
            pods::average(context, r, positive(spec, mean)?, false, trace)
        }
        (MetricSpec::Object { target, .. }, Reading::Object(value)) => match *target {
            Target { kind: TargetKind::Value, value: Some(total), .. } => {
                value::total(context, known(*value)?, positive(spec, total)?, trace)
            }
            Target { kind: TargetKind::AverageValue, average_value: Some(mean), .. } => {
                value::per_replica(context, known(*value)?, positive(spec, mean)?, trace)
            }
            _ => Err(unset(spec)),
        },
        (MetricSpec::External { target, .. }, Reading::External(values)) => match (target.average_value, target.value) {
            (Some(mean), _) => value::per_replica(context, sum(values)?, positive(spec, mean)?, trace),
            (None, Some(total)) => value::total(context, sum(values)?, positive(spec, total)?, trace),
            (None, None) => Err(unset(spec)),
        },
        (MetricSpec::Unknown { .. }, _) => Err((Stage::Spec, String::new())),
        _ => Err((Stage::Fetch, "the reading is of another type than the metric".to_owned())),
    }
}

/// Which target fields a type needs, as upstream words it.
fn unset(spec: &MetricSpec) -> Wrong {
    let message = match spec.kind() {
        MetricKind::Resource | MetricKind::ContainerResource => {
            "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
        }
        MetricKind::Pods => "invalid pods metric source: no average value target was set",
        MetricKind::Object => "invalid object metric source: neither a value target nor an average value target was set",
        MetricKind::External | MetricKind::Unknown => {
            "invalid external metric source: neither a value target nor an average value target was set"
        }
    };
    (Stage::Spec, message.to_owned())
}

/// Upstream trusts the API server here; a target of 0 would divide by it, a negative one would turn every decision round.
fn positive(spec: &MetricSpec, target: i64) -> Result<i64, Wrong> {
    if target > 0 {
        return Ok(target);
    }
    let kind = match spec.kind() {
        MetricKind::Resource | MetricKind::ContainerResource => "resource",
        MetricKind::Pods => "pods",
        MetricKind::Object => "object",
        MetricKind::External | MetricKind::Unknown => "external",
    };
    Err((Stage::Spec, format!("invalid {kind} metric source: the target is {target}, it must be positive")))
}

/// A negative load is no load: upstream shrinks on it (Value), or takes it for an overflow and grows to the maximum.
fn known(value: i64) -> Result<i64, Wrong> {
    if value < 0 { Err((Stage::Compute, format!("the value {value}m is negative"))) } else { Ok(value) }
}

/// The sum of external values, saturating.
fn sum(values: &[i64]) -> Result<i64, Wrong> {
    if values.is_empty() {
        return Err((Stage::Fetch, "no metrics returned from external metrics API".to_owned()));
    }
    values.iter().try_fold(0i64, |total, value| Ok(total.saturating_add(known(*value)?)))
}

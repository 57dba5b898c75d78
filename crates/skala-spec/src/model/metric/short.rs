//! The short forms: what skala measures by itself.

use std::time::Duration;

use super::{Aim, LatencyMetric, Measure, Metric, MetricEntry, MetricProblem, QueueGoal, invalid, queue};
use crate::scalar::{CpuTarget, MemoryTarget, Positive};

type Found<'a> = (&'static str, Result<Metric<'a>, MetricProblem>);

impl MetricEntry {
    /// The short forms that are given, with their keys.
    pub(super) fn short(&self) -> Vec<Found<'_>> {
        let number = |make: fn(f64) -> Measure| move |target: Positive| (make(target.get()), target.get());
        let all = [
            self.cpu.as_ref().map(|aim| ("cpu", aimed(aim, |t| (Measure::Cpu(t), cpu(t))))),
            self.memory.as_ref().map(|aim| ("memory", aimed(aim, |t| (Measure::Memory(t), memory(t))))),
            self.requests_per_second.as_ref().map(|aim| ("requestsPerSecond", aimed(aim, number(Measure::RequestsPerSecond)))),
            self.latency.as_ref().map(|metric| ("latency", latency(metric))),
            self.concurrency.as_ref().map(|aim| ("concurrency", aimed(aim, number(Measure::Concurrency)))),
            self.queue_length.as_ref().map(|aim| ("queueLength", queue::length(aim))),
            self.queue_age.as_ref().map(|aim| ("queueAge", queue::time(aim, QueueGoal::Age))),
            self.queue_wait.as_ref().map(|aim| ("queueWait", queue::time(aim, QueueGoal::Wait))),
        ];
        all.into_iter().flatten().collect()
    }
}

/// A share for a percentage, else cores.
fn cpu(target: CpuTarget) -> f64 {
    match target {
        CpuTarget::Utilization(percent) => percent.ratio(),
        CpuTarget::AverageValue(cpu) => cpu.cores().0,
    }
}

/// A share for a percentage, else bytes.
fn memory(target: MemoryTarget) -> f64 {
    match target {
        MemoryTarget::Utilization(percent) => percent.ratio(),
        MemoryTarget::AverageValue(size) => size.bytes() as f64,
    }
}

/// `measure`: what a target asks for, and its number.
fn aimed<T: Copy>(aim: &Aim<T>, measure: impl Fn(T) -> (Measure, f64)) -> Result<Metric<'_>, MetricProblem> {
    let (what, target) = measure(aim.target());
    let Some(full) = aim.full() else {
        return Ok(Metric { measure: what, scale_down_target: None, behavior: None, stale_after: None });
    };
    let down = match full.scale_down_target.map(measure) {
        Some((other, _)) if percent(&other) != percent(&what) => {
            return invalid("`target` and `scaleDownTarget` have different units", "write both in percent, or both as amounts");
        }
        Some((_, down)) => Some(lower(down, target)?),
        None => None,
    };
    let stale_after = full.stale_after.map(Duration::from);
    Ok(Metric { measure: what, scale_down_target: down, behavior: full.behavior.as_ref(), stale_after })
}

fn percent(measure: &Measure) -> bool {
    matches!(measure, Measure::Cpu(CpuTarget::Utilization(_)) | Measure::Memory(MemoryTarget::Utilization(_)))
}

/// A target for shrinking must not be above the one for growing: what the one adds, the other would remove.
pub(super) fn lower(down: f64, target: f64) -> Result<f64, MetricProblem> {
    if down <= target {
        return Ok(down);
    }
    invalid("`scaleDownTarget` is above the target", "lower it: between the two the service keeps its size")
}

fn latency(metric: &LatencyMetric) -> Result<Metric<'_>, MetricProblem> {
    let mut bounds = metric.bounds();
    let (percentile, target) = match (bounds.next(), bounds.next()) {
        (Some((_, target)), None) if target.is_zero() => {
            return invalid("a latency target of zero can never be met", "give a target such as `500ms`");
        }
        (Some(one), None) => one,
        (None, _) => return invalid("`latency` names no percentile", "write one, such as `latency: {p95: 500ms}`"),
        (Some(_), Some(_)) => {
            return invalid("`latency` has more than one percentile", "keep one; a second goes into its own list item");
        }
    };
    let down = match metric.scale_down_target.map(Duration::from) {
        Some(down) if down.is_zero() => return invalid("a `scaleDownTarget` of zero never shrinks", "give one such as `300ms`"),
        Some(down) => Some(lower(down.as_secs_f64(), target.as_secs_f64())?),
        None => None,
    };
    Ok(Metric {
        measure: Measure::Latency(percentile, target),
        scale_down_target: down,
        behavior: metric.behavior.as_ref(),
        stale_after: metric.stale_after.map(Duration::from),
    })
}

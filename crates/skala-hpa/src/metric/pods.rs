//! Metrics with a sample per pod: utilization of requests, and average values.
//!
//! Decides: the size at which the mean over pods meets its target.
//! Units: milli; utilization in whole percents, truncated, so that the ratio is quantised before it is divided.
//! Method: `autoscaling/v2`: a first pass over the samples as they came; where pods are missing, or some are unready and the
//!   first pass wants to grow, a second pass with them filled in against the first pass's direction.
//! Invariants: filling in never turns a direction round; sums are exact in 128 bits and saturate when they are reported.
//! Tested: `tests/rows/pods.rs`, `tests/oracle`.

use super::classify::classify;
use super::text::Stage;
use super::{Computed, Context, Wrong};
use crate::math::{ceil_i32, saturate_i32, saturate_i64};
use crate::{Current, MetricTrace, Pass, PodClass, PodReadings, Requests, Verdict};

/// Sums over one class of pods.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    pods: usize,
    value: i128,
    request: i128,
}

/// Sums per class, and what missing pods are filled with when shrinking.
#[derive(Debug, Default)]
struct Tally {
    ready: Sums,
    unready: Sums,
    missing: Sums,
    fill: i128,
}

/// Resource and ContainerResource with `averageUtilization`.
pub(super) fn utilization(
    context: &Context<'_>,
    readings: &PodReadings,
    percent: i32,
    cpu: bool,
    trace: &mut MetricTrace,
) -> Result<Computed, Wrong> {
    let fill_percent = if context.quirks.missing_fill_reaches_target { percent.max(100) } else { 100 };
    let requests = match &readings.requests {
        Requests::Milli(milli) => Ok(milli.as_slice()),
        Requests::Missing(message) => Err(message),
    };
    let tally = tally(context, readings, requests.unwrap_or_default(), Some(fill_percent), cpu, trace)?;
    let requests = requests.map_err(|message| wrong(message))?;
    if requests.len() < context.input.pods.len() {
        return Err(wrong("the reading lacks requests of some pods"));
    }
    let Tally { ready, unready, missing, fill } = tally;
    let measure = |sums: Sums| match sums.request {
        0 => Err(wrong("no metrics returned matched known pods")),
        r if r < 0 => Err(wrong("requests of the pods add up to a negative total")),
        r => {
            let value = saturate_i32(sums.value * 100 / r);
            Ok(Pass { samples: sums.pods, value: i64::from(value), ratio: f64::from(value) / f64::from(percent) })
        }
    };
    trace.target = i64::from(percent);
    if ready.value < 0 {
        return Err(wrong("samples add up to a negative total"));
    }
    let first = measure(ready)?;
    let mean = saturate_i64(ready.value / ready.pods as i128);
    let current =
        Current { average_utilization: i32::try_from(first.value).ok(), average_value: Some(mean), ..Current::default() };
    // Samples of strangers have no request and do not count for the mean, but they do for the number of samples.
    let fill_missing = |ratio: f64| (ratio != 1.0).then_some(if ratio < 1.0 { fill } else { 0 });
    conclude(context, trace, first, &tally, readings.strangers.len(), current, fill_missing, |missing_value, with_unready| {
        let mut sums = ready;
        if let Some(value) = missing_value {
            sums = sums.plus(Sums { value, ..missing });
        }
        if with_unready {
            sums = sums.plus(Sums { value: 0, ..unready });
        }
        measure(sums)
    })
}

/// Resource, ContainerResource and Pods with `averageValue`.
pub(super) fn average(
    context: &Context<'_>,
    readings: &PodReadings,
    target: i64,
    cpu: bool,
    trace: &mut MetricTrace,
) -> Result<Computed, Wrong> {
    let tally = tally(context, readings, &[], None, cpu, trace)?;
    let Tally { ready, unready, missing, .. } = tally;
    let strangers: i128 = readings.strangers.iter().copied().map(i128::from).sum();
    let all = ready.plus(Sums { pods: readings.strangers.len(), value: strangers, request: 0 });
    let measure = |sums: Sums| {
        let value = saturate_i64(sums.value / sums.pods as i128);
        Ok(Pass { samples: sums.pods, value, ratio: value as f64 / target as f64 })
    };
    trace.target = target;
    if all.value < 0 {
        return Err(wrong("samples add up to a negative total"));
    }
    let first = measure(all)?;
    let current = Current { average_value: Some(first.value), ..Current::default() };
    let fills_at_one = context.quirks.missing_fill_at_one;
    let fill_missing = |ratio: f64| match ratio {
        r if r < 1.0 => Some(i128::from(target) * missing.pods as i128),
        r if r > 1.0 || fills_at_one => Some(0),
        _ => None,
    };
    // Strangers are already among the samples.
    conclude(context, trace, first, &tally, 0, current, fill_missing, |missing_value, with_unready| {
        let mut sums = all;
        if let Some(value) = missing_value {
            sums = sums.plus(Sums { value, ..missing });
        }
        if with_unready {
            sums = sums.plus(Sums { value: 0, ..unready });
        }
        measure(sums)
    })
}

/// From the first ratio to a size, with a second pass where one is called for.
#[expect(clippy::too_many_arguments, reason = "one formula for two units; a struct would only rename its parameters")]
fn conclude(
    context: &Context<'_>,
    trace: &mut MetricTrace,
    first: Pass,
    tally: &Tally,
    more_samples: usize,
    current: Current,
    fill_missing: impl Fn(f64) -> Option<i128>,
    measure: impl Fn(Option<i128>, bool) -> Result<Pass, Wrong>,
) -> Result<Computed, Wrong> {
    trace.first = Some(first);
    let size = context.scale.spec_replicas;
    let done = |proposal, verdict| Ok(Computed { proposal, current, verdict });
    let with_unready = tally.unready.pods > 0 && first.ratio > 1.0;
    if !with_unready && tally.missing.pods == 0 {
        if context.within(first.ratio) {
            return done(size, Verdict::WithinTolerance);
        }
        // The ready pods, not the size: pods that are ignored or unready neither carry load nor count.
        return done(ceil_i32(first.ratio * tally.ready.pods as f64), Verdict::Scaled);
    }
    let filled = if tally.missing.pods > 0 { fill_missing(first.ratio) } else { None };
    let second = measure(filled, with_unready)?;
    let second = Pass { samples: second.samples + more_samples, ..second };
    trace.second = Some(second);
    if context.within(second.ratio) {
        return done(size, Verdict::WithinToleranceWhenFilled);
    }
    if (first.ratio < 1.0 && second.ratio > 1.0) || (first.ratio > 1.0 && second.ratio < 1.0) {
        return done(size, Verdict::DirectionTurned);
    }
    let proposal = ceil_i32(second.ratio * second.samples as f64);
    if (second.ratio < 1.0 && proposal > size) || (second.ratio > 1.0 && proposal < size) {
        return done(size, Verdict::CountTurned);
    }
    done(proposal, Verdict::Scaled)
}

/// Sorts the pods and sums each class.
fn tally(
    context: &Context<'_>,
    readings: &PodReadings,
    requests: &[i64],
    fill_percent: Option<i32>,
    cpu: bool,
    trace: &mut MetricTrace,
) -> Result<Tally, Wrong> {
    let input = context.input;
    if input.pods.is_empty() {
        return Err(wrong("no pods returned by selector while calculating replica count"));
    }
    let mut tally = Tally::default();
    let mut ignored = 0;
    trace.pods.reserve_exact(input.pods.len());
    for (i, pod) in input.pods.iter().enumerate() {
        let sample = readings.samples.get(i).and_then(Option::as_ref);
        let request = requests.get(i).copied().unwrap_or(0);
        let class = classify(pod, sample, cpu, input.settings, context.quirks, input.now);
        let value = sample.map_or(0, |s| s.value);
        match class {
            PodClass::Ready => tally.ready.add(value, request),
            PodClass::Unready => tally.unready.add(0, request),
            PodClass::Missing => {
                tally.missing.add(0, request);
                tally.fill += fill_percent.map_or(0, |percent| share(request, percent));
            }
            PodClass::Ignored => ignored += 1,
        }
        trace.pods.push(class);
    }
    trace.counts = crate::Counts {
        ready: tally.ready.pods,
        unready: tally.unready.pods,
        missing: tally.missing.pods,
        ignored,
        strangers: readings.strangers.len(),
    };
    if tally.ready.pods + readings.strangers.len() == 0 {
        return Err(wrong("did not receive metrics for targeted pods (pods might be unready)"));
    }
    Ok(tally)
}

/// `percent` of a request, truncated.
fn share(request: i64, percent: i32) -> i128 {
    match request.checked_mul(i64::from(percent)) {
        Some(product) => i128::from(product / 100),
        None => i128::from(request) * i128::from(percent) / 100,
    }
}

fn wrong(message: &str) -> Wrong {
    (Stage::Compute, message.to_owned())
}

impl Sums {
    fn add(&mut self, value: i64, request: i64) {
        self.pods += 1;
        self.value += i128::from(value);
        self.request += i128::from(request);
    }

    fn plus(self, other: Sums) -> Sums {
        Sums { pods: self.pods + other.pods, value: self.value + other.value, request: self.request + other.request }
    }
}

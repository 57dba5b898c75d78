//! From the answers of the metrics APIs to the readings that the HPA core takes.
//!
//! Decides: which sample is whose, and which amounts fail a metric.
//! Method: as the HPA's metrics client: a pod's sample is the sum over its containers and exists only if every container has the
//!   resource; samples of pods that are gone, yet match the selector, count apart. Requests are `skala_manifests`' part.
//! Invariants: a negative amount, one out of range, or two samples of one pod fail the metric; nothing is guessed.
//! Tested: `tests/it/acting.rs`, `tests/it/metrics.rs`.

use std::time::Duration;

use skala_hpa::{PodReadings, Reading, Requests, Sample};
use skala_manifests::decide::{add, request};
use skala_manifests::object::{ExternalMetricValue, MetricValue};
use skala_manifests::{Milli, QuantityError, Selector};
use skala_types::Time;

use super::Seen;
use crate::cluster::samples::PodSamples;
use crate::objects::PodSample;

/// The window of a custom metric that names none.
const CUSTOM_WINDOW: Duration = Duration::from_secs(60);

/// Which resource, of whole pods or of one container of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) resource: &'a str,
    pub(crate) container: Option<&'a str>,
    /// A sample that lacks the container fails the metric, as some releases have it.
    pub(crate) lacking_fails: bool,
}

/// A resource of the target's pods.
pub(crate) fn resource(pods: &[Seen], selector: &Selector, samples: &PodSamples, wanted: Wanted<'_>) -> Reading {
    let mut all = PodReadings::default();
    let mut answered = false;
    for seen in pods {
        let sample = match samples.by_name.get(&*seen.name) {
            None => None,
            Some(found) => {
                answered = true;
                match sample(found, &seen.name, wanted) {
                    Ok(sample) => sample,
                    Err(error) => return Reading::Failed(error),
                }
            }
        };
        all.samples.push(sample);
    }
    for (labels, gone) in &samples.orphans {
        if labels.is_empty() || !selector.matches(labels) {
            continue;
        }
        answered = true;
        match sample(gone, "that is gone", wanted) {
            Ok(sample) => all.strangers.extend(sample.map(|s| s.value)),
            Err(error) => return Reading::Failed(error),
        }
    }
    if !answered {
        return Reading::Failed("no metrics returned from resource metrics API".into());
    }
    let requests: Result<Vec<i64>, String> = pods.iter().map(|p| request(p, wanted.resource, wanted.container)).collect();
    all.requests = requests.map_or_else(Requests::Missing, Requests::Milli);
    Reading::Pods(all)
}

fn sample(of: &PodSample, pod: &str, wanted: Wanted<'_>) -> Result<Option<Sample>, String> {
    let Wanted { resource, container, lacking_fails } = wanted;
    let usage = |usage: &[(std::sync::Arc<str>, Milli)]| usage.iter().find(|(n, _)| &**n == resource).map(|(_, v)| *v);
    let value = match container {
        None => sum(of.containers.iter().map(|(_, u)| usage(u))),
        Some(container) => match of.containers.iter().find(|(name, _)| &**name == container) {
            None if lacking_fails => return Err(format!("container {container} not present in metrics for pod {pod}")),
            found => found.and_then(|(_, u)| usage(u)).map(Milli::usable).transpose(),
        },
    };
    let value = value.map_err(|e| format!("the {resource} usage of pod {pod} cannot be used: {e}"))?;
    Ok(value.map(|value| Sample { value, timestamp: of.timestamp, window: of.window }))
}

fn sum(amounts: impl Iterator<Item = Option<Milli>>) -> Result<Option<i64>, QuantityError> {
    let mut total = None;
    for amount in amounts {
        let Some(amount) = amount else { return Ok(None) };
        total = Some(add(total.unwrap_or(0), amount.usable()?)?);
    }
    Ok(total)
}

/// A custom metric of pods.
pub(crate) fn of_pods(pods: &[Seen], values: &[MetricValue], now: Time) -> Reading {
    let mut samples: Vec<Option<Sample>> = vec![None; pods.len()];
    let mut strangers = Vec::new();
    for value in values {
        let name = &*value.described_object.name;
        let milli = match value.value.positive_milli() {
            Ok(milli) => milli,
            Err(error) => return Reading::Failed(format!("the value of pod {name} cannot be used: {error}")),
        };
        let seconds = value.window_seconds.and_then(|s| u64::try_from(s).ok());
        let window = seconds.map_or(CUSTOM_WINDOW, Duration::from_secs);
        let sample = Sample { value: milli, timestamp: value.timestamp.map_or(now, |t| t.0), window };
        match pods.binary_search_by(|p| (*p.name).cmp(name)) {
            Err(_) => strangers.push(milli),
            Ok(at) => {
                if samples[at].replace(sample).is_some() {
                    return Reading::Failed(format!("there are two values of pod {name}"));
                }
            }
        }
    }
    Reading::Pods(PodReadings { samples, strangers, requests: Requests::default() })
}

/// A custom metric of an object.
pub(crate) fn of_object(values: &[MetricValue]) -> Reading {
    match values.first().map(|v| v.value.positive_milli()) {
        Some(Ok(milli)) => Reading::Object(milli),
        Some(Err(error)) => Reading::Failed(format!("the value cannot be used: {error}")),
        None => Reading::Failed("no metrics returned from custom metrics API".into()),
    }
}

/// An external metric.
pub(crate) fn external(values: &[ExternalMetricValue]) -> Reading {
    let all: Result<Vec<i64>, QuantityError> = values.iter().map(|v| v.value.positive_milli()).collect();
    all.map_or_else(|e| Reading::Failed(format!("the value cannot be used: {e}")), Reading::External)
}

//! From the answers of the metrics APIs to the readings that the HPA core takes.
//!
//! Method: as the HPA's metrics client: a pod's sample is the sum over its containers and exists only if every container has the
//!   resource; values of pods that the selector does not match count apart.
//! Tested: `tests/it/acting.rs`.

use std::time::Duration;

use skala_hpa::{PodReadings, Reading, Requests, Sample};
use skala_types::Time;

use super::Seen;
use crate::cluster::samples::PodSamples;
use crate::objects::{CustomValue, ExternalValue, KeptPod, PodSample};

/// The window of a custom metric that names none.
const CUSTOM_WINDOW: Duration = Duration::from_secs(60);

/// A resource of whole pods, or of one container of each.
pub(crate) fn resource(pods: &[Seen], samples: &PodSamples, name: &str, container: Option<&str>) -> Reading {
    let of = |seen: &Seen| samples.get(&*seen.name).and_then(|s| sample(s, name, container));
    let values: Vec<Option<Sample>> = pods.iter().map(of).collect();
    if values.iter().all(Option::is_none) {
        return Reading::Failed("no metrics returned from resource metrics API".into());
    }
    Reading::Pods(PodReadings { samples: values, strangers: Vec::new(), requests: requests(pods, name, container) })
}

fn sample(of: &PodSample, name: &str, container: Option<&str>) -> Option<Sample> {
    let mut sum = 0i64;
    let mut found = false;
    for (_, usage) in of.containers.iter().filter(|(c, _)| container.is_none_or(|wanted| &**c == wanted)) {
        sum = sum.saturating_add(usage.iter().find(|(n, _)| &**n == name)?.1);
        found = true;
    }
    found.then_some(Sample { value: sum, timestamp: of.timestamp, window: of.window })
}

fn requests(pods: &[Seen], name: &str, container: Option<&str>) -> Requests {
    let mut all = Vec::with_capacity(pods.len());
    for seen in pods {
        match request(&seen.pod, name, container) {
            Ok(milli) => all.push(milli),
            Err("") => {
                let container = container.unwrap_or_default();
                return Requests::Missing(format!("container {container} not found in Pod {}", seen.name));
            }
            Err(missing) => {
                return Requests::Missing(format!("missing request for {name} in container {missing} of Pod {}", seen.name));
            }
        }
    }
    Requests::Milli(all)
}

/// One pod's request, or the container that lacks it; empty when the container itself is not there.
pub(crate) fn request<'a>(pod: &'a KeptPod, name: &str, container: Option<&str>) -> Result<i64, &'a str> {
    if container.is_none()
        && let Some((_, whole)) = pod.whole.iter().find(|(n, _)| &**n == name)
    {
        return Ok(*whole);
    }
    let (mut sum, mut found) = (0i64, false);
    for (own, requested) in pod.containers.iter().filter(|(c, _)| container.is_none_or(|wanted| &**c == wanted)) {
        let Some((_, milli)) = requested.iter().find(|(n, _)| &**n == name) else { return Err(own) };
        sum = sum.saturating_add(*milli);
        found = true;
    }
    if found || container.is_none() { Ok(sum) } else { Err("") }
}

/// A custom metric of pods.
pub(crate) fn of_pods(pods: &[Seen], values: &[CustomValue], now: Time) -> Reading {
    let mut samples: Vec<Option<Sample>> = vec![None; pods.len()];
    let mut strangers = Vec::new();
    for value in values {
        let Some(milli) = value.value.as_ref().and_then(|q| q.milli()) else {
            return Reading::Failed("a value of the custom metrics API is not a quantity".into());
        };
        let window = value.window_seconds.map_or(CUSTOM_WINDOW, Duration::from_secs);
        let sample = Sample { value: milli, timestamp: value.timestamp.unwrap_or(now), window };
        match pods.iter().position(|p| *p.name == value.described_object.name) {
            Some(at) => samples[at] = Some(sample),
            None => strangers.push(milli),
        }
    }
    Reading::Pods(PodReadings { samples, strangers, requests: Requests::default() })
}

/// A custom metric of an object.
pub(crate) fn of_object(values: &[CustomValue]) -> Reading {
    match values.first().and_then(|v| v.value.as_ref()).and_then(|q| q.milli()) {
        Some(milli) => Reading::Object(milli),
        None => Reading::Failed("the value of the custom metrics API is not a quantity".into()),
    }
}

/// An external metric.
pub(crate) fn external(values: &[ExternalValue]) -> Reading {
    let all: Option<Vec<i64>> = values.iter().map(|v| v.value.as_ref().and_then(|q| q.milli())).collect();
    all.map_or_else(|| Reading::Failed("a value of the external metrics API is not a quantity".into()), Reading::External)
}

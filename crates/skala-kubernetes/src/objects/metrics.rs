//! Answers of the three metrics APIs.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use skala_types::Time;

use super::intern::intern;
use super::{Quantity, time};
use crate::api::Meta;

/// `metrics.k8s.io/v1beta1` PodMetrics.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WirePodMetrics {
    metadata: Meta,
    #[serde(deserialize_with = "time::lenient")]
    timestamp: Option<Time>,
    window: String,
    containers: Vec<WireContainer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireContainer {
    name: String,
    usage: std::collections::BTreeMap<String, Quantity>,
}

/// Usage of one container in thousandths, by resource.
type Usage = Box<[(Arc<str>, i64)]>;

/// What is kept of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodSample {
    pub(crate) timestamp: Time,
    pub(crate) window: Duration,
    pub(crate) containers: Box<[(Arc<str>, Usage)]>,
}

impl WirePodMetrics {
    /// Pod name and sample; a sample without a time is none, since its age is unknown.
    pub(crate) fn keep(self) -> Option<(Box<str>, PodSample)> {
        let usage = |c: WireContainer| {
            let amounts = c.usage.into_iter().filter_map(|(name, q)| Some((intern(&name), q.milli()?)));
            (intern(&c.name), amounts.collect())
        };
        let sample = PodSample {
            timestamp: self.timestamp?,
            window: go_duration(&self.window).unwrap_or(Duration::from_secs(60)),
            containers: self.containers.into_iter().map(usage).collect(),
        };
        Some((self.metadata.name.into(), sample))
    }
}

/// Go's `time.Duration` as text: `30s`, `1m0s`, `1.5s`.
fn go_duration(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |i| digits + i);
        total += number
            * match &rest[digits..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|_| !text.is_empty())
}

/// `custom.metrics.k8s.io` MetricValue, of both versions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CustomValue {
    pub(crate) described_object: Meta,
    #[serde(deserialize_with = "time::lenient")]
    pub(crate) timestamp: Option<Time>,
    pub(crate) window_seconds: Option<u64>,
    pub(crate) value: Option<Quantity>,
}

/// `external.metrics.k8s.io` ExternalMetricValue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExternalValue {
    #[serde(deserialize_with = "time::lenient")]
    pub(crate) timestamp: Option<Time>,
    pub(crate) value: Option<Quantity>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_as_go_prints_them() {
        let rows = [
            ("30s", Some(30.0)),
            ("1m0s", Some(60.0)),
            ("10.5s", Some(10.5)),
            ("250ms", Some(0.25)),
            ("", None),
            ("9", None),
            ("1x", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(go_duration(text).map(|d| d.as_secs_f64()), seconds, "{text}");
        }
    }

    #[test]
    fn a_sample_without_time_is_none() {
        let read = |json: &str| serde_json::from_str::<WirePodMetrics>(json).unwrap().keep();
        let full = r#"{"metadata":{"name":"a"},"timestamp":"2026-01-01T00:00:00Z","window":"15s","containers":[{"name":"c","usage":{"cpu":"12n","memory":"1Ki"}}]}"#;
        let (name, sample) = read(full).unwrap();
        assert_eq!((&*name, sample.window, sample.containers[0].1[0].1), ("a", Duration::from_secs(15), 1));
        assert_eq!(read(r#"{"metadata":{"name":"a"},"containers":[]}"#), None);
    }
}

//! What is kept of an answer of metrics.k8s.io.
//!
//! Invariants: a sample without a time is none, since its age is unknown.
//! Tested: `tests` below.

use std::sync::Arc;
use std::time::Duration;

use skala_manifests::Milli;
use skala_manifests::object::PodMetrics;
use skala_types::Time;

use super::intern::intern;

/// Usage of one container, by resource.
type Usage = Box<[(Arc<str>, Milli)]>;

/// What is kept of a pod's sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodSample {
    pub(crate) timestamp: Time,
    pub(crate) window: Duration,
    pub(crate) containers: Box<[(Arc<str>, Usage)]>,
}

impl PodSample {
    /// Takes over what counts.
    pub(crate) fn of(metrics: &PodMetrics) -> Option<PodSample> {
        let usage =
            |usage: &skala_manifests::object::Requests| usage.iter().map(|(name, amount)| (intern(name), amount)).collect();
        Some(PodSample {
            timestamp: metrics.timestamp?.0,
            window: metrics.window.map_or(Duration::ZERO, |w| w.0),
            containers: metrics.containers.iter().map(|c| (intern(&c.name), usage(&c.usage))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_without_time_is_none() {
        let read = |json: &str| PodSample::of(&serde_json::from_str(json).unwrap());
        let full = r#"{"metadata":{"name":"a"},"timestamp":"2026-01-01T00:00:00Z","window":"15s","containers":[{"name":"c","usage":{"cpu":"12n","memory":"1Ki"}}]}"#;
        let sample = read(full).unwrap();
        assert_eq!((sample.window, sample.containers[0].1[0].1), (Duration::from_secs(15), Milli(1)));
        assert_eq!(read(r#"{"metadata":{"name":"a"},"containers":[]}"#), None);
    }
}

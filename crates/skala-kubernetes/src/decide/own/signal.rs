//! Numbers that the core knows as signals.
//!
//! Decides: which metrics are signals, under which names, and which one number each is.
//! Invariants: a value below zero is an error.

use skala_hpa::{MetricSpec as HpaMetric, Reading};
use skala_types::{Sampled, Time};

/// A number from outside, with what is known of earlier attempts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Signal {
    pub(crate) last: Option<Sampled<f64>>,
    /// What an activation is compared with, where that is not the value.
    pub(crate) activity: Option<f64>,
    pub(crate) error: Option<String>,
    pub(crate) failures: u32,
}

/// The name under which a metric of the spec is a signal; none for those that are read off the pods.
pub(crate) fn signal_name(metric: &HpaMetric) -> Option<String> {
    Some(match metric {
        HpaMetric::Resource { name, .. } if name == "cpu" || name == "memory" => return None,
        HpaMetric::Resource { name, .. } => format!("resource/{name}"),
        HpaMetric::ContainerResource { name, container, .. } => format!("container/{container}/{name}"),
        HpaMetric::Pods { metric, .. } => format!("pods/{}", metric.name),
        HpaMetric::Object { metric, described, .. } => format!("{}/{}/{}", described.kind, described.name, metric.name),
        HpaMetric::External { metric, .. } => format!("external/{}", metric.name),
        HpaMetric::Unknown { .. } => return None,
    })
}

/// The one number of a metric that is a signal, and when it was true.
///
/// # Errors
/// In words, when the reading has none.
pub(crate) fn signal_value(metric: &HpaMetric, reading: &Reading, at: Option<Time>, now: Time) -> Result<Sampled<f64>, String> {
    let value = match reading {
        Reading::Failed(error) => return Err(error.clone()),
        Reading::Object(milli) => *milli as f64,
        Reading::External(all) => all.iter().map(|m| *m as f64).sum(),
        Reading::Pods(pods) => {
            let used: f64 = pods.samples.iter().flatten().map(|s| s.value as f64).sum();
            match (utilization(metric), &pods.requests) {
                (false, _) => used,
                (true, skala_hpa::Requests::Missing(error)) => return Err(error.clone()),
                (true, skala_hpa::Requests::Milli(requests)) => {
                    let sampled = pods.samples.iter().zip(requests).filter(|(s, _)| s.is_some());
                    let requested: f64 = sampled.map(|(_, r)| *r as f64).sum();
                    if requested <= 0.0 {
                        return Err("no pod with a sample has a request".into());
                    }
                    // In thousandths, like every other value here.
                    used / requested * 100_000.0
                }
            }
        }
    };
    if value < 0.0 {
        return Err(format!("a value of {} is below 0", value / 1000.0));
    }
    let oldest = match reading {
        Reading::Pods(pods) => pods.samples.iter().flatten().map(|s| s.timestamp).min(),
        _ => at,
    };
    Ok(Sampled::new(oldest.unwrap_or(now), value / 1000.0))
}

fn utilization(metric: &HpaMetric) -> bool {
    match metric {
        HpaMetric::Resource { target, .. } | HpaMetric::ContainerResource { target, .. } => target.average_value.is_none(),
        _ => false,
    }
}

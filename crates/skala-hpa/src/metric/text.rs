//! How Kubernetes words metrics and their failures.
//!
//! Decides: nothing; conditions, events and reasons carry these texts.
//! Method: kube-controller-manager's wording, newest release; the controller wraps a message once per layer of its code.
//! Tested: `tests/rows/status.rs`.

use crate::MetricSpec;

/// A metric that gave no size.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The reason of condition and event.
    pub(crate) reason: &'static str,
    /// What condition and event say.
    pub(crate) message: String,
    /// What the controller logs: the same, wrapped once more.
    pub(crate) error: String,
}

/// Where it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While fetching.
    Fetch,
    /// While computing on what was fetched.
    Compute,
    /// The spec's target cannot be used.
    Spec,
}

/// The phrase by which conditions and reasons call a metric.
pub(crate) fn title(spec: &MetricSpec) -> String {
    match spec {
        MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. }
            if target.average_value.is_some() =>
        {
            format!("{name} resource")
        }
        MetricSpec::Resource { name, .. } => format!("{name} resource utilization (percentage of request)"),
        MetricSpec::ContainerResource { name, .. } => format!("{name} container resource utilization (percentage of request)"),
        MetricSpec::Pods { metric, .. } => format!("pods metric {}", metric.name),
        MetricSpec::Object { metric, described, target } if target.kind == crate::TargetKind::Value => {
            format!("{} metric {}", described.kind, metric.name)
        }
        // Upstream calls an Object metric with an average value external, too.
        MetricSpec::Object { metric, .. } | MetricSpec::External { metric, .. } => {
            format!("external metric {}({})", metric.name, metric.selector())
        }
        MetricSpec::Unknown { kind } => kind.clone(),
    }
}

/// Wraps the innermost message as upstream does for this type of metric.
pub(crate) fn failure(spec: &MetricSpec, namespace: &str, stage: Stage, message: &str) -> Failure {
    let fetch = stage == Stage::Fetch;
    match spec {
        MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. } => {
            let inner = if fetch { format!("unable to get metrics for resource {name}: {message}") } else { message.to_owned() };
            let message = match stage {
                Stage::Spec => inner,
                _ if target.average_value.is_some() => format!("failed to get {name} usage: {inner}"),
                _ => format!("failed to get {name} utilization: {inner}"),
            };
            let (reason, error) = match spec {
                MetricSpec::ContainerResource { container, .. } => {
                    ("FailedGetContainerResourceMetric", format!("failed to get {container} container metric value: {message}"))
                }
                _ => ("FailedGetResourceMetric", format!("failed to get {name} resource metric value: {message}")),
            };
            Failure { reason, message, error }
        }
        MetricSpec::Pods { metric, .. } => {
            let message = if fetch { format!("unable to get metric {}: {message}", metric.name) } else { message.to_owned() };
            let error = format!("failed to get pods metric value: {message}");
            Failure { reason: "FailedGetPodsMetric", message, error }
        }
        MetricSpec::Object { metric, described, target } => {
            let (name, object) = (&metric.name, &described.name);
            let message = match fetch {
                true => format!("unable to get metric {name} on {} {namespace}/{object}: {message}", described.kind),
                false => message.to_owned(),
            };
            let average = target.kind == crate::TargetKind::AverageValue && stage != Stage::Spec;
            let layer = if average { format!("failed to get {name} object metric: ") } else { String::new() };
            let error = format!("failed to get object metric value: {layer}{message}");
            Failure { reason: "FailedGetObjectMetric", message, error }
        }
        MetricSpec::External { metric, target } => {
            let name = &metric.name;
            let message = match fetch {
                true => format!("unable to get external metric {namespace}/{name}/{}: {message}", metric.selector()),
                false => message.to_owned(),
            };
            let layer = match stage {
                Stage::Spec => String::new(),
                _ if target.average_value.is_some() => format!("failed to get {name} external metric: "),
                _ => format!("failed to get external metric {name}: "),
            };
            let error = format!("failed to get {name} external metric value: {layer}{message}");
            Failure { reason: "FailedGetExternalMetric", message, error }
        }
        MetricSpec::Unknown { kind } => {
            let message = format!("unknown metric source type {kind:?}");
            Failure { reason: "InvalidMetricSourceType", error: message.clone(), message }
        }
    }
}

//! One reading per metric of the spec.
//!
//! Decides: which of the document's values belong to a metric.
//! Method: custom values by metric name, selector and described object; external ones by metric name and labels; as the metrics APIs
//!   are asked. A metric that the document calls unavailable fails, whatever values are there.
//! Invariants: no value, two values of one object, or one that is no usable amount fail the metric with what was wrong.
//! Tested: `tests/it/decide.rs`.

use skala_hpa::{MetricSpec, Reading, Settings, Spec};

use super::Document;
use super::samples::Pods;
use crate::Selector;
use crate::object::{ExternalMetricValue, HorizontalPodAutoscaler, LabelSelector, MetricValue, hpa};

/// Reads every metric of the spec.
pub fn readings(
    document: &Document,
    hpa: &HorizontalPodAutoscaler,
    spec: &Spec,
    settings: &Settings,
    pods: &Pods<'_>,
) -> Vec<Reading> {
    let quirks = settings.compat.quirks();
    let one = |(i, metric): (usize, &MetricSpec)| {
        let source = hpa.spec.metrics.get(i);
        if document.unavailable.iter().any(|name| name == metric.name()) {
            return Reading::Failed(format!(
                "unable to fetch metrics from {} metrics API: the document calls it unavailable",
                api(metric)
            ));
        }
        match metric {
            MetricSpec::Resource { name, .. } => pods.resource(&document.pod_metrics, name, None, false),
            MetricSpec::ContainerResource { name, container, .. } => {
                pods.resource(&document.pod_metrics, name, Some(container), quirks.container_sample_missing_fails)
            }
            MetricSpec::Pods { metric, .. } => {
                let selector = source.and_then(|s| s.pods.as_ref()).and_then(|s| s.metric.selector.as_ref());
                pods.custom(custom(document, &metric.name, selector).filter(|v| is_pod(v)))
            }
            MetricSpec::Object { .. } => match source.and_then(|s| s.object.as_ref()) {
                Some(source) => object(document, hpa, source),
                None => Reading::Failed("the metric has no source".to_owned()),
            },
            MetricSpec::External { metric, .. } => {
                let selector = source.and_then(|s| s.external.as_ref()).and_then(|s| s.metric.selector.as_ref());
                external(document, &metric.name, selector)
            }
            MetricSpec::Unknown { .. } => Reading::External(Vec::new()),
        }
    };
    spec.metrics.iter().enumerate().map(one).collect()
}

fn api(metric: &MetricSpec) -> &'static str {
    match metric {
        MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => "resource",
        MetricSpec::Pods { .. } | MetricSpec::Object { .. } => "custom",
        MetricSpec::External { .. } | MetricSpec::Unknown { .. } => "external",
    }
}

/// The values of a custom metric whose selector is the one asked for; a value without selector answers any.
fn custom<'a>(
    document: &'a Document,
    name: &'a str,
    selector: Option<&'a LabelSelector>,
) -> impl Iterator<Item = &'a MetricValue> {
    let same = move |value: &MetricValue| match value.selector() {
        None => true,
        Some(theirs) => match (Selector::new(theirs), selector.map(Selector::new)) {
            (Ok(theirs), Some(Ok(ours))) => theirs == ours,
            (Ok(theirs), None) => theirs.is_empty(),
            _ => false,
        },
    };
    document.custom_metrics.iter().filter(move |v| v.name() == name && same(v))
}

fn is_pod(value: &MetricValue) -> bool {
    matches!(&*value.described_object.kind, "Pod" | "")
}

fn object(document: &Document, hpa: &HorizontalPodAutoscaler, source: &hpa::ObjectSource) -> Reading {
    let wanted = &source.described_object;
    let own = &*hpa.metadata.namespace;
    let group = |api_version: &str| api_version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    let is_it = |v: &&MetricValue| {
        let found = &v.described_object;
        found.kind == wanted.kind
            && found.name == wanted.name
            && (found.namespace.is_empty() || own.is_empty() || &*found.namespace == own)
            && (found.api_version.is_empty()
                || wanted.api_version.is_empty()
                || group(&found.api_version) == group(&wanted.api_version))
    };
    let mut values = custom(document, &source.metric.name, source.metric.selector.as_ref()).filter(is_it);
    match (values.next(), values.next()) {
        (None, _) => Reading::Failed(format!(
            "unable to fetch metrics from custom metrics API: the server could not find the metric {} for {} {}",
            source.metric.name, wanted.kind, wanted.name
        )),
        (Some(_), Some(_)) => Reading::Failed(format!("there are two values for {} {}", wanted.kind, wanted.name)),
        (Some(value), None) => match value.value.positive_milli() {
            Ok(milli) => Reading::Object(milli),
            Err(error) => Reading::Failed(format!("the value cannot be used: {error}")),
        },
    }
}

fn external(document: &Document, name: &str, selector: Option<&LabelSelector>) -> Reading {
    let selector = match selector.map(Selector::new).transpose() {
        Ok(selector) => selector.unwrap_or_default(),
        Err(error) => return Reading::Failed(error.to_string()),
    };
    // The API was asked with the selector already; a value that came back without labels cannot be another's.
    let ours = |v: &&ExternalMetricValue| v.metric_labels.is_empty() || selector.matches(&v.metric_labels);
    let matching = document.external_metrics.iter().filter(|v| &*v.metric_name == name).filter(ours);
    let values: Result<Vec<i64>, _> = matching.map(|v| v.value.positive_milli()).collect();
    match values {
        Err(error) => Reading::Failed(format!("a value cannot be used: {error}")),
        Ok(values) if values.is_empty() => Reading::Failed("no metrics returned from external metrics API".to_owned()),
        Ok(values) => Reading::External(values),
    }
}

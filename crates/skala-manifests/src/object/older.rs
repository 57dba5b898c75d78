//! The older forms of a HorizontalPodAutoscaler: v1 with its annotations, v2beta1, v2beta2.
//!
//! Decides: what an older object means in the form of `autoscaling/v2`.
//! Method: a JSON tree in, with its `apiVersion`. v2beta2 has v2's fields. v2beta1 spreads a target over differently named fields,
//!   and v1 holds one cpu percentage, with everything else as v2beta1 texts in annotations, as the API server writes them.
//! Invariants: an object without `apiVersion` is taken for v1 when it has `targetCPUUtilizationPercentage`, else for v2.
//! Tested: `tests/it/objects.rs`.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value, json};

use super::Condition;
use super::hpa::{Behavior, HorizontalPodAutoscaler, MetricSpec, MetricTarget, ResourceSource};

/// Prefix of v1's annotations.
const PREFIX: &str = "autoscaling.alpha.kubernetes.io/";
/// The percentage of an object that asks for nothing.
const CPU_PERCENT: i32 = 80;

/// Reads a HorizontalPodAutoscaler of any version in the form of v2.
///
/// # Errors
/// For a wrong type, with the path of the field; for an annotation that cannot be read; for another kind or version.
pub fn read(value: Value) -> Result<HorizontalPodAutoscaler, (String, String)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text("kind");
    if !kind.is_empty() && kind != "HorizontalPodAutoscaler" {
        return Err(("kind".into(), format!("this is a {kind}, not a HorizontalPodAutoscaler")));
    }
    let percent = value.pointer("/spec/targetCPUUtilizationPercentage").filter(|v| !v.is_null()).cloned();
    match text("apiVersion").as_str() {
        "autoscaling/v1" => v1(value, percent),
        "" if percent.is_some() => v1(value, percent),
        "autoscaling/v2beta1" => v2beta1(value),
        "" | "autoscaling/v2" | "autoscaling/v2beta2" => decode(value),
        other => Err(("apiVersion".into(), format!("'{}' is not a version of autoscaling that can be read", shown(other)))),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn decode<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(value).map_err(|e| (e.path().to_string(), e.inner().to_string()))
}

fn v1(value: Value, percent: Option<Value>) -> Result<HorizontalPodAutoscaler, (String, String)> {
    let mut hpa: HorizontalPodAutoscaler = decode(value)?;
    let annotation = |name: &str| hpa.metadata.annotations.get(&format!("{PREFIX}{name}")).map(str::to_owned);
    let bad = |name: &str, error: &dyn std::fmt::Display| {
        (format!("metadata.annotations['{PREFIX}{name}']"), format!("the annotation cannot be read: {error}"))
    };
    let mut metrics: Vec<MetricSpec> = Vec::new();
    if let Some(text) = annotation("metrics") {
        let mut list: Value = serde_json::from_str(&text).map_err(|e| bad("metrics", &e))?;
        rename_metrics(&mut list).map_err(|e| bad("metrics", &e))?;
        metrics = serde_json::from_value(list).map_err(|e| bad("metrics", &e))?;
    }
    if let Some(text) = annotation("behavior") {
        hpa.spec.behavior = Some(serde_json::from_str::<Behavior>(&text).map_err(|e| bad("behavior", &e))?);
    }
    if let Some(text) = annotation("conditions") {
        hpa.status.conditions = serde_json::from_str::<Vec<Condition>>(&text).map_err(|e| bad("conditions", &e))?;
    }
    let percent = match percent {
        None if metrics.is_empty() => Some(CPU_PERCENT),
        None => None,
        Some(value) => {
            let wrong = || ("spec.targetCPUUtilizationPercentage".to_owned(), format!("{value} is not a percentage"));
            Some(value.as_i64().and_then(|p| i32::try_from(p).ok()).ok_or_else(wrong)?)
        }
    };
    // Upstream puts the cpu percentage first.
    if let Some(percent) = percent {
        let target = MetricTarget { kind: "Utilization".into(), average_utilization: Some(percent), ..MetricTarget::default() };
        let resource = Some(ResourceSource { name: "cpu".into(), target });
        metrics.insert(0, MetricSpec { kind: "Resource".into(), resource, ..MetricSpec::default() });
    }
    hpa.spec.metrics = metrics;
    Ok(hpa)
}

fn v2beta1(mut value: Value) -> Result<HorizontalPodAutoscaler, (String, String)> {
    if let Some(metrics) = value.pointer_mut("/spec/metrics") {
        rename_metrics(metrics).map_err(|e| ("spec.metrics".to_owned(), e.to_string()))?;
    }
    decode(value)
}

/// Moves v2beta1's fields of each metric to where v2 has them.
fn rename_metrics(metrics: &mut Value) -> Result<(), serde_json::Error> {
    let Value::Array(list) = metrics else {
        return if metrics.is_null() { Ok(()) } else { Err(serde_json::Error::custom("the metrics are not a list")) };
    };
    for metric in list {
        let Value::Object(metric) = metric else { return Err(serde_json::Error::custom("a metric is not an object")) };
        for (key, source) in metric.iter_mut() {
            if let ("resource" | "containerResource" | "pods" | "object" | "external", Value::Object(source)) =
                (key.as_str(), source)
            {
                rename_source(key, source);
            }
        }
    }
    Ok(())
}

fn rename_source(kind: &str, source: &mut Map<String, Value>) {
    // v2beta1's Object source calls the object `target`; v2's target is a map with a type.
    if kind == "object"
        && !source.contains_key("describedObject")
        && let Some(object) = source.remove("target")
    {
        source.insert("describedObject".into(), object);
    }
    let mut target = Map::new();
    for (old, new, kind) in [
        ("targetAverageUtilization", "averageUtilization", "Utilization"),
        ("targetValue", "value", "Value"),
        ("targetAverageValue", "averageValue", "AverageValue"),
        ("averageValue", "averageValue", "AverageValue"),
    ] {
        if let Some(value) = source.remove(old).filter(|v| !v.is_null()) {
            target.insert("type".into(), json!(kind));
            target.insert(new.into(), value);
        }
    }
    if !target.is_empty() {
        source.insert("target".into(), Value::Object(target));
    }
    if let Some(name) = source.remove("metricName") {
        let selector = source.remove("selector").or_else(|| source.remove("metricSelector")).unwrap_or(Value::Null);
        source.insert("metric".into(), json!({"name": name, "selector": selector}));
    }
}

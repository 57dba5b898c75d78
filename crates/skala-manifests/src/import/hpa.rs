//! HorizontalPodAutoscaler: v1 with its annotations, v2, and the betas between.
//!
//! Decides: which metrics are skala's own, which need the cluster, and which Kubernetes itself would refuse.
//! Method: `object::older` reads every version in the form of v2; what that form does not hold is found by comparing the object
//!   with the form printed again.
//! Tested: `tests/it/import/hpa.rs`.

use serde_json::{Value, json};

use super::behavior::Place;
use super::draft::{Aim, Metric, Mode, Scaler, Target, What};
use super::fields::quoted;
use super::note::Notes;
use super::objects::Object;
use super::tree::Node;
use super::{Found, behavior};
use crate::Quantity;
use crate::object::{HorizontalPodAutoscaler, hpa, older};

/// Fields of older versions, which the form of v2 has elsewhere.
const OLDER: [&str; 8] = [
    "targetCPUUtilizationPercentage",
    "targetAverageUtilization",
    "targetAverageValue",
    "targetValue",
    "metricName",
    "metricSelector",
    "selector",
    "averageValue",
];

pub(crate) fn read(object: &Object, found: &mut Found) {
    let notes = &mut found.notes;
    let place = Place { origin: &object.origin, root: &object.node };
    let hpa = match older::read(object.node.json()) {
        Ok(hpa) => hpa,
        Err((path, reason)) => return place.note(&path, reason, "correct it in the manifest; it is not imported", notes),
    };
    let printed = serde_json::to_value(&hpa.spec).unwrap_or_default();
    if let Some(spec) = object.node.get("spec") {
        unknown(spec, &printed, "spec", &place, notes);
    }
    let from = &hpa.spec.scale_target_ref;
    let target = Target {
        namespace: object.namespace.clone(),
        kind: from.kind.to_string(),
        name: from.name.to_string(),
        api_version: from.api_version.to_string(),
    };
    if target.name.is_empty() {
        return place.note("spec.scaleTargetRef", "this does not say what is scaled", "name it; nothing is imported", notes);
    }
    let mut scaler = Scaler::new(object.origin.clone(), &object.name, target, Mode::Hpa);
    bounds(&hpa, &mut scaler, &place, notes);
    for (i, metric) in hpa.spec.metrics.iter().enumerate() {
        let path = format!("spec.metrics[{i}]");
        if let Some((what, v2)) = self::metric(metric, &path, &place, notes) {
            scaler.metrics.push(Metric { line: place.line(&path), field: path, v2: Some(v2), what });
        }
    }
    if hpa.spec.metrics.is_empty() {
        // What the API server fills in.
        let v2 =
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
        let line = place.line("spec");
        scaler.metrics.push(Metric { line, field: "spec.metrics".to_owned(), v2: Some(v2), what: What::Cpu(Aim::Percent(80)) });
    }
    scaler.behavior = hpa.spec.behavior.as_ref().map(|b| behavior::read(b, "spec.behavior", &place, notes));
    found.scalers.push(scaler);
}

fn bounds(hpa: &HorizontalPodAutoscaler, scaler: &mut Scaler, place: &Place<'_>, notes: &mut Notes) {
    let (min, max) = (i64::from(hpa.spec.min_replicas.unwrap_or(1)), i64::from(hpa.spec.max_replicas));
    scaler.min = min.max(0);
    scaler.max = max.max(scaler.min).max(1);
    if min < 0 {
        place.note("spec.minReplicas", "it is below 0", "0 is written; choose a bound", notes);
    }
    if max != scaler.max {
        let reason = "0 <= minReplicas <= maxReplicas and 1 <= maxReplicas do not hold";
        place.note("spec.maxReplicas", reason, format!("{} is written; choose a bound", scaler.max), notes);
    }
}

/// Names what the object has and the form printed again has not.
pub(crate) fn unknown(from: &Node, kept: &Value, path: &str, place: &Place<'_>, notes: &mut Notes) {
    for entry in from.entries() {
        let path = format!("{path}.{}", entry.key);
        let empty = entry.value.is_null()
            || (entry.value.text().is_none() && entry.value.entries().is_empty() && entry.value.items().is_empty());
        match kept.get(&entry.key) {
            Some(kept) => unknown(&entry.value, kept, &path, place, notes),
            None if empty || OLDER.contains(&entry.key.as_str()) => {}
            // v2beta1 has the object of an Object metric under this name.
            None if entry.key == "target" && kept.get("describedObject").is_some() => {}
            None => notes.add(
                place.origin,
                entry.line,
                &path,
                "this field is not known here",
                "look whether it matters, and write what is meant by hand",
            ),
        }
    }
    for (i, item) in from.items().iter().enumerate() {
        unknown(item, kept.get(i).unwrap_or(&Value::Null), &format!("{path}[{i}]"), place, notes);
    }
}

fn metric(from: &hpa::MetricSpec, path: &str, place: &Place<'_>, notes: &mut Notes) -> Option<(What, Value)> {
    let v2 = serde_json::to_value(from).unwrap_or_default();
    let mut bad = |path: &str, reason: String| {
        place.note(path, reason, "the metric is left out; correct it", notes);
        None
    };
    let what = match &*from.kind {
        "Resource" => {
            let source = from.resource.as_ref()?;
            match (&*source.name, aim(&source.target)) {
                ("cpu", Some(aim)) => What::Cpu(aim),
                ("memory", Some(aim)) => What::Memory(aim),
                ("cpu" | "memory", None) => return bad(path, "this metric has no target above 0".to_owned()),
                (name, _) => What::Api { kind: "Resource".to_owned(), name: name.to_owned() },
            }
        }
        "ContainerResource" => {
            let source = from.container_resource.as_ref()?;
            let Some(aim) = aim(&source.target) else { return bad(path, "this metric has no target above 0".to_owned()) };
            match &*source.name {
                name @ ("cpu" | "memory") => {
                    What::Container { name: source.container.to_string(), memory: name == "memory", aim }
                }
                name => What::Api { kind: "ContainerResource".to_owned(), name: name.to_owned() },
            }
        }
        "Pods" => {
            let source = from.pods.as_ref()?;
            match source.target.average_value.filter(Quantity::is_positive) {
                Some(each) => What::Pods { name: source.metric.name.to_string(), each },
                None => return bad(path, "a Pods metric needs an averageValue above 0".to_owned()),
            }
        }
        "Object" => What::Api { kind: "Object".to_owned(), name: from.object.as_ref()?.metric.name.to_string() },
        "External" => What::Api { kind: "External".to_owned(), name: from.external.as_ref()?.metric.name.to_string() },
        other => return bad(&format!("{path}.type"), format!("{} is not a type of metric", quoted(other))),
    };
    Some((what, v2))
}

/// As in Kubernetes, a mean value wins over a utilization when both are set.
pub(crate) fn aim(target: &hpa::MetricTarget) -> Option<Aim> {
    match (target.average_value, target.average_utilization) {
        (Some(value), _) => value.is_positive().then_some(Aim::Amount(value)),
        (None, Some(percent)) => u32::try_from(percent).ok().filter(|p| *p > 0).map(Aim::Percent),
        (None, None) => None,
    }
}

//! Between the version in which a client speaks and the one that is stored.
//!
//! Decides: what an object looks like in another version of its API.
//! Method: HorizontalPodAutoscalers are stored as `autoscaling/v2`; v1 keeps what it cannot say in an annotation
//!   (`pkg/apis/autoscaling/v1/conversion.go`; here in v2's own words). Events are stored in the core form; `events.k8s.io` names their members anew
//!   (`pkg/apis/events/v1/conversion.go`). Versions of custom resources differ in `apiVersion` alone.
//! Invariants: to storage and back gives what was there.
//! Tested: `tests` below.

use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::status::Status;

/// Where v1 keeps metrics other than CPU utilization.
const METRICS_ANNOTATION: &str = "autoscaling.alpha.kubernetes.io/metrics";
/// Where v1 keeps the behavior.
const BEHAVIOR_ANNOTATION: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Members of an event: the core name, then that of `events.k8s.io`.
const EVENT_MEMBERS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// From the client's version to the stored one; holds that the object says what the path says.
pub(crate) fn to_storage(kind: &Kind, version: &str, mut object: Value) -> Result<Value, Status> {
    let members = object.as_object_mut().ok_or_else(|| Status::bad_request("the body is not a JSON object"))?;
    let api_version = kind.api_version(version);
    for (member, should) in [("apiVersion", api_version.as_str()), ("kind", kind.kind.as_str())] {
        match members.get(member).map(Value::as_str) {
            None => drop(members.insert(member.to_owned(), json!(should))),
            Some(Some(is)) if is == should => {}
            _ => {
                let is = &members[member];
                let message = format!("the {member} in the data ({is}) does not match the expected one ({should})");
                return Err(Status::bad_request(message));
            }
        }
    }
    Ok(match kind.plural.as_str() {
        "events" if kind.group == "events.k8s.io" => rename(object, "v1", |(core, new)| (new, core)),
        "horizontalpodautoscalers" if version == "v1" => hpa_from_v1(object)?,
        _ => {
            object["apiVersion"] = json!(kind.api_version(&kind.storage));
            object
        }
    })
}

/// From the stored version to the client's.
pub(crate) fn from_storage(kind: &Kind, version: &str, mut object: Value) -> Value {
    match kind.plural.as_str() {
        "events" if kind.group == "events.k8s.io" => rename(object, "events.k8s.io/v1", |(core, new)| (core, new)),
        "horizontalpodautoscalers" if version == "v1" => hpa_to_v1(object),
        _ => {
            object["apiVersion"] = json!(kind.api_version(version));
            object
        }
    }
}

/// Whether stored bytes can be sent as they are.
pub(crate) fn is_storage(kind: &Kind, version: &str) -> bool {
    kind.stored_as.is_none() && kind.storage == version
}

fn rename(object: Value, api_version: &str, way: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) -> Value {
    let Value::Object(members) = object else { return object };
    let pairs: Vec<_> = EVENT_MEMBERS.iter().map(|pair| way(*pair)).collect();
    let new_name = |name: &str| pairs.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to).to_owned();
    let mut renamed: Map<String, Value> = members.into_iter().map(|(k, v)| (new_name(&k), v)).collect();
    renamed.insert("apiVersion".to_owned(), json!(api_version));
    Value::Object(renamed)
}

fn cpu_metric(percent: &Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn cpu_percent(metric: &Value) -> Option<&Value> {
    let resource = &metric["resource"];
    let percent = &resource["target"]["averageUtilization"];
    (metric["type"] == "Resource" && resource["name"] == "cpu" && percent.is_i64()).then_some(percent)
}

fn hpa_from_v1(mut object: Value) -> Result<Value, Status> {
    object["apiVersion"] = json!("autoscaling/v2");
    let mut metrics = Vec::new();
    if let Some(percent) = take(&mut object["spec"], "targetCPUUtilizationPercentage").filter(|p| !p.is_null()) {
        metrics.push(cpu_metric(&percent));
    }
    if let Some(kept) = annotation(&mut object, METRICS_ANNOTATION)? {
        metrics.extend(kept.as_array().cloned().unwrap_or_default());
    }
    let behavior = annotation(&mut object, BEHAVIOR_ANNOTATION)?;
    if let Some(spec) = object["spec"].as_object_mut() {
        if !metrics.is_empty() {
            spec.insert("metrics".to_owned(), metrics.into());
        }
        if let Some(behavior) = behavior {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    if let Some(percent) = object.get_mut("status").and_then(|s| take(s, "currentCPUUtilizationPercentage")) {
        object["status"]["currentMetrics"] =
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}}]);
    }
    Ok(object)
}

fn hpa_to_v1(mut object: Value) -> Value {
    object["apiVersion"] = json!("autoscaling/v1");
    let metrics = take(&mut object["spec"], "metrics").and_then(|m| m.as_array().cloned()).unwrap_or_default();
    let first = metrics.iter().position(|m| cpu_percent(m).is_some());
    let mut rest = metrics.clone();
    if let Some(at) = first {
        let metric = rest.remove(at);
        object["spec"]["targetCPUUtilizationPercentage"] = cpu_percent(&metric).cloned().unwrap_or_default();
    }
    let behavior = take(&mut object["spec"], "behavior");
    for (name, value) in [(METRICS_ANNOTATION, (!rest.is_empty()).then(|| json!(rest))), (BEHAVIOR_ANNOTATION, behavior)] {
        if let Some(value) = value {
            object["metadata"]["annotations"][name] = json!(value.to_string());
        }
    }
    if let Some(status) = object.get_mut("status") {
        take(status, "conditions");
        let current = take(status, "currentMetrics").unwrap_or_default();
        let percents = current.as_array().into_iter().flatten().filter(|m| m["resource"]["name"] == "cpu");
        if let Some(percent) = percents.map(|m| &m["resource"]["current"]["averageUtilization"]).find(|p| p.is_i64()) {
            status["currentCPUUtilizationPercentage"] = percent.clone();
        }
    }
    object
}

fn annotation(object: &mut Value, name: &str) -> Result<Option<Value>, Status> {
    let Some(text) = object["metadata"].get_mut("annotations").and_then(|a| take(a, name)) else { return Ok(None) };
    let wrong = |_| Status::bad_request(format!("the annotation {name} is not JSON"));
    serde_json::from_str(text.as_str().unwrap_or("")).map(Some).map_err(wrong)
}

fn take(object: &mut Value, member: &str) -> Option<Value> {
    object.as_object_mut()?.shift_remove(member)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{from_storage, to_storage};
    use crate::kubernetes::kinds::{Kind, built_in};

    fn kind(group: &str, plural: &str) -> Kind {
        built_in().into_iter().find(|k| k.group == group && k.plural == plural).expect("it is built in")
    }

    fn round(kind: &Kind, version: &str, object: &Value) -> Value {
        from_storage(kind, version, to_storage(kind, version, object.clone()).expect("it can be stored"))
    }

    #[test]
    fn the_first_version_of_an_autoscaler_survives() {
        let hpa = kind("autoscaling", "horizontalpodautoscalers");
        let v1 = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 70}});
        assert_eq!(round(&hpa, "v1", &v1), v1);
        let stored = to_storage(&hpa, "v1", v1).expect("it can be stored");
        assert_eq!(stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    }

    #[test]
    fn the_second_version_is_not_lost_on_clients_of_the_first() {
        let hpa = kind("autoscaling", "horizontalpodautoscalers");
        let v2 = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a", "annotations": {}},
            "spec": {"maxReplicas": 3, "behavior": {"scaleDown": {"selectPolicy": "Disabled"}},
                     "metrics": [{"type": "External", "external": {"metric": {"name": "q"}}}]}});
        let as_v1 = from_storage(&hpa, "v1", v2.clone());
        assert!(as_v1["spec"]["metrics"].is_null());
        assert_eq!(to_storage(&hpa, "v1", as_v1).expect("it can be stored"), v2);
    }

    #[test]
    fn an_event_is_the_same_in_both_groups() {
        let events = kind("events.k8s.io", "events");
        let new = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "note": "n", "regarding": {"name": "x"}});
        let core = to_storage(&events, "v1", new.clone()).expect("it can be stored");
        assert_eq!(
            (&core["apiVersion"], &core["message"], &core["involvedObject"]["name"]),
            (&json!("v1"), &json!("n"), &json!("x"))
        );
        assert_eq!(from_storage(&events, "v1", core), new);
    }

    #[test]
    fn an_object_that_says_something_else_than_the_path_is_refused() {
        let pods = kind("", "pods");
        let refused = to_storage(&pods, "v1", json!({"kind": "Node"})).expect_err("it is another kind");
        assert_eq!(refused.code, 400);
        assert!(to_storage(&pods, "v1", json!([])).is_err());
    }
}

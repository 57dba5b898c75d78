//! What was imported, as a platform file or as `Autoscaler` objects.

use serde_json::{Map, Value, json};

use super::{Imported, Note, print, text};
use crate::Quantity;

/// Most replicas that a platform file allows.
const MAX_REPLICAS: u64 = 1000;

impl Imported {
    /// `Autoscaler` objects, one YAML document each, and what they cannot say.
    pub fn autoscalers(&self) -> (String, Vec<Note>) {
        let (mut out, mut notes) = (String::new(), self.notes.clone());
        for (name, scaled) in self.scaled.iter().filter(|(_, s)| !s.spec.is_empty()) {
            let mut spec = scaled.spec.clone();
            if spec.remove("short").is_some() {
                let reason =
                    "requests are counted by skala's gateway, which an Autoscaler does not have: import to a platform file";
                notes.push(Note { object: name.clone(), field: "metrics".into(), reason: reason.into() });
            }
            if !spec.contains_key("scaleTargetRef") {
                spec.insert("scaleTargetRef".into(), json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name}));
            }
            let mut metadata = json!({"name": name});
            if !scaled.namespace.is_empty() {
                metadata["namespace"] = json!(scaled.namespace);
            }
            let object = json!({"apiVersion": "skala.dev/v1alpha1", "kind": "Autoscaler", "metadata": metadata, "spec": spec});
            out += "---\n";
            out += &print::yaml(&object);
        }
        (out, notes)
    }

    /// A platform file, and what it cannot say.
    pub fn platform_file(&self, platform: &str) -> (String, Vec<Note>) {
        let mut notes = self.notes.clone();
        let mut services = Map::new();
        for (name, scaled) in &self.scaled {
            let mut service = scaled.service.clone();
            let mut note = |field: &str, reason: &str| {
                notes.push(Note { object: name.clone(), field: field.to_owned(), reason: reason.to_owned() });
            };
            if !service.contains_key("command") && !service.contains_key("image") {
                note("command", "nothing says what runs: put the command in place of `replace-me`");
                service.insert("command".into(), json!(["replace-me"]));
            }
            if !scaled.spec.is_empty() {
                service.remove("replicas");
                let requests = service.get("resources").and_then(|r| r.get("requests")).cloned().unwrap_or_default();
                let own = autoscaling(&scaled.spec, &requests, &mut note);
                if own.get("metrics").is_some() {
                    service.insert("autoscaling".into(), own);
                } else {
                    note("metrics", "nothing is left to scale by: the service keeps its smallest size");
                    service.insert("replicas".into(), own["minReplicas"].clone());
                }
            }
            services.insert(name.replace('.', "-"), Value::Object(service));
        }
        (print::yaml(&json!({"platform": platform, "services": services})), notes)
    }
}

fn autoscaling(spec: &Map<String, Value>, requests: &Value, note: &mut impl FnMut(&str, &str)) -> Value {
    let number = |key: &str, usual: u64| spec.get(key).and_then(Value::as_u64).unwrap_or(usual);
    let bounded = |n: u64| n.min(MAX_REPLICAS);
    if number("maxReplicas", 1) > MAX_REPLICAS {
        note("maxReplicas", "a platform file allows 1000 replicas");
    }
    let maximum = bounded(number("maxReplicas", 1)).max(1);
    let mut own = json!({"minReplicas": bounded(number("minReplicas", 1)).min(maximum), "maxReplicas": maximum});
    let mut metrics: Vec<Value> = spec.get("short").cloned().into_iter().collect();
    let lacks = |metric: &Value| {
        let percent = |name: &str| text(metric, &format!("/{name}")).ends_with('%') && requests.get(name).is_none();
        ["cpu", "memory"].into_iter().find(|name| percent(name))
    };
    if let Some(name) = metrics.iter().find_map(lacks) {
        note("metrics", &format!("a percentage of {name} needs resources.requests.{name}: import the workload beside it"));
        metrics.clear();
    }
    for metric in spec.get("metrics").and_then(Value::as_array).into_iter().flatten() {
        match short(metric) {
            Some(metric) => match lacks(&metric) {
                None => metrics.push(metric),
                Some(name) => {
                    note(
                        "metrics",
                        &format!("a percentage of {name} needs resources.requests.{name}: import the workload beside it"),
                    );
                }
            },
            None => note("metrics", &format!("a metric of type {} cannot be read on this platform", text(metric, "/type"))),
        }
    }
    let wakes = metrics.iter().any(|m| m.get("concurrency").or(m.get("requestsPerSecond")).is_some());
    if own["minReplicas"] == 0 && !wakes {
        note("minReplicas", "without a metric of requests nothing would wake the service from 0: it is 1");
        own["minReplicas"] = json!(1);
    }
    if !metrics.is_empty() {
        own["metrics"] = Value::Array(metrics);
    }
    if let Some(behavior) = spec.get("behavior").filter(|b| b.is_object()) {
        let mut behavior = behavior.clone();
        for direction in ["scaleUp", "scaleDown"] {
            if let Some(tolerance) = behavior.pointer_mut(&format!("/{direction}/tolerance")) {
                let quantity = tolerance.as_str().and_then(|t| t.parse::<Quantity>().ok()).unwrap_or(Quantity::ZERO);
                *tolerance = json!(format!("{}%", quantity.milli_capped() as f64 / 10.0));
            }
        }
        own["behavior"] = behavior;
    }
    for key in ["triggers", "formula", "windows", "idleReplicas"] {
        if spec.contains_key(key) {
            note(key, "the platform file has no place for it: `--to autoscaler` carries it over");
        }
    }
    own
}

/// The short form of a resource metric.
fn short(metric: &Value) -> Option<Value> {
    let name = Some(text(metric, "/resource/name")).filter(|n| matches!(*n, "cpu" | "memory"))?;
    let target = metric.pointer("/resource/target")?;
    if let Some(value) = target.get("averageValue").and_then(Value::as_str) {
        return Some(json!({name: value}));
    }
    let percent = target.get("averageUtilization")?.as_u64()?;
    Some(json!({name: format!("{percent}%")}))
}

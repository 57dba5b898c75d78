//! Knative's annotations on a Service or a Revision.

use serde_json::{Map, Value, json};

use super::{Imported, text};

const PREFIX: &str = "autoscaling.knative.dev/";

pub(super) fn import(imported: &mut Imported, object: &str, manifest: &Value) {
    let template = match text(manifest, "/kind") {
        "Revision" => manifest.clone(),
        _ => manifest.pointer("/spec/template").cloned().unwrap_or_default(),
    };
    let (mut spec, mut metric, mut target) = (Map::new(), "concurrency".to_owned(), None);
    spec.insert("minReplicas".into(), json!(0));
    spec.insert("maxReplicas".into(), json!(100));
    for (key, value) in template.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let value = value.as_str().unwrap_or_default();
        let number = value.parse::<u32>().ok();
        match (name, number) {
            ("min-scale" | "minScale", Some(n)) => drop(spec.insert("minReplicas".into(), json!(n))),
            ("max-scale" | "maxScale", Some(n @ 1..)) => drop(spec.insert("maxReplicas".into(), json!(n))),
            ("metric", _) => value.clone_into(&mut metric),
            ("target", Some(n)) => target = Some(n),
            _ => imported.note(object, key, format!("'{value}' has no counterpart here")),
        }
    }
    let limit = template.pointer("/spec/containerConcurrency").and_then(Value::as_u64).filter(|n| *n > 0);
    match metric.as_str() {
        "concurrency" => {
            // Knative aims at 70 % of what a replica can take, unless a target is given.
            let target = target.map_or(limit.unwrap_or(100) as f64 * 0.7, f64::from);
            spec.insert("short".into(), json!({"concurrency": target}));
        }
        "rps" => drop(spec.insert("short".into(), json!({"requestsPerSecond": target.unwrap_or(200)}))),
        "cpu" => drop(spec.insert("short".into(), json!({"cpu": format!("{}%", target.unwrap_or(80))}))),
        other => imported.note(object, "autoscaling.knative.dev/metric", format!("'{other}' is not measured here")),
    }
    let mut service = match template.pointer("/spec/containers/0") {
        Some(container) => imported.container(object, container),
        None => Map::new(),
    };
    if let Some(limit) = limit {
        service.insert("concurrency".into(), json!(limit));
    }
    let name = text(manifest, "/metadata/name").to_owned();
    imported.scale(object, &name, text(manifest, "/metadata/namespace"), spec);
    imported.scaled.entry(name).or_default().service = service;
}

//! One trigger of a ScaledObject.
//!
//! Decides: which kinds of triggers have a counterpart; cron becomes a window, cpu and memory metrics of their own, the rest numbers
//!   from outside.
//! Tested: `tests/it/import/keda.rs`.

use serde_json::{Map, Value, json};
use skala_spec::model::{Source, TAKEN_METRIC_NAMES};
use skala_spec::scalar::{Cron, ZoneName};

use super::super::draft::{Aim, Goal, Metric, Outside, Pod, Scaler, What, Window};
use super::super::fields::{Fields, quoted};
use super::super::note::Notes;
use super::super::objects::Object;
use super::super::text::{identifier, unique};
use super::super::variables::Variables;
use super::super::{Found, To};
use super::auth::Parameter;
use super::params::Params;
use super::{http, kafka, nats, postgres, prometheus, rabbitmq, redis};
use crate::Quantity;

/// What a reader of a kind makes of a trigger.
pub(super) struct Read {
    /// Key of the source.
    pub kind: &'static str,
    pub source: Map<String, Value>,
    pub target: f64,
    pub activation: f64,
    /// What the metric could be called.
    pub called: String,
}

pub(super) fn read(object: &Object, mut trigger: Fields<'_>, to: To, scaler: &mut Scaler, found: &mut Found) {
    let (line, field) = (trigger.line, trigger.path.clone());
    let notes = &mut found.notes;
    let kind = trigger.text("type", notes).unwrap_or_default().to_owned();
    let name = trigger.text("name", notes).map(str::to_owned);
    let metric_type = trigger.text("metricType", notes).unwrap_or_default().to_owned();
    // A look is made every `poll`, and its value serves activation and scaling alike.
    trigger.ignore(&["useCachedMetrics"]);
    let reference = trigger.map("authenticationRef", notes);
    let Some(metadata) = trigger.map("metadata", notes) else {
        return trigger.note("metadata", "this trigger says nothing", "it is left out; correct it", notes);
    };
    match kind.as_str() {
        "cpu" | "memory" => {
            resource(&kind, &metric_type, metadata, scaler, notes);
            return trigger.finish(notes);
        }
        "cron" => {
            cron(name.as_deref(), metadata, scaler, notes);
            return trigger.finish(notes);
        }
        _ => {}
    }
    let parameters = reference.map(|r| parameters(object, r, found)).unwrap_or_default();
    let pod: Option<&Pod> = found.workloads.iter().find(|w| w.target.is(&scaler.target)).and_then(|w| w.pod.as_ref());
    let (variables, notes) = (&mut found.variables, &mut found.notes);
    let mut params = Params { metadata, parameters, pod, to, variables, notes };
    let read = match kind.as_str() {
        "redis" => redis::list(&mut params),
        "redis-streams" => redis::stream(&mut params),
        "prometheus" => prometheus::read(&mut params),
        "postgresql" => postgres::read(&mut params),
        "kafka" | "apache-kafka" => kafka::read(&mut params),
        "rabbitmq" => rabbitmq::read(&mut params),
        "nats-jetstream" => nats::read(&mut params),
        "metrics-api" => http::read(&mut params),
        _ => {
            let (reason, help) = stranger(&kind);
            return trigger.note("type", reason, help, notes);
        }
    };
    let Some(Read { kind, source, target, activation, called }) = read else {
        return;
    };
    let wrong = wrong(kind, &source, params.variables);
    params.finish();
    if let Some((reason, help)) = wrong {
        return trigger.note("metadata", reason, format!("the trigger is left out; {help}"), notes);
    }
    let name = identifier(name.as_deref().unwrap_or(&called));
    let goal = match metric_type.as_str() {
        "Value" => Goal::Total(target),
        "" | "AverageValue" => Goal::Each(target),
        other => {
            let reason = format!("{} does not go with this trigger", quoted(other));
            trigger.note("metricType", reason, "AverageValue is written; choose one", notes);
            Goal::Each(target)
        }
    };
    trigger.finish(notes);
    let taken = |n: &str| {
        TAKEN_METRIC_NAMES.contains(&n) || scaler.metrics.iter().any(|m| matches!(&m.what, What::Outside(o) if o.name == n))
    };
    let outside = Outside { name: unique(name, '_', taken), kind, source, goal, activation };
    scaler.metrics.push(Metric { line, field, v2: None, what: What::Outside(outside) });
}

/// What keeps a source from being read, with samples for what is not known yet.
fn wrong(kind: &str, source: &Map<String, Value>, variables: &Variables) -> Option<(String, String)> {
    let tried = variables.tried(&json!({kind: source}));
    match serde_json::from_value::<Source>(tried) {
        Err(_) => Some(("a value here has the wrong form".to_owned(), "correct it".to_owned())),
        Ok(source) => {
            let problem = source.problems().into_iter().find(|p| p.fatal)?;
            Some((format!("`{}`: {}", problem.field, problem.message), problem.help))
        }
    }
}

fn stranger(kind: &str) -> (String, &'static str) {
    match kind {
        "redis-cluster" | "redis-cluster-streams" => {
            ("Redis Cluster is not supported".to_owned(), "name the node that holds the key: `redis: {address: ..., list: ...}`")
        }
        "redis-sentinel" | "redis-sentinel-streams" => {
            ("Redis Sentinel is not supported".to_owned(), "name the server itself: `redis: {address: ..., list: ...}`")
        }
        "" => ("this trigger has no type".to_owned(), "it is left out; correct it"),
        _ => (
            format!("there is no source of kind {}", quoted(kind)),
            "read the number by `prometheus` or `http`, if it can be had there",
        ),
    }
}

/// What the referenced authentication gives.
fn parameters(object: &Object, mut reference: Fields<'_>, found: &mut Found) -> Vec<Parameter> {
    let name = reference.text("name", &mut found.notes).unwrap_or_default().to_owned();
    let kind = reference.text("kind", &mut found.notes).unwrap_or("TriggerAuthentication").to_owned();
    let auth = found
        .auths
        .iter()
        .find(|a| a.name == name && a.kind == kind && (kind.starts_with("Cluster") || a.namespace == object.namespace));
    let parameters = auth.map(|a| a.parameters.clone());
    if parameters.is_none() {
        let reason = format!("{kind} {} is not among the files", quoted(&name));
        let help = "import it together with this, or write its login into the metric";
        reference.note("name", reason, help, &mut found.notes);
    }
    reference.finish(&mut found.notes);
    parameters.unwrap_or_default()
}

fn resource(kind: &str, metric_type: &str, mut metadata: Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    let (line, field) = (metadata.line, metadata.path.clone());
    let value = metadata.text("value", notes).unwrap_or_default().to_owned();
    let container = metadata.text("containerName", notes).map(str::to_owned);
    // Before KEDA 2.12 the type stood here.
    let written = metadata.text("type", notes);
    let metric_type = if metric_type.is_empty() { written.unwrap_or("Utilization") } else { metric_type };
    // These never wake anything.
    metadata.ignore(&["activationValue"]);
    let aim = match metric_type {
        "Utilization" => value.parse::<u32>().ok().filter(|p| *p > 0).map(Aim::Percent),
        "AverageValue" => value.parse::<Quantity>().ok().filter(Quantity::is_positive).map(Aim::Amount),
        _ => None,
    };
    let Some(aim) = aim else {
        let reason = format!("{} is no target of type {}", quoted(&value), quoted(metric_type));
        return metadata.note("value", reason, "the trigger is left out; correct it", notes);
    };
    metadata.finish(notes);
    let target = match aim {
        Aim::Percent(percent) => json!({"type": "Utilization", "averageUtilization": percent}),
        Aim::Amount(_) => json!({"type": "AverageValue", "averageValue": value}),
    };
    let (what, v2) = match container {
        Some(name) => {
            let v2 =
                json!({"type": "ContainerResource", "containerResource": {"name": kind, "container": name, "target": target}});
            (What::Container { name, memory: kind == "memory", aim }, v2)
        }
        None => {
            let what = if kind == "cpu" { What::Cpu(aim) } else { What::Memory(aim) };
            (what, json!({"type": "Resource", "resource": {"name": kind, "target": target}}))
        }
    };
    scaler.metrics.push(Metric { line, field, v2: Some(v2), what });
}

fn cron(name: Option<&str>, mut metadata: Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    let (line, field) = (metadata.line, metadata.path.clone());
    let mut text = |key: &str| metadata.text(key, notes).unwrap_or_default().trim().to_owned();
    let (start, end, timezone, size) = (text("start"), text("end"), text("timezone"), text("desiredReplicas"));
    for (key, wrong) in [
        ("start", start.parse::<Cron>().is_err()),
        ("end", end.parse::<Cron>().is_err() || end == start),
        ("timezone", timezone.parse::<ZoneName>().is_err()),
        ("desiredReplicas", size.parse::<u32>().is_err()),
    ] {
        if wrong {
            let reason = format!("`{key}` is missing, or is none that is known here");
            return metadata.note(key, reason, "the window is left out; write it under `windows`", notes);
        }
    }
    metadata.finish(notes);
    let name = identifier(name.unwrap_or("window"));
    let name = unique(name, '_', |n| scaler.windows.iter().any(|w| w.name == n));
    let min = size.parse().unwrap_or(0);
    scaler.windows.push(Window { line, field, name, start, end, timezone, min });
}

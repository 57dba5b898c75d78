//! `metrics` of one service.
//!
//! Decides: which metrics can be measured where replicas are processes of a machine.
//! Tested: `tests/it/import/hpa.rs`, `keda.rs`.

use serde_json::{Map, Value, json};
use skala_autoscaler::Formula;

use super::super::draft::{Aim, Goal, Metric, Mode, Outside, Scaler, What};
use super::super::fields::quoted;
use super::super::note::Notes;
use super::super::text::{self, number, seconds};
use super::Part;

/// Most metrics of a service.
const MOST: usize = 63;

pub(super) fn write(scaler: &Scaler, part: &Part<'_>, resources: &mut Map<String, Value>, notes: &mut Notes) -> Vec<Value> {
    let formula = scaler.formula.as_ref().and_then(|f| Formula::parse(&f.expression).ok());
    let mut out: Vec<Value> = Vec::new();
    for metric in &scaler.metrics {
        let mut note = |reason: String, help: &str| notes.add(&scaler.origin, metric.line, &metric.field, reason, help);
        if out.len() >= MOST {
            note(format!("a service has at most {MOST} metrics"), "it is left out");
            continue;
        }
        let written = match &metric.what {
            What::Cpu(aim) => resource("cpu", *aim),
            What::Memory(aim) => resource("memory", *aim),
            What::Container { name, memory, aim } => match part.workload.and_then(|w| w.pod.as_ref()) {
                Some(pod) if pod.container == *name => resource(if *memory { "memory" } else { "cpu" }, *aim),
                _ => {
                    note(
                        format!("a replica is one program, and container {} is not known to be it", quoted(name)),
                        "it is left out; import its Deployment together with this, or write `cpu` or `memory`",
                    );
                    continue;
                }
            },
            What::Pods { name, each } => match name.as_str() {
                "requests_per_second" | "http_requests_per_second" => Some(json!({"requestsPerSecond": number(each.as_f64())})),
                "concurrency" => Some(json!({"concurrency": number(each.as_f64())})),
                name => {
                    note(
                        format!("the metric {} of each pod comes from a cluster's metrics API", quoted(name)),
                        "it is left out; use `requestsPerSecond` or `concurrency`, or read it by `prometheus` with a `target` per replica",
                    );
                    continue;
                }
            },
            What::Api { kind, name } => {
                note(
                    format!("the {kind} metric {} comes from a cluster's metrics API", quoted(name)),
                    "it is left out; read the number itself: `{name: ..., prometheus: {server: ..., query: ...}, target: ...}`, or redis, kafka and others",
                );
                continue;
            }
            What::Outside(outside) => {
                if formula.as_ref().is_some_and(|f| !f.names().iter().any(|n| **n == *outside.name)) {
                    note("the formula does not name it, and in KEDA it would not count either".to_owned(), "it is left out");
                    continue;
                }
                Some(from_outside(outside, formula.is_some(), scaler))
            }
        };
        let Some(written) = written else {
            note("its target is not an amount above 0".to_owned(), "it is left out; correct it");
            continue;
        };
        let key = written.as_object().and_then(|w| w.keys().next()).cloned().unwrap_or_default();
        if key != "name" && out.iter().any(|w| w.get(&key).is_some()) {
            note(format!("`{key}` is measured twice"), "the first is written; keep the one with the lower target");
            continue;
        }
        request(&key, metric, scaler, resources, notes);
        out.push(written);
    }
    out
}

fn resource(key: &str, aim: Aim) -> Option<Value> {
    let target = match aim {
        Aim::Percent(percent) => format!("{percent}%"),
        Aim::Amount(quantity) if key == "cpu" => text::cpu(quantity)?,
        Aim::Amount(quantity) => text::memory(quantity)?,
    };
    Some(Value::Object(Map::from_iter([(key.to_owned(), target.into())])))
}

/// A percentage needs something to be a percentage of.
fn request(key: &str, metric: &Metric, scaler: &Scaler, resources: &mut Map<String, Value>, notes: &mut Notes) {
    let (What::Cpu(Aim::Percent(_)) | What::Memory(Aim::Percent(_)) | What::Container { aim: Aim::Percent(_), .. }) = metric.what
    else {
        return;
    };
    let amount = if key == "cpu" { "500m" } else { "512Mi" };
    let Value::Object(requests) = resources.entry("requests").or_insert_with(|| json!({})) else { return };
    if requests.contains_key(key) {
        return;
    }
    requests.insert(key.to_owned(), amount.into());
    let mut raised = String::new();
    if let Some(limits) = resources.get_mut("limits").and_then(Value::as_object_mut)
        && limits.contains_key(key)
    {
        limits.remove(key);
        raised = ", without the limit".to_owned();
    }
    let reason = format!("a percentage of {key} needs a request, and none is among the files");
    let help = format!("{amount} is written{raised}; put in what a replica needs under `resources.requests`");
    notes.add(&scaler.origin, metric.line, &metric.field, reason, help);
}

fn from_outside(outside: &Outside, in_formula: bool, scaler: &Scaler) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), outside.name.clone().into());
    out.insert(outside.kind.to_owned(), outside.source.clone().into());
    if in_formula {
        out.insert("onlyInFormula".to_owned(), true.into());
    } else {
        match outside.goal {
            Goal::Each(x) => out.insert("target".to_owned(), number(x)),
            Goal::Total(x) => out.insert("targetTotal".to_owned(), number(x)),
        };
        if outside.activation > 0.0 {
            out.insert("activation".to_owned(), number(outside.activation));
        }
    }
    if let Some(poll) = scaler.poll.filter(|_| scaler.mode == Mode::Default) {
        out.insert("poll".to_owned(), seconds(poll).into());
    }
    out.into()
}

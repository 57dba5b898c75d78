//! Custom resources `Autoscaler` (`skala.dev/v1alpha1`): one per scaler.
//!
//! Decides: what of a scaler the resource has. Metrics of `autoscaling/v2` pass unchanged, because the cluster has them.
//! Invariants: values of secrets stay where they are: `spec.secrets` names them.
//! Tested: `tests/it/import/autoscaler.rs`.

use serde_json::{Map, Value, json};

use super::Found;
use super::draft::{Goal, Mode, Outside, Scaler, Target, What};
use super::note::Notes;
use super::platform::twice;
use super::text::{number, seconds};
use super::variables::Variables;

/// Most triggers, and most secrets, of one resource.
const MOST: usize = 20;

pub(crate) fn write(found: &mut Found) -> Value {
    let mut notes = std::mem::take(&mut found.notes);
    for vertical in &found.verticals {
        let help = "keep the VerticalPodAutoscaler, or import it to a platform file";
        notes.add(&vertical.origin, vertical.origin.line, "spec", "an Autoscaler does not change the size of pods", help);
    }
    let mut targets: Vec<&Target> = Vec::new();
    let mut out: Vec<Value> = Vec::new();
    for scaler in &found.scalers {
        if targets.iter().any(|t| t.is(&scaler.target)) {
            twice(&scaler.origin, &mut notes);
            continue;
        }
        targets.push(&scaler.target);
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), scaler.name.clone().into());
        if !scaler.target.namespace.is_empty() {
            metadata.insert("namespace".to_owned(), scaler.target.namespace.clone().into());
        }
        let spec = spec(scaler, &found.variables, &mut notes);
        out.push(json!({"apiVersion": "skala.dev/v1alpha1", "kind": "Autoscaler", "metadata": metadata, "spec": spec}));
    }
    found.notes = notes;
    out.into()
}

fn spec(scaler: &Scaler, variables: &Variables, notes: &mut Notes) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    let Target { kind, name, api_version, .. } = &scaler.target;
    put("scaleTargetRef", json!({"apiVersion": api_version, "kind": kind, "name": name}));
    put("minReplicas", scaler.min.into());
    put("maxReplicas", scaler.max.into());
    if scaler.mode == Mode::Hpa {
        put("mode", "hpa".into());
    }
    let metrics: Vec<Value> = scaler.metrics.iter().filter_map(|m| m.v2.clone()).collect();
    let triggers = triggers(scaler, notes);
    if metrics.is_empty() && triggers.is_empty() {
        let help = "cpu at 80 % is watched unless it gets another metric";
        notes.add(&scaler.origin, scaler.origin.line, "spec", "no metric could be carried over", help);
    }
    let secrets = secrets(scaler, &triggers, variables, notes);
    for (key, list) in [("metrics", metrics), ("triggers", triggers), ("secrets", secrets)] {
        if !list.is_empty() {
            put(key, list.into());
        }
    }
    if let Some(formula) = &scaler.formula {
        let mut written = Map::from_iter([("expression".to_owned(), Value::from(formula.expression.clone()))]);
        goal(formula.goal, formula.activation, &mut written);
        put("formula", written.into());
    }
    let windows: Vec<Value> = scaler
        .windows
        .iter()
        .map(|w| {
            let size = w.min.clamp(scaler.min, scaler.max);
            json!({"name": w.name, "start": w.start, "end": w.end, "timezone": w.timezone, "minReplicas": size})
        })
        .collect();
    if !windows.is_empty() {
        put("windows", windows.into());
    }
    if let Some(behavior) = &scaler.behavior {
        put("behavior", behavior.clone());
    }
    if let Some(idle) = scaler.idle {
        put("idleReplicas", idle.into());
    }
    if let Some(cooldown) = scaler.cooldown {
        put("cooldown", seconds(cooldown).into());
    }
    if let Some(cooldown) = scaler.initial_cooldown {
        put("initialCooldown", seconds(cooldown).into());
    }
    if scaler.paused {
        put("paused", true.into());
    }
    differences(scaler, notes);
    out
}

/// What a ScaledObject has and an Autoscaler has not.
fn differences(scaler: &Scaler, notes: &mut Notes) {
    let mut note = |field: &str, reason: &str, help: &str| notes.add(&scaler.origin, scaler.origin.line, field, reason, help);
    if scaler.poll.is_some() {
        note("spec.pollingInterval", "triggers are read once per sync period of the controller", "see its `--sync-period`");
    }
    if scaler.jump_to_idle {
        note(
            "spec.minReplicaCount",
            "an idle target shrinks through `behavior`, not at once",
            "loosen `behavior.scaleDown` if it must be at once",
        );
    }
    if scaler.paused_at.is_some() {
        let help = "scale the target by hand: `kubectl scale`";
        note("metadata.annotations['autoscaling.keda.sh/paused-replicas']", "a pause keeps the size that there is", help);
    }
}

fn triggers(scaler: &Scaler, notes: &mut Notes) -> Vec<Value> {
    let mut out = Vec::new();
    for metric in &scaler.metrics {
        let What::Outside(outside) = &metric.what else { continue };
        let mut note =
            |reason: &str| notes.add(&scaler.origin, metric.line, &metric.field, reason, "it is left out; write it by hand");
        if out.len() >= MOST {
            note("an Autoscaler has at most 20 triggers");
            continue;
        }
        let Outside { name, kind, source, .. } = outside;
        if Value::Object(source.clone()).to_string().contains("$${") {
            note("`${` stands for a secret in an Autoscaler, and cannot be written otherwise");
            continue;
        }
        let mut written = Map::from_iter([("name".to_owned(), Value::from(name.clone()))]);
        written.insert((*kind).to_owned(), source.clone().into());
        goal(outside.goal, outside.activation, &mut written);
        if let Some(fallback) = scaler.fallback.as_ref().filter(|_| scaler.formula.is_none()) {
            written.insert("fallback".to_owned(), fallback.clone().into());
        }
        out.push(written.into());
    }
    if scaler.fallback.is_some() && scaler.formula.is_some() {
        let help = "while a trigger of the formula fails, the size is held";
        notes.add(&scaler.origin, scaler.origin.line, "spec.fallback", "the formula of an Autoscaler has no fallback", help);
    }
    out
}

fn goal(goal: Goal, activation: f64, out: &mut Map<String, Value>) {
    // A quantity is a whole number or a text.
    let quantity = |x: f64| match number(x) {
        Value::Number(n) if n.is_f64() => Value::from(n.to_string()),
        whole => whole,
    };
    match goal {
        Goal::Each(x) => out.insert("averageValue".to_owned(), quantity(x)),
        Goal::Total(x) => out.insert("value".to_owned(), quantity(x)),
    };
    if activation > 0.0 {
        out.insert("activation".to_owned(), quantity(activation));
    }
}

/// Where the variables of the triggers stand.
fn secrets(scaler: &Scaler, triggers: &[Value], variables: &Variables, notes: &mut Notes) -> Vec<Value> {
    let text = Value::from(triggers.to_vec()).to_string();
    let mut out = Vec::new();
    for variable in variables.used(&text) {
        let (name, key) = match &variable.secret {
            Some((name, key)) => (name.clone(), key.clone()),
            None => {
                let reason = format!("`{}` must come from a Secret", variable.name);
                let help = "put the value into a Secret, and name it under `spec.secrets` in place of `replace-me`";
                notes.add(&scaler.origin, scaler.origin.line, "spec.triggers", reason, help);
                ("replace-me".to_owned(), variable.name.clone())
            }
        };
        out.push(json!({"name": variable.name, "secretKeyRef": {"name": name, "key": key}}));
    }
    out
}

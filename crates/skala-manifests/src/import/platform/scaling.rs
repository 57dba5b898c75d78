//! `autoscaling` of one service.
//!
//! Decides: which of the drafts' settings the mode has, and what a size does without a metric.
//! Tested: `tests/it/import/hpa.rs`, `keda.rs`, `knative.rs`, `vpa.rs`.

use serde_json::{Map, Value, json};

use super::super::draft::{ContainerPolicy, Goal, Mode, Scaler, Vertical};
use super::super::note::Notes;
use super::super::text::{number, seconds};
use super::{MOST, Part, metrics, service};
use crate::Quantity;

/// The section; `None` for a service of a fixed size.
pub(super) fn write(part: &Part<'_>, resources: &mut Map<String, Value>, notes: &mut Notes) -> Option<Value> {
    let mut out = part.scaler.and_then(|scaler| horizontal(scaler, part, resources, notes));
    if let Some(vertical) = part.vertical {
        let signals = signals(out.as_ref());
        if let Some(vertical) = self::vertical(vertical, &signals, part, notes) {
            let size = || service::replicas(part, &mut Notes::default()).max(1);
            out.get_or_insert_with(|| {
                let size = size();
                Map::from_iter([("minReplicas".to_owned(), size.into()), ("maxReplicas".to_owned(), size.into())])
            })
            .insert("vertical".to_owned(), vertical);
        }
    }
    out.map(Value::Object)
}

/// Metrics of skala's own that change with the size of a replica.
fn signals(out: Option<&Map<String, Value>>) -> Vec<&'static str> {
    let metrics = out.and_then(|o| o.get("metrics")).and_then(Value::as_array);
    ["cpu", "memory"].into_iter().filter(|key| metrics.is_some_and(|all| all.iter().any(|m| m.get(key).is_some()))).collect()
}

fn horizontal(
    scaler: &Scaler,
    part: &Part<'_>,
    resources: &mut Map<String, Value>,
    notes: &mut Notes,
) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    match scaler.mode {
        Mode::Default => {}
        Mode::Hpa => drop(out.insert("mode".to_owned(), "hpa".into())),
        Mode::Knative => drop(out.insert("mode".to_owned(), "knative".into())),
    }
    let (mut min, max) = bounds(scaler, notes);
    if scaler.mode == Mode::Hpa && min == 0 {
        let reason = "at zero replicas nothing could wake it: its metrics come from replicas or from a cluster";
        let help = "1 is written; for zero, use `mode: default` with a metric from outside, or with a route";
        notes.add(&scaler.origin, scaler.origin.line, "spec.minReplicas", reason, help);
        min = 1;
    }
    out.insert("minReplicas".to_owned(), min.into());
    out.insert("maxReplicas".to_owned(), max.into());
    if scaler.mode == Mode::Knative {
        if !scaler.knative.is_empty() {
            out.insert("knative".to_owned(), scaler.knative.clone().into());
        }
        return Some(out);
    }
    if let Some(idle) = scaler.idle.filter(|idle| *idle < min) {
        out.insert("idleReplicas".to_owned(), idle.into());
    }
    let metrics = metrics::write(scaler, part, resources, notes);
    let windows = windows(scaler, min, max, notes);
    let formula = scaler.formula.as_ref().filter(|_| metrics.iter().any(|m| m.get("onlyInFormula").is_some()));
    if metrics.is_empty() && windows.is_empty() && min < max {
        let reason = "none of its metrics can be carried over, so the size is fixed";
        notes.add(
            &scaler.origin,
            scaler.origin.line,
            "spec",
            reason,
            "write `autoscaling` with a metric that other notes suggest",
        );
        return None;
    }
    if !metrics.is_empty() {
        out.insert("metrics".to_owned(), metrics.into());
    }
    if let Some(formula) = formula {
        let mut written = Map::new();
        written.insert("expression".to_owned(), super::super::text::literal(&formula.expression).into());
        match formula.goal {
            Goal::Each(x) => written.insert("target".to_owned(), number(x)),
            Goal::Total(x) => written.insert("targetTotal".to_owned(), number(x)),
        };
        if formula.activation > 0.0 {
            written.insert("activation".to_owned(), number(formula.activation));
        }
        out.insert("formula".to_owned(), written.into());
    }
    if !windows.is_empty() {
        out.insert("windows".to_owned(), windows.into());
    }
    if let Some(behavior) = &scaler.behavior {
        out.insert("behavior".to_owned(), behavior.clone());
    }
    idleness(scaler, &mut out);
    if let Some(fallback) =
        scaler.fallback.as_ref().filter(|f| f.get("replicas").and_then(Value::as_i64).is_some_and(|n| n <= max))
    {
        out.insert("fallback".to_owned(), fallback.clone().into());
    } else if scaler.fallback.is_some() {
        notes.add(
            &scaler.origin,
            scaler.origin.line,
            "spec.fallback",
            "its replicas are above maxReplicas",
            "it is left out; write it again",
        );
    }
    if scaler.paused {
        out.insert("paused".to_owned(), true.into());
    }
    if let Some(size) = scaler.paused_at {
        let reason = "a pause keeps the size that there is";
        let help = format!("set it once: `skala scale {}={size}`", part.name);
        notes.add(
            &scaler.origin,
            scaler.origin.line,
            "metadata.annotations['autoscaling.keda.sh/paused-replicas']",
            reason,
            help,
        );
    }
    Some(out)
}

fn bounds(scaler: &Scaler, notes: &mut Notes) -> (i64, i64) {
    let (min, max) = (scaler.min.clamp(0, MOST), scaler.max.clamp(1, MOST));
    if (min, max) != (scaler.min, scaler.max) {
        let reason = format!("skala runs at most {MOST} replicas of a service");
        notes.add(&scaler.origin, scaler.origin.line, "spec", reason, format!("{min} to {max} is written; choose bounds"));
    }
    (min, max.max(min))
}

fn idleness(scaler: &Scaler, out: &mut Map<String, Value>) {
    let idles = scaler.min == 0 || scaler.idle.is_some();
    // Without a number from outside skala's own default is no pause at all.
    let usual = if idles && scaler.mode == Mode::Default && !scaler.has_outside() { Some(300) } else { None };
    if let Some(cooldown) = scaler.cooldown.or(usual).filter(|_| idles) {
        out.insert("cooldown".to_owned(), seconds(cooldown).into());
    }
    if let Some(cooldown) = scaler.initial_cooldown.filter(|s| *s > 0 && idles) {
        out.insert("initialCooldown".to_owned(), seconds(cooldown).into());
    }
    if scaler.jump_to_idle {
        out.insert("jumpToIdle".to_owned(), true.into());
    }
}

fn windows(scaler: &Scaler, min: i64, max: i64, notes: &mut Notes) -> Vec<Value> {
    let mut out = Vec::new();
    for window in &scaler.windows {
        if window.min > max {
            let (reason, help) = ("its size is above maxReplicaCount", format!("{max} is written; choose a size"));
            notes.add(&scaler.origin, window.line, &window.field, reason, help);
        }
        // As KEDA takes the larger of both.
        let size = window.min.clamp(min, max);
        out.push(json!({"name": window.name, "start": window.start, "end": window.end, "timezone": window.timezone, "minReplicas": size}));
    }
    out
}

fn vertical(vertical: &Vertical, signals: &[&str], part: &Part<'_>, notes: &mut Notes) -> Option<Value> {
    let container = part.workload.and_then(|w| w.pod.as_ref()).map(|p| p.container.as_str());
    let policies = &vertical.policies;
    let own = policies.iter().position(|p| Some(p.container.as_str()) == container);
    let any = || policies.iter().position(|p| p.container == "*");
    let chosen = own.or_else(any).or(if container.is_none() && !policies.is_empty() { Some(0) } else { None });
    for (i, policy) in policies.iter().enumerate().filter(|(i, _)| Some(*i) != chosen) {
        if own.is_some() && policy.container == "*" {
            continue;
        }
        let reason = format!("a replica is one program; `{}` is not it", super::super::note::short(&policies[i].container));
        notes.add(&vertical.origin, policy.line, &policy.field, reason, "nothing, unless it becomes a service of its own");
    }
    let empty = ContainerPolicy {
        line: vertical.origin.line,
        field: "spec".to_owned(),
        container: String::new(),
        off: false,
        resources: None,
        min: Map::new(),
        max: Map::new(),
    };
    let policy = chosen.and_then(|i| policies.get(i)).unwrap_or(&empty);
    let mode = if policy.off { "off" } else { vertical.mode };
    let controlled = policy.resources.clone().unwrap_or_else(|| vec!["cpu".to_owned(), "memory".to_owned()]);
    let mut resources: Vec<&str> = ["cpu", "memory"].into_iter().filter(|r| controlled.iter().any(|c| c == r)).collect();
    for signal in signals.iter().filter(|_| mode != "off") {
        if resources.contains(signal) {
            let reason = format!("{signal} already decides how many replicas there are, and must not change their size too");
            notes.add(
                &vertical.origin,
                policy.line,
                &policy.field,
                reason,
                format!("{signal} is left out of `vertical.resources`"),
            );
            resources.retain(|r| r != signal);
        }
    }
    if resources.is_empty() {
        let reason = "no resource is left to recommend";
        notes.add(
            &vertical.origin,
            vertical.origin.line,
            "spec",
            reason,
            "scale by another metric, such as `concurrency`, and write `vertical`",
        );
        return None;
    }
    let (min, mut max) = (policy.min.clone(), policy.max.clone());
    for key in ["cpu", "memory"] {
        let milli = |of: &Map<String, Value>| of.get(key)?.as_str()?.parse::<Quantity>().ok()?.milli().ok();
        if milli(&min).zip(milli(&max)).is_some_and(|(min, max)| min > max) {
            notes.add(
                &vertical.origin,
                policy.line,
                &policy.field,
                format!("minAllowed of {key} is above maxAllowed"),
                "maxAllowed is left out",
            );
            max.remove(key);
        }
    }
    let mut out = Map::new();
    out.insert("mode".to_owned(), mode.into());
    if resources.len() < 2 {
        out.insert("resources".to_owned(), resources.into());
    }
    for (key, list) in [("minAllowed", min), ("maxAllowed", max)] {
        if !list.is_empty() {
            out.insert(key.to_owned(), list.into());
        }
    }
    Some(out.into())
}

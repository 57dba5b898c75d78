//! KEDA's ScaledObject.
//!
//! Decides: what its two machines (0 to 1, and the HPA it makes) mean in one policy.
//! Method: `mode: default`, which has KEDA's words: activation, cooldown, idle size, fallback, formula, windows. A ScaledObject with
//!   cpu and memory triggers alone is always active, so its least size is 1.
//! Tested: `tests/it/import/keda.rs`.

mod auth;
mod formula;
mod http;
mod kafka;
mod nats;
mod params;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;
mod trigger;

use serde_json::{Map, Value};

pub(crate) use auth::{Auth, read as authentication};

use super::behavior::{self, Place};
use super::draft::{Mode, Scaler, Target};
use super::fields::{Fields, quoted, truth};
use super::note::Notes;
use super::objects::Object;
use super::{Found, To};
use crate::object::hpa;

/// Prefix of the annotations that pause.
const PREFIX: &str = "autoscaling.keda.sh/";

/// Most triggers of one object.
const MOST: usize = 100;

pub(crate) fn read(object: &Object, to: To, found: &mut Found) {
    let mut spec = object.spec(&mut found.notes);
    let Some(target) = target(object, &mut spec, &mut found.notes) else {
        return spec.note("scaleTargetRef", "this does not say what is scaled", "name it; nothing is imported", &mut found.notes);
    };
    let mut scaler = Scaler::new(object.origin.clone(), &object.name, target, Mode::Default);
    let path = spec.at("triggers");
    let triggers = spec.list("triggers", &mut found.notes);
    if triggers.len() > MOST {
        let reason = format!("these are more than {MOST} triggers");
        spec.note("triggers", reason, "the first are imported; split the object", &mut found.notes);
    }
    for (i, node) in triggers.iter().enumerate().take(MOST) {
        let fields = Fields::new(&object.origin, node, format!("{path}[{i}]"), &mut found.notes);
        trigger::read(object, fields, to, &mut scaler, found);
    }
    let notes = &mut found.notes;
    bounds(&mut spec, triggers.iter().all(|t| t.get("type").and_then(|t| t.text()).is_some_and(own)), &mut scaler, notes);
    times(&mut spec, &mut scaler, notes);
    if let Some(mut advanced) = spec.map("advanced", notes) {
        self::advanced(object, &mut advanced, &mut scaler, notes);
        advanced.finish(notes);
    }
    fallback(&mut spec, &mut scaler, notes);
    pauses(object, &mut scaler, notes);
    spec.finish(notes);
    found.scalers.push(scaler);
}

/// Triggers that KEDA leaves to the HPA and that never wake anything.
fn own(kind: &str) -> bool {
    matches!(kind, "cpu" | "memory")
}

fn target(object: &Object, spec: &mut Fields<'_>, notes: &mut Notes) -> Option<Target> {
    let mut of = spec.map("scaleTargetRef", notes)?;
    let name = of.text("name", notes)?.to_owned();
    let kind = of.text("kind", notes).unwrap_or("Deployment").to_owned();
    let api_version = of.text("apiVersion", notes).unwrap_or("apps/v1").to_owned();
    // Where the variables of `...FromEnv` are looked up; all containers are known here.
    of.ignore(&["envSourceContainerName"]);
    of.finish(notes);
    Some(Target { namespace: object.namespace.clone(), kind, name, api_version })
}

fn bounds(spec: &mut Fields<'_>, always_active: bool, scaler: &mut Scaler, notes: &mut Notes) {
    let min = spec.int("minReplicaCount", notes).unwrap_or(0);
    let max = spec.int("maxReplicaCount", notes).unwrap_or(100);
    scaler.min = min.max(i64::from(always_active));
    scaler.max = max.max(scaler.min).max(1);
    if min < 0 || max != scaler.max {
        let reason = "0 <= minReplicaCount <= maxReplicaCount and 1 <= maxReplicaCount do not hold";
        spec.note("maxReplicaCount", reason, format!("{} to {} is written; choose bounds", scaler.min.max(0), scaler.max), notes);
        scaler.min = scaler.min.max(0);
    }
    if let Some(idle) = spec.int("idleReplicaCount", notes) {
        if idle >= 0 && idle < scaler.min {
            scaler.idle = Some(idle);
        } else {
            spec.note("idleReplicaCount", "it is not below minReplicaCount", "it is left out; correct it", notes);
        }
    }
    scaler.jump_to_idle = (scaler.min == 0 || scaler.idle.is_some()) && !always_active;
}

fn times(spec: &mut Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    let mut period = |key: &str, longest: i64| {
        let seconds = spec.int(key, notes)?;
        let kept = seconds.clamp(0, longest);
        if kept != seconds {
            spec.note(
                key,
                format!("it is not between 0 and {longest} seconds"),
                format!("{kept} is written; choose a time"),
                notes,
            );
        }
        Some(kept)
    };
    scaler.cooldown = period("cooldownPeriod", 86_400);
    scaler.initial_cooldown = period("initialCooldownPeriod", 86_400);
    scaler.poll = period("pollingInterval", 900).map(|s| s.max(1));
}

fn advanced(object: &Object, advanced: &mut Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    if advanced.boolean("restoreToOriginalReplicaCount", notes) == Some(true) {
        let help = "set the size by hand when you end the scaling: `skala scale SERVICE=N`";
        advanced.note("restoreToOriginalReplicaCount", "no former size is remembered", help, notes);
    }
    if let Some(mut config) = advanced.map("horizontalPodAutoscalerConfig", notes) {
        config.refuse(&["name"], "no HorizontalPodAutoscaler is made", "nothing, unless something else reads that object", notes);
        let path = config.at("behavior");
        if let Some(node) = config.take("behavior") {
            match serde_json::from_value::<hpa::Behavior>(node.json()) {
                Ok(from) => {
                    let place = Place { origin: &object.origin, root: &object.node };
                    scaler.behavior = Some(behavior::read(&from, &path, &place, notes));
                    let printed = serde_json::to_value(&from).unwrap_or_default();
                    super::hpa::unknown(node, &printed, &path, &place, notes);
                }
                Err(wrong) => config.note("behavior", wrong.to_string(), "the defaults are in force; correct it", notes),
            }
        }
        config.finish(notes);
    }
    if let Some(modifiers) = advanced.map("scalingModifiers", notes) {
        formula::read(modifiers, scaler, notes);
    }
}

fn fallback(spec: &mut Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    let Some(mut fields) = spec.map("fallback", notes) else { return };
    let threshold = fields.int("failureThreshold", notes).unwrap_or(3);
    let replicas = fields.int("replicas", notes);
    let behavior = match fields.text("behavior", notes) {
        None | Some("static") => None,
        Some(word @ ("currentReplicas" | "currentReplicasIfHigher" | "currentReplicasIfLower")) => Some(word),
        Some(other) => {
            let reason = format!("{} is not a behavior that is known here", quoted(other));
            fields.note("behavior", reason, "`static` is written; choose one", notes);
            None
        }
    };
    fields.finish(notes);
    if !scaler.has_outside() {
        return spec.note(
            "fallback",
            "nothing is left that could fall back",
            "nothing: skala's own metrics hold the size",
            notes,
        );
    }
    let Some(replicas) = replicas.filter(|n| (0..=scaler.max).contains(n)) else {
        let reason = format!("its replicas are not between 0 and {}", scaler.max);
        return spec.note("fallback", reason, "it is left out: a metric that fails holds the size", notes);
    };
    let mut out = Map::new();
    out.insert("replicas".to_owned(), replicas.into());
    out.insert("failureThreshold".to_owned(), threshold.clamp(0, 1000).into());
    if let Some(word) = behavior {
        out.insert("behavior".to_owned(), Value::from(word));
    }
    scaler.fallback = Some(out);
}

fn pauses(object: &Object, scaler: &mut Scaler, notes: &mut Notes) {
    for (key, value, line) in object.annotations() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let field = format!("metadata.annotations['{key}']");
        match name {
            // As in KEDA, what is no boolean pauses.
            "paused" => scaler.paused |= truth(value).unwrap_or(true),
            "paused-replicas" => match value.parse::<i64>().ok().filter(|n| (0..=1000).contains(n)) {
                Some(replicas) => (scaler.paused, scaler.paused_at) = (true, Some(replicas)),
                None => notes.add(&object.origin, line, &field, "this is no size", "the scaling is not paused; correct it"),
            },
            "paused-scale-in" | "paused-scale-down" if truth(value).unwrap_or(true) => disable("scaleDown", scaler),
            "paused-scale-out" if truth(value).unwrap_or(true) => disable("scaleUp", scaler),
            "paused-scale-in" | "paused-scale-down" | "paused-scale-out" => {}
            "force-activation" if truth(value) == Some(false) => {}
            "force-activation" => {
                scaler.min = scaler.min.max(1);
                scaler.idle = None;
                scaler.jump_to_idle = false;
            }
            _ => {
                let reason = "this annotation is not known here";
                notes.add(&object.origin, line, &field, reason, "look whether it matters, and write what is meant by hand");
            }
        }
    }
}

/// A direction in which nothing changes: `selectPolicy: Disabled`.
fn disable(direction: &str, scaler: &mut Scaler) {
    let behavior = scaler.behavior.get_or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(behavior) = behavior {
        let rules = behavior.entry(direction).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(rules) = rules {
            rules.insert("selectPolicy".to_owned(), "Disabled".into());
        }
    }
    if direction == "scaleDown" {
        // Going idle at once would pass the rule.
        scaler.jump_to_idle = false;
    }
}

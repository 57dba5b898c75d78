//! VerticalPodAutoscaler.
//!
//! Decides: what becomes of the update mode, and which bounds hold for which container.
//! Tested: `tests/it/import/vpa.rs`.

use serde_json::{Map, Value};

use super::draft::{ContainerPolicy, Target, Vertical};
use super::fields::{Fields, quoted};
use super::note::Notes;
use super::objects::Object;
use super::{Found, text};
use crate::Quantity;

pub(crate) fn read(object: &Object, found: &mut Found) {
    let notes = &mut found.notes;
    let mut spec = object.spec(notes);
    let mut target = Target { namespace: object.namespace.clone(), ..Target::default() };
    if let Some(mut of) = spec.map("targetRef", notes) {
        target.kind = of.text("kind", notes).unwrap_or_default().to_owned();
        target.name = of.text("name", notes).unwrap_or_default().to_owned();
        target.api_version = of.text("apiVersion", notes).unwrap_or_default().to_owned();
        of.finish(notes);
    }
    if target.name.is_empty() {
        return spec.note("targetRef", "this does not say what is scaled", "name it; nothing is imported", notes);
    }
    let mode = spec.map("updatePolicy", notes).map_or("apply", |update| self::mode(update, notes));
    let mut policies = Vec::new();
    if let Some(mut policy) = spec.map("resourcePolicy", notes) {
        let path = policy.at("containerPolicies");
        for (i, item) in policy.list("containerPolicies", notes).iter().enumerate() {
            policies.push(container(Fields::new(&object.origin, item, format!("{path}[{i}]"), notes), notes));
        }
        policy.finish(notes);
    }
    spec.refuse(&["recommenders"], "there is one recommender here", "compare its recommendations with those you know", notes);
    spec.finish(notes);
    found.verticals.push(Vertical { origin: object.origin.clone(), target, mode, policies });
}

fn mode(mut update: Fields<'_>, notes: &mut Notes) -> &'static str {
    let mode = match update.text("updateMode", notes) {
        None | Some("Auto" | "InPlaceOrRecreate" | "InPlace") => "apply",
        Some("Off") => "recommend",
        Some("Recreate") => {
            let help = "recommendations are applied in place, where that is possible; no replica is replaced for one";
            update.note("updateMode", "replicas are not replaced to change their size", help, notes);
            "apply"
        }
        Some("Initial") => {
            let help = "they are shown by `skala recommend`; write them into `resources`, or use `mode: apply`";
            update.note("updateMode", "recommendations are not applied at the start of a replica alone", help, notes);
            "recommend"
        }
        Some(other) => {
            let reason = format!("{} is not a mode that is known here", quoted(other));
            update.note("updateMode", reason, "recommendations are shown by `skala recommend`", notes);
            "recommend"
        }
    };
    update.refuse(
        &["minReplicas", "evictionRequirements"],
        "no replica is evicted",
        "nothing, unless you rely on evictions",
        notes,
    );
    update.finish(notes);
    mode
}

fn container(mut fields: Fields<'_>, notes: &mut Notes) -> ContainerPolicy {
    let (line, field) = (fields.line, fields.path.clone());
    let container = fields.text("containerName", notes).unwrap_or("*").to_owned();
    let off = fields.text("mode", notes) == Some("Off");
    let resources = fields.take("controlledResources").map(|list| {
        let names: Vec<String> = list.items().iter().filter_map(|n| Some(n.text()?.to_owned())).collect();
        names
    });
    if fields.text("controlledValues", notes).is_some_and(|v| v != "RequestsAndLimits") {
        let help = "requests and limits change alike; leave limits out of `resources` if they should not";
        fields.note("controlledValues", "limits are not left alone", help, notes);
    }
    let min = amounts(&mut fields, "minAllowed", notes);
    let max = amounts(&mut fields, "maxAllowed", notes);
    fields.finish(notes);
    ContainerPolicy { line, field, container, off, resources, min, max }
}

/// CPU and memory under a key, in the platform file's form.
pub(crate) fn amounts(fields: &mut Fields<'_>, key: &str, notes: &mut Notes) -> Map<String, Value> {
    let mut out = Map::new();
    let Some(mut list) = fields.map(key, notes) else { return out };
    for resource in ["cpu", "memory"] {
        let Some(written) = list.text(resource, notes) else { continue };
        let quantity = written.parse::<Quantity>().ok();
        let form = quantity.and_then(if resource == "cpu" { text::cpu } else { text::memory });
        match form {
            Some(form) => drop(out.insert(resource.to_owned(), form.into())),
            // Nothing is asked for.
            None if quantity == Some(Quantity::ZERO) => {}
            None => list.note(resource, "this is not an amount above 0", "it is left out; correct it", notes),
        }
    }
    let rest: Vec<&str> = list.unread().map(|e| e.key.as_str()).collect();
    list.refuse(&rest, "of a replica's resources, cpu and memory are known", "see to it that the machine has enough", notes);
    out
}

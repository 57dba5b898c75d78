//! `behavior` of `autoscaling/v2`, from an HPA or a ScaledObject.
//!
//! Decides: which rules can stand; those that Kubernetes would refuse too are left out and named.
//! Invariants: a `behavior` that is there stays there, even empty: its presence alone changes how a size is limited.
//! Tested: `tests/it/import/hpa.rs`.

use serde_json::{Map, Value, json};

use super::note::{Notes, Origin};
use super::tree::Node;
use crate::Quantity;
use crate::object::hpa;

/// Where a typed part of an object stands.
pub(crate) struct Place<'a> {
    pub origin: &'a Origin,
    /// The object.
    pub root: &'a Node,
}

impl Place<'_> {
    pub(crate) fn line(&self, path: &str) -> usize {
        self.root.line_of(path)
    }

    pub(crate) fn note(&self, path: &str, reason: impl Into<String>, help: impl Into<String>, notes: &mut Notes) {
        notes.add(self.origin, self.line(path), path, reason, help);
    }
}

/// The rules in the form of the platform file, which is that of `autoscaling/v2`.
pub(crate) fn read(from: &hpa::Behavior, path: &str, place: &Place<'_>, notes: &mut Notes) -> Value {
    let mut out = Map::new();
    for (key, rules) in [("scaleUp", &from.scale_up), ("scaleDown", &from.scale_down)] {
        if let Some(rules) = rules {
            out.insert(key.to_owned(), self::rules(rules, &format!("{path}.{key}"), place, notes));
        }
    }
    if out.is_empty() {
        out.insert("scaleUp".to_owned(), json!({}));
    }
    Value::Object(out)
}

fn rules(from: &hpa::ScalingRules, path: &str, place: &Place<'_>, notes: &mut Notes) -> Value {
    let mut out = Map::new();
    if let Some(seconds) = from.stabilization_window_seconds {
        if (0..=3600).contains(&seconds) {
            out.insert("stabilizationWindowSeconds".to_owned(), seconds.into());
        } else {
            let reason = "a window is 0 to 3600 seconds";
            place.note(&format!("{path}.stabilizationWindowSeconds"), reason, "the default is in force; choose one", notes);
        }
    }
    match from.select_policy.as_deref() {
        None => {}
        Some(select @ ("Max" | "Min" | "Disabled")) => drop(out.insert("selectPolicy".to_owned(), select.into())),
        Some(_) => {
            let reason = "this is none of Max, Min and Disabled";
            place.note(&format!("{path}.selectPolicy"), reason, "Max is in force; choose one", notes);
        }
    }
    if let Some(policies) = &from.policies {
        let policies: Vec<Value> =
            policies.iter().enumerate().filter_map(|(i, p)| policy(p, &format!("{path}.policies[{i}]"), place, notes)).collect();
        if policies.is_empty() {
            place.note(
                &format!("{path}.policies"),
                "none of the policies can stand",
                "the defaults are in force; write one",
                notes,
            );
        } else {
            out.insert("policies".to_owned(), policies.into());
        }
    }
    if let Some(tolerance) = from.tolerance {
        match ratio(tolerance) {
            Some(text) => drop(out.insert("tolerance".to_owned(), text.into())),
            None => place.note(&format!("{path}.tolerance"), "this is not a share", "10 % is in force; choose one", notes),
        }
    }
    Value::Object(out)
}

fn policy(from: &hpa::ScalingPolicy, path: &str, place: &Place<'_>, notes: &mut Notes) -> Option<Value> {
    let good = matches!(&*from.kind, "Pods" | "Percent") && from.value > 0 && (1..=1800).contains(&from.period_seconds);
    if !good {
        let reason = "a policy is Pods or Percent, with a value above 0 and a period of 1 to 1800 seconds";
        place.note(path, reason, "it is left out; correct it", notes);
        return None;
    }
    Some(json!({"type": &*from.kind, "value": from.value, "periodSeconds": from.period_seconds}))
}

/// A share of one, to a millionth, in a form that Kubernetes and the platform file both read.
fn ratio(quantity: Quantity) -> Option<String> {
    let share = quantity.as_f64();
    if quantity.is_negative() || share > 1e6 {
        return None;
    }
    let text = format!("{share:.6}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

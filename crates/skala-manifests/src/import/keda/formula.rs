//! `scalingModifiers`: one number made of the triggers.
//!
//! Tested: `tests/it/import/keda.rs`.

use skala_autoscaler::Formula as Parsed;

use super::super::draft::{Formula, Goal, Scaler, What};
use super::super::fields::Fields;
use super::super::note::Notes;

pub(super) fn read(mut fields: Fields<'_>, scaler: &mut Scaler, notes: &mut Notes) {
    let expression = fields.text("formula", notes).unwrap_or_default().trim().to_owned();
    let target = positive(&mut fields, "target", notes);
    let activation = match fields.text("activationTarget", notes) {
        None | Some("") => 0.0,
        Some(text) => match text.parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0) {
            Some(activation) => activation,
            None => {
                fields.note("activationTarget", "this is not a number of at least 0", "0 is written; correct it", notes);
                0.0
            }
        },
    };
    let total = fields.text("metricType", notes) == Some("Value");
    if expression.is_empty() {
        return fields.finish(notes);
    }
    let Some(target) = target else {
        return fields.note(
            "target",
            "the formula has no target above 0",
            "the formula is left out, and each trigger counts by itself",
            notes,
        );
    };
    let reason = match Parsed::parse(&expression) {
        Err(wrong) => Some(format!("this is no formula here: {wrong}")),
        Ok(parsed) => {
            let known = |name: &str| scaler.metrics.iter().any(|m| matches!(&m.what, What::Outside(o) if o.name == name));
            let open = parsed.names().iter().find(|name| !known(name));
            open.map(|name| format!("there is no metric `{}` that a formula could read", super::super::note::short(name)))
        }
    };
    if let Some(reason) = reason {
        let help = "the formula is left out, and each trigger counts by itself; write it under `formula`";
        return fields.note("formula", reason, help, notes);
    }
    fields.finish(notes);
    let goal = if total { Goal::Total(target) } else { Goal::Each(target) };
    scaler.formula = Some(Formula { expression, goal, activation });
}

fn positive(fields: &mut Fields<'_>, key: &str, notes: &mut Notes) -> Option<f64> {
    fields.text(key, notes)?.trim().parse::<f64>().ok().filter(|x| x.is_finite() && *x > 0.0)
}

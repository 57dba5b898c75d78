//! A HorizontalPodAutoscaler: its spec is an `Autoscaler`'s, with `mode: hpa` so that it goes on deciding as it did.

use serde_json::{Value, json};

use super::Imported;
use crate::object::older;

pub(super) fn import(imported: &mut Imported, object: &str, manifest: Value) {
    let hpa = match older::read(manifest) {
        Ok(hpa) => hpa,
        Err((path, message)) => return imported.note(object, &path, message),
    };
    let Ok(Value::Object(mut spec)) = serde_json::to_value(&hpa.spec) else { return };
    spec.insert("mode".into(), json!("hpa"));
    imported.scale(object, &hpa.spec.scale_target_ref.name, &hpa.metadata.namespace, spec);
}

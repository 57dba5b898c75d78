//! Structural schemas of custom resources.
//!
//! Decides: which fields are kept, which defaults are filled in, and what is wrong.
//! Inputs: the `openAPIV3Schema` of a version; an object.
//! Method: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema`: pruning, defaulting, then validation of types, required, enum,
//!   bounds, lengths, formats of numbers, `nullable`, `x-kubernetes-preserve-unknown-fields`, `x-kubernetes-int-or-string`.
//! Invariants: depth is bounded by the object's own, which the JSON reader bounds.
//! Tested: `tests` below; `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use serde_json::Value;

use super::status::Cause;

fn flag(schema: &Value, name: &str) -> bool {
    schema[name] == true
}

/// Members that every object has and that no schema needs to name.
fn is_type_meta(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// Drops fields that the schema doesn't know, and names them.
pub(crate) fn prune(schema: &Value, value: &mut Value, path: &str, root: bool, dropped: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object();
            let additional = schema.get("additionalProperties").filter(|a| !a.is_boolean());
            let open = flag(schema, "x-kubernetes-preserve-unknown-fields") || schema["additionalProperties"] == true;
            let embedded = root || flag(schema, "x-kubernetes-embedded-resource");
            members.retain(|name, value| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if embedded && is_type_meta(name) {
                    return true;
                }
                let known = properties.and_then(|p| p.get(name)).or(additional);
                match known {
                    Some(schema) => prune(schema, value, &path, false, dropped),
                    None if open => {}
                    None => dropped.push(path),
                }
                known.is_some() || open
            });
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                prune(&schema["items"], item, &format!("{path}[{at}]"), false, dropped);
            }
        }
        _ => {}
    }
}

/// Fills in defaults, and drops nulls where the schema has a default and no null.
pub(crate) fn apply_defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let Some(default) = property.get("default") else { continue };
                let null = members.get(name).is_some_and(Value::is_null) && !flag(property, "nullable");
                if null || !members.contains_key(name) {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in members.iter_mut() {
                let additional = &schema["additionalProperties"];
                apply_defaults(schema["properties"].get(name).unwrap_or(additional), value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| apply_defaults(&schema["items"], item)),
        _ => {}
    }
}

/// What is wrong with an object.
pub(crate) fn validate(schema: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, object, "", &mut causes);
    causes
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && (flag(schema, "nullable") || schema["type"].is_null()) {
        return;
    }
    if !has_type(schema, value) {
        let (is, should) = (type_of(value), schema["type"].as_str().unwrap_or(""));
        let why = format!("{path} in body must be of type {should}: {is:?}");
        let mut cause = Cause::invalid(path, &Value::from(is), &why);
        cause.reason = "FieldValueTypeInvalid";
        causes.push(cause);
        return;
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|a| !a.contains(value)) {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", allowed.join(", "));
        causes.push(Cause { reason: "FieldValueNotSupported", field: path.to_owned(), message });
    }
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(0.0);
            bound(schema, "minimum", number, value, path, causes);
            bound(schema, "maximum", number, value, path, causes);
            let range = match schema["format"].as_str() {
                Some("int32") => f64::from(i32::MIN)..=f64::from(i32::MAX),
                _ => f64::MIN..=f64::MAX,
            };
            if !range.contains(&number) {
                causes.push(Cause::invalid(path, value, &format!("{path} in body must be of format int32")));
            }
        }
        Value::String(text) => {
            bound(schema, "minLength", text.chars().count() as f64, value, path, causes);
            bound(schema, "maxLength", text.chars().count() as f64, value, path, causes);
        }
        Value::Array(items) => {
            bound(schema, "minItems", items.len() as f64, value, path, causes);
            bound(schema, "maxItems", items.len() as f64, value, path, causes);
            for (at, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{at}]"), causes);
            }
        }
        Value::Object(members) => {
            bound(schema, "minProperties", members.len() as f64, value, path, causes);
            bound(schema, "maxProperties", members.len() as f64, value, path, causes);
            let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !members.contains_key(name) {
                    causes.push(Cause::required(below(name)));
                }
            }
            for (name, value) in members {
                let additional = &schema["additionalProperties"];
                check(schema["properties"].get(name).unwrap_or(additional), value, &below(name), causes);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Holds one bound of the schema.
fn bound(schema: &Value, name: &str, have: f64, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(bound) = schema[name].as_f64() else { return };
    let exclusive =
        (name == "minimum" && flag(schema, "exclusiveMinimum")) || (name == "maximum" && flag(schema, "exclusiveMaximum"));
    let kept = match (name.starts_with("min"), exclusive) {
        (true, false) => have >= bound,
        (true, true) => have > bound,
        (false, false) => have <= bound,
        (false, true) => have < bound,
    };
    if !kept {
        let than = match (name.starts_with("min"), exclusive) {
            (true, false) => "greater than or equal to",
            (true, true) => "greater than",
            (false, false) => "less than or equal to",
            (false, true) => "less than",
        };
        let what = if matches!(name, "minimum" | "maximum") { String::new() } else { format!(" ({name})") };
        causes.push(Cause::invalid(path, value, &format!("{path} in body should be {than} {bound}{what}")));
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    if flag(schema, "x-kubernetes-int-or-string") {
        return value.is_i64() || value.is_u64() || value.is_string();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{apply_defaults, prune, validate};

    #[test]
    fn objects_are_pruned_filled_and_checked() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["max"], "properties": {
            "max": {"type": "integer", "minimum": 1, "format": "int32"},
            "mode": {"type": "string", "enum": ["hpa", "skala"], "default": "skala"},
            "port": {"x-kubernetes-int-or-string": true},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "number"}}}}}}}});
        let mut object = json!({"apiVersion": "a/v1", "kind": "X", "metadata": {"name": "n"}, "spec": {"max": 0, "extra": 1,
            "port": "http", "free": {"x": {"y": 1}}, "labels": {"a": "b"}, "list": [{"a": 1, "b": 2}]}, "status": {}});
        let mut dropped = Vec::new();
        apply_defaults(&schema, &mut object);
        prune(&schema, &mut object, "", true, &mut dropped);
        assert_eq!(dropped, ["spec.extra", "spec.list[0].b", "status"]);
        assert_eq!((&object["spec"]["mode"], &object["spec"]["free"]["x"]["y"]), (&json!("skala"), &json!(1)));
        let rows = [
            (json!({"spec": {"max": 0}}), "spec.max"),
            (json!({"spec": {}}), "spec.max"),
            (json!({"spec": {"max": "1"}}), "spec.max"),
            (json!({"spec": {"max": 3_000_000_000_u64}}), "spec.max"),
            (json!({"spec": {"max": 1, "mode": "vpa"}}), "spec.mode"),
            (json!({"spec": {"max": 1, "port": 1.5}}), "spec.port"),
            (json!({"spec": {"max": 1, "labels": {"a": 1}}}), "spec.labels.a"),
            (json!({"spec": {"max": 1, "list": [{"a": "x"}]}}), "spec.list[0].a"),
        ];
        for (object, field) in rows {
            let causes = validate(&schema, &object);
            assert_eq!(causes.iter().map(|c| c.field.as_str()).collect::<Vec<_>>(), [field], "{object}");
        }
        assert!(validate(&schema, &json!({"spec": {"max": 1, "port": 80}})).is_empty());
    }
}

//! Names that become host names, folder names and labels.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Key of the overlays.
pub(crate) const ENVIRONMENTS: &str = "environments";

/// Whether a text is a DNS label: 1 to 63 of `a-z`, `0-9`, `-`, not starting or ending with `-`.
pub fn is_dns_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// Schema of a name.
pub(super) fn dns_label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "x-kind": "name", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})
}

/// Schema of a list of names.
pub(super) fn dns_labels(generator: &mut SchemaGenerator) -> Schema {
    let name = dns_label(generator);
    json_schema!({"type": "array", "items": name})
}

/// Schema of a map whose keys are names.
pub(super) fn map_by_name<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let value = generator.subschema_for::<T>();
    json_schema!({"type": "object", "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}, "additionalProperties": value})
}

/// Schema of the overlays: any section of the file, in part.
pub(super) fn overlays(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
        "additionalProperties": {"type": "object", "description": "Any part of the file above; checked as if it stood there.", "x-overlay": true}
    })
}

/// Names that no metric from outside may have: they mean something else in decisions or formulas.
pub const TAKEN_METRIC_NAMES: [&str; 23] = [
    "cpu",
    "memory",
    "requestsPerSecond",
    "latency",
    "concurrency",
    "formula",
    "max",
    "min",
    "sum",
    "avg",
    "mean",
    "count",
    "abs",
    "floor",
    "ceil",
    "round",
    "float",
    "int",
    "replicas",
    "true",
    "false",
    "and",
    "or",
];

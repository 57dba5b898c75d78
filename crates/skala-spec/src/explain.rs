//! `explain`: what a field means, from the same schema that checks it.
//!
//! Decides: which field a path names; names of services and positions in lists may be left out.
//! Tested: `tests/it/generated.rs`.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::schema::{self, is_required, map_values, properties, resolve, type_name};
use crate::suggest::{is_typo, list, nearest};

/// A field of the platform file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Path without names and positions: `services.autoscaling.minReplicas`. Empty for the file.
    pub path: String,
    /// Type in words.
    pub type_name: String,
    /// Whether the field must be given.
    pub required: bool,
    /// Value when it is not given; `None` when there is none.
    pub default: Option<Value>,
    /// Range of numbers: `1 to 1000`; empty when there is none.
    pub range: String,
    /// Meaning, unit, and what a reload does.
    pub doc: String,
    /// Allowed values with their meanings.
    pub values: Vec<(String, String)>,
    /// Fields below it.
    pub children: Vec<Child>,
}

/// A field below an explained one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Child {
    /// Name.
    pub name: String,
    /// Type in words.
    pub type_name: String,
    /// Whether it must be given.
    pub required: bool,
    /// First sentence of its meaning.
    pub summary: String,
}

/// Why a path cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No such field.
    #[error("there is no field `{segment}` {}; {help}", if .parent.is_empty() { "at the top of the file".to_owned() } else { format!("in `{}`", .parent) })]
    Unknown {
        /// The part of the path that is unknown.
        segment: String,
        /// The known part before it.
        parent: String,
        /// The nearest field, or all of them.
        help: String,
    },
}

/// Explains a field such as `services.autoscaling.minReplicas` or `services.api.autoscaling`; the empty path is the whole file.
///
/// # Errors
/// When there is no such field; the error names the nearest.
pub fn explain(path: &str) -> Result<Explanation, ExplainError> {
    let mut field: &'static Value = schema::root();
    let mut walked: Vec<String> = Vec::new();
    let mut required = true;
    let step = |s: &&str| !s.is_empty() && !s.bytes().all(|b| b.is_ascii_digit()) && *s != "*";
    let segments: Vec<&str> = path.split(['.', '[', ']']).filter(step).collect();
    for (i, segment) in segments.iter().enumerate() {
        match lookup(field, segment, segments.get(i + 1)) {
            Found::Field(inner, needed) => {
                walked.push((*segment).to_owned());
                (field, required) = (inner, needed);
            }
            Found::Name => {}
            Found::Nothing => return Err(unknown(segment, &walked, field)),
        }
    }
    Ok(describe(field, walked.join("."), required))
}

enum Found {
    Field(&'static Value, bool),
    /// A name that the user chose.
    Name,
    Nothing,
}

/// The mapping behind a field, through lists, maps and alternatives.
fn mapping(field: &'static Value) -> Option<(&'static Value, bool)> {
    let schema = resolve(field);
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().find_map(mapping);
    }
    if properties(schema).is_some() {
        return Some((schema, false));
    }
    if schema["items"].is_object() {
        return mapping(&schema["items"]);
    }
    map_values(schema).map(|values| (mapping(values).map_or(schema, |(inner, _)| inner), true))
}

fn lookup(field: &'static Value, segment: &str, next: Option<&&str>) -> Found {
    let Some((inner, by_name)) = mapping(field) else { return Found::Nothing };
    match properties(inner).and_then(|p| p.get(segment)) {
        Some(found) => Found::Field(found, is_required(inner, segment)),
        // A name that is nearly a field is a field with a typing error, unless what follows fits a name.
        None if by_name && (next.is_some_and(|next| keys(inner).any(|k| k == *next)) || !is_typo(segment, keys(inner))) => {
            Found::Name
        }
        None => Found::Nothing,
    }
}

fn keys(schema: &'static Value) -> impl Iterator<Item = &'static str> {
    properties(schema).into_iter().flatten().map(|(k, _)| k.as_str())
}

fn unknown(segment: &str, walked: &[String], field: &'static Value) -> ExplainError {
    let inner = mapping(field).map(|(inner, _)| inner);
    let known = || inner.into_iter().flat_map(keys);
    let parent = walked.join(".");
    let help = match nearest(segment, known()) {
        Some(near) if parent.is_empty() => format!("did you mean `{near}`?"),
        Some(near) => format!("did you mean `{parent}.{near}`?"),
        None if known().next().is_none() => "it has no fields below it".to_owned(),
        None => format!("its fields are {}", list(known())),
    };
    ExplainError::Unknown { segment: segment.to_owned(), parent, help }
}

fn describe(field: &'static Value, path: String, required: bool) -> Explanation {
    let schema = resolve(field);
    let inner = mapping(field).map(|(inner, _)| inner);
    let text = |s: &Value| s["description"].as_str().map(str::to_owned);
    let child = |(name, child): (&String, &'static Value)| {
        let doc = text(child).or_else(|| text(resolve(child))).unwrap_or_default();
        let required = inner.is_some_and(|i| is_required(i, name));
        Child { name: name.clone(), type_name: type_name(child), required, summary: first_sentence(&doc) }
    };
    let values = schema["x-enum"].as_object().into_iter().flatten();
    Explanation {
        path,
        type_name: type_name(field),
        required,
        default: field.get("default").cloned(),
        range: range(schema),
        doc: text(field).or_else(|| text(schema)).unwrap_or_default(),
        values: values.map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
        children: inner.and_then(properties).into_iter().flatten().map(child).collect(),
    }
}

fn range(schema: &Value) -> String {
    let bound = |key: &str| schema[key].as_i64();
    match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
        (Some(min), Some(max), _) => format!("{min} to {max}"),
        (Some(min), None, _) => format!("{min} or more"),
        (None, Some(max), _) => format!("at most {max}"),
        (None, None, Some(min)) => format!("more than {min}"),
        (None, None, None) => String::new(),
    }
}

/// Up to the first full stop that a space follows.
pub(crate) fn first_sentence(doc: &str) -> String {
    doc.split_once(". ").map_or(doc, |(first, _)| first).trim_end_matches('.').to_owned()
}

impl fmt::Display for Explanation {
    /// A page for the terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "platform file" } else { &self.path };
        writeln!(f, "{path} <{}>{}", self.type_name, if self.required { " (required)" } else { "" })?;
        if let Some(default) = self.default.as_ref().filter(|d| !d.is_object() && !d.is_array()) {
            writeln!(f, "default: {}", plain(default))?;
        }
        if !self.range.is_empty() {
            writeln!(f, "range: {}", self.range)?;
        }
        writeln!(f, "\n{}", self.doc)?;
        rows(f, self.values.iter().map(|(value, meaning)| (value.clone(), meaning.as_str())).collect())?;
        let left = |c: &Child| format!("{} <{}>{}", c.name, c.type_name, if c.required { " (required)" } else { "" });
        rows(f, self.children.iter().map(|c| (left(c), c.summary.as_str())).collect())
    }
}

/// Two columns, after an empty line.
fn rows(f: &mut fmt::Formatter<'_>, rows: Vec<(String, &str)>) -> fmt::Result {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    if !rows.is_empty() {
        writeln!(f)?;
    }
    rows.iter().try_for_each(|(left, right)| writeln!(f, "  {left:width$}  {right}"))
}

/// A JSON value as it stands in YAML.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

//! The words for what the walk finds: unknown keys, wrong types, choices and ranges.
//!
//! Decides: the message and the fix of each; nothing else.
//! Tested: `tests/it/problems.rs`.

use serde_json::{Value, json};

use super::{At, Checker};
use crate::problem::{Span, Text};
use crate::schema;
use crate::suggest::{list, nearest};
use crate::tree::{Data, Entry, Node, Scalar, resolve as resolve_scalar};

/// Keys of sections that the design has and this release does not, by the place where they go (`*` any name, `[]` any item).
const LATER: [(&str, &[&str]); 2] =
    [("", &["models", "caches", "alerts", "regions"]), ("routes[]", &["rateLimit", "retry", "split", "mirror", "sticky"])];

/// Choices that the design has and this release does not.
const LATER_CHOICES: [&str; 1] = ["peakEwma"];

impl Checker<'_> {
    /// Reports a key; returns the one that was meant, if that is plain.
    pub(super) fn unknown_key(&mut self, schema: &'static Value, entry: &Entry, at: &At) -> Option<&'static str> {
        let key = &entry.key;
        let At { shown, path, .. } = at.key(entry, key);
        self.out.broken.push(path);
        let later = LATER.iter().any(|(place, keys)| *place == at.general && keys.contains(&key.as_str()));
        if later {
            let text = Text::new(format!("`{key}` is not in this release")).fix("remove it, or comment it out");
            self.sink.add("E0207", &shown, entry.key_span, text);
            return None;
        }
        let known = || schema::properties(schema).into_iter().flatten().map(|(k, _)| k.as_str());
        let inside = || {
            known().find(|k| schema::properties(schema::resolve(&schema["properties"][*k])).is_some_and(|p| p.contains_key(key)))
        };
        let near = nearest(key, known());
        let help = match (near, inside()) {
            (_, Some(parent)) => format!("it belongs under `{parent}:`"),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, None) if known().count() == 1 => format!("the only key here is {}", list(known())),
            (None, None) => format!("the keys here are {}", list(known())),
        };
        // What was meant is there in a way, so nothing is said about its absence.
        self.out.broken.extend(near.map(|near| if at.path.is_empty() { near.to_owned() } else { format!("{}.{near}", at.path) }));
        self.sink.add("E0201", &shown, entry.key_span, Text::new(format!("unknown key `{}`", shorten(key))).fix(help));
        near
    }

    pub(super) fn wrong_type(&mut self, schema: &'static Value, node: &Node, at: &At) -> Option<Value> {
        let wanted = schema::example(schema);
        let found = match &node.data {
            Data::Map(_) => "a mapping",
            Data::Seq(_) => "a list",
            Data::Scalar { text, plain } => match resolve_scalar(text, *plain) {
                Scalar::Null => "nothing",
                Scalar::Bool(_) => "true or false",
                Scalar::Int(_) => "a whole number",
                Scalar::Float(_) => "a number",
                Scalar::Text => "text",
            },
        };
        let help = match (&node.data, schema::types(schema).as_slice()) {
            (Data::Scalar { text, .. }, ["string"]) if !text.is_empty() => format!("put it in quotes: `\"{}\"`", shorten(text)),
            (Data::Scalar { text, plain: false }, ["integer" | "number" | "boolean"])
                if resolve_scalar(text, true) != Scalar::Text =>
            {
                "remove the quotes".to_owned()
            }
            (Data::Scalar { text, .. }, ["boolean"]) if matches!(text.as_str(), "yes" | "on") => "write `true`".to_owned(),
            (Data::Scalar { text, .. }, ["boolean"]) if matches!(text.as_str(), "no" | "off") => "write `false`".to_owned(),
            (Data::Scalar { text, .. }, ["array"]) if !text.is_empty() => "put it in brackets to make it a list".to_owned(),
            _ => format!("write {wanted}"),
        };
        let span = if matches!(node.data, Data::Scalar { .. }) && node.span.end > node.span.start {
            node.span
        } else {
            at.key.unwrap_or(start(node.span))
        };
        let text = Text::new(format!("{} is wanted here, not {found}", schema::what(schema))).fix(help);
        self.sink.add("E0202", &at.shown, span, text);
        None
    }

    pub(super) fn choice(&mut self, allowed: &[&'static str], text: &str, quoted: &str, span: Span, at: &At) -> Option<Value> {
        if allowed.contains(&text) {
            return Some(json!(text));
        }
        if LATER_CHOICES.contains(&text) {
            let help = format!("use one of {}", list(allowed.iter().copied()));
            self.sink.add("E0207", &at.shown, span, Text::new(format!("{quoted} is not in this release")).fix(help));
            return None;
        }
        let help = match nearest(text, allowed.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", list(allowed.iter().copied())),
        };
        self.sink.add("E0205", &at.shown, span, Text::new(format!("{quoted} is not one of the choices")).fix(help));
        None
    }

    pub(super) fn bounded(&mut self, schema: &Value, number: f64, value: Value, span: Span, at: &At) -> Option<Value> {
        let bound = |key: &str| schema[key].as_f64();
        let help = match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
            (Some(min), Some(max), _) if number < min || number > max => format!("use {min} to {max}"),
            (Some(min), None, _) if number < min => format!("use {min} or more"),
            (None, Some(max), _) if number > max => format!("use at most {max}"),
            (_, _, Some(min)) if number <= min => format!("use more than {min}"),
            _ => return Some(value),
        };
        self.sink.add("E0206", &at.shown, span, Text::new("the number is out of range").fix(help));
        None
    }
}

/// The start of a span that may run over many lines.
pub(super) fn start(span: Span) -> Span {
    Span { end: span.start, ..span }
}

/// At most forty characters of a text, on one line.
pub(super) fn shorten(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect();
    if text.chars().count() > 40 { line + "..." } else { line }
}

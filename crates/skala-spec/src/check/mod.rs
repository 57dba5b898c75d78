//! Walks the tree along the schema: every key, type and quantity, and what can be decoded of it.
//!
//! Decides: E02 (grammar) and E03 (substitution) problems.
//! Inputs: the tree; the schema; the environment and files.
//! Method: a value with a problem is left out of the result, a mapping without a required key too, so that what remains decodes
//!   and later checks still run on it; what was left out is remembered in `broken`.
//! Invariants: text from the environment or a file is not in any message.
//! Tested: `tests/it/problems.rs`.

mod reports;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::expand::{ExpandError, Expanded, expand};
use crate::problem::{Sink, Span, Text};
use crate::scalar::{FILE_KEY, SECRET_KEY, kind_named};
use crate::tree::{Data, Entry, Node, Scalar, resolve as resolve_scalar};
use crate::{model, schema};

use reports::{shorten, start};

/// Where a field stands, for problems that are found after decoding.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The path as the user counts it.
    pub(crate) shown: String,
    /// The value when it is one line's worth, else its key.
    pub(crate) span: Span,
    /// Whether the value is a single value.
    pub(crate) scalar: bool,
    /// Whether a part of it came from the environment; then it is not shown.
    pub(crate) from_env: bool,
}

/// What is left of the tree.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Decodes to [`model::Platform`], but for missing required keys at the top.
    pub(crate) value: Map<String, Value>,
    /// By path in `value`; left-out fields too.
    pub(crate) places: BTreeMap<String, Place>,
    /// Paths that were left out.
    pub(crate) broken: Vec<String>,
    /// Texts that came from the environment, in whole or in part: no message may repeat them.
    pub(crate) from_env: BTreeSet<String>,
}

/// What the text may refer to.
pub(crate) struct World<'a> {
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) read_file: &'a dyn Fn(&str) -> Result<String, String>,
    /// Whether this variant is to run: then variables must be set and files are read.
    pub(crate) selected: bool,
}

/// Checks a whole file; its root must be a mapping.
pub(crate) fn check(root: &Node, world: &World<'_>, sink: &mut Sink) -> Checked {
    let mut checker = Checker { world, sink, out: Checked::default() };
    let at = At::default();
    if let Data::Map(entries) = &root.data {
        let (value, _) = checker.object(schema::root(), entries, root.span, &at);
        checker.out.value = value;
    }
    checker.out
}

/// The position of the walk.
#[derive(Clone, Default)]
struct At {
    /// Path in the result: positions in lists count what was kept.
    path: String,
    /// Path as written.
    shown: String,
    /// `services.*`: names and positions replaced, to look things up.
    general: String,
    key: Option<Span>,
}

impl At {
    fn key(&self, entry: &Entry, general: &str) -> At {
        let join = |path: &str, key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        At {
            path: join(&self.path, &entry.key),
            shown: join(&self.shown, &entry.key),
            general: join(&self.general, general),
            key: Some(entry.key_span),
        }
    }

    fn item(&self, kept: usize, written: usize) -> At {
        let (path, shown) = (format!("{}[{kept}]", self.path), format!("{}[{written}]", self.shown));
        At { path, shown, general: format!("{}[]", self.general), key: None }
    }
}

struct Checker<'a> {
    world: &'a World<'a>,
    sink: &'a mut Sink,
    out: Checked,
}

impl Checker<'_> {
    /// One value against its schema; `None` leaves it out.
    fn value(&mut self, schema: &'static Value, node: &Node, at: &At) -> Option<Value> {
        let scalar = matches!(node.data, Data::Scalar { .. });
        let span = if scalar { node.span } else { at.key.unwrap_or(start(node.span)) };
        self.out.places.insert(at.path.clone(), Place { shown: at.shown.clone(), span, scalar, from_env: false });
        let value = self.typed(schema::resolve(schema), node, at);
        if value.is_none() {
            self.out.broken.push(at.path.clone());
        }
        value
    }

    fn typed(&mut self, schema: &'static Value, node: &Node, at: &At) -> Option<Value> {
        if let Some(alternatives) = schema["anyOf"].as_array() {
            return match alternatives.iter().map(schema::resolve).find(|s| accepts(s, node)) {
                Some(fitting) => self.typed(fitting, node, at),
                None => self.wrong_type(schema, node, at),
            };
        }
        if !accepts(schema, node) {
            return self.wrong_type(schema, node, at);
        }
        match &node.data {
            _ if schema::types(schema).is_empty() => Some(free(node)),
            Data::Map(entries) => {
                let (map, complete) = self.object(schema, entries, node.span, at);
                match &map.get(FILE_KEY) {
                    Some(Value::String(path)) if complete && schema["x-file"] == true => self.file(path, node, at),
                    _ => complete.then_some(Value::Object(map)),
                }
            }
            Data::Seq(items) => self.list(schema, items, node, at),
            Data::Scalar { text, plain } => self.scalar(schema, text, *plain, node, at),
        }
    }

    /// The entries of a mapping that can be kept, and whether every required one is among them.
    fn object(&mut self, schema: &'static Value, entries: &[Entry], span: Span, at: &At) -> (Map<String, Value>, bool) {
        let mut map = Map::new();
        let mut meant = Vec::new();
        for entry in entries {
            let property = schema::properties(schema).and_then(|p| p.get(&entry.key));
            let Some(inner) = property.or_else(|| schema::map_values(schema)) else {
                meant.extend(self.unknown_key(schema, entry, at));
                continue;
            };
            let child = at.key(entry, if property.is_some() { &entry.key } else { "*" });
            if entry.value.is_null() && property.is_some() && !schema::is_required(schema, &entry.key) {
                continue;
            }
            if !schema["propertyNames"].is_null() && property.is_none() && !model::is_dns_label(&entry.key) {
                let text = Text::new(format!("`{}` is not a good name", shorten(&entry.key)))
                    .because("names become host names and labels")
                    .fix("use 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends");
                self.sink.add("E0208", &child.shown, entry.key_span, text);
                self.out.broken.push(child.path);
                continue;
            }
            if let Some(value) = self.value(inner, &entry.value, &child) {
                map.insert(entry.key.clone(), value);
            }
        }
        if map.is_empty() && entries.is_empty() && schema["minProperties"] == 1 {
            self.sink.add(
                "E0203",
                &at.shown,
                at.key.unwrap_or(span),
                Text::new("this mapping is empty").fix("give it at least one entry"),
            );
        }
        let mut complete = true;
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            complete &= map.contains_key(key);
            if !entries.iter().any(|e| e.key == key) && !meant.contains(&key) {
                let wanted = schema::properties(schema).and_then(|p| p.get(key)).map(schema::example).unwrap_or_default();
                let text = Text::new(format!("`{key}` is missing")).fix(format!("add `{key}:` with {wanted}"));
                self.sink.add("E0203", &at.shown, at.key.unwrap_or(start(span)), text);
            }
        }
        (map, complete)
    }

    fn list(&mut self, schema: &'static Value, items: &[Node], node: &Node, at: &At) -> Option<Value> {
        if items.is_empty() && schema["minItems"] == 1 {
            let wanted = schema::example(&schema["items"]);
            self.sink.add("E0203", &at.shown, node.span, Text::new("the list is empty").fix(format!("give it {wanted}")));
            return None;
        }
        let mut kept = Vec::new();
        for (written, item) in items.iter().enumerate() {
            let child = at.item(kept.len(), written);
            let known = self.out.broken.len();
            match self.value(&schema["items"], item, &child) {
                Some(value) => kept.push(value),
                None => self.forget(&child.path, at, known),
            }
        }
        // A command with a word left out would be another command.
        (kept.len() == items.len() || schema["minItems"] != 1).then_some(Value::Array(kept))
    }

    /// The next item takes the path of one that was left out: what is known about that one must not stick to it.
    fn forget(&mut self, item: &str, list: &At, known: usize) {
        self.out
            .places
            .retain(|path, _| !path.strip_prefix(item).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])));
        self.out.broken.truncate(known);
        self.out.broken.push(format!("{}[]", list.path));
    }

    fn scalar(&mut self, schema: &'static Value, text: &str, plain: bool, node: &Node, at: &At) -> Option<Value> {
        let Expanded { text, from_env, changed } = self.expand(text, node.span, at)?;
        // A value that comes from a variable has no quotes of its own, and in `{...}` it must be quoted to be YAML at all.
        let found = resolve_scalar(&text, plain || changed);
        let kind = schema["x-kind"].as_str();
        if let Some(place) = self.out.places.get_mut(&at.path) {
            place.from_env = from_env;
        }
        if from_env {
            self.out.from_env.insert(text.clone());
        }
        let quoted = if from_env { "the value".to_owned() } else { format!("`{}`", shorten(&text)) };
        if found == Scalar::Null && !changed && kind != Some("env-value") {
            return self.wrong_type(schema, node, at);
        }
        if let Some(kind) = kind.and_then(kind_named) {
            return match (kind.parse)(&text) {
                Ok(()) if from_env && matches!(kind.name, "env-value" | "secret") => Some(json!({ SECRET_KEY: text })),
                Ok(()) => Some(json!(text)),
                Err(error) => {
                    let help = if from_env { format!("write it like {}", kind.examples) } else { error.help };
                    let message = format!("{quoted} {}", error.reason);
                    let code = if kind.name == "name" { "E0208" } else { "E0204" };
                    let told = message.ends_with(kind.what);
                    let reason = if told { String::new() } else { format!("{} is wanted here", kind.what) };
                    self.sink.add(code, &at.shown, node.span, Text::new(message).because(reason).fix(help));
                    None
                }
            };
        }
        let allowed = schema::enum_values(schema);
        if !allowed.is_empty() {
            return self.choice(&allowed, &text, &quoted, node.span, at);
        }
        match (schema::types(schema).as_slice(), found) {
            (["string", ..], _) if schema["minLength"] == 1 && text.is_empty() => {
                self.sink.add("E0206", &at.shown, node.span, Text::new("the text is empty"));
                None
            }
            (["string", ..], _) if changed => Some(json!(text)),
            (["string"], Scalar::Text) | (["string", "number"], Scalar::Text | Scalar::Int(_) | Scalar::Float(_)) => {
                Some(json!(text))
            }
            (["integer"], Scalar::Int(n)) => self.bounded(schema, n as f64, json!(n), node.span, at),
            (["number"], Scalar::Int(n)) => self.bounded(schema, n as f64, json!(n), node.span, at),
            (["number"], Scalar::Float(x)) => self.bounded(schema, x, json!(x), node.span, at),
            (["boolean"], Scalar::Bool(b)) => Some(json!(b)),
            _ => self.wrong_type(schema, node, at),
        }
    }

    fn expand(&mut self, text: &str, span: Span, at: &At) -> Option<Expanded> {
        match expand(text, self.world.env) {
            Ok(expanded) => Some(expanded),
            Err(ExpandError::Unset(name)) => {
                if self.world.selected {
                    let text = Text::new(format!("the environment variable {name} is not set"))
                        .fix(format!("set {name}, or give a default: `${{{name}:-...}}`"));
                    self.sink.add("E0302", &at.shown, span, text);
                }
                None
            }
            Err(ExpandError::Syntax(reason)) => {
                let text = Text::new(reason).fix("write `${NAME}` or `${NAME:-default}`; for a literal `${`, write `$${`");
                self.sink.add("E0301", &at.shown, span, text);
                None
            }
        }
    }

    /// `{file: path}`: its text, or its problem.
    fn file(&mut self, path: &str, node: &Node, at: &At) -> Option<Value> {
        if !self.world.selected {
            return None;
        }
        match (self.world.read_file)(path) {
            Ok(text) => Some(json!({ SECRET_KEY: text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(&text) })),
            Err(reason) => {
                // As written: a variable in it is not shown.
                let written = match node.entry(FILE_KEY).map(|e| &e.value.data) {
                    Some(Data::Scalar { text, .. }) => shorten(text),
                    _ => String::new(),
                };
                let text = Text::new(format!("cannot read the file `{written}`"))
                    .because(reason)
                    .fix("paths count from the folder of the platform file");
                self.sink.add("E0303", &at.shown, start(node.span), text);
                None
            }
        }
    }
}

/// Whether the shape fits: mapping, list, or single value.
fn accepts(schema: &'static Value, node: &Node) -> bool {
    let types = schema::types(schema);
    types.is_empty()
        || match node.data {
            Data::Map(_) => types.contains(&"object"),
            Data::Seq(_) => types.contains(&"array"),
            Data::Scalar { .. } => types.iter().any(|t| !matches!(*t, "object" | "array")),
        }
}

/// Any YAML, as JSON.
fn free(node: &Node) -> Value {
    match &node.data {
        Data::Map(entries) => entries.iter().map(|e| (e.key.clone(), free(&e.value))).collect::<Map<_, _>>().into(),
        Data::Seq(items) => items.iter().map(free).collect(),
        Data::Scalar { text, plain } => match resolve_scalar(text, *plain) {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => json!(b),
            Scalar::Int(n) => json!(n),
            Scalar::Float(x) => json!(x),
            Scalar::Text => json!(text),
        },
    }
}

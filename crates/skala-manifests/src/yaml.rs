//! YAML text to a JSON tree.
//!
//! Decides: which YAML objects and documents may be written in: scalar keys, core tags, anchors and aliases.
//! Method: events of `saphyr-parser`; plain scalars by the YAML 1.2 core schema; aliases are copied in, against a budget of nodes.
//! Invariants: at most `MAX_DEPTH` levels and `MAX_NODES` nodes; no key twice.
//! Tested: `tests` below.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Deepest nesting: serde's own limit.
const MAX_DEPTH: usize = 128;
/// Most nodes, aliases counted as often as they are used: a document of 64 MiB has fewer.
const MAX_NODES: usize = 8_000_000;

/// What is wrong with a text, and on which of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// What.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
}

/// Reads one document; an empty text is null.
///
/// # Errors
/// For text that is no YAML, and for what the tree cannot hold.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    let mut builder = Builder { open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| YamlError { message: format!("not valid YAML: {}", e.info()), line: e.marker().line().max(1) })?;
        builder.event(event).map_err(|message| YamlError { message, line: span.start.line().max(1) })?;
    }
    Ok(builder.root.unwrap_or(Value::Null))
}

/// The line of the value at a path, as far as the path exists.
pub(crate) fn line_of(text: &str, path: &serde_path_to_error::Path) -> Option<usize> {
    let wanted: Vec<String> = path.iter().map(|segment| segment.to_string().trim_matches(['[', ']']).to_owned()).collect();
    // The levels that are open: how many segments of the path they match, the pending key, the index of the next item.
    let mut levels: Vec<(Option<usize>, Option<String>, Option<usize>)> = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let line = span.start.line().max(1);
        if let Event::SequenceEnd | Event::MappingEnd = event {
            levels.pop();
            continue;
        }
        let opens = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if !opens && !matches!(event, Event::Scalar(..) | Event::Alias(_)) {
            continue;
        }
        let depth = match levels.last_mut() {
            None => Some(0),
            Some((matched, key, index)) => {
                let segment = match (index, key.take(), &event) {
                    (Some(index), _, _) => {
                        *index += 1;
                        Some((*index - 1).to_string())
                    }
                    (None, Some(key), _) => Some(key),
                    (None, None, Event::Scalar(text, ..)) => {
                        *key = Some(text.to_string());
                        None
                    }
                    (None, None, _) => None,
                };
                match segment {
                    None => continue,
                    Some(s) => matched.filter(|m| wanted.get(*m) == Some(&s)).map(|m| m + 1),
                }
            }
        };
        if let Some(depth) = depth
            && best.is_none_or(|(d, _)| depth > d)
        {
            best = Some((depth, line));
        }
        if opens {
            levels.push((depth, None, matches!(event, Event::SequenceStart(..)).then_some(0)));
        }
    }
    best.map(|(_, line)| line)
}

/// A collection that is not closed yet.
struct Open {
    value: Value,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<String>,
}

struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    nodes: usize,
    root: Option<Value>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let custom = tag.as_ref().is_some_and(|t| !t.is_yaml_core_schema());
                if custom {
                    return Err("a custom tag has no meaning here".to_owned());
                }
                let awaits_key = self.open.last().is_some_and(|o| o.value.is_object() && o.key.is_none());
                let value = match awaits_key || style != ScalarStyle::Plain || tag.is_some_and(|t| t.suffix == "str") {
                    true => Value::String(text.into_owned()),
                    false => scalar(&text)?,
                };
                self.place(value, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.begin(Value::Array(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.begin(Value::Object(Map::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.place(open.value, open.anchor, 1),
                None => Ok(()),
            },
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(value) => {
                    let count = size(value);
                    // Before it is copied, so that a bomb is never unfolded.
                    if self.nodes + count > MAX_NODES {
                        return Err(format!("more than {MAX_NODES} values, aliases counted as often as they are used"));
                    }
                    let value = value.clone();
                    self.place(value, 0, count)
                }
                None => Err("an alias refers to a value that contains it".to_owned()),
            },
            Event::DocumentStart(_) if self.root.is_some() => Err("a second document starts here".to_owned()),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(Open { value, anchor, key: None });
        Ok(())
    }

    fn place(&mut self, value: Value, anchor: usize, count: usize) -> Result<(), String> {
        self.nodes += count;
        if self.nodes > MAX_NODES {
            return Err(format!("more than {MAX_NODES} values"));
        }
        if anchor > 0 {
            self.nodes += size(&value);
            self.anchors.insert(anchor, value.clone());
        }
        let Some(top) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match &mut top.value {
            Value::Array(items) => items.push(value),
            Value::Object(entries) => match top.key.take() {
                Some(key) if entries.contains_key(&key) => {
                    let hint = if self.open.len() == 1 { ": is a `---` missing between two documents?" } else { "" };
                    return Err(format!("`{}` is here twice{hint}", key.chars().take(60).collect::<String>()));
                }
                Some(key) => drop(entries.insert(key, value)),
                None => match value {
                    Value::String(key) => top.key = Some(key),
                    _ => return Err("a key must be plain text".to_owned()),
                },
            },
            _ => {}
        }
        Ok(())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values().map(|v| 1 + size(v)).sum::<usize>(),
        _ => 1,
    }
}

/// A plain scalar by the YAML 1.2 core schema.
fn scalar(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(format!("{text} is not a number that can be used"));
        }
        _ => {}
    }
    if let Ok(int) = text.parse::<i64>() {
        return Ok(int.into());
    }
    let radix = |prefix, radix| text.strip_prefix(prefix).and_then(|t| i64::from_str_radix(t, radix).ok());
    if let Some(int) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Ok(int.into());
    }
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    if digits
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && let Ok(float) = text.parse::<f64>()
    {
        return match Number::from_f64(float) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(format!("the number {} is out of range", text.chars().take(40).collect::<String>())),
        };
    }
    Ok(Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trees() {
        let text = "a: 1\nb: [x, '2', 1.5, ~, true]\nc: &c {d: 500m}\ne: *c\nf: !!str 3\n1: one\n";
        let expected =
            json!({"a": 1, "b": ["x", "2", 1.5, null, true], "c": {"d": "500m"}, "e": {"d": "500m"}, "f": "3", "1": "one"});
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), Value::Null);
        assert_eq!(parse("# nothing\n").unwrap(), Value::Null);
    }

    #[test]
    fn refusals_have_a_line() {
        let rows = [
            ("a: 1\na: 2\n", 2, "`---`"),
            ("a: {b: 1, b: 2}\n", 1, "twice"),
            ("a: .nan\n", 1, ".nan"),
            ("a:\n  b: 1e999\n", 2, "out of range"),
            ("a: !x 1\n", 1, "tag"),
            ("a: [1\nb: 2\n", 2, "YAML"),
            ("? [1]\n: 2\n", 1, "key"),
        ];
        for (text, line, part) in rows {
            let error = parse(text).unwrap_err();
            assert!(error.line == line && error.message.contains(part), "{text:?}: {error:?}");
        }
        let deep = "[".repeat(200);
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            text += &format!("a{i}: &a{i} [{refs}]\n");
        }
        assert!(parse(&text).unwrap_err().message.contains("aliases"), "{text}");
    }
}

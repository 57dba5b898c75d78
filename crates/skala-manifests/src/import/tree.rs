//! Manifests as a tree that knows its lines.
//!
//! Decides: which texts can be read: YAML and JSON, several documents each.
//! Method: events of `saphyr-parser`; scalars stay text, because what a field wants decides what its text means. JSON that YAML
//!   does not accept (documents one after the other, escapes of its own) is read by `serde_json`, with the line of its document.
//! Invariants: at most [`MAX_DEPTH`] levels, [`MAX_NODES`] nodes and [`MAX_BYTES`] bytes; aliases count as often as they are used.
//! Tested: `tests` below.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Largest text, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most nodes of one text.
const MAX_NODES: usize = 1_000_000;

/// A value and the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub line: usize,
    pub data: Data,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    /// A text, a number or a boolean; `quoted` is a text for sure.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub key: String,
    pub line: usize,
    pub value: Node,
}

/// Why a text cannot be read, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub line: usize,
    pub message: String,
}

impl Node {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    /// The line of `a.b[0].c`, as far as the path exists.
    pub(crate) fn line_of(&self, path: &str) -> usize {
        let (mut node, mut line) = (self, self.line);
        for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
            let found = match part.strip_suffix(']').and_then(|i| i.parse::<usize>().ok()) {
                Some(index) => node.items().get(index).map(|n| (n, n.line)),
                None => node.entries().iter().find(|e| e.key == part).map(|e| (&e.value, e.line)),
            };
            match found {
                Some((below, at)) => (node, line) = (below, at),
                None => break,
            }
        }
        line
    }

    /// As JSON; a plain scalar becomes what YAML's core schema says.
    pub(crate) fn json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Scalar { text, quoted: true } => Value::String(text.clone()),
            Data::Scalar { text, quoted: false } => plain(text),
            Data::List(items) => Value::Array(items.iter().map(Node::json).collect()),
            Data::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.json())).collect()),
        }
    }

    fn of(value: Value, line: usize) -> Node {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(b) => Data::Scalar { text: b.to_string(), quoted: false },
            Value::Number(n) => Data::Scalar { text: n.to_string(), quoted: false },
            Value::String(text) => Data::Scalar { text, quoted: true },
            Value::Array(items) => Data::List(items.into_iter().map(|v| Node::of(v, line)).collect()),
            Value::Object(entries) => {
                let entry = |(key, value)| Entry { key, line, value: Node::of(value, line) };
                Data::Map(entries.into_iter().map(entry).collect())
            }
        };
        Node { line, data }
    }
}

fn plain(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(int) = text.parse::<i64>() {
        return int.into();
    }
    let number = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text.parse::<f64>().ok().filter(|_| number).and_then(serde_json::Number::from_f64) {
        Some(number) => Value::Number(number),
        None => Value::String(text.to_owned()),
    }
}

/// The documents of a text; empty ones are left out.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable { line: 1, message: format!("more than {} MiB", MAX_BYTES >> 20) });
    }
    let read = yaml(text);
    let json = matches!(text.trim_start().bytes().next(), Some(b'{' | b'['));
    match read {
        Err(wrong) if json => self::json(text).map_err(|_| wrong),
        read => read,
    }
}

fn json(text: &str) -> Result<Vec<Node>, serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    let (mut found, mut line, mut counted) = (Vec::new(), 1, 0);
    loop {
        let start = stream.byte_offset();
        let begins = start + text[start..].bytes().take_while(u8::is_ascii_whitespace).count();
        line += text.as_bytes()[counted..begins].iter().filter(|b| **b == b'\n').count();
        counted = begins;
        match stream.next() {
            Some(document) => found.push(Node::of(Value::Object(document?), line)),
            None => return Ok(found),
        }
    }
}

fn yaml(text: &str) -> Result<Vec<Node>, Unreadable> {
    let mut builder = Builder { open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, found: Vec::new() };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| Unreadable { line: e.marker().line().max(1), message: format!("not valid YAML: {}", e.info()) })?;
        let line = span.start.line().max(1);
        builder.event(event, line).map_err(|message| Unreadable { line, message })?;
    }
    Ok(builder.found)
}

struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, usize)>,
    /// Keys that were there.
    keys: BTreeSet<String>,
}

struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    found: Vec<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none_or(|t| t.suffix != "str");
                let data = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain && !self.awaits_key() => Data::Null,
                    text => Data::Scalar { text: text.to_owned(), quoted: !plain },
                };
                self.place(Node { line, data }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.begin(Node { line, data: Data::List(Vec::new()) }, anchor),
            Event::MappingStart(anchor, _) => self.begin(Node { line, data: Data::Map(Vec::new()) }, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.place(open.node, open.anchor, 1),
                None => Ok(()),
            },
            Event::Alias(id) => {
                let (node, size) = self.anchors.get(&id).ok_or("an alias refers to a value that contains it")?;
                let (node, size) = (node, *size);
                // Before it is copied, so that a bomb is never unfolded.
                if self.nodes + size > MAX_NODES {
                    return Err(format!("more than {MAX_NODES} values, aliases counted as often as they are used"));
                }
                let node = node.clone();
                self.place(node, 0, size)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn awaits_key(&self) -> bool {
        self.open.last().is_some_and(|o| matches!(o.node.data, Data::Map(_)) && o.key.is_none())
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(Open { node, anchor, key: None, keys: BTreeSet::new() });
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize, count: usize) -> Result<(), String> {
        self.nodes += count;
        if anchor > 0 {
            let size = size(&node);
            self.nodes += size;
            if self.nodes <= MAX_NODES {
                self.anchors.insert(anchor, (node.clone(), size));
            }
        }
        if self.nodes > MAX_NODES {
            return Err(format!("more than {MAX_NODES} values"));
        }
        // What an alias brings in may be nested as deep again.
        if count > 1 && self.open.len() + depth(&node) > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let Some(top) = self.open.last_mut() else {
            if !node.is_null() {
                self.found.push(node);
            }
            return Ok(());
        };
        match (&mut top.node.data, top.key.take()) {
            (Data::List(items), _) => items.push(node),
            (Data::Map(entries), Some((key, line))) => entries.push(Entry { key, line, value: node }),
            (Data::Map(_), None) => match node.data {
                Data::Scalar { text, .. } if !top.keys.insert(text.clone()) => {
                    return Err(format!("`{}` is here twice", text.chars().take(60).collect::<String>()));
                }
                Data::Scalar { text, .. } => top.key = Some((text, node.line)),
                _ => return Err("a key must be plain text".to_owned()),
            },
            _ => {}
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.data {
        Data::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Data::Map(entries) => 1 + entries.iter().map(|e| 1 + size(&e.value)).sum::<usize>(),
        _ => 1,
    }
}

fn depth(node: &Node) -> usize {
    match &node.data {
        Data::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Data::Map(entries) => 1 + entries.iter().map(|e| depth(&e.value)).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_keep_their_lines() {
        let found = documents("a: 1\n---\n# nothing\n---\nb:\n  - c: '2'\n    d: yes\n").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].json(), json!({"b": [{"c": "2", "d": "yes"}]}));
        assert_eq!((found[1].line_of("b[0].d"), found[1].line_of("b[0].x"), found[1].line_of("z")), (7, 6, 5));
    }

    #[test]
    fn json_one_after_the_other() {
        let found = documents("{\"a\": \"\\ud83d\\ude00\"}\n\n{\"b\":\n [1, null]}").unwrap();
        assert_eq!((found[0].json(), found[1].json()), (json!({"a": "\u{1f600}"}), json!({"b": [1, null]})));
        assert_eq!((found[0].line, found[1].line), (1, 3));
    }

    #[test]
    fn refusals_have_a_line() {
        let rows =
            [("a: 1\nb: [\n", 2, "YAML"), ("a: 1\na: 2\n", 2, "twice"), ("? [1]\n: 2\n", 1, "key"), ("{\"a\": 1\n", 1, "YAML")];
        for (text, line, part) in rows {
            let wrong = documents(text).unwrap_err();
            assert!(wrong.line >= line && wrong.message.contains(part), "{text:?}: {wrong:?}");
        }
        assert!(documents(&"[".repeat(200)).is_err());
        assert!(documents(&" ".repeat(MAX_BYTES + 1)).unwrap_err().message.contains("MiB"));
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for i in 1..9 {
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
        }
        assert!(documents(&bomb).unwrap_err().message.contains("values"));
    }
}

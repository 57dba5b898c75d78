//! YAML text to a spanned tree.
//!
//! Decides: which YAML the platform file may be written in: one document, scalar keys, no custom tags; anchors and aliases.
//! Inputs: the source text.
//! Method: events of `saphyr-parser`; aliases are copied in, against a budget of nodes, so that a small file cannot expand
//!   without end.
//! Invariants: at most [`MAX_BYTES`] of text, [`MAX_DEPTH`] levels and [`MAX_NODES`] nodes; no duplicate keys.
//! Tested: `tests` below; `tests/it/robust.rs` (no text panics).

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::problem::{Sink, Span, Text};
use crate::tree::{Data, Entry, Node};

/// Largest source in bytes: about a hundred times the largest platform that we know of.
const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting; the grammar itself needs about ten.
const MAX_DEPTH: usize = 64;
/// Most nodes, counted after aliases are copied in: ten times a large platform, and few enough for checks that compare all pairs.
const MAX_NODES: usize = 20_000;

/// Parses the text; `None` when there is no tree to go on with. Problems go to the sink.
pub(crate) fn parse(text: &str, sink: &mut Sink) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
        sink.add("E0103", "", Span { line: 1, column: 1, ..Span::default() }, Text::new(message));
        return None;
    }
    let mut builder = Builder { lines: Lines::new(text), sink, open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => {
                let span = builder.lines.span(span.start, span.end);
                builder.event(event, span)
            }
            Err(error) => {
                let span = builder.lines.span(*error.marker(), *error.marker());
                let code = if error.info().contains("recursion limit") { "E0103" } else { "E0101" };
                let help = syntax_help(text, error.info(), span);
                builder.sink.add(code, "", span, Text::new(format!("not valid YAML: {}", error.info())).fix(help));
                Err(Stop)
            }
        };
        if step.is_err() {
            return None;
        }
    }
    let root = builder.root.take();
    match root {
        Some(node) if !node.is_null() => Some(node),
        _ => {
            let text = Text::new("the file is empty").fix("start with `platform: NAME` and a service under `services:`");
            sink.add("E0105", "", Span { line: 1, column: 1, ..Span::default() }, text);
            None
        }
    }
}

/// The usual reasons why a line of YAML does not parse.
fn syntax_help(text: &str, info: &str, span: Span) -> &'static str {
    let line = text.lines().nth(span.line.saturating_sub(1)).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        "indent with spaces, not tabs"
    } else if info.contains("anchor") {
        "define it above with `&name`, or put quotes around a text that starts with `*`"
    } else if line.contains("${") {
        "inside `{...}` or `[...]`, put quotes around a value that contains `${...}`"
    } else if line.matches(": ").count() > 1 {
        "put quotes around a value that contains `: `"
    } else {
        "look for a missing quote, bracket or colon on this line or the one above it"
    }
}

/// Parsing cannot go on; the reason is in the sink.
struct Stop;

/// A collection that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    data: Data,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
}

struct Builder<'a> {
    lines: Lines,
    sink: &'a mut Sink,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                let plain = style == ScalarStyle::Plain;
                self.place(Node { span, data: Data::Scalar { text: text.into_owned(), plain } }, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                self.begin(Data::Seq(Vec::new()), span, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                self.begin(Data::Map(Vec::new()), span, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.alias(id, span),
            Event::DocumentStart(_) if self.root.is_some() => self.stop(
                "E0104",
                span,
                Text::new("a second document starts here").fix("one platform file holds one document: remove `---`"),
            ),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, data: Data, span: Span, anchor: usize) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return self.stop("E0103", span, Text::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { span, anchor, data, key: None });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let Some(Open { span: start, anchor, data, .. }) = self.open.pop() else { return Ok(()) };
        let span = Span { end: span.end.max(start.end), ..start };
        self.place(Node { span, data }, anchor, 1)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        match self.anchors.get(&id).cloned() {
            Some(node) => {
                let count = size(&node);
                self.place(node, 0, count)
            }
            None => self.stop("E0103", span, Text::new("this alias refers to a value that contains it")),
        }
    }

    /// Puts a finished value, which adds `count` nodes, where it belongs: a key, a value, an item, or the root.
    fn place(&mut self, node: Node, anchor: usize, count: usize) -> Result<(), Stop> {
        self.nodes += count;
        if self.nodes > MAX_NODES {
            let text = Text::new(format!("more than {MAX_NODES} values")).because("aliases count as often as they are used");
            return self.stop("E0103", node.span, text);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(top) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut top.data {
            Data::Seq(items) => items.push(node),
            Data::Map(entries) => match top.key.take() {
                Some((key, key_span)) => match entries.iter().find(|e| e.key == key) {
                    None => entries.push(Entry { key, key_span, value: node }),
                    Some(first) => {
                        let text = Text::new(format!("`{key}` is here twice"))
                            .because(format!("it is already on line {}", first.key_span.line))
                            .fix("keep one of the two");
                        self.sink.add("E0102", "", key_span, text);
                    }
                },
                None => match node.data {
                    Data::Scalar { text, .. } => top.key = Some((text, node.span)),
                    _ => return self.stop("E0104", node.span, Text::new("a key must be plain text")),
                },
            },
            Data::Scalar { .. } => {}
        }
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Result<(), Stop> {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema() => {
                self.stop("E0104", span, Text::new(format!("the tag `{tag}` has no meaning here")).fix("remove it"))
            }
            _ => Ok(()),
        }
    }

    fn stop(&mut self, code: &'static str, span: Span, text: Text) -> Result<(), Stop> {
        self.sink.add(code, "", span, text);
        Err(Stop)
    }
}

/// Number of nodes in a value: what an alias adds.
fn size(node: &Node) -> usize {
    match &node.data {
        Data::Scalar { .. } => 1,
        Data::Seq(items) => 1 + items.iter().map(size).sum::<usize>(),
        Data::Map(entries) => 1 + entries.iter().map(|e| 1 + size(&e.value)).sum::<usize>(),
    }
}

/// Translates the parser's character positions to bytes.
struct Lines {
    /// Byte offset of every character, and of the end.
    offsets: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Lines {
        Lines { offsets: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        let at = |m: Marker| self.offsets.get(m.index()).or(self.offsets.last()).copied().unwrap_or(0);
        Span { start: at(start), end: at(end).max(at(start)), line: start.line().max(1), column: start.col() + 1 }
    }
}

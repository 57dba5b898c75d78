//! One value of a platform file set in its text, everything else left as it is: comments, order, quotes, blank lines.
//!
//! Decides: where in the text a value stands, or where an absent one goes.
//! Inputs: the text, the path of keys and positions, the value as YAML on one line.
//! Method: the spans of the tree; a value is replaced in its place, an absent one becomes the last entry of the innermost mapping
//!   that is there, in that mapping's own style and indentation.
//! Invariants: bytes outside the place are kept. Whether the result means what was wanted is for the caller to check by loading
//!   it: an anchor, for one, has more than one place.
//! Tested: `tests` below.

use crate::problem::Sink;
use crate::tree::{Data, Entry, Node};
use crate::yaml;

/// Columns by which an inserted level is indented.
const INDENT: usize = 2;

/// Whether the text has a value at `path`.
pub fn present(text: &str, path: &[&str]) -> bool {
    let Some(tree) = yaml::parse(text, &mut Sink::new("")) else { return false };
    matches!(find(&tree, path), Some(Found { rest: [], .. }))
}

/// The text with `value` at `path`: keys of mappings, positions in lists from 0. `None` where that cannot be said in place: the text
/// does not parse, a step of the path leads through an alias or something that is no mapping, or a list is too short.
///
/// ```
/// let text = "services:\n  api: # the one\n    autoscaling:\n      maxReplicas: 8 # for now\n";
/// let path = ["services", "api", "autoscaling", "minReplicas"];
/// let edited = skala_spec::edit::set(text, &path, "2").unwrap();
/// assert_eq!(edited, format!("{text}      minReplicas: 2\n"));
/// ```
pub fn set(text: &str, path: &[&str], value: &str) -> Option<String> {
    let tree = yaml::parse(text, &mut Sink::new(""))?;
    let found = find(&tree, path)?;
    match found.rest {
        [] => replace(text, found.entry, found.node, value),
        rest => insert(text, found.node, rest, value),
    }
}

/// The innermost node of a path that is there.
struct Found<'a, 'p> {
    node: &'a Node,
    /// The entry whose value it is; none for the root and for items of lists.
    entry: Option<&'a Entry>,
    /// What of the path is not there.
    rest: &'p [&'p str],
}

fn find<'a, 'p>(tree: &'a Node, path: &'p [&'p str]) -> Option<Found<'a, 'p>> {
    let mut found = Found { node: tree, entry: None, rest: path };
    while let [step, rest @ ..] = found.rest {
        match &found.node.data {
            Data::Map(_) => {
                let Some(entry) = found.node.entry(step) else { return Some(found) };
                // An alias has its anchor's place, which is before its own key.
                if entry.value.span.start < entry.key_span.end {
                    return None;
                }
                found = Found { node: &entry.value, entry: Some(entry), rest };
            }
            Data::Seq(items) => {
                let item = items.get(step.parse::<usize>().ok()?)?;
                if item.span.start < found.node.span.start {
                    return None;
                }
                found = Found { node: item, entry: None, rest };
            }
            Data::Scalar { .. } => return None,
        }
    }
    Some(found)
}

/// Where the text of a node ends: blocks of YAML have no end of their own.
fn end(text: &str, node: &Node) -> usize {
    if flow(text, node) {
        return node.span.end;
    }
    let last = match &node.data {
        Data::Scalar { .. } => None,
        Data::Seq(items) => items.last().map(|n| end(text, n)),
        Data::Map(entries) => entries.last().map(|e| end(text, &e.value).max(e.key_span.end)),
    };
    last.unwrap_or_else(|| {
        let written = text.get(node.span.start..node.span.end).unwrap_or_default();
        node.span.start + written.trim_end().len()
    })
}

/// Whether a list or mapping is written in brackets.
fn flow(text: &str, node: &Node) -> bool {
    let (open, close) = match node.data {
        Data::Seq(_) => ('[', ']'),
        Data::Map(_) => ('{', '}'),
        Data::Scalar { .. } => return false,
    };
    text.get(node.span.start..node.span.end).is_some_and(|t| t.starts_with(open) && t.ends_with(close))
}

fn replace(text: &str, entry: Option<&Entry>, node: &Node, value: &str) -> Option<String> {
    let (start, end) = (node.span.start, end(text, node));
    let block = !matches!(node.data, Data::Scalar { .. }) && !flow(text, node);
    let (from, space) = match (block, entry) {
        // A block begins on a line of its own; one line follows its key.
        (true, Some(entry)) => (after_colon(text, entry)?, " "),
        (true, None) => return None,
        // `key:` with nothing behind it.
        (false, Some(entry)) if node.is_null() && start == end => (after_colon(text, entry)?, " "),
        (false, _) => (start, ""),
    };
    let end = end.max(from);
    Some(format!("{}{space}{value}{}", text.get(..from)?, text.get(end..)?))
}

/// Behind the colon of an entry.
fn after_colon(text: &str, entry: &Entry) -> Option<usize> {
    let at = entry.key_span.end;
    Some(at + text.get(at..)?.find(':')? + 1)
}

fn insert(text: &str, map: &Node, rest: &[&str], value: &str) -> Option<String> {
    let Data::Map(entries) = &map.data else { return None };
    if flow(text, map) {
        let close = map.span.end - 1;
        let nested = rest.iter().rev().skip(1).fold(format!("{}: {value}", rest.last()?), |inner, key| format!("{key}: {{{inner}}}"));
        let before = text.get(..close)?;
        let kept = before.trim_end().len();
        let comma = match entries.last() {
            None => "",
            Some(_) if before.trim_end().ends_with(',') => " ",
            Some(_) => ", ",
        };
        return Some(format!("{}{comma}{nested}{}", before.get(..kept)?, text.get(kept..)?));
    }
    let first = entries.first()?;
    // Behind the line on which the mapping ends, with the comment that stands there.
    let last = end(text, map);
    let line_end = text.get(last..)?.find('\n').map_or(text.len(), |n| last + n + 1);
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let missing = if text.get(..line_end)?.ends_with('\n') { "" } else { newline };
    let mut lines = String::new();
    for (depth, key) in rest.iter().enumerate() {
        let indent = first.key_span.column - 1 + depth * INDENT;
        let value = if depth + 1 == rest.len() { format!(" {value}") } else { String::new() };
        lines += &format!("{:indent$}{key}:{value}{newline}", "");
    }
    if !missing.is_empty() {
        lines.truncate(lines.len() - newline.len());
    }
    Some(format!("{}{missing}{lines}{}", text.get(..line_end)?, text.get(line_end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, value: &str, wanted: Option<&str>) {
        let path: Vec<&str> = path.split('.').collect();
        let edited = set(text, &path, value);
        assert_eq!(edited.as_deref(), wanted, "{path:?} in {text:?}");
        if let Some(edited) = edited {
            assert!(present(&edited, &path), "{edited:?}");
        }
    }

    #[test]
    fn values_are_replaced_in_their_place() {
        check("a: 1 # one\nb: 2\n", "a", "7", Some("a: 7 # one\nb: 2\n"));
        check("a: '1'   # one\n", "a", "7", Some("a: 7   # one\n"));
        check("a: {b: 1, c: 2} # x", "a.b", "7", Some("a: {b: 7, c: 2} # x"));
        check("a:\n  - {cpu: 70%} # half\n  - b: 2\n", "a.0.cpu", "50%", Some("a:\n  - {cpu: 50%} # half\n  - b: 2\n"));
        check("a:\n  - b: 2 # two\n\nc: 3\n", "a.0.b", "5", Some("a:\n  - b: 5 # two\n\nc: 3\n"));
        check("a:\n  b:\n    - {x: 1}\n    - {x: 2} # two\n  c: 3\n", "a.b", "[]", Some("a:\n  b: [] # two\n  c: 3\n"));
        check("a:\n  b: [{x: 1},\n      {x: 2}]\n  c: 3\n", "a.b", "[4]", Some("a:\n  b: [4]\n  c: 3\n"));
        check("a:\nb: 2\n", "a", "7", Some("a: 7\nb: 2\n"));
        check("ä: 'ö' # ü\nb: 2 # é\n", "b", "7", Some("ä: 'ö' # ü\nb: 7 # é\n"));
        check("a: 1\r\nb: 2 # x\r\n", "b", "7", Some("a: 1\r\nb: 7 # x\r\n"));
    }

    #[test]
    fn absent_values_are_inserted_in_the_style_of_their_neighbours() {
        check("a:\n  b: 1 # one\nc: 2\n", "a.x", "7", Some("a:\n  b: 1 # one\n  x: 7\nc: 2\n"));
        check("a:\n  b: 1\n\n# of c\nc: 2\n", "a.x.y", "7", Some("a:\n  b: 1\n  x:\n    y: 7\n\n# of c\nc: 2\n"));
        check("a: {b: 1}", "a.x.y", "7", Some("a: {b: 1, x: {y: 7}}"));
        check("a: {}", "a.x", "7", Some("a: {x: 7}"));
        check("a: {b: 1, }\n", "a.x", "7", Some("a: {b: 1, x: 7 }\n"));
        check("a:\n    b: 1", "a.x", "7", Some("a:\n    b: 1\n    x: 7"));
        check("a:\n  b:\n    - {x: 1}\n  # end\nc: 1\n", "a.y", "7", Some("a:\n  b:\n    - {x: 1}\n  y: 7\n  # end\nc: 1\n"));
        check("a:\r\n  b: 1\r\n", "a.x", "7", Some("a:\r\n  b: 1\r\n  x: 7\r\n"));
    }

    #[test]
    fn what_has_another_place_is_not_guessed() {
        check("base: &b {x: 1}\na: *b\n", "a.x", "7", None);
        check("base: &b {x: 1}\na: *b\n", "a.y", "7", None);
        check("a: 1\n", "a.b", "7", None);
        check("a: [1]\n", "a.1", "7", None);
        check("a: [1\n", "a.0", "7", None);
        check("", "a", "7", None);
    }
}

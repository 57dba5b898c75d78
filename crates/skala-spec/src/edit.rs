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

/// Where the text of a node ends; the parser's own end is that of a later token for some. `None` where it cannot be told.
fn end(text: &str, node: &Node) -> Option<usize> {
    let inner = match &node.data {
        Data::Scalar { text: value, plain } => return scalar_end(text, node.span.start, value, *plain),
        Data::Seq(items) => items.last().map(|n| end(text, n)),
        Data::Map(entries) => entries.last().map(|e| if bare(&e.value) { key_end(text, e) } else { end(text, &e.value) }),
    };
    let Some(close) = closing(text, node) else { return inner? };
    let mut at = inner.unwrap_or(Some(node.span.start + 1))?;
    // Blanks, commas and comments stand between the last value and the bracket.
    loop {
        let rest = text.get(at..)?;
        match rest.chars().next()? {
            c if c == close => return Some(at + 1),
            '#' => at += rest.find('\n')?,
            c if c.is_whitespace() || c == ',' || c == ':' => at += c.len_utf8(),
            _ => return None,
        }
    }
}

/// A value of which nothing is written.
fn bare(node: &Node) -> bool {
    matches!(&node.data, Data::Scalar { text, plain: true } if text.is_empty())
}

/// Where a scalar ends that is written on one line; the parser's own end has blanks and comments behind a quote in it.
fn scalar_end(text: &str, start: usize, value: &str, plain: bool) -> Option<usize> {
    let rest = text.get(start..)?;
    if plain {
        return rest.starts_with(value).then_some(start + value.len());
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut escaped = false;
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            // Two single quotes are one character.
            '\'' if quote == c && characters.peek().is_some_and(|(_, next)| *next == c) => drop(characters.next()),
            c if c == quote => return Some(start + at + 1),
            _ => {}
        }
    }
    None
}

/// The bracket that ends a list or mapping, when it is written in brackets.
fn closing(text: &str, node: &Node) -> Option<char> {
    let first = text.get(node.span.start..)?.chars().next()?;
    match (&node.data, first) {
        (Data::Seq(_), '[') => Some(']'),
        (Data::Map(_), '{') => Some('}'),
        _ => None,
    }
}

fn replace(text: &str, entry: Option<&Entry>, node: &Node, value: &str) -> Option<String> {
    let block = !matches!(node.data, Data::Scalar { .. }) && closing(text, node).is_none();
    let (from, space, to) = match (block, entry) {
        // A block begins on a line of its own; one line follows its key.
        (true, Some(entry)) => (after_colon(text, entry)?, " ", end(text, node)?),
        (true, None) => return None,
        // `key:` with nothing behind it.
        (false, Some(entry)) if bare(node) => (after_colon(text, entry)?, " ", after_colon(text, entry)?),
        (false, _) => (node.span.start, "", end(text, node)?),
    };
    Some(format!("{}{space}{value}{}", text.get(..from)?, text.get(to..)?))
}

fn key_end(text: &str, entry: &Entry) -> Option<usize> {
    let start = entry.key_span.start;
    let quoted = text.get(start..)?.starts_with(['\'', '"']);
    scalar_end(text, start, &entry.key, !quoted)
}

/// Behind the colon of an entry.
fn after_colon(text: &str, entry: &Entry) -> Option<usize> {
    let at = key_end(text, entry)?;
    Some(at + text.get(at..)?.find(':')? + 1)
}

fn insert(text: &str, map: &Node, rest: &[&str], value: &str) -> Option<String> {
    let Data::Map(entries) = &map.data else { return None };
    let end = end(text, map)?;
    if closing(text, map).is_some() {
        let (last, parents) = rest.split_last()?;
        let nested = parents.iter().rev().fold(format!("{last}: {value}"), |inner, key| format!("{key}: {{{inner}}}"));
        let before = text.get(..end - 1)?;
        let kept = before.trim_end();
        let comma = match entries.last() {
            None => "",
            Some(_) if kept.ends_with(',') => " ",
            Some(_) => ", ",
        };
        return Some(format!("{kept}{comma}{nested}{}", text.get(kept.len()..)?));
    }
    let first = entries.first()?;
    // Behind the line on which the mapping ends, with the comment that stands there.
    let line_end = text.get(end..)?.find('\n').map_or(text.len(), |n| end + n + 1);
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines = String::new();
    for (depth, key) in rest.iter().enumerate() {
        let indent = first.key_span.column - 1 + depth * INDENT;
        let value = if depth + 1 == rest.len() { format!(" {value}") } else { String::new() };
        lines += &format!("{:indent$}{key}:{value}{newline}", "");
    }
    let before = text.get(..line_end)?;
    Some(match before.ends_with('\n') {
        true => format!("{before}{lines}{}", text.get(line_end..)?),
        false => format!("{before}{newline}{}", lines.trim_end()),
    })
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
        check("a: \"x\\\" y\" # 'one'\n", "a", "7", Some("a: 7 # 'one'\n"));
        check("a: 'it''s' # one\n", "a", "7", Some("a: 7 # one\n"));
        check("'a': {b: 1} # one\n", "a.b", "7", Some("'a': {b: 7} # one\n"));
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

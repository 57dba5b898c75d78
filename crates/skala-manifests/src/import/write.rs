//! Prints a JSON tree as YAML that people read.
//!
//! Method: block style; what is small and flat goes on one line. A text that YAML could read as something else is quoted.
//! Invariants: reading the text back gives the same tree.
//! Tested: `tests` below.

use serde_json::Value;

/// Longest line that is filled.
const WIDTH: usize = 110;

/// One document, with its line end.
pub(crate) fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => map(entries, 0, &mut out),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut out),
        other => out = format!("{}\n", flow(other)),
    }
    out
}

fn map(entries: &serde_json::Map<String, Value>, indent: usize, out: &mut String) {
    for (i, (key, value)) in entries.iter().enumerate() {
        // The first key of a list's item stands beside the dash.
        if i > 0 || out.ends_with('\n') || out.is_empty() {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&text(key));
        out.push(':');
        after(value, indent + 2, indent, out);
    }
}

fn list(items: &[Value], indent: usize, out: &mut String) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push('-');
        match item {
            Value::Object(entries) if !fits(item, indent + 2) => {
                out.push(' ');
                map(entries, indent + 2, out);
            }
            item => after(item, indent + 2, indent + 2, out),
        }
    }
}

/// What follows a key or a dash: on the same line, or below it.
fn after(value: &Value, below: usize, lists: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() && !fits(value, below) => {
            out.push('\n');
            map(entries, below, out);
        }
        Value::Array(items) if !items.is_empty() && !fits(value, below) => {
            out.push('\n');
            list(items, lists + 2, out);
        }
        value => {
            out.push(' ');
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
}

/// Whether a value goes on one line: short, and at most two levels deep.
fn fits(value: &Value, indent: usize) -> bool {
    levels(value) <= 2 && flow(value).chars().count() + indent + 16 <= WIDTH
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {}", text(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, quoted unless it cannot be read as anything else, in any style.
fn text(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$' || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-$()=+@%".contains(c);
    // A duration, a size and a percentage begin with a digit and end with none, and are no number for that.
    let measured = text.starts_with(|c: char| c.is_ascii_digit())
        && !text.contains(['e', 'E', 'x', 'o', '_', '+'])
        && text.ends_with(|c: char| c.is_ascii_alphabetic() || c == '%');
    if (begins || measured) && text.chars().all(plain) && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || ('\u{2028}'..='\u{2029}').contains(&c)
                || c == '\u{feff}'
                || ('\u{fffe}'..='\u{ffff}').contains(&c) =>
            {
                out.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let long = "x".repeat(120);
        let value = json!({
            "a": "yes", "b": ["1", 1, 1.5, "1e3", "", "- a", "a: b", "#", "90s", "70%", "0x1f", null, true],
            "long": [{"key": long, "more": [{"x": [[{"deep": {"er": {"est": []}}}]]}]}, [[long, {}], []]],
            "${X}": "a\u{7}\u{85}\u{2028}\u{fffe}\"\\\n\t'", "k: v": {"a b": {"c": {"d": 1}}}, "1": "${HOME}/x", "e": {}, "n": -5,
            "\u{e9}": "\u{1f600} ~ ! & * | > @ ` ' ] } ,"
        });
        for value in [value, json!([]), json!({}), json!("x"), json!([{"a": 1}, {"b": "2"}])] {
            let text = yaml(&value);
            assert_eq!(crate::yaml::parse(&text).unwrap(), value, "{text}");
        }
    }
}

//! The command of a replica: a list of words, or a line that is split without a shell.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Program and arguments; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Vec<String>")]
pub struct Command(Vec<String>);

impl Command {
    /// Program, then arguments, with `$PORT` and `${PORT}` as they stand in the file.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The program.
    pub fn program(&self) -> &str {
        &self.0[0]
    }

    /// The words for a replica that listens on `port`: `$PORT` and `${PORT}` replaced.
    pub fn with_port(&self, port: u16) -> Vec<String> {
        let port = port.to_string();
        self.0.iter().map(|word| replace_port(word, &port)).collect()
    }

    /// Whether the replica's port is on the command line.
    pub fn names_port(&self) -> bool {
        self.0.iter().any(|word| replace_port(word, "") != *word)
    }
}

/// Replaces `${PORT}`, and `$PORT` where no letter, digit or underscore follows.
fn replace_port(word: &str, port: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let bare = tail.strip_prefix("$PORT").filter(|t| !t.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        match tail.strip_prefix("${PORT}").or(bare) {
            Some(after) => {
                out.push_str(port);
                rest = after;
            }
            None => {
                out.push('$');
                rest = &tail[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

impl From<Command> for Vec<String> {
    fn from(command: Command) -> Vec<String> {
        command.0
    }
}

impl fmt::Display for Command {
    /// The words in one line, quoted where a shell would need it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<_> = self.0.iter().map(|w| shlex::try_quote(w).unwrap_or(Cow::Borrowed(w))).collect();
        f.pad(&quoted.join(" "))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Line(String),
    Words(Vec<String>),
}

impl TryFrom<Written> for Command {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Command, &'static str> {
        let words = match written {
            Written::Line(line) => shlex::split(&line).ok_or("a quote is not closed")?,
            Written::Words(words) => words,
        };
        if words.is_empty() { Err("the command is empty") } else { Ok(Command(words)) }
    }
}

impl JsonSchema for Command {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "string", "x-kind": "command-line"},
            {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_replicas_port_is_replaced() {
        let rows = [
            ("$PORT", "80"),
            ("h:$PORT/", "h:80/"),
            ("${PORT}0", "800"),
            ("$PORTS", "$PORTS"),
            ("$", "$"),
            ("$HOME", "$HOME"),
            ("a$$PORT", "a$80"),
        ];
        for (word, expected) in rows {
            assert_eq!(replace_port(word, "80"), expected, "{word}");
        }
    }
}

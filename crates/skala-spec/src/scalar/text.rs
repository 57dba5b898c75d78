//! Texts that are more than text: environment values, secrets, command lines.
//!
//! Invariants: a [`Secret`] prints and serialises as `***`; only [`Secret::expose`] gives the value.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::{Kind, ScalarError};

/// Key of `{file: path}`.
pub(crate) const FILE_KEY: &str = "file";
/// Key under which the loader hands a resolved secret to the decoder; the grammar knows no such key.
pub(crate) const SECRET_KEY: &str = "$secret";

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself: hand it on, never print it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("***")
    }
}

/// The value of a replica's environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EnvValue {
    /// Written in the file.
    Plain(String),
    /// From `${VARIABLE}` or `{file: path}`.
    Secret(Secret),
}

impl EnvValue {
    /// The value itself; hand it on, never print it.
    pub fn expose(&self) -> &str {
        match self {
            EnvValue::Plain(text) => text,
            EnvValue::Secret(secret) => secret.expose(),
        }
    }
}

impl fmt::Display for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvValue::Plain(text) => f.pad(text),
            EnvValue::Secret(secret) => fmt::Display::fmt(secret, f),
        }
    }
}

impl Serialize for EnvValue {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = EnvValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<EnvValue, E> {
        Ok(EnvValue::Plain(v.to_owned()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EnvValue, A::Error> {
        match map.next_entry::<Cow<'_, str>, String>()? {
            Some((key, text)) if key == SECRET_KEY => Ok(EnvValue::Secret(Secret(text))),
            _ => Err(de::Error::custom("a file reference that was not read")),
        }
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<EnvValue, D::Error> {
        d.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
        d.deserialize_any(ValueVisitor).map(|value| match value {
            EnvValue::Plain(text) => Secret(text),
            EnvValue::Secret(secret) => secret,
        })
    }
}

fn text_or_file(kind: &str, types: &[&str]) -> Schema {
    json_schema!({"anyOf": [
        {"type": types, "x-kind": kind},
        {"type": "object", "properties": {"file": {"type": "string", "description": "Path of a file, from the folder of the platform file; its text is the value, without the line end."}}, "required": ["file"], "additionalProperties": false, "x-file": true}
    ]})
}

impl JsonSchema for EnvValue {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "EnvValue".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text_or_file(ENV_VALUE.name, &["string", "number", "boolean"])
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        text_or_file(SECRET.name, &["string"])
    }
}

pub(super) const ENV_VALUE: Kind = Kind {
    name: "env-value",
    what: "an environment value",
    examples: "`info`, `\"${API_KEY}\"`, `{file: key.txt}`",
    parse: |_| Ok(()),
};

pub(super) const SECRET: Kind = Kind {
    name: "secret",
    what: "a secret",
    examples: "`\"${ADMIN_TOKEN}\"`, `{file: token.txt}`",
    parse: |text| match text.trim().is_empty() {
        true => Err(ScalarError::new("is empty", "give it a value, from `\"${VARIABLE}\"` or `{file: path}`")),
        false => Ok(()),
    },
};

pub(super) const NAME: Kind = Kind {
    name: "name",
    what: "a name",
    examples: "`api`, `ai-etl`",
    parse: |text| match crate::model::is_dns_label(text) {
        true => Ok(()),
        false => {
            Err(ScalarError::new("is not a good name", "use 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends"))
        }
    },
};

pub(super) const COMMAND_LINE: Kind = Kind {
    name: "command-line",
    what: "a command line",
    examples: "`gunicorn app:app --bind 127.0.0.1:$PORT`",
    parse: |text| match shlex::split(text) {
        None => {
            Err(ScalarError::new("has a quote that is not closed", "close the quote, or write a list: `[program, argument]`"))
        }
        Some(words) if words.is_empty() => Err(ScalarError::new("is empty", "name the program to run")),
        Some(_) => Ok(()),
    },
};

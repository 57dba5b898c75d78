//! Trigger `postgresql`.
//!
//! Tested: `tests/it/import/keda.rs`.

use serde_json::Map;

use super::params::{Found, Params};
use super::trigger::Read;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let Some(query) = p.any("query", "SELECT 1") else {
        p.missing("query");
        return None;
    };
    let connection = match p.any("connection", "postgres://host/db") {
        Some(Found::Plain(text)) => {
            if text.to_ascii_lowercase().contains("password=")
                || text.split_once('@').is_some_and(|(login, _)| login.matches(':').count() > 1)
            {
                p.note("connection", "a password stands in the manifest", "take it from `\"${VARIABLE}\"` or `{file: path}`");
            }
            Found::Plain(text).written()
        }
        Some(variable) => variable.written(),
        None => parts(p)?,
    };
    source.insert("connection".to_owned(), connection.into());
    source.insert("query".to_owned(), query.written().into());
    let target = p.number("targetQueryValue").unwrap_or(0.0);
    if target <= 0.0 {
        p.missing("targetQueryValue");
        return None;
    }
    let activation = p.number("activationTargetQueryValue").unwrap_or(0.0);
    Some(Read { kind: "postgres", source, target, activation, called: "query".to_owned() })
}

/// `host=... port=...`
fn parts(p: &mut Params<'_, '_>) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    for (key, word) in [
        ("host", "host"),
        ("port", "port"),
        ("userName", "user"),
        ("password", "password"),
        ("dbName", "dbname"),
        ("sslmode", "sslmode"),
    ] {
        match p.any(key, if key == "port" { "5432" } else { "x" }) {
            Some(value) => {
                if key == "password" {
                    super::redis::secret(p, key, &value);
                }
                // The value of a variable may hold anything; quotes keep it together.
                let quotes = value
                    .plain()
                    .is_none_or(|v| v.is_empty() || v.contains(|c: char| c.is_whitespace() || c == '\'' || c == '\\'));
                let written = match &value {
                    Found::Plain(text) => super::super::text::literal(&text.replace('\\', "\\\\").replace('\'', "\\'")),
                    Found::Variable(_) => value.written(),
                };
                out.push(if quotes { format!("{word}='{written}'") } else { format!("{word}={written}") });
            }
            None if key == "host" => {
                p.missing("host");
                return None;
            }
            None => {}
        }
    }
    Some(out.join(" "))
}

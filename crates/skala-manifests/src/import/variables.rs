//! Environment variables that stand in the output for what manifests keep elsewhere.
//!
//! Invariants: two different secrets never share a variable; a name is good for `${NAME}`.
//! Tested: `tests/it/import`.

use serde_json::Value;

use super::draft::Variable;

/// The variables of one import.
#[derive(Debug, Default)]
pub(crate) struct Variables(Vec<Variable>);

impl Variables {
    /// A variable of about this name, for this key of a Secret if it is one.
    pub(crate) fn name(&mut self, wanted: &str, secret: Option<(&str, &str)>, sample: &'static str) -> String {
        let wanted = good(wanted);
        let secret = secret.map(|(name, key)| (name.to_owned(), key.to_owned()));
        let mut name = wanted.clone();
        let mut n = 1;
        loop {
            match self.0.iter().find(|v| v.name == name) {
                None => break self.0.push(Variable { name: name.clone(), secret, sample }),
                Some(known) if known.secret == secret => break,
                Some(_) => {
                    n += 1;
                    name = format!("{wanted}_{n}");
                }
            }
        }
        name
    }

    /// Puts a sample for each variable into every text of a tree.
    pub(crate) fn tried(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let filled = self.0.iter().filter(|v| text.contains(&v.name));
                let filled = filled.fold(text.clone(), |text, v| text.replace(&format!("${{{}}}", v.name), v.sample));
                filled.replace("$${", "${").into()
            }
            Value::Array(items) => items.iter().map(|v| self.tried(v)).collect(),
            Value::Object(entries) => entries.iter().map(|(k, v)| (k.clone(), self.tried(v))).collect(),
            other => other.clone(),
        }
    }

    pub(crate) fn all(&self) -> &[Variable] {
        &self.0
    }
}

/// `redis-login` -> `REDIS_LOGIN`; a name that is good already stays.
fn good(text: &str) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.chars().all(letter)
        && !text.is_empty()
        && text.len() <= 60
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text != "PORT"
    {
        return text.to_owned();
    }
    let upper: String = text.chars().take(56).map(|c| if letter(c) { c.to_ascii_uppercase() } else { '_' }).collect();
    match upper.chars().next() {
        Some(first) if !first.is_ascii_digit() && upper != "PORT" => upper,
        _ => format!("V_{upper}"),
    }
}

//! Environment variables that stand in the output for what manifests keep elsewhere.
//!
//! Invariants: two different secrets never share a variable; a name is good for `${NAME}`.
//! Tested: `tests` below; `tests/it/import`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::draft::Variable;

/// Secret and key.
type Secret = Option<(String, String)>;

/// The variables of one import.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    by_name: BTreeMap<String, Variable>,
    /// Names that were given, by what was wanted.
    given: BTreeMap<(String, Secret), String>,
    /// How often a name was wanted for something else.
    again: BTreeMap<String, usize>,
}

impl Variables {
    /// A variable of about this name, for this key of a Secret if it is one.
    pub(crate) fn name(&mut self, wanted: &str, secret: Option<(&str, &str)>, sample: &'static str) -> String {
        let wanted = good(wanted);
        let secret = secret.map(|(name, key)| (name.to_owned(), key.to_owned()));
        if let Some(name) = self.given.get(&(wanted.clone(), secret.clone())) {
            return name.clone();
        }
        let mut name = wanted.clone();
        let n = self.again.entry(wanted.clone()).or_insert(1);
        while self.by_name.contains_key(&name) {
            *n += 1;
            name = format!("{wanted}_{n}");
        }
        self.by_name.insert(name.clone(), Variable { name: name.clone(), secret: secret.clone(), sample });
        self.given.insert((wanted, secret), name.clone());
        name
    }

    /// Puts a sample for each variable into every text of a tree.
    pub(crate) fn tried(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let filled = named(text).into_iter().filter_map(|name| self.by_name.get(name));
                let filled = filled.fold(text.clone(), |text, v| text.replace(&format!("${{{}}}", v.name), v.sample));
                filled.replace("$${", "${").into()
            }
            Value::Array(items) => items.iter().map(|v| self.tried(v)).collect(),
            Value::Object(entries) => entries.iter().map(|(k, v)| (k.clone(), self.tried(v))).collect(),
            other => other.clone(),
        }
    }

    /// The variables that a text names.
    pub(crate) fn used(&self, text: &str) -> Vec<&Variable> {
        named(text).into_iter().filter_map(|name| self.by_name.get(name)).collect()
    }
}

/// Every `NAME` of a `${NAME}` in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let name = |part: &'_ str| part.find('}').filter(|end| *end <= 64);
    text.split("${").skip(1).filter_map(|part| Some(&part[..name(part)?])).collect()
}

/// `redis-login` -> `REDIS_LOGIN`; a name that is good already stays.
fn good(text: &str) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain = text.chars().all(letter) && !text.is_empty() && text.len() <= 56;
    if plain && !text.starts_with(|c: char| c.is_ascii_digit()) && text != "PORT" {
        return text.to_owned();
    }
    let upper: String = text.chars().take(54).map(|c| if letter(c) { c.to_ascii_uppercase() } else { '_' }).collect();
    match upper.chars().next() {
        Some(first) if !first.is_ascii_digit() && upper != "PORT" => upper,
        _ => format!("V_{upper}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_good_and_apart() {
        let mut variables = Variables::default();
        let mut name = |wanted: &str, secret| variables.name(wanted, secret, "x");
        assert_eq!(name("redis-login-password", Some(("redis-login", "password"))), "REDIS_LOGIN_PASSWORD");
        assert_eq!(name("redis-login-password", Some(("redis", "login-password"))), "REDIS_LOGIN_PASSWORD_2");
        assert_eq!(name("redis-login-password", Some(("redis-login", "password"))), "REDIS_LOGIN_PASSWORD");
        assert_eq!(
            (name("key", None), name("7", None), name("PORT", None), name("", None)),
            ("key".into(), "V_7".into(), "V_PORT".into(), "V_".into())
        );
        assert_eq!(variables.tried(&json!(["a${key}b$${c}${other}"])), json!(["axb${c}${other}"]));
        assert_eq!(variables.used("${key} ${nobody} ${").len(), 1);
    }
}

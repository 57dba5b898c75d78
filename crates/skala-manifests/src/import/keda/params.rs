//! The parameters of one trigger: its metadata, its authentication, and the target's environment.
//!
//! Decides: where a parameter's value comes from: the TriggerAuthentication, then the metadata, then `...FromEnv`.
//! Invariants: a value that stands elsewhere becomes `${NAME}`, with a note that names the place.
//! Tested: `tests/it/import/keda.rs`.

use super::super::To;
use super::super::draft::Pod;
use super::super::fields::{Fields, quoted, truth};
use super::super::note::Notes;
use super::super::text::{literal, variable};
use super::super::variables::Variables;
use super::auth::{From, Parameter};

/// The parameters of one trigger.
pub(super) struct Params<'a, 'b> {
    pub metadata: Fields<'a>,
    pub parameters: Vec<Parameter>,
    pub pod: Option<&'a Pod>,
    /// What is written: an Autoscaler takes Secrets as they are.
    pub to: To,
    pub variables: &'b mut Variables,
    pub notes: &'b mut Notes,
}

/// A value for the platform file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As it is in the manifest.
    Plain(String),
    /// `${NAME}`
    Variable(String),
}

impl Found {
    /// For the platform file.
    pub(super) fn written(&self) -> String {
        match self {
            Found::Plain(text) => literal(text),
            Found::Variable(name) => variable(name),
        }
    }

    pub(super) fn plain(&self) -> Option<&str> {
        match self {
            Found::Plain(text) => Some(text),
            Found::Variable(_) => None,
        }
    }
}

impl<'a> Params<'a, '_> {
    /// A text of the metadata alone.
    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        self.metadata.text(key, self.notes).filter(|t| !t.is_empty())
    }

    /// A parameter from wherever it may stand. `sample` has the shape that is wanted.
    pub(super) fn any(&mut self, key: &str, sample: &'static str) -> Option<Found> {
        let plain = self.text(key).map(|t| Found::Plain(t.to_owned()));
        let env = self.text(&format!("{key}FromEnv"));
        if let Some(at) = self.parameters.iter().position(|p| p.name == key) {
            let parameter = self.parameters.remove(at);
            return Some(self.elsewhere(key, &parameter.from, sample));
        }
        match (plain, env) {
            (Some(plain), _) => Some(plain),
            (None, Some(name)) => Some(self.elsewhere(&format!("{key}FromEnv"), &From::Env(name.to_owned()), sample)),
            (None, None) => None,
        }
    }

    fn elsewhere(&mut self, key: &str, from: &From, sample: &'static str) -> Found {
        let (wanted, secret, place) = match from {
            From::Env(name) => {
                // A value that the workload has in plain sight is no secret.
                let known = self.pod.and_then(|pod| pod.plain.iter().rev().find(|(n, _)| n == name));
                if let Some((_, value)) = known.filter(|(_, v)| !v.contains("$(")) {
                    return Found::Plain(value.clone());
                }
                (name.clone(), None, format!("variable {} of the target", quoted(name)))
            }
            From::Secret(name, key) => {
                let place = format!("key {} of Secret {}", quoted(key), quoted(name));
                (format!("{name}-{key}"), Some((name.as_str(), key.as_str())), place)
            }
            From::Config(name, key) => {
                (format!("{name}-{key}"), None, format!("key {} of ConfigMap {}", quoted(key), quoted(name)))
            }
        };
        let name = self.variables.name(&wanted, secret, sample);
        if self.to == To::Autoscaler {
            return Found::Variable(name);
        }
        let help = format!("set {name} in the environment of skala");
        self.metadata.note(key, format!("the value of `{key}` stands in {place}"), help, self.notes);
        Found::Variable(name)
    }

    /// A number of the metadata.
    pub(super) fn number(&mut self, key: &str) -> Option<f64> {
        let text = self.text(key)?;
        let number = text.trim().parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0 && *x < 1e15);
        if number.is_none() {
            self.metadata.note(key, "this is not a number of at least 0", "its default is written; correct it", self.notes);
        }
        number
    }

    pub(super) fn flag(&mut self, key: &str) -> bool {
        let Some(text) = self.text(key) else { return false };
        let flag = truth(text);
        if flag.is_none() {
            self.metadata.note(key, "this is neither true nor false", "false is taken; correct it", self.notes);
        }
        flag.unwrap_or(false)
    }

    /// A parameter without which there is no trigger.
    pub(super) fn missing(&mut self, key: &str) {
        let reason = format!("the trigger does not say its `{key}`");
        let (line, path) = (self.metadata.line, self.metadata.path.clone());
        self.notes.add(self.metadata.origin, line, &path, reason, "the trigger is left out; add it");
    }

    /// Says why a field is not carried over as it is.
    pub(super) fn note(&mut self, key: &str, reason: impl Into<String>, help: impl Into<String>) {
        self.metadata.note(key, reason, help, self.notes);
    }

    /// Names parameters that are there and have no counterpart, wherever they stand.
    pub(super) fn refuse(&mut self, keys: &[&str], reason: &str, help: &str) {
        self.metadata.refuse(keys, reason, help, self.notes);
        for key in keys {
            if let Some(at) = self.parameters.iter().position(|p| p.name == *key) {
                self.parameters.remove(at);
                let field = format!("{}.{key}", self.metadata.path);
                self.notes.add(self.metadata.origin, self.metadata.line, &field, reason, help);
            }
        }
    }

    /// Client certificates, which no source knows.
    pub(super) fn refuse_certificates(&mut self) {
        self.refuse(&["cert", "key", "keyPassword"], "client certificates are not supported", "let the server take a password");
    }

    /// `{ca: ..., insecureSkipVerify: ...}` when there is anything to say.
    pub(super) fn tls(&mut self, unsafe_ssl: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
        let mut tls = serde_json::Map::new();
        if let Some(ca) = self.any("ca", "x") {
            tls.insert("ca".to_owned(), ca.written().into());
        }
        if self.flag(unsafe_ssl) {
            tls.insert("insecureSkipVerify".to_owned(), true.into());
        }
        Some(tls).filter(|tls| !tls.is_empty())
    }

    /// Names what nobody asked for.
    pub(super) fn finish(self) {
        for parameter in &self.parameters {
            let field = format!("{}.{}", self.metadata.path, parameter.name);
            let reason = "this parameter of the TriggerAuthentication is not known here";
            self.notes.add(self.metadata.origin, self.metadata.line, &field, reason, "look whether it matters");
        }
        self.metadata.finish(self.notes);
    }
}

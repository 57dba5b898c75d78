//! Label and field selectors.
//!
//! Decides: which objects a list or a watch sees.
//! Inputs: the parameters `labelSelector` and `fieldSelector`; what an object's index holds.
//! Method: the grammar of `k8s.io/apimachinery/pkg/labels` (`=`, `==`, `!=`, `in`, `notin`, `exists`, `!exists`) and of `fields`.
//! Invariants: a selector that cannot be read is refused with 400, never ignored.
//! Tested: `tests` below; `tests/kubernetes/server.rs`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::index::{selectable, strings};
use super::status::Status;
use super::store::Entry;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Selects by labels; an empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<Requirement>);

impl Labels {
    /// Reads the parameter `labelSelector`.
    pub(crate) fn parse(text: &str) -> Result<Labels, Status> {
        let wrong = |part: &str| Status::bad_request(format!("unable to parse requirement: {part:?} in {text:?}"));
        let mut requirements = Vec::new();
        for part in split_outside(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err(wrong(part));
            }
            let requirement = Self::requirement(part).ok_or_else(|| wrong(part))?;
            requirements.push(requirement);
        }
        Ok(Labels(requirements))
    }

    fn requirement(part: &str) -> Option<Requirement> {
        let found = if let Some((key, values)) = set(part, " notin") {
            Requirement::NotIn(key, values)
        } else if let Some((key, values)) = set(part, " in") {
            Requirement::In(key, values)
        } else if let Some((key, value)) = part.split_once("!=") {
            Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()])
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()])
        } else if let Some(key) = part.strip_prefix('!') {
            Requirement::Absent(key.trim().to_owned())
        } else {
            Requirement::Exists(part.to_owned())
        };
        let (key, values) = match &found {
            Requirement::In(key, values) | Requirement::NotIn(key, values) => (key, values.as_slice()),
            Requirement::Exists(key) | Requirement::Absent(key) => (key, &[][..]),
        };
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fine = !key.is_empty()
            && key.chars().all(|c| good(c) || c == '/')
            && values.iter().all(|v| v.chars().all(good) && v.len() <= 63);
        fine.then_some(found)
    }

    /// Reads a `LabelSelector` of an object (`matchLabels`, `matchExpressions`), or a plain map of labels.
    pub(crate) fn of_object(selector: &Value) -> Labels {
        let mut requirements = Vec::new();
        for (key, value) in strings(&selector["matchLabels"]) {
            requirements.push(Requirement::In(key, vec![value]));
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let key = expression["key"].as_str().unwrap_or("").to_owned();
            let values =
                expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            match expression["operator"].as_str().unwrap_or("") {
                "In" => requirements.push(Requirement::In(key, values)),
                "NotIn" => requirements.push(Requirement::NotIn(key, values)),
                "Exists" => requirements.push(Requirement::Exists(key)),
                "DoesNotExist" => requirements.push(Requirement::Absent(key)),
                _ => {}
            }
        }
        Labels(requirements)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn select(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|v| values.contains(v)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|v| !values.contains(v)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
        })
    }
}

impl std::fmt::Display for Labels {
    /// The form of `status.selector`: `a=1,b in (2,3)`, in the order of the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<(&str, String)> = Vec::new();
        for requirement in &self.0 {
            parts.push(match requirement {
                Requirement::In(key, values) if values.len() == 1 => (key, format!("{key}={}", values.concat())),
                Requirement::In(key, values) => (key, format!("{key} in ({})", sorted(values))),
                Requirement::NotIn(key, values) => (key, format!("{key} notin ({})", sorted(values))),
                Requirement::Exists(key) => (key, key.clone()),
                Requirement::Absent(key) => (key, format!("!{key}")),
            });
        }
        parts.sort();
        f.write_str(&parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
    }
}

fn sorted(values: &[String]) -> String {
    let mut values = values.to_vec();
    values.sort();
    values.join(",")
}

fn set(part: &str, operator: &str) -> Option<(String, Vec<String>)> {
    let (key, rest) = part.split_once(operator)?;
    let inner = rest.trim_start().strip_prefix('(')?.trim_end().strip_suffix(')')?;
    Some((key.trim().to_owned(), inner.split(',').map(|v| v.trim().to_owned()).collect()))
}

/// Splits at commas outside parentheses.
fn split_outside(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Selects by fields: name, whether it must be equal, value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, bool, String)>);

impl Fields {
    /// Reads the parameter `fieldSelector` for a resource.
    pub(crate) fn parse(text: &str, resource: &str) -> Result<Fields, Status> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let (name, equal, value) = part
                .split_once("!=")
                .map(|(k, v)| (k, false, v))
                .or_else(|| part.split_once("==").or_else(|| part.split_once('=')).map(|(k, v)| (k, true, v)))
                .ok_or_else(|| Status::bad_request(format!("invalid selector: {text:?}; can't understand {part:?}")))?;
            if !matches!(name, "metadata.name" | "metadata.namespace") && !selectable(resource).contains(&name) {
                return Err(Status::bad_request(format!("field label not supported: {name}")));
            }
            terms.push((name.to_owned(), equal, value.to_owned()));
        }
        Ok(Fields(terms))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn select(&self, entry: &Entry) -> bool {
        self.0.iter().all(|(name, equal, value)| {
            let have = match name.as_str() {
                "metadata.name" => Some(entry.key.name.as_str()),
                "metadata.namespace" => Some(entry.key.namespace.as_str()),
                name => entry.indexed.field(name),
            };
            (have == Some(value)) == *equal
        })
    }
}

/// What a list or a watch wants to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Empty for all.
    pub(crate) namespace: String,
    pub(crate) labels: Labels,
    pub(crate) fields: Fields,
}

impl Filter {
    pub(crate) fn select(&self, entry: &Entry) -> bool {
        (self.namespace.is_empty() || self.namespace == entry.key.namespace)
            && self.labels.select(&entry.indexed.labels)
            && self.fields.select(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::Labels;

    #[test]
    fn labels_are_selected_as_the_grammar_says() {
        let labels: BTreeMap<String, String> = [("app", "web"), ("tier", "front")].map(|(k, v)| (k.into(), v.into())).into();
        let rows = [
            ("", true),
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app!=web", false),
            ("zone!=a", true),
            ("app in (web, api)", true),
            ("app notin (web,api)", false),
            ("zone notin (a)", true),
            ("zone in (a)", false),
            ("tier", true),
            ("!tier", false),
            ("!zone,app in (x,web),tier=front", true),
        ];
        for (selector, want) in rows {
            assert_eq!(Labels::parse(selector).map(|s| s.select(&labels)), Ok(want), "{selector}");
        }
        for bad in ["=", "a=b,", "a b", "a in b", ",", "a=b c", "(", "a in (b"] {
            assert!(Labels::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_selector_of_an_object_is_printed_for_its_scale() {
        let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["b", "a"]}, {"key": "aa", "operator": "Exists"}]});
        assert_eq!(Labels::of_object(&selector).to_string(), "aa,app=web,tier in (a,b)");
    }
}

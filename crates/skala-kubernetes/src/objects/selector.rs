//! Label selectors as `/scale` prints them, matched against labels that pods share.
//!
//! Method: the grammar of `labels.Parse`: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas.
//! Invariants: an empty selector selects nothing here, since autoscaling refuses it; what cannot be read is an error, not a wider
//!   selection.
//! Tested: `tests` below.

/// A selector that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Reads a selector as `/scale` prints it.
    ///
    /// # Errors
    /// In words for the condition `InvalidSelector`.
    pub(crate) fn parse(text: &str) -> Result<Selector, String> {
        let mut requirements = Vec::new();
        for part in split(text)? {
            requirements.push(requirement(part.trim()).ok_or_else(|| format!("unable to parse requirement: {:?}", part.trim()))?);
        }
        Ok(Selector(requirements))
    }

    /// Whether labels pass; `label` looks one up.
    pub(crate) fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|Requirement { key, test }| match (test, label(key)) {
            (Test::In(values), Some(value)) => values.iter().any(|v| v == value),
            (Test::In(_), None) | (Test::Absent, Some(_)) | (Test::Exists, None) => false,
            (Test::NotIn(values), Some(value)) => !values.iter().any(|v| v == value),
            (Test::NotIn(_) | Test::Absent, None) | (Test::Exists, Some(_)) => true,
        })
    }
}

/// Splits at commas outside brackets.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut from, mut inside) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '(' if !inside => inside = true,
            ')' if inside => inside = false,
            '(' | ')' => return Err(format!("unable to parse requirement: unexpected {c:?}")),
            ',' if !inside => {
                parts.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err("unable to parse requirement: a bracket is not closed".into());
    }
    if !text.trim().is_empty() {
        parts.push(&text[from..]);
    }
    Ok(parts)
}

fn requirement(part: &str) -> Option<Requirement> {
    let of = |key: &str, test: Test| is_key(key.trim()).then(|| Requirement { key: key.trim().to_owned(), test });
    let one = |value: &str| is_value(value.trim()).then(|| vec![value.trim().to_owned()]);
    if let Some(list) = part.strip_suffix(')') {
        let (head, list) = list.split_once('(')?;
        let values: Vec<String> = list.split(',').map(|v| v.trim().to_owned()).collect();
        if !values.iter().all(|v| is_value(v)) {
            return None;
        }
        let (key, word) = head.trim().split_once(char::is_whitespace)?;
        return match word.trim() {
            "in" => of(key, Test::In(values)),
            "notin" => of(key, Test::NotIn(values)),
            _ => None,
        };
    }
    if let Some(key) = part.strip_prefix('!') {
        return of(key, Test::Absent);
    }
    if let Some((key, value)) = part.split_once("!=") {
        return of(key, Test::NotIn(one(value)?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return of(key, Test::In(one(value)?));
    }
    of(part, Test::Exists)
}

fn is_key(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    !key.is_empty() && key.len() <= 317 && is_name(name) && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

fn is_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| edge(c) || "-_.".contains(c);
    text.len() <= 63 && text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn who_is_selected() {
        let labels: BTreeMap<&str, &str> = [("app", "web"), ("tier", "front"), ("x/y", "")].into();
        let rows = [
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app=api", false),
            ("app!=api", true),
            ("zone!=a", true),
            ("app in (api, web)", true),
            ("app in (api)", false),
            ("app notin (api),tier", true),
            ("zone notin (a)", true),
            ("!zone", true),
            ("!app", false),
            ("zone", false),
            ("x/y=", true),
            (" app = web , tier ", true),
        ];
        for (text, expected) in rows {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(selector.matches(|k| labels.get(k).copied()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector() {
        for text in ["a b", "a in (b", "a in b)", "=b", "a=b c", "a,,b", "a=(b)", "a in ((b))", "a=-b", "!", "ä=b"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}

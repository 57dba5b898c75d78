//! The platform file as a tree in which every key and value knows where it stands.
//!
//! Decides: what a plain YAML scalar is (YAML 1.2 core schema), on demand, so that `1.10` stays text where text is wanted.
//! Invariants: mapping keys are unique; depth and number of nodes are bounded by `yaml::parse`.
//! Tested: `tests` below; `yaml::tests`.

use crate::problem::Span;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) data: Data,
}

/// The three shapes of YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// Text as written, without quotes; `plain` when it had none.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, its place, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// What a scalar means where no particular type is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain } if resolve(text, *plain) == Scalar::Null)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }
}

/// Reads a scalar by the YAML 1.2 core schema; quoted scalars are always text.
pub(crate) fn resolve(text: &str, plain: bool) -> Scalar {
    if !plain {
        return Scalar::Text;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let radix = |prefix, radix| text.strip_prefix(prefix).and_then(|t| i64::from_str_radix(t, radix).ok());
    if let Some(int) = text.parse().ok().or_else(|| radix("0x", 16)).or_else(|| radix("0o", 8)) {
        return Scalar::Int(int);
    }
    // Rust also reads words such as `inf` and `nan` as floats; YAML does not, without a dot.
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && text.bytes().any(|b| b.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(float) if numeric && float.is_finite() => Scalar::Float(float),
        _ => Scalar::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_schema() {
        let rows = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("yes", Scalar::Text),
            ("3", Scalar::Int(3)),
            ("-3", Scalar::Int(-3)),
            ("0x1F", Scalar::Int(31)),
            ("1.10", Scalar::Float(1.1)),
            ("1e3", Scalar::Float(1000.0)),
            ("nan", Scalar::Text),
            ("1e999", Scalar::Text),
            ("70%", Scalar::Text),
            ("1.2.3", Scalar::Text),
        ];
        for (text, expected) in rows {
            assert_eq!(resolve(text, true), expected, "{text}");
            assert_eq!(resolve(text, false), Scalar::Text, "quoted {text}");
        }
    }
}

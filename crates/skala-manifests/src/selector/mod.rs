//! Which labels a selector matches.
//!
//! Decides: whether an object belongs to an autoscaler, and a series to a metric.
//! Inputs: `matchLabels` and `matchExpressions`, or the text form that `Scale.status.selector` carries.
//! Method: Kubernetes' own: every requirement must hold; `notin` and `!=` also hold where the key is absent.
//! Invariants: a selector that was built is well formed; keys and values are held to the rules for labels.
//! Tested: `tests` in `text`; `tests/it/selectors.rs`.

mod names;
mod text;

use std::fmt;
use std::str::FromStr;

use crate::object::{LabelSelector, Labels};

/// Requirements on labels that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Term>);

/// A requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: Box<str>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<Box<str>>),
    NotIn(Vec<Box<str>>),
    Above(i64),
    Below(i64),
}

/// Why a selector makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A text that cannot be read.
    #[error("unable to parse requirement: found '{found}', expected {expected}")]
    Syntax {
        /// What stands there.
        found: String,
        /// What could.
        expected: &'static str,
    },
    /// A key that no label can have.
    #[error("'{0}' is not a valid label key")]
    Key(String),
    /// A value that no label can have.
    #[error("'{0}' is not a valid label value")]
    Value(String),
    /// `In` and `NotIn` without values.
    #[error("the operator {0} needs values")]
    NoValues(String),
    /// `Exists` and `DoesNotExist` with values.
    #[error("the operator {0} takes no values")]
    Values(String),
    /// `<` and `>` compare integers.
    #[error("'{0}' is not an integer, which '<' and '>' compare with")]
    Integer(String),
    /// An unknown operator.
    #[error("'{0}' is not a valid label selector operator")]
    Operator(String),
}

impl Selector {
    /// From an object's selector.
    ///
    /// # Errors
    /// For unknown operators, wrong numbers of values, and texts that no label can have.
    pub fn new(selector: &LabelSelector) -> Result<Selector, SelectorError> {
        let mut terms = Vec::new();
        for (key, value) in selector.match_labels.iter() {
            terms.push(Term::new(key, Test::In(vec![value.into()]))?);
        }
        for requirement in &selector.match_expressions {
            let (operator, values) = (&*requirement.operator, &requirement.values);
            let test = match (operator, values.is_empty()) {
                ("In", false) => Test::In(values.clone()),
                ("NotIn", false) => Test::NotIn(values.clone()),
                ("Exists", true) => Test::Exists,
                ("DoesNotExist", true) => Test::Absent,
                ("In" | "NotIn", true) => return Err(SelectorError::NoValues(operator.to_owned())),
                ("Exists" | "DoesNotExist", false) => return Err(SelectorError::Values(operator.to_owned())),
                _ => return Err(SelectorError::Operator(names::shown(operator))),
            };
            terms.push(Term::new(&requirement.key, test)?);
        }
        Ok(Selector(terms))
    }

    /// Whether every requirement holds.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_with(|key| labels.get(key))
    }

    /// The same for labels that are kept in another way: `value` looks one up.
    pub fn matches_with<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|term| term.holds(value(&term.key)))
    }

    /// Keys, each with values of which one must be there: what an index of labels can answer.
    pub fn required(&self) -> impl Iterator<Item = (&str, &[Box<str>])> {
        self.0.iter().filter_map(|term| match &term.test {
            Test::In(values) => Some((&*term.key, &**values)),
            _ => None,
        })
    }

    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Term {
    fn new(key: &str, test: Test) -> Result<Term, SelectorError> {
        if !names::is_key(key) {
            return Err(SelectorError::Key(names::shown(key)));
        }
        if let Test::In(values) | Test::NotIn(values) = &test
            && let Some(bad) = values.iter().find(|v| !names::is_value(v))
        {
            return Err(SelectorError::Value(names::shown(bad)));
        }
        Ok(Term { key: key.into(), test })
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|v| values.iter().any(|x| **x == *v)),
            Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| **x != *v)),
            Test::Above(bound) => number().is_some_and(|n| n > *bound),
            Test::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Selector, SelectorError> {
        text::parse(text).map(Selector)
    }
}

impl fmt::Display for Selector {
    /// The text form, as Kubernetes prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Term { key, test }) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            let joined = |values: &[Box<str>]| {
                let mut sorted: Vec<&str> = values.iter().map(|v| &**v).collect();
                sorted.sort_unstable();
                sorted.join(",")
            };
            match test {
                Test::Exists => write!(f, "{key}")?,
                Test::Absent => write!(f, "!{key}")?,
                Test::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0])?,
                Test::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0])?,
                Test::In(values) => write!(f, "{key} in ({})", joined(values))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", joined(values))?,
                Test::Above(bound) => write!(f, "{key}>{bound}")?,
                Test::Below(bound) => write!(f, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}

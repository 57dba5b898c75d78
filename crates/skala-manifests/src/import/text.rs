//! Texts and numbers of manifests in the platform file's forms.
//!
//! Tested: `tests` below.

use serde_json::Value;
use skala_spec::scalar::Size;

use crate::Quantity;

/// A text as it is: the platform file would take `${` for the beginning of a variable.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// `${NAME}`
pub(crate) fn variable(name: &str) -> String {
    format!("${{{name}}}")
}

/// A number, whole where it is whole.
pub(crate) fn number(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return Value::from(x as i64);
    }
    Value::from(x)
}

/// `500m`, `2`; `None` for what is no amount of CPU.
pub(crate) fn cpu(quantity: Quantity) -> Option<String> {
    let milli = quantity.milli().ok()?;
    match (milli, milli % 1000) {
        (..=0, _) => None,
        (_, 0) => Some((milli / 1000).to_string()),
        _ => Some(format!("{milli}m")),
    }
}

/// `512Mi`; `None` for what is no amount of memory.
pub(crate) fn memory(quantity: Quantity) -> Option<String> {
    let bytes = u64::try_from(quantity.milli().ok()?).ok()?.div_ceil(1000);
    let size: Size = format!("{bytes}e0").parse().ok()?;
    Some(size.to_string()).filter(|_| bytes > 0)
}

/// `90s`
pub(crate) fn seconds(n: i64) -> String {
    format!("{n}s")
}

/// A good name for a metric or a window: letters, digits and `_`, at most 48.
pub(crate) fn identifier(text: &str) -> String {
    let kept: String = text.chars().take(48).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let trimmed = kept.trim_matches('_');
    match trimmed.chars().next() {
        None => "metric".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("m_{trimmed}"),
        Some(_) => trimmed.to_owned(),
    }
}

/// A good name for a service: a DNS label.
pub(crate) fn label(text: &str) -> String {
    let kept = text.chars().take(63).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let kept: String = kept.collect();
    match kept.trim_matches('-') {
        "" => "service".to_owned(),
        label => label.to_owned(),
    }
}

/// A name that is not taken yet.
pub(crate) fn unique(wanted: String, joint: char, taken: impl Fn(&str) -> bool) -> String {
    unique_from(wanted, joint, &mut 1, taken)
}

/// The same, for many of one name: `n` is the number that was given last.
pub(crate) fn unique_from(wanted: String, joint: char, n: &mut usize, taken: impl Fn(&str) -> bool) -> String {
    let mut name = wanted.clone();
    while taken(&name) {
        *n += 1;
        let end = format!("{joint}{n}");
        name = wanted.chars().take(63 - end.len()).chain(end.chars()).collect();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        let cpus = ["0.5", "2", "1500m", "100u", "0", "-1"].map(|t| cpu(quantity(t)));
        assert_eq!(cpus.map(|c| c.unwrap_or_default()), ["500m", "2", "1500m", "1m", "", ""]);
        let memories = ["512Mi", "1000000000", "1k", "100m", "0", "-5"].map(|t| memory(quantity(t)));
        assert_eq!(memories.map(|c| c.unwrap_or_default()), ["512Mi", "1G", "1k", "1e0", "", ""]);
        assert_eq!((literal("a ${B} $C"), number(5.0), number(0.5)), ("a $${B} $C".to_owned(), Value::from(5), Value::from(0.5)));
        assert_eq!(
            (identifier("jobs-new"), identifier("7x"), identifier("é")),
            ("jobs_new".into(), "m_7x".into(), "metric".into())
        );
        assert_eq!((label("My.App"), label("--")), ("my-app".into(), "service".into()));
        assert_eq!(unique("a".repeat(63), '-', |n| n == "a".repeat(63)), format!("{}-2", "a".repeat(61)));
    }
}

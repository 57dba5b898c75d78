//! Triggers: numbers that skala reads itself, and the formula over them.
//!
//! Decides: what is wrong with a trigger before a secret is filled in; later errors may not quote it.
//! Invariants: a trigger never reads the controller's own files; every `${NAME}` is among the spec's secrets.
//! Tested: `super::tests`.

use serde::Deserialize;
use serde_json::{Map, Value};
use skala_manifests::Quantity;
use skala_spec::model::Source;

use super::extra::{MetricExtra, WireExtra};

/// Where the value of `${NAME}` in a trigger comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretRef {
    pub(crate) name: String,
    pub(crate) secret_key_ref: SecretKey,
}

/// A key of a Secret in the autoscaler's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SecretKey {
    pub(crate) name: String,
    pub(crate) key: String,
}

/// A number that is read directly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    /// The definition as written, still with `${NAME}` in it.
    pub(crate) source: Value,
    pub(crate) target: Goal,
    pub(crate) activation: f64,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) extra: MetricExtra,
}

/// What a trigger or formula is steered to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    Value(f64),
    AverageValue(f64),
}

/// What a trigger asks for while its source fails.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fallback {
    pub(crate) replicas: i32,
    #[serde(default = "three")]
    pub(crate) failure_threshold: u32,
    #[serde(default)]
    pub(crate) behavior: Option<String>,
}

fn three() -> u32 {
    3
}

/// One number out of the triggers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FormulaSpec {
    pub(crate) expression: String,
    pub(crate) target: Goal,
    pub(crate) activation: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFormula {
    expression: String,
    value: Option<Quantity>,
    average_value: Option<Quantity>,
    activation: Option<Quantity>,
}

/// Reads a formula.
pub(super) fn formula(wire: WireFormula) -> Result<FormulaSpec, String> {
    let target = goal(wire.value, wire.average_value).map_err(|e| format!("formula: {e}"))?;
    Ok(FormulaSpec { expression: wire.expression, target, activation: activation(wire.activation)? })
}

/// Reads a trigger: what it shares with the others, and its one source.
pub(super) fn trigger(mut wire: Map<String, Value>, secrets: &[String]) -> Result<Trigger, String> {
    let mut take = |key: &str| wire.remove(key).filter(|v| !v.is_null());
    let quantity = |v: Option<Value>| v.map(Quantity::deserialize).transpose().map_err(|e| e.to_string());
    let name = take("name").and_then(|v| v.as_str().map(str::to_owned)).ok_or("name is needed")?;
    let (value, average, active) = (take("value"), take("averageValue"), take("activation"));
    let fallback = take("fallback").map(Fallback::deserialize).transpose().map_err(|e| format!("fallback: {e}"))?;
    let mut extra = Map::new();
    for key in ["scaleDownTarget", "behavior", "staleAfter"] {
        extra.extend(take(key).map(|value| (key.to_owned(), value)));
    }
    let extra = WireExtra::deserialize(Value::Object(extra)).map_err(|e| e.to_string())?;
    let source = Value::Object(wire);
    if names_a_file(&source) {
        return Err("{file: ...} would read the controller's own files; use ${NAME} and spec.secrets".into());
    }
    // Placeholders may stand where the grammar wants something shaped, such as a URL; they are tried out with a harmless value.
    let tried = fill(&source, &|name| secrets.iter().any(|s| s == name).then(|| "x".to_owned()))?;
    Source::deserialize(tried).map_err(|e| e.to_string())?;
    let target = goal(quantity(value)?, quantity(average)?)?;
    let (Goal::Value(x) | Goal::AverageValue(x)) = target;
    let extra = extra.read(Some(x))?;
    Ok(Trigger { name, source, target, activation: activation(quantity(active)?)?, fallback, extra })
}

fn goal(value: Option<Quantity>, average: Option<Quantity>) -> Result<Goal, String> {
    let goal = match (value, average) {
        (Some(value), None) => Goal::Value(number(value)?),
        (None, Some(average)) => Goal::AverageValue(number(average)?),
        _ => return Err("exactly one of value and averageValue is needed".into()),
    };
    let (Goal::Value(x) | Goal::AverageValue(x)) = goal;
    if x > 0.0 { Ok(goal) } else { Err("a target must be above 0".into()) }
}

/// A quantity as a number, to the thousandth.
pub(super) fn number(quantity: Quantity) -> Result<f64, String> {
    quantity.milli().map(|m| m as f64 / 1000.0).map_err(|e| e.to_string())
}

fn activation(given: Option<Quantity>) -> Result<f64, String> {
    given.map_or(Ok(0.0), number)
}

fn names_a_file(definition: &Value) -> bool {
    match definition {
        Value::Object(fields) => fields.iter().any(|(key, value)| key == "file" || names_a_file(value)),
        Value::Array(items) => items.iter().any(names_a_file),
        _ => false,
    }
}

/// Puts values for `${NAME}` into every text of a definition.
///
/// # Errors
/// A name without a value, or a bracket that is not closed.
pub(crate) fn fill(definition: &Value, value: &impl Fn(&str) -> Option<String>) -> Result<Value, String> {
    Ok(match definition {
        Value::String(text) => Value::String(fill_text(text, value)?),
        Value::Array(items) => Value::Array(items.iter().map(|i| fill(i, value)).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(k, v)| Ok((k.clone(), fill(v, value)?))).collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, value: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("a ${ is not closed")?;
        out.push_str(before);
        out.push_str(&value(name).ok_or_else(|| format!("${{{name}}} is not among spec.secrets"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

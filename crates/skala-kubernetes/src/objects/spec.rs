//! The spec of an `Autoscaler`: autoscaling/v2's, and what skala adds.
//!
//! Decides: what is wrong with a spec; the API server has checked most of it, but not for definitions that somebody changed.
//! Inputs: the object's `spec`, as JSON.
//! Invariants: reading never fails the watch: a spec that cannot stand becomes a text for a condition.
//! Tested: `tests` below.

use std::time::Duration;

use serde::Deserialize;
use skala_hpa::{
    Behavior, MetricId, MetricSpec, ObjectRef, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy, Target, TargetKind,
};
use skala_spec::model::Source;

use skala_manifests::object::LabelSelector;

use super::Quantity;

/// What is scaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetRef {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl TargetRef {
    /// Group, kind and name: what makes two targets the same, whatever version they are written in.
    pub(crate) fn identity(&self) -> (String, String, String) {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        (group.to_owned(), self.kind.clone(), self.name.clone())
    }
}

/// Whose rules decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// autoscaling/v2 with its flaws repaired.
    #[default]
    Default,
    /// autoscaling/v2 exactly.
    Hpa,
}

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
    pub(crate) source: serde_json::Value,
    pub(crate) target: Goal,
    pub(crate) activation: f64,
    pub(crate) fallback: Option<Fallback>,
}

/// What a trigger or formula is steered to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    Value(f64),
    AverageValue(f64),
}

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

/// Times at which other bounds hold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowSpec {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) timezone: String,
    #[serde(default)]
    pub(crate) min_replicas: Option<i32>,
    #[serde(default)]
    pub(crate) max_replicas: Option<i32>,
}

/// A spec that can be decided on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spec {
    pub(crate) target: TargetRef,
    pub(crate) hpa: skala_hpa::Spec,
    /// Selectors of the metrics, for queries; in the order of `hpa.metrics`.
    pub(crate) selectors: Vec<String>,
    pub(crate) mode: Mode,
    pub(crate) compat: Option<skala_hpa::Compat>,
    pub(crate) paused: bool,
    pub(crate) dry_run: bool,
    pub(crate) stale_after: Option<Duration>,
    pub(crate) cooldown: Option<Duration>,
    pub(crate) initial_cooldown: Option<Duration>,
    pub(crate) idle_replicas: Option<i32>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) secrets: Vec<SecretRef>,
    pub(crate) formula: Option<FormulaSpec>,
    pub(crate) windows: Vec<WindowSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    scale_target_ref: TargetRef,
    min_replicas: Option<i32>,
    max_replicas: i32,
    #[serde(default)]
    metrics: Option<Vec<WireMetric>>,
    behavior: Option<WireBehavior>,
    #[serde(default)]
    mode: Mode,
    compat: Option<String>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    dry_run: bool,
    stale_after: Option<String>,
    cooldown: Option<String>,
    initial_cooldown: Option<String>,
    idle_replicas: Option<i32>,
    #[serde(default)]
    triggers: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    secrets: Vec<SecretRef>,
    formula: Option<WireFormula>,
    #[serde(default)]
    windows: Vec<WindowSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMetric {
    #[serde(rename = "type")]
    kind: String,
    resource: Option<WireSource>,
    container_resource: Option<WireSource>,
    pods: Option<WireSource>,
    object: Option<WireSource>,
    external: Option<WireSource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSource {
    name: String,
    container: String,
    metric: WireMetricId,
    described_object: ObjectRefWire,
    target: WireTarget,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireMetricId {
    name: String,
    selector: Option<LabelSelector>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRefWire {
    api_version: Option<String>,
    kind: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireTarget {
    #[serde(rename = "type")]
    kind: String,
    value: Option<Quantity>,
    average_value: Option<Quantity>,
    average_utilization: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBehavior {
    scale_up: Option<WireRules>,
    scale_down: Option<WireRules>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRules {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<SelectPolicy>,
    policies: Option<Vec<WirePolicy>>,
    tolerance: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePolicy {
    #[serde(rename = "type")]
    kind: PolicyKind,
    value: i32,
    period_seconds: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFormula {
    expression: String,
    value: Option<Quantity>,
    average_value: Option<Quantity>,
    activation: Option<Quantity>,
}

impl Spec {
    /// Reads a spec.
    ///
    /// # Errors
    /// What is wrong, in words for a condition.
    pub(crate) fn read(json: &serde_json::Value) -> Result<Spec, String> {
        let wire = Wire::deserialize(json).map_err(|e| format!("the spec cannot be read: {e}"))?;
        let mut hpa = skala_hpa::Spec {
            min_replicas: wire.min_replicas,
            max_replicas: wire.max_replicas,
            metrics: Vec::new(),
            behavior: wire.behavior.map(behavior).transpose()?,
        };
        let mut selectors = Vec::new();
        for (i, metric) in wire.metrics.into_iter().flatten().enumerate() {
            let (metric, selector) = metric_spec(metric).map_err(|e| format!("metrics[{i}]: {e}"))?;
            hpa.metrics.push(metric);
            selectors.push(selector);
        }
        if hpa.metrics.is_empty() && wire.triggers.is_empty() {
            hpa = hpa.with_defaults();
            selectors.resize(hpa.metrics.len(), String::new());
        }
        let compat = wire.compat.as_deref().map(|c| c.parse::<skala_hpa::Compat>().map_err(|e| format!("compat: {e}")));
        let names: Vec<String> = wire.secrets.iter().map(|s| s.name.clone()).collect();
        let triggers = wire.triggers.into_iter().enumerate();
        let triggers = triggers
            .map(|(i, t)| trigger(t, &names).map_err(|e| format!("triggers[{i}]: {e}")))
            .collect::<Result<Vec<_>, _>>()?;
        let spec = Spec {
            target: wire.scale_target_ref,
            hpa,
            selectors,
            mode: wire.mode,
            compat: compat.transpose()?,
            paused: wire.paused,
            dry_run: wire.dry_run,
            stale_after: duration("staleAfter", wire.stale_after)?,
            cooldown: duration("cooldown", wire.cooldown)?,
            initial_cooldown: duration("initialCooldown", wire.initial_cooldown)?,
            idle_replicas: wire.idle_replicas,
            triggers,
            secrets: wire.secrets,
            formula: wire.formula.map(formula).transpose()?,
            windows: wire.windows,
        };
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), String> {
        let (min, max) = (self.hpa.min(), self.hpa.max_replicas);
        if self.target.kind.is_empty() || self.target.name.is_empty() {
            return Err("scaleTargetRef: kind and name are needed".into());
        }
        if min < 0 || max < 1 || min > max {
            return Err(format!("0 <= minReplicas <= maxReplicas and 1 <= maxReplicas must hold; they are {min} and {max}"));
        }
        if self.mode == Mode::Hpa {
            let added = [
                (!self.triggers.is_empty(), "triggers"),
                (self.formula.is_some(), "formula"),
                (!self.windows.is_empty(), "windows"),
                (self.idle_replicas.is_some(), "idleReplicas"),
                (self.cooldown.is_some(), "cooldown"),
                (self.stale_after.is_some(), "staleAfter"),
            ];
            if let Some((_, field)) = added.iter().find(|(given, _)| *given) {
                return Err(format!("{field} has no meaning with mode: hpa, which is autoscaling/v2 exactly"));
            }
        }
        let mut names: Vec<&str> = self.triggers.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|w| w[0] == w[1]) {
            Some(twice) => Err(format!("two triggers are named {}", twice[0])),
            None => Ok(()),
        }
    }
}

fn duration(field: &str, text: Option<String>) -> Result<Option<Duration>, String> {
    let Some(text) = text else { return Ok(None) };
    let read: Result<skala_spec::scalar::Dur, _> = serde_json::from_value(serde_json::Value::String(text.clone()));
    read.map(|d| Some(d.get())).map_err(|_| format!("{field}: '{text}' is not a duration such as 90s"))
}

fn metric_spec(wire: WireMetric) -> Result<(MetricSpec, String), String> {
    let missing = || format!("type {} needs its section of that name", wire.kind);
    let kind = wire.kind.clone();
    Ok(match kind.as_str() {
        "Resource" => {
            let s = wire.resource.ok_or_else(missing)?;
            (MetricSpec::Resource { name: s.name, target: target(s.target)? }, String::new())
        }
        "ContainerResource" => {
            let s = wire.container_resource.ok_or_else(missing)?;
            (MetricSpec::ContainerResource { name: s.name, container: s.container, target: target(s.target)? }, String::new())
        }
        "Pods" => {
            let s = wire.pods.ok_or_else(missing)?;
            let (metric, query) = metric_id(s.metric)?;
            (MetricSpec::Pods { metric, target: target(s.target)? }, query)
        }
        "Object" => {
            let s = wire.object.ok_or_else(missing)?;
            let (metric, query) = metric_id(s.metric)?;
            let ObjectRefWire { api_version, kind, name } = s.described_object;
            (MetricSpec::Object { metric, described: ObjectRef { kind, name, api_version }, target: target(s.target)? }, query)
        }
        "External" => {
            let s = wire.external.ok_or_else(missing)?;
            let (metric, query) = metric_id(s.metric)?;
            (MetricSpec::External { metric, target: target(s.target)? }, query)
        }
        other => (MetricSpec::Unknown { kind: other.to_owned() }, String::new()),
    })
}

fn metric_id(wire: WireMetricId) -> Result<(MetricId, String), String> {
    let read = |s: &LabelSelector| skala_manifests::Selector::new(s).map(|s| s.to_string()).map_err(|e| e.to_string());
    let query = wire.selector.as_ref().map(read).transpose()?;
    Ok((MetricId { name: wire.name, selector: query.clone() }, query.unwrap_or_default()))
}

fn target(wire: WireTarget) -> Result<Target, String> {
    let kind = match wire.kind.as_str() {
        "Utilization" => TargetKind::Utilization,
        "Value" => TargetKind::Value,
        "AverageValue" => TargetKind::AverageValue,
        other => return Err(format!("target.type is {other:?}, not Utilization, Value or AverageValue")),
    };
    let milli = |q: Option<Quantity>| q.map(|q| q.try_milli()).transpose();
    let target = Target {
        kind,
        value: milli(wire.value)?,
        average_value: milli(wire.average_value)?,
        average_utilization: wire.average_utilization,
    };
    let positive = target.value.into_iter().chain(target.average_value).all(|v| v > 0);
    if !positive || target.average_utilization.is_some_and(|u| u < 1) {
        return Err("a target must be above 0".into());
    }
    Ok(target)
}

fn behavior(wire: WireBehavior) -> Result<Behavior, String> {
    Ok(Behavior { scale_up: wire.scale_up.map(rules).transpose()?, scale_down: wire.scale_down.map(rules).transpose()? })
}

fn rules(wire: WireRules) -> Result<ScalingRules, String> {
    let tolerance = wire.tolerance.map(|t| {
        let text = t.as_str().map_or_else(|| t.to_string(), str::to_owned);
        text.parse::<skala_manifests::Quantity>()
            .ok()
            .map(|q| q.as_f64())
            .filter(|t| *t >= 0.0)
            .ok_or_else(|| format!("tolerance: '{text}' is not a share such as 0.05"))
    });
    let policy = |p: WirePolicy| ScalingPolicy { kind: p.kind, value: p.value, period_seconds: p.period_seconds };
    Ok(ScalingRules {
        stabilization_window_seconds: wire.stabilization_window_seconds,
        select_policy: wire.select_policy,
        policies: wire.policies.map(|all| all.into_iter().map(policy).collect()),
        tolerance: tolerance.transpose()?,
    })
}

fn goal(value: Option<Quantity>, average: Option<Quantity>) -> Result<Goal, String> {
    let number = |q: Quantity| q.try_milli().map(|m| m as f64 / 1000.0);
    let goal = match (value, average) {
        (Some(value), None) => Goal::Value(number(value)?),
        (None, Some(average)) => Goal::AverageValue(number(average)?),
        _ => return Err("exactly one of value and averageValue is needed".into()),
    };
    let (Goal::Value(x) | Goal::AverageValue(x)) = goal;
    if x > 0.0 { Ok(goal) } else { Err("a target must be above 0".into()) }
}

fn activation(given: Option<Quantity>) -> Result<f64, String> {
    given.map_or(Ok(0.0), |q| q.try_milli().map(|m| m as f64 / 1000.0))
}

fn formula(wire: WireFormula) -> Result<FormulaSpec, String> {
    let target = goal(wire.value, wire.average_value).map_err(|e| format!("formula: {e}"))?;
    Ok(FormulaSpec { expression: wire.expression, target, activation: activation(wire.activation)? })
}

fn trigger(mut wire: serde_json::Map<String, serde_json::Value>, secrets: &[String]) -> Result<Trigger, String> {
    let mut take = |key: &str| wire.remove(key).filter(|v| !v.is_null());
    let quantity = |v: Option<serde_json::Value>| v.map(Quantity::deserialize).transpose().map_err(|e| e.to_string());
    let name = take("name").and_then(|v| v.as_str().map(str::to_owned)).ok_or("name is needed")?;
    let (value, average, active) = (take("value"), take("averageValue"), take("activation"));
    let fallback = take("fallback").map(Fallback::deserialize).transpose().map_err(|e| format!("fallback: {e}"))?;
    let source = serde_json::Value::Object(wire);
    if names_a_file(&source) {
        return Err("{file: ...} would read the controller's own files; use ${NAME} and spec.secrets".into());
    }
    // Placeholders may stand where the grammar wants something shaped, such as a URL; they are tried out with a harmless value.
    let tried = fill(&source, &|name| secrets.iter().any(|s| s == name).then(|| "x".to_owned()))?;
    Source::deserialize(tried).map_err(|e| e.to_string())?;
    let target = goal(quantity(value)?, quantity(average)?)?;
    Ok(Trigger { name, source, target, activation: activation(quantity(active)?)?, fallback })
}

fn names_a_file(definition: &serde_json::Value) -> bool {
    match definition {
        serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| key == "file" || names_a_file(value)),
        serde_json::Value::Array(items) => items.iter().any(names_a_file),
        _ => false,
    }
}

/// Puts values for `${NAME}` into every text of a definition.
///
/// # Errors
/// A name without a value, or a bracket that is not closed.
pub(crate) fn fill(definition: &serde_json::Value, value: &impl Fn(&str) -> Option<String>) -> Result<serde_json::Value, String> {
    use serde_json::Value;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(change: &serde_json::Value) -> Result<Spec, String> {
        let mut spec =
            json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 10});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Spec::read(&spec)
    }

    #[test]
    fn an_hpa_spec_is_taken_as_it_is() {
        let spec = read(&json!({"mode": "hpa", "minReplicas": 2, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
            {"type": "External", "external": {"metric": {"name": "lag", "selector": {"matchLabels": {"q": "a"}}},
                "target": {"type": "AverageValue", "averageValue": "1500m"}}}],
            "behavior": {"scaleUp": {"tolerance": "50m", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}}}))
        .unwrap();
        assert_eq!(spec.hpa.metrics[0], MetricSpec::Resource { name: "cpu".into(), target: Target::utilization(60) });
        assert_eq!(spec.selectors, ["", "q=a"]);
        let up = spec.hpa.behavior.unwrap().scale_up.unwrap();
        assert_eq!((up.tolerance, up.policies.unwrap()[0].period_seconds), (Some(0.05), 60));
        assert_eq!(read(&json!({})).unwrap().hpa.metrics.len(), 1, "cpu at 80 % without metrics");
    }

    #[test]
    fn the_example_of_the_manual_can_be_read() {
        let page = include_str!("../../../../docs/kubernetes.md");
        let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let object: serde_json::Value = serde_saphyr::from_str(example).unwrap();
        let spec = Spec::read(&object["spec"]).unwrap();
        assert_eq!((spec.triggers[0].name.as_str(), spec.triggers[0].target), ("jobs", Goal::AverageValue(5.0)));
        assert_eq!(spec.secrets[0].secret_key_ref.name, "redis-login");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = [
            (json!({"minReplicas": 11}), "minReplicas"),
            (json!({"maxReplicas": 0}), "maxReplicas"),
            (json!({"maxReplicas": "many"}), "cannot be read"),
            (json!({"mode": "magic"}), "cannot be read"),
            (json!({"compat": "hpa-0.1"}), "compat"),
            (json!({"metrics": [{"type": "Resource"}]}), "metrics[0]"),
            (
                json!({"metrics": [{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "0"}}}]}),
                "above 0",
            ),
            (
                json!({"metrics": [{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "lots"}}}]}),
                "lots",
            ),
            (json!({"staleAfter": "soon"}), "staleAfter"),
            (json!({"mode": "hpa", "idleReplicas": 0}), "idleReplicas"),
            (json!({"triggers": [{"value": 1, "redis": {}}]}), "name"),
            (json!({"triggers": [{"name": "a", "value": 1, "redis": {"address": {"file": "/var/run/token"}}}]}), "own files"),
            (json!({"behavior": {"scaleUp": {"tolerance": "-1"}}}), "tolerance"),
            (json!({"scaleTargetRef": {"kind": "", "name": "x"}}), "scaleTargetRef"),
        ];
        for (change, part) in rows {
            let error = read(&change).unwrap_err();
            assert!(error.contains(part), "{change}: {error}");
        }
    }

    #[test]
    fn placeholders_are_filled_once_and_must_be_known() {
        let known = |name: &str| (name == "PASSWORD").then(|| "${OTHER}".to_owned());
        let definition = json!({"redis": {"address": "redis://:${PASSWORD}@r", "list": ["a"]}, "n": 1});
        assert_eq!(fill(&definition, &known).unwrap()["redis"]["address"], "redis://:${OTHER}@r");
        assert!(fill(&json!("${NOBODY}"), &known).unwrap_err().contains("NOBODY"));
        assert!(fill(&json!("a ${PASSWORD"), &known).is_err());
    }
}

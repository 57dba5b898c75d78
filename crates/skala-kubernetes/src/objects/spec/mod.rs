//! The spec of an `Autoscaler`: autoscaling/v2's, and what skala adds.
//!
//! Decides: what is wrong with a spec; the API server has checked most of it, but not for definitions that somebody changed.
//! Inputs: the object's `spec`, as JSON.
//! Invariants: reading never fails the watch: a spec that cannot stand becomes a text for a condition.
//! Tested: `tests` below.

mod extra;
mod limits;
#[cfg(test)]
mod tests;
mod trigger;

use std::time::Duration;

use serde::Deserialize;
use skala_autoscaler::Repairs;
use skala_manifests::Selector;
use skala_manifests::object::hpa::{self, HpaSpec};

pub(crate) use extra::MetricExtra;
pub(crate) use limits::{BudgetSpec, Downstream};
pub(crate) use trigger::{Fallback, FormulaSpec, Goal, SecretRef, Trigger, fill};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// autoscaling/v2 with its flaws repaired.
    #[default]
    Default,
    /// autoscaling/v2 exactly.
    Hpa,
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
    /// What skala adds to the metrics, in the same order.
    pub(crate) extras: Vec<MetricExtra>,
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
    pub(crate) jump_to_idle: bool,
    pub(crate) repairs: Option<Repairs>,
    pub(crate) budget: Option<BudgetSpec>,
    pub(crate) downstream: Vec<Downstream>,
}

/// What is not autoscaling/v2's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    scale_target_ref: TargetRef,
    #[serde(default)]
    metrics: Option<Vec<extra::WireExtra>>,
    mode: Option<String>,
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
    jump_to_idle: bool,
    repairs: Option<Repairs>,
    #[serde(default)]
    triggers: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    secrets: Vec<SecretRef>,
    formula: Option<trigger::WireFormula>,
    #[serde(default)]
    windows: Vec<WindowSpec>,
    budget: Option<limits::WireBudget>,
    #[serde(default)]
    downstream: Vec<Downstream>,
}

impl Spec {
    /// Reads a spec.
    ///
    /// # Errors
    /// What is wrong, in words for a condition.
    pub(crate) fn read(json: &serde_json::Value) -> Result<Spec, String> {
        let unreadable = |e: serde_json::Error| format!("the spec cannot be read: {e}");
        let given = HpaSpec::deserialize(json).map_err(unreadable)?;
        let wire = Wire::deserialize(json).map_err(unreadable)?;
        let mut hpa = skala_manifests::decide::convert(&given, "").map_err(|e| e.to_string())?.spec;
        let mut extras = Vec::new();
        for (i, extra) in wire.metrics.into_iter().flatten().enumerate() {
            let target = hpa.metrics.get(i).and_then(target_of);
            extras.push(extra.read(target).map_err(|e| format!("metrics[{i}].{e}"))?);
        }
        if hpa.metrics.is_empty() && wire.triggers.is_empty() {
            hpa = hpa.with_defaults();
        }
        extras.resize(hpa.metrics.len(), MetricExtra::default());
        let mut selectors = given.metrics.iter().map(query).collect::<Result<Vec<_>, _>>()?;
        selectors.resize(hpa.metrics.len(), String::new());
        let compat = wire.compat.as_deref().map(|c| c.parse::<skala_hpa::Compat>().map_err(|e| format!("compat: {e}")));
        let names: Vec<String> = wire.secrets.iter().map(|s| s.name.clone()).collect();
        let triggers = wire.triggers.into_iter().enumerate();
        let triggers = triggers
            .map(|(i, t)| trigger::trigger(t, &names).map_err(|e| format!("triggers[{i}]: {e}")))
            .collect::<Result<Vec<_>, _>>()?;
        let spec = Spec {
            target: wire.scale_target_ref,
            hpa,
            selectors,
            extras,
            mode: mode(wire.mode.as_deref())?,
            compat: compat.transpose()?,
            paused: wire.paused,
            dry_run: wire.dry_run,
            stale_after: duration("staleAfter", wire.stale_after)?,
            cooldown: duration("cooldown", wire.cooldown)?,
            initial_cooldown: duration("initialCooldown", wire.initial_cooldown)?,
            idle_replicas: wire.idle_replicas,
            triggers,
            secrets: wire.secrets,
            formula: wire.formula.map(trigger::formula).transpose()?,
            windows: wire.windows,
            jump_to_idle: wire.jump_to_idle,
            repairs: wire.repairs,
            budget: wire.budget.map(|b| limits::budget(b).map_err(|e| format!("budget.{e}"))).transpose()?,
            downstream: wire.downstream,
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
                (self.jump_to_idle, "jumpToIdle"),
                (self.repairs.is_some(), "repairs"),
                (self.budget.is_some(), "budget"),
                (!self.downstream.is_empty(), "downstream"),
                (self.extras.iter().any(|e| !e.is_empty()), "what a metric has beyond its source"),
            ];
            if let Some((_, field)) = added.iter().find(|(given, _)| *given) {
                return Err(format!("{field} has no meaning with mode: hpa, which is autoscaling/v2 exactly"));
            }
        }
        for (i, downstream) in self.downstream.iter().enumerate() {
            downstream.check().map_err(|e| format!("downstream[{i}]: {e}"))?;
        }
        let mut names: Vec<&str> = self.triggers.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|w| w[0] == w[1]) {
            Some(twice) => Err(format!("two triggers are named {}", twice[0])),
            None => Ok(()),
        }
    }
}

fn mode(text: Option<&str>) -> Result<Mode, String> {
    match text {
        None | Some("default") => Ok(Mode::Default),
        Some("hpa") => Ok(Mode::Hpa),
        Some("knative") => Err("mode: knative needs every request's concurrency, which only skala's own gateway counts; \
             on Kubernetes use default or hpa"
            .into()),
        Some(other) => Err(format!("mode: {:?} is not default or hpa", other.chars().take(40).collect::<String>())),
    }
}

/// The number that a metric is steered to, in the unit in which a `scaleDownTarget` is written.
fn target_of(metric: &skala_hpa::MetricSpec) -> Option<f64> {
    use skala_hpa::MetricSpec::{ContainerResource, External, Object, Pods, Resource};
    let (Resource { target, .. }
    | ContainerResource { target, .. }
    | Pods { target, .. }
    | Object { target, .. }
    | External { target, .. }) = metric
    else {
        return None;
    };
    let milli = |m: i64| m as f64 / 1000.0;
    target.average_value.or(target.value).map(milli).or(target.average_utilization.map(f64::from))
}

/// A metric's selector as a query carries it.
fn query(metric: &hpa::MetricSpec) -> Result<String, String> {
    let identifiers = [
        metric.pods.as_ref().map(|s| &s.metric),
        metric.object.as_ref().map(|s| &s.metric),
        metric.external.as_ref().map(|s| &s.metric),
    ];
    match identifiers.into_iter().flatten().find_map(|id| id.selector.as_ref()) {
        None => Ok(String::new()),
        Some(selector) => Selector::new(selector).map(|s| s.to_string()).map_err(|e| e.to_string()),
    }
}

fn duration(field: &str, text: Option<String>) -> Result<Option<Duration>, String> {
    let Some(text) = text else { return Ok(None) };
    let read: Result<skala_spec::scalar::Dur, _> = serde_json::from_value(serde_json::Value::String(text.clone()));
    read.map(|d| Some(d.get())).map_err(|_| format!("{field}: '{text}' is not a duration such as 90s"))
}

//! An `Autoscaler` as a policy of the core.
//!
//! Decides: how each field reads; what cannot stand is the core's own judgement.

use std::time::Duration;

use skala_autoscaler::{
    Behavior, CronWindow, Fallback, FallbackBehavior, MetricBehavior, MetricEntry, MetricOptions, MetricSpec, Policy, PolicyKind,
    PolicySpec, ResourceRequests, ResourceTarget, ScalingPolicy, ScalingRules, SelectPolicy, SignalTarget,
};
use skala_hpa::{MetricSpec as HpaMetric, Target};
use skala_manifests::decide::request;
use skala_types::{Bytes, Cores, Replicas, Utilisation};

use super::signal_name;
use crate::decide::Seen;
use crate::objects::Spec;
use crate::objects::spec::{Fallback as GivenFallback, Goal, MetricExtra, WindowSpec};

/// Age at which a sample counts as failed, unless the spec says otherwise: metrics-server's samples are up to a minute old in a
/// healthy cluster.
const STALE_AFTER: Duration = Duration::from_secs(120);

/// The policy of a spec, for pods with these mean requests.
///
/// # Errors
/// What cannot stand, in words for a condition.
pub(crate) fn policy(spec: &Spec, pods: &[Seen]) -> Result<Policy, String> {
    let mut metrics: Vec<MetricEntry> = Vec::new();
    for (metric, extra) in spec.hpa.metrics.iter().zip(&spec.extras) {
        metrics.push(MetricEntry { what: entry(metric)?, options: options(extra, percent(metric)) });
    }
    match &spec.formula {
        Some(formula) => metrics.push(MetricEntry {
            what: MetricSpec::Formula {
                name: "formula".into(),
                expression: formula.expression.clone(),
                target: goal(formula.target),
            },
            options: MetricOptions { activation: Some(formula.activation), ..MetricOptions::default() },
        }),
        None => {
            for trigger in &spec.triggers {
                let fallback = trigger.fallback.as_ref().map(fallback).transpose()?;
                metrics.push(MetricEntry {
                    what: MetricSpec::Signal { name: trigger.name.as_str().into(), target: goal(trigger.target) },
                    options: MetricOptions { activation: Some(trigger.activation), fallback, ..options(&trigger.extra, 1.0) },
                });
            }
        }
    }
    let policy = PolicySpec {
        min_replicas: replicas(spec.hpa.min()),
        max_replicas: replicas(spec.hpa.max_replicas),
        metrics,
        behavior: behavior(spec.hpa.behavior.as_ref()),
        requests: ResourceRequests {
            cpu: mean_request(pods, "cpu").map(|m| Cores(m / 1000.0)),
            memory: mean_request(pods, "memory").map(|m| Bytes((m / 1000.0) as u64)),
        },
        stale_after: spec.stale_after.unwrap_or(STALE_AFTER),
        idle_replicas: spec.idle_replicas.map(replicas),
        cooldown: spec.cooldown,
        initial_cooldown: spec.initial_cooldown.unwrap_or_default(),
        windows: spec.windows.iter().map(window).collect(),
        jump_to_idle: spec.jump_to_idle,
        repairs: spec.repairs.unwrap_or_default(),
        ..PolicySpec::default()
    };
    Policy::try_new(policy).map_err(|errors| skala_autoscaler::InvalidPolicy(errors).to_string())
}

/// What a metric has of its own; its target for shrinking is in units of which `unit` make one of the core's.
fn options(extra: &MetricExtra, unit: f64) -> MetricOptions {
    let own = extra.behavior.as_ref();
    let up = own.and_then(|b| b.scale_up.as_ref()).map(|r| rules(Some(r), ScalingRules::default_up()));
    let down = own.and_then(|b| b.scale_down.as_ref()).map(|r| rules(Some(r), ScalingRules::default_down()));
    MetricOptions {
        scale_down_target: extra.scale_down_target.map(|t| t / unit),
        behavior: MetricBehavior { scale_up: up, scale_down: down },
        stale_after: extra.stale_after,
        ..MetricOptions::default()
    }
}

/// A utilization of CPU or memory is a share to the core and percent in the object; everything else is the same in both.
fn percent(metric: &HpaMetric) -> f64 {
    match metric {
        HpaMetric::Resource { target, .. } if signal_name(metric).is_none() && target.average_value.is_none() => 100.0,
        _ => 1.0,
    }
}

pub(super) fn replicas(n: i32) -> Replicas {
    Replicas(n.max(0).unsigned_abs())
}

fn goal(goal: Goal) -> SignalTarget {
    match goal {
        Goal::Value(x) => SignalTarget::Value(x),
        Goal::AverageValue(x) => SignalTarget::AverageValue(x),
    }
}

fn fallback(given: &GivenFallback) -> Result<Fallback, String> {
    let behavior = match given.behavior.as_deref() {
        None | Some("static") => FallbackBehavior::Static,
        Some("currentReplicas") => FallbackBehavior::CurrentReplicas,
        Some("currentReplicasIfHigher") => FallbackBehavior::CurrentReplicasIfHigher,
        Some("currentReplicasIfLower") => FallbackBehavior::CurrentReplicasIfLower,
        Some(other) => return Err(format!("fallback.behavior: {other:?} is not known")),
    };
    Ok(Fallback { failure_threshold: given.failure_threshold, replicas: replicas(given.replicas), behavior })
}

fn window(given: &WindowSpec) -> CronWindow {
    CronWindow {
        name: given.name.as_str().into(),
        start: given.start.clone(),
        end: given.end.clone(),
        timezone: given.timezone.clone(),
        min_replicas: given.min_replicas.map(replicas),
        max_replicas: given.max_replicas.map(replicas),
    }
}

fn entry(metric: &HpaMetric) -> Result<MetricSpec, String> {
    let milli = |m: i64| m as f64 / 1000.0;
    Ok(match (metric, signal_name(metric)) {
        (HpaMetric::Resource { name, target }, None) if name == "cpu" => {
            MetricSpec::Cpu { target: resource_target(target, |m| Cores(milli(m)))? }
        }
        (HpaMetric::Resource { target, .. }, None) => {
            MetricSpec::Memory { target: resource_target(target, |m| Bytes(m.max(0).unsigned_abs() / 1000))? }
        }
        (_, Some(name)) => MetricSpec::Signal { name: name.into(), target: signal_target(metric)? },
        (other, None) => return Err(format!("a metric of type {} is not known", other.name())),
    })
}

fn resource_target<T>(target: &Target, amount: impl Fn(i64) -> T) -> Result<ResourceTarget<T>, String> {
    match (target.average_value, target.average_utilization) {
        (Some(milli), _) => Ok(ResourceTarget::AverageValue(amount(milli))),
        (None, Some(percent)) => Ok(ResourceTarget::Utilisation(Utilisation(f64::from(percent) / 100.0))),
        (None, None) => Err("a resource needs averageUtilization or averageValue".into()),
    }
}

fn signal_target(metric: &HpaMetric) -> Result<SignalTarget, String> {
    let milli = |m: i64| m as f64 / 1000.0;
    let (HpaMetric::Resource { target, .. }
    | HpaMetric::ContainerResource { target, .. }
    | HpaMetric::Pods { target, .. }
    | HpaMetric::Object { target, .. }
    | HpaMetric::External { target, .. }) = metric
    else {
        return Err("a metric of unknown type".into());
    };
    match (target.average_value, target.value, target.average_utilization) {
        (Some(average), _, _) => Ok(SignalTarget::AverageValue(milli(average))),
        (None, Some(value), _) => Ok(SignalTarget::Value(milli(value))),
        (None, None, Some(percent)) => Ok(SignalTarget::Value(f64::from(percent))),
        (None, None, None) => Err(format!("metric {} has no target", metric.name())),
    }
}

fn behavior(given: Option<&skala_hpa::Behavior>) -> Behavior {
    let up = given.and_then(|b| b.scale_up.as_ref());
    let down = given.and_then(|b| b.scale_down.as_ref());
    Behavior { scale_up: rules(up, ScalingRules::default_up()), scale_down: rules(down, ScalingRules::default_down()) }
}

fn rules(given: Option<&skala_hpa::ScalingRules>, mut rules: ScalingRules) -> ScalingRules {
    let Some(given) = given else { return rules };
    let seconds = |s: i32| Duration::from_secs(u64::from(s.max(0).unsigned_abs()));
    if let Some(window) = given.stabilization_window_seconds {
        rules.stabilization_window = seconds(window);
    }
    if let Some(select) = given.select_policy {
        rules.select_policy = match select {
            skala_hpa::SelectPolicy::Max => SelectPolicy::Max,
            skala_hpa::SelectPolicy::Min => SelectPolicy::Min,
            skala_hpa::SelectPolicy::Disabled => SelectPolicy::Disabled,
        };
    }
    if let Some(policies) = &given.policies {
        let policy = |p: &skala_hpa::ScalingPolicy| ScalingPolicy {
            kind: if p.kind == skala_hpa::PolicyKind::Pods { PolicyKind::Pods } else { PolicyKind::Percent },
            value: p.value.max(0).unsigned_abs(),
            period: seconds(p.period_seconds),
        };
        rules.policies = policies.iter().map(policy).collect();
    }
    if let Some(tolerance) = given.tolerance {
        rules.tolerance = tolerance;
    }
    rules
}

fn mean_request(pods: &[Seen], resource: &str) -> Option<f64> {
    let requests: Result<Vec<i64>, String> = pods.iter().map(|p| request(p, resource, None)).collect();
    let requests = requests.ok().filter(|r| !r.is_empty())?;
    let sum: f64 = requests.iter().map(|r| *r as f64).sum();
    Some(sum / requests.len() as f64).filter(|mean| *mean > 0.0)
}

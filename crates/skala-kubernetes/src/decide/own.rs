//! Mode `default`: skala's own policy core.
//!
//! Decides: how an `Autoscaler` and what was seen of its target read as a policy and an observation.
//! Method: a metric of pods or objects becomes a signal with the target that autoscaling/v2 gives it; CPU and memory stay what
//!   they are, with the pods' mean request.
//! Tested: `tests/it/acting.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use skala_autoscaler::{
    Action, Behavior, CronWindow, Directive, Fallback, FallbackBehavior, MetricEntry, MetricOptions, MetricResult, MetricSpec,
    Observation, Phase, Planned, Policy, PolicyKind, PolicySpec, ReplicaObservation, ResourceRequests, ResourceTarget, Rule,
    ScalingPolicy, ScalingRules, SelectPolicy, SignalObservation, SignalTarget, Text,
};
use skala_hpa::{MetricSpec as HpaMetric, Phase as PodPhase, Reading, ReadyStatus, Target};
use skala_types::{Bytes, Cores, ReplicaId, Replicas, Sampled, Time, Utilisation};

use super::{Says, Seen, Tells, Verdict, readings};
use crate::objects::Spec;
use crate::objects::spec::Goal;

/// Age at which a sample counts as failed, unless the spec says otherwise: metrics-server's samples are up to a minute old in a
/// healthy cluster.
const STALE_AFTER: Duration = Duration::from_secs(120);

/// A number from outside, with what is known of earlier attempts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Signal {
    pub(crate) last: Option<Sampled<f64>>,
    pub(crate) error: Option<String>,
    pub(crate) failures: u32,
}

/// The name under which a metric of the spec is a signal; none for those that are read off the pods.
pub(crate) fn signal_name(metric: &HpaMetric) -> Option<String> {
    Some(match metric {
        HpaMetric::Resource { name, .. } if name == "cpu" || name == "memory" => return None,
        HpaMetric::Resource { name, .. } => format!("resource/{name}"),
        HpaMetric::ContainerResource { name, container, .. } => format!("container/{container}/{name}"),
        HpaMetric::Pods { metric, .. } => format!("pods/{}", metric.name),
        HpaMetric::Object { metric, described, .. } => format!("{}/{}/{}", described.kind, described.name, metric.name),
        HpaMetric::External { metric, .. } => format!("external/{}", metric.name),
        HpaMetric::Unknown { .. } => return None,
    })
}

/// The one number of a metric that is a signal, and when it was true.
///
/// # Errors
/// In words, when the reading has none.
pub(crate) fn signal_value(metric: &HpaMetric, reading: &Reading, at: Option<Time>, now: Time) -> Result<Sampled<f64>, String> {
    let value = match reading {
        Reading::Failed(error) => return Err(error.clone()),
        Reading::Object(milli) => *milli as f64,
        Reading::External(all) => all.iter().map(|m| *m as f64).sum(),
        Reading::Pods(pods) => {
            let used: f64 = pods.samples.iter().flatten().map(|s| s.value as f64).sum();
            match (utilization(metric), &pods.requests) {
                (false, _) => used,
                (true, skala_hpa::Requests::Missing(error)) => return Err(error.clone()),
                (true, skala_hpa::Requests::Milli(requests)) => {
                    let sampled = pods.samples.iter().zip(requests).filter(|(s, _)| s.is_some());
                    let requested: f64 = sampled.map(|(_, r)| *r as f64).sum();
                    if requested <= 0.0 {
                        return Err("no pod with a sample has a request".into());
                    }
                    // In thousandths, like every other value here.
                    used / requested * 100_000.0
                }
            }
        }
    };
    if value < 0.0 {
        return Err(format!("a value of {} is below 0", value / 1000.0));
    }
    let oldest = match reading {
        Reading::Pods(pods) => pods.samples.iter().flatten().map(|s| s.timestamp).min(),
        _ => at,
    };
    Ok(Sampled::new(oldest.unwrap_or(now), value / 1000.0))
}

fn utilization(metric: &HpaMetric) -> bool {
    match metric {
        HpaMetric::Resource { target, .. } | HpaMetric::ContainerResource { target, .. } => target.average_value.is_none(),
        _ => false,
    }
}

/// The policy of a spec, for pods with these mean requests.
///
/// # Errors
/// What cannot stand, in words for a condition.
pub(crate) fn policy(spec: &Spec, pods: &[Seen]) -> Result<Policy, String> {
    let mut metrics: Vec<MetricEntry> = Vec::new();
    for metric in &spec.hpa.metrics {
        metrics.push(entry(metric)?.into());
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
                    options: MetricOptions { activation: Some(trigger.activation), fallback, ..MetricOptions::default() },
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
        ..PolicySpec::default()
    };
    Policy::try_new(policy).map_err(|errors| skala_autoscaler::InvalidPolicy(errors).to_string())
}

fn replicas(n: i32) -> Replicas {
    Replicas(n.max(0).unsigned_abs())
}

fn goal(goal: Goal) -> SignalTarget {
    match goal {
        Goal::Value(x) => SignalTarget::Value(x),
        Goal::AverageValue(x) => SignalTarget::AverageValue(x),
    }
}

fn fallback(given: &crate::objects::spec::Fallback) -> Result<Fallback, String> {
    let behavior = match given.behavior.as_deref() {
        None | Some("static") => FallbackBehavior::Static,
        Some("currentReplicas") => FallbackBehavior::CurrentReplicas,
        Some("currentReplicasIfHigher") => FallbackBehavior::CurrentReplicasIfHigher,
        Some("currentReplicasIfLower") => FallbackBehavior::CurrentReplicasIfLower,
        Some(other) => return Err(format!("fallback.behavior: {other:?} is not known")),
    };
    Ok(Fallback { failure_threshold: given.failure_threshold, replicas: replicas(given.replicas), behavior })
}

fn window(given: &crate::objects::spec::WindowSpec) -> CronWindow {
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
    let requests: Result<Vec<i64>, &str> = pods.iter().map(|p| readings::request(&p.pod, resource, None)).collect();
    let requests = requests.ok().filter(|r| !r.is_empty())?;
    let sum: f64 = requests.iter().map(|r| *r as f64).sum();
    Some(sum / requests.len() as f64).filter(|mean| *mean > 0.0)
}

/// What was seen, as the core takes it.
pub(crate) fn observation(
    current: i32,
    pods: &[Seen],
    resources: &BTreeMap<&str, Reading>,
    signals: &BTreeMap<String, Signal>,
    paused: bool,
    now: Time,
) -> Observation {
    let sample = |resource: &str, at: usize| match resources.get(resource) {
        Some(Reading::Pods(all)) => all.samples.get(at).copied().flatten(),
        _ => None,
    };
    let replica = |(at, seen): (usize, &Seen)| {
        let (phase, phase_since) = phase(seen, now);
        ReplicaObservation {
            id: ReplicaId(at as u64 + 1),
            phase,
            phase_since,
            started_at: seen.pod.pod.started_at.unwrap_or(now),
            in_flight: 0,
            cpu: sample("cpu", at).map(|s| Sampled::new(s.timestamp, Cores(s.value as f64 / 1000.0))),
            cpu_fast: None,
            memory: sample("memory", at).map(|s| Sampled::new(s.timestamp, Bytes(s.value.max(0).unsigned_abs() / 1000))),
        }
    };
    let signal = |(name, signal): (&String, &Signal)| SignalObservation {
        name: name.as_str().into(),
        value: signal.last,
        activity: None,
        queue: None,
        error: signal.error.as_deref().map(Text::from),
        failures: signal.failures,
    };
    Observation {
        current: replicas(current),
        replicas: pods.iter().enumerate().map(replica).collect(),
        directive: paused.then_some(Directive::Pause { until: None }),
        signals: signals.iter().map(signal).collect(),
        ..Observation::default()
    }
}

fn phase(seen: &Seen, now: Time) -> (Phase, Time) {
    let pod = &seen.pod.pod;
    let started = pod.started_at.unwrap_or(now);
    match (pod.phase, pod.ready) {
        (PodPhase::Failed | PodPhase::Succeeded, _) => (Phase::Draining, started),
        _ if pod.deleted => (Phase::Draining, started),
        (PodPhase::Pending, _) | (_, None) => (Phase::Starting, started),
        (_, Some(ready)) => match ready.status {
            ReadyStatus::True => (Phase::Ready, ready.last_transition),
            // A pod whose condition has not moved since shortly after its start was never ready.
            _ if ready.last_transition <= started + Duration::from_secs(30) => (Phase::Starting, started),
            _ => (Phase::NotReady, ready.last_transition),
        },
    }
}

/// The plan in the words that both modes share.
pub(crate) fn verdict(plan: &Planned, pods: &[Seen], current: i32) -> Verdict {
    let report = &plan.report;
    let desired = i32::try_from(plan.desired.0).unwrap_or(i32::MAX);
    let failed = report.metrics.iter().find_map(|m| match &m.result {
        MetricResult::Failed { failure } => Some(format!("{}: {failure}", m.name)),
        _ => None,
    });
    let working = report.metrics.iter().any(|m| m.proposal().is_some());
    let limited = report.clamps.iter().rev().find(|c| limits(c.rule));
    let says = |kind, holds, reason: &str, message: String| Says { kind, holds, reason: reason.to_owned(), message };
    let why = report.headline();
    let mut conditions = vec![says("AbleToScale", true, "ReadyForNewScale", why.clone())];
    conditions.push(match (&failed, working || report.metrics.is_empty()) {
        (None, _) => says("ScalingActive", true, "ValidMetricFound", "every metric has a value".into()),
        (Some(error), true) => says("ScalingActive", true, "SomeMetricsFailed", error.clone()),
        (Some(error), false) => says("ScalingActive", false, "FailedGetMetrics", error.clone()),
    });
    conditions.push(match limited {
        Some(clamp) => {
            says("ScalingLimited", true, clamp.rule.name(), format!("{} -> {} by {}", clamp.from, clamp.to, clamp.rule.name()))
        }
        None => says("ScalingLimited", false, "DesiredWithinRange", "no bound or rate changed the size".into()),
    });
    let event = failed.map(|message| Tells { warning: true, reason: "FailedGetMetrics".into(), message });
    let victim = |action: &Action| match action {
        Action::Drain { replica } => pods.get(usize::try_from(replica.0).ok()?.checked_sub(1)?).map(|p| p.name.clone()),
        Action::Start { .. } => None,
    };
    let metric = |m: &skala_autoscaler::MetricReport| -> Value {
        let reading = m.reading.map(|r| r.value);
        json!({"type": "Skala", "name": m.name.to_string(), "current": reading, "target": m.target,
            "proposal": m.proposal().map(|p| p.0)})
    };
    Verdict {
        current: Some(current),
        desired: Some(desired),
        why,
        conditions,
        removes_scaled_to_zero: true,
        events: event.into_iter().collect(),
        metrics: report.metrics.iter().map(metric).collect(),
        proposals: report.metrics.iter().map(|m| (m.name.to_string(), m.proposal().map(|p| p.0))).collect(),
        victims: plan.actions.iter().filter_map(victim).collect(),
    }
}

fn limits(rule: Rule) -> bool {
    use Rule::{Budget, Downstream, MaxReplicas, MinReplicas, ScaleDownPolicies, ScaleUpPolicies};
    matches!(rule, Budget | Downstream | MaxReplicas | MinReplicas | ScaleDownPolicies | ScaleUpPolicies)
}

//! `mode: hpa`: the spec of a HorizontalPodAutoscaler.
//!
//! Method: `cpu` and `memory` are Resource metrics; `requestsPerSecond` and `concurrency` Pods metrics of that name; a number from
//!   outside, or of a queue, is an External metric of its name. Finer than a thousandth rounds up, as Kubernetes does.

use skala_autoscaler::HpaMode;
use skala_hpa::{Behavior, MetricId, MetricSpec, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy, Settings, Spec, Target};

use crate::model::{self, Autoscaling, Measure, OutsideTarget, PolicyType, QueueGoal};
use crate::scalar::{CpuTarget, MemoryTarget, Percent};

/// The spec of a service with `mode: hpa`; metrics that `autoscaling/v2` does not have are left out, `check` has refused them.
pub(super) fn spec(a: &Autoscaling) -> Spec {
    Spec {
        min_replicas: Some(whole(a.min_replicas)),
        max_replicas: whole(a.max_replicas),
        metrics: a.metrics().filter_map(|(_, metric)| self::metric(metric.measure)).collect(),
        behavior: behavior(&a.behavior),
    }
}

/// What the cluster would say.
pub(super) fn settings(a: &Autoscaling) -> Settings {
    Settings { tolerance: a.tolerance.as_f64(), compat: a.compat.unwrap_or_default().compat(), ..Settings::default() }
}

/// How the live controller runs it.
pub(super) fn mode(a: &Autoscaling) -> HpaMode {
    HpaMode {
        compat: a.compat.unwrap_or_default().compat(),
        without_behavior: a.behavior.scale_up.is_none() && a.behavior.scale_down.is_none(),
        ..HpaMode::default()
    }
}

/// The percentage when it is whole: `autoscaling/v2` knows no others.
pub(crate) fn whole_percent(percent: Percent) -> Option<i32> {
    let millionths = percent.millionths();
    i32::try_from(millionths / 10_000).ok().filter(|_| millionths.is_multiple_of(10_000))
}

fn metric(measure: Measure) -> Option<MetricSpec> {
    let resource = |name: &str, target| Some(MetricSpec::Resource { name: name.to_owned(), target });
    let id = |name: &str| MetricId { name: name.to_owned(), selector: None };
    match measure {
        Measure::Cpu(CpuTarget::Utilization(p)) => resource("cpu", Target::utilization(whole_percent(p)?)),
        Measure::Cpu(CpuTarget::AverageValue(cpu)) => resource("cpu", Target::average_value(saturating(cpu.millicores(), 1))),
        Measure::Memory(MemoryTarget::Utilization(p)) => resource("memory", Target::utilization(whole_percent(p)?)),
        Measure::Memory(MemoryTarget::AverageValue(size)) => {
            resource("memory", Target::average_value(saturating(size.bytes(), 1000)))
        }
        Measure::RequestsPerSecond(x) => {
            Some(MetricSpec::Pods { metric: id("requestsPerSecond"), target: Target::average_value(milli(x)) })
        }
        Measure::Concurrency(x) => Some(MetricSpec::Pods { metric: id("concurrency"), target: Target::average_value(milli(x)) }),
        Measure::Latency(..) => None,
        Measure::Queue(queue) => {
            let target = match queue.goal {
                QueueGoal::Length(x) => Target::average_value(milli(x)),
                QueueGoal::Age(time) | QueueGoal::Wait(time) => Target::value(milli(time.as_secs_f64())),
            };
            Some(MetricSpec::External { metric: id(&queue.name()), target })
        }
        Measure::Outside(outside) => {
            let target = match outside.target? {
                OutsideTarget::PerReplica(x) => Target::average_value(milli(x)),
                OutsideTarget::Total(x) => Target::value(milli(x)),
            };
            Some(MetricSpec::External { metric: id(&outside.name), target })
        }
    }
}

fn saturating(amount: u64, times: u64) -> i64 {
    i64::try_from(amount.saturating_mul(times)).unwrap_or(i64::MAX)
}

/// In thousandths, rounded up; the cast saturates.
fn milli(x: f64) -> i64 {
    (x * 1000.0).ceil() as i64
}

/// Without a direction there is no block, which selects the rules from before `behavior`.
fn behavior(written: &model::Behavior) -> Option<Behavior> {
    let (up, down) = (written.scale_up.as_ref(), written.scale_down.as_ref());
    (up.is_some() || down.is_some()).then(|| Behavior { scale_up: up.map(rules), scale_down: down.map(rules) })
}

fn rules(written: &model::ScalingRules) -> ScalingRules {
    ScalingRules {
        stabilization_window_seconds: written.stabilization_window_seconds.map(whole),
        select_policy: written.select_policy.map(|select| match select {
            model::SelectPolicy::Max => SelectPolicy::Max,
            model::SelectPolicy::Min => SelectPolicy::Min,
            model::SelectPolicy::Disabled => SelectPolicy::Disabled,
        }),
        policies: written.policies.as_ref().map(|policies| policies.iter().map(policy).collect()),
        tolerance: written.tolerance.map(|t| t.as_f64()),
    }
}

fn policy(written: &model::Policy) -> ScalingPolicy {
    ScalingPolicy {
        kind: match written.kind {
            PolicyType::Pods => PolicyKind::Pods,
            PolicyType::Percent => PolicyKind::Percent,
        },
        value: whole(written.value),
        period_seconds: whole(written.period_seconds),
    }
}

fn whole(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

//! The default mode's policy.

use std::time::Duration;

use skala_autoscaler::{
    Behavior, CronWindow, Fallback, FallbackBehavior, Formula, MetricBehavior, MetricEntry, MetricOptions, MetricSpec,
    PolicyKind, PolicySpec, Quantile, QueueTarget, Repairs, ResourceRequests, ResourceTarget, ScalingPolicy, ScalingRules,
    SelectPolicy, SignalTarget, Text,
};
use skala_types::{Bytes, Replicas, Rps, Utilisation};

use crate::model::{
    self, Autoscaling, Measure, Metric, Outside, OutsideTarget, Percentile, PolicyType, QueueGoal, QueueMeasure, Rules, Service,
    WorksOn,
};
use crate::scalar::{CpuTarget, MemoryTarget, Percent};

/// What a formula is called in decisions.
const FORMULA: &str = "formula";

/// A policy, and where its metrics stand in the file.
pub(crate) struct Lowered {
    pub(crate) spec: PolicySpec,
    /// For each metric of the spec its position in the file's list; `None` for the formula.
    pub(crate) positions: Vec<Option<usize>>,
}

/// The policy of a service, before it is checked.
pub(crate) fn policy(service: &Service, a: &Autoscaling) -> Lowered {
    let tolerance = a.tolerance.as_f64();
    let requests = &service.resources.requests;
    let mut metrics = Vec::new();
    let mut positions = Vec::new();
    for (i, metric) in a.metrics() {
        for entry in entries(metric, service, a, tolerance) {
            metrics.push(entry);
            positions.push(Some(i));
        }
    }
    if let Some(entry) = a.formula.as_ref().and_then(|f| formula(f, a, tolerance)) {
        metrics.push(entry);
        positions.push(None);
    }
    for entry in promised(service, a).into_iter().chain(queues(service)) {
        metrics.push(entry);
        positions.push(None);
    }
    let wakes_by = wakes_by(service, &metrics);
    let spec = PolicySpec {
        min_replicas: Replicas(a.min_replicas),
        max_replicas: Replicas(a.max_replicas),
        metrics,
        behavior: Behavior {
            scale_up: rules(a.behavior.scale_up(), tolerance),
            scale_down: rules(a.behavior.scale_down(), tolerance),
        },
        requests: ResourceRequests { cpu: requests.cpu.map(|c| c.cores()), memory: requests.memory.map(|m| Bytes(m.bytes())) },
        stale_after: a.stale_after.get(),
        idle_replicas: a.idle_replicas.map(Replicas),
        cooldown: a.cooldown.map(Duration::from),
        initial_cooldown: a.initial_cooldown.get(),
        jump_to_idle: a.jump_to_idle,
        wakes_by,
        windows: a.windows.iter().map(window).collect(),
        repairs: repairs(a.repairs.unwrap_or_default()),
        service_guess: service.service_time,
        startup_guess: service.start_up.unwrap_or(PolicySpec::default().startup_guess),
        ..PolicySpec::default()
    };
    Lowered { spec, positions }
}

/// CPU to scale by where there is an objective, but no number of servers to predict a wait with.
const FALLBACK_CPU: f64 = 0.8;

/// What the service's objective asks for, without anything said in `metrics`: predicted wait, where it is known how many requests a
/// replica works on at once. Else, and only where nothing else is given, the latency itself and CPU.
fn promised(service: &Service, a: &Autoscaling) -> Vec<MetricEntry> {
    let Some((percentile, latency)) = service.promised_latency().filter(|_| a.mode == model::Mode::Default) else {
        return Vec::new();
    };
    let quantile = quantile(percentile);
    if let Some(concurrency) = service.concurrency {
        let patience = service.waiting.timeout.get();
        let window = service.promise.as_ref().map_or(Duration::from_secs(30 * 86_400), |p| p.window.get());
        let what = MetricSpec::PredictedWait { quantile, latency, concurrency, patience, room: service.waiting.max, window };
        let own = what.own_pace();
        let options = MetricOptions {
            behavior: MetricBehavior {
                scale_up: own.scale_up.filter(|_| a.behavior.scale_up.is_none()),
                scale_down: own.scale_down.filter(|_| a.behavior.scale_down.is_none()),
            },
            ..MetricOptions::default()
        };
        return vec![MetricEntry { what, options }];
    }
    if !a.metrics.is_empty() || a.formula.is_some() {
        return Vec::new();
    }
    let cpu = MetricSpec::Cpu { target: ResourceTarget::Utilisation(Utilisation(FALLBACK_CPU)) };
    let cpu = service.resources.requests.cpu.map(|_| cpu.into());
    std::iter::once(MetricSpec::Latency { quantile, target: latency }.into()).chain(cpu).collect()
}

/// Queues that bring the service work and that no metric is about.
fn wakes_by(service: &Service, metrics: &[MetricEntry]) -> Vec<Text> {
    let measured = |queue: &str| metrics.iter().any(|m| matches!(&m.what, MetricSpec::Queue { name, .. } if **name == *queue));
    let all = service.works_on.iter().map(|works| &works.queue).chain(&service.woken_by);
    all.map(String::as_str).filter(|queue| !measured(queue)).map(Text::from).collect()
}

/// Lengths of the queues that the service works on.
fn queues(service: &Service) -> impl Iterator<Item = MetricEntry> + '_ {
    let entry = |works: &WorksOn| {
        let target = QueueTarget::Length(works.tasks_per_replica?);
        Some(MetricSpec::Queue { name: Text::from(works.queue.as_str()), target }.into())
    };
    service.works_on.iter().filter_map(entry)
}

/// A metric with a proposal, for each queue that it is about; none for one that is there for the formula alone.
fn entries(metric: Metric<'_>, service: &Service, a: &Autoscaling, tolerance: f64) -> Vec<MetricEntry> {
    let (activation, fallback) = match &metric.measure {
        Measure::Outside(outside) => (Some(outside.activation), outside.fallback.or(a.fallback)),
        Measure::Queue(_) => (None, a.fallback),
        _ => (None, None),
    };
    let options = MetricOptions {
        scale_down_target: metric.scale_down_target,
        behavior: metric.behavior.map(|b| behavior(b, tolerance)).unwrap_or_default(),
        activation,
        stale_after: metric.stale_after,
        fallback: fallback.map(self::fallback),
    };
    let whats = match metric.measure {
        Measure::Queue(queue) => of_queues(queue, service, a),
        other => what(other).into_iter().collect(),
    };
    whats.into_iter().map(|what| MetricEntry { what, options: options.clone() }).collect()
}

/// A queue's metric by its name; or that of each queue that the service works on and that has none by its name.
fn of_queues(measure: QueueMeasure, service: &Service, a: &Autoscaling) -> Vec<MetricSpec> {
    let target = match measure.goal {
        QueueGoal::Length(n) => QueueTarget::Length(n),
        QueueGoal::Age(age) => QueueTarget::Age(age),
        QueueGoal::Wait(wait) => QueueTarget::Wait(wait),
    };
    let of = |name: &str| MetricSpec::Queue { name: Text::from(name), target };
    if let Some(queue) = &measure.queue {
        return vec![of(queue)];
    }
    let named = |queue: &str| {
        let own = QueueMeasure { queue: Some(queue.to_owned()), goal: measure.goal }.name();
        a.metrics().any(|(_, metric)| metric.measure.name() == own)
    };
    service.works_on.iter().map(|works| works.queue.as_str()).filter(|queue| !named(queue)).map(of).collect()
}

fn what(measure: Measure) -> Option<MetricSpec> {
    let share = |p: Percent| Utilisation(p.ratio());
    Some(match measure {
        Measure::Cpu(CpuTarget::Utilization(p)) => MetricSpec::Cpu { target: ResourceTarget::Utilisation(share(p)) },
        Measure::Cpu(CpuTarget::AverageValue(c)) => MetricSpec::Cpu { target: ResourceTarget::AverageValue(c.cores()) },
        Measure::Memory(MemoryTarget::Utilization(p)) => MetricSpec::Memory { target: ResourceTarget::Utilisation(share(p)) },
        Measure::Memory(MemoryTarget::AverageValue(s)) => {
            MetricSpec::Memory { target: ResourceTarget::AverageValue(Bytes(s.bytes())) }
        }
        Measure::RequestsPerSecond(n) => MetricSpec::RequestsPerSecond { target: Rps(n) },
        Measure::Latency(percentile, target) => MetricSpec::Latency { quantile: quantile(percentile), target },
        Measure::Concurrency(target) => MetricSpec::Concurrency { target },
        Measure::Outside(outside) => {
            let Outside { name, target, .. } = *outside;
            MetricSpec::Signal { name: Text::from(name), target: signal(target?) }
        }
        // Lowered for each queue by itself.
        Measure::Queue(_) => return None,
    })
}

fn signal(target: OutsideTarget) -> SignalTarget {
    match target {
        OutsideTarget::PerReplica(x) => SignalTarget::AverageValue(x),
        OutsideTarget::Total(x) => SignalTarget::Value(x),
    }
}

/// The formula as a metric. It is as old as the oldest number in it may be.
fn formula(f: &model::Formula, a: &Autoscaling, tolerance: f64) -> Option<MetricEntry> {
    let target = match (f.target, f.target_total) {
        (Some(each), _) => SignalTarget::AverageValue(each.get()),
        (None, Some(total)) => SignalTarget::Value(total.get()),
        (None, None) => return None,
    };
    let names = Formula::parse(&f.expression).map(|parsed| parsed.names().to_vec()).unwrap_or_default();
    let age = |(_, metric): (usize, Metric<'_>)| {
        let named = names.iter().any(|name| **name == *metric.measure.name());
        metric.stale_after.filter(|_| named)
    };
    let options = MetricOptions {
        scale_down_target: f.scale_down_target.map(|x| x.get()),
        behavior: f.behavior.as_ref().map(|b| behavior(b, tolerance)).unwrap_or_default(),
        activation: Some(f.activation),
        stale_after: a.metrics().filter_map(age).max(),
        fallback: a.fallback.map(fallback),
    };
    let what = MetricSpec::Formula { name: Text::from(FORMULA), expression: f.expression.clone(), target };
    Some(MetricEntry { what, options })
}

/// A metric's own rules: only the directions that are given.
fn behavior(written: &model::Behavior, tolerance: f64) -> MetricBehavior {
    MetricBehavior {
        scale_up: written.scale_up.as_ref().map(|_| rules(written.scale_up(), tolerance)),
        scale_down: written.scale_down.as_ref().map(|_| rules(written.scale_down(), tolerance)),
    }
}

fn fallback(written: model::Fallback) -> Fallback {
    Fallback {
        failure_threshold: written.failure_threshold,
        replicas: Replicas(written.replicas),
        behavior: match written.behavior {
            model::FallbackBehavior::Static => FallbackBehavior::Static,
            model::FallbackBehavior::CurrentReplicas => FallbackBehavior::CurrentReplicas,
            model::FallbackBehavior::CurrentReplicasIfHigher => FallbackBehavior::CurrentReplicasIfHigher,
            model::FallbackBehavior::CurrentReplicasIfLower => FallbackBehavior::CurrentReplicasIfLower,
        },
    }
}

fn window(written: &model::TimeWindow) -> CronWindow {
    CronWindow {
        name: Text::from(written.name.as_str()),
        start: written.start.as_str().to_owned(),
        end: written.end.as_str().to_owned(),
        timezone: written.timezone.as_str().to_owned(),
        min_replicas: written.min_replicas.map(Replicas),
        max_replicas: written.max_replicas.map(Replicas),
    }
}

fn repairs(written: model::Repairs) -> Repairs {
    Repairs {
        sample_age: written.sample_age,
        noise: written.noise,
        separate_targets: written.separate_targets,
        metric_behavior: written.metric_behavior,
        rollouts: written.rollouts,
        startup_cpu: written.startup_cpu,
        starting_replicas: written.starting_replicas,
        flapping: written.flapping,
        restart: written.restart,
        window_ends: written.window_ends,
        fallback: written.fallback,
    }
}

fn quantile(p: Percentile) -> Quantile {
    match p {
        Percentile::P50 => Quantile::P50,
        Percentile::P90 => Quantile::P90,
        Percentile::P95 => Quantile::P95,
        Percentile::P99 => Quantile::P99,
    }
}

fn rules(written: Rules, tolerance: f64) -> ScalingRules {
    ScalingRules {
        stabilization_window: Duration::from_secs(u64::from(written.stabilization_window_seconds)),
        select_policy: match written.select_policy {
            model::SelectPolicy::Max => SelectPolicy::Max,
            model::SelectPolicy::Min => SelectPolicy::Min,
            model::SelectPolicy::Disabled => SelectPolicy::Disabled,
        },
        policies: written.policies.into_iter().map(rate).collect(),
        tolerance: written.tolerance.map_or(tolerance, |t| t.as_f64()),
    }
}

fn rate(p: model::Policy) -> ScalingPolicy {
    ScalingPolicy {
        kind: match p.kind {
            PolicyType::Pods => PolicyKind::Pods,
            PolicyType::Percent => PolicyKind::Percent,
        },
        value: p.value,
        period: Duration::from_secs(u64::from(p.period_seconds)),
    }
}

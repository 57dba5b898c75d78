//! `mode: hpa`: what skala sees, in Kubernetes' terms, and Kubernetes' answer, in skala's.
//!
//! Decides: nothing; `skala_hpa::reconcile` does. Replicas are pods; `cpu` and `memory` are Resource metrics; station metrics,
//!   signals, queues and formulas are External ones.
//! Units: milli, rounded up, as Kubernetes converts quantities.
//! Method: reference table in docs/autoscaling.md. One difference: no replica at all, with `minReplicas` above 0, is a start, not
//!   an off switch; skala has `pause` and `scale` for that.
//! Tested: `tests/decisions` rows `modes`.

use std::time::Duration;

use skala_hpa as h;
use skala_types::{Sampled, Time};

use super::{HpaMode, Steps, Verdict};
use crate::metric::{Counts, Notes, Scene, evaluate};
use crate::report::{Detail, Rule, Unit};
use crate::{
    Failure, MetricEntry, MetricReport, MetricResult, MetricSpec, Observation, Phase, Policy, PolicyKind, PolicySpec, Quantile,
    QueueTarget, Reading, ResourceTarget, ScalingRules, SelectPolicy, SignalTarget, State, StationWindows, Text, Why, Window,
};

/// A policy in Kubernetes' terms.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    spec: h::Spec,
    settings: h::Settings,
}

impl Compiled {
    /// Translates a policy.
    pub(crate) fn new(spec: &PolicySpec, mode: &HpaMode) -> Compiled {
        let down = &spec.behavior.scale_down;
        let behavior = || h::Behavior { scale_up: Some(rules(&spec.behavior.scale_up)), scale_down: Some(rules(down)) };
        let size = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Compiled {
            spec: h::Spec {
                min_replicas: Some(size(spec.min_replicas.0)),
                max_replicas: size(spec.max_replicas.0),
                metrics: spec.metrics.iter().map(metric).collect(),
                behavior: (!mode.without_behavior).then(behavior),
            },
            settings: h::Settings {
                tolerance: down.tolerance,
                cpu_initialization_period: spec.cpu_initialization,
                initial_readiness_delay: mode.initial_readiness_delay,
                downscale_stabilization: down.stabilization_window,
                compat: mode.compat,
                scale_to_zero: Some(true),
                ..h::Settings::default()
            },
        }
    }
}

fn seconds(d: Duration) -> i32 {
    i32::try_from(d.as_secs()).unwrap_or(i32::MAX)
}

fn rules(r: &ScalingRules) -> h::ScalingRules {
    let policy = |p: &crate::ScalingPolicy| h::ScalingPolicy {
        kind: match p.kind {
            PolicyKind::Pods => h::PolicyKind::Pods,
            PolicyKind::Percent => h::PolicyKind::Percent,
        },
        value: i32::try_from(p.value).unwrap_or(i32::MAX),
        period_seconds: seconds(p.period),
    };
    h::ScalingRules {
        stabilization_window_seconds: Some(seconds(r.stabilization_window)),
        select_policy: Some(match r.select_policy {
            SelectPolicy::Max => h::SelectPolicy::Max,
            SelectPolicy::Min => h::SelectPolicy::Min,
            SelectPolicy::Disabled => h::SelectPolicy::Disabled,
        }),
        policies: Some(r.policies.iter().map(policy).collect()),
        tolerance: Some(r.tolerance),
    }
}

/// Thousandths, rounded up; none for what is no number of at least 0.
fn milli(x: f64) -> Option<i64> {
    // Beyond 2^63 thousandths a float saturates, which is what Kubernetes' sums do too.
    (x.is_finite() && x >= 0.0).then(|| (x * 1000.0).ceil() as i64)
}

fn percent(share: f64) -> i32 {
    (share * 100.0).round().clamp(1.0, f64::from(i32::MAX)) as i32
}

fn metric(entry: &MetricEntry) -> h::MetricSpec {
    let external =
        |target| h::MetricSpec::External { metric: h::MetricId { name: entry.what.name().to_string(), selector: None }, target };
    let average = |x: f64| h::Target::average_value(milli(x).unwrap_or(i64::MAX));
    let value = |x: f64| h::Target::value(milli(x).unwrap_or(i64::MAX));
    let signal = |target: SignalTarget| match target {
        SignalTarget::Value(x) => value(x),
        SignalTarget::AverageValue(x) => average(x),
    };
    let resource = |name: &str, share: Option<f64>, amount: f64| h::MetricSpec::Resource {
        name: name.to_owned(),
        target: share.map_or_else(|| average(amount), |s| h::Target::utilization(percent(s))),
    };
    match &entry.what {
        MetricSpec::Cpu { target: ResourceTarget::Utilisation(u) } => resource("cpu", Some(u.0), 0.0),
        MetricSpec::Cpu { target: ResourceTarget::AverageValue(c) } => resource("cpu", None, c.0),
        MetricSpec::Memory { target: ResourceTarget::Utilisation(u) } => resource("memory", Some(u.0), 0.0),
        MetricSpec::Memory { target: ResourceTarget::AverageValue(b) } => resource("memory", None, b.0 as f64),
        MetricSpec::RequestsPerSecond { target } => external(average(target.0)),
        MetricSpec::Concurrency { target } => external(average(*target)),
        MetricSpec::Latency { target, .. } | MetricSpec::PredictedWait { latency: target, .. } => {
            external(value(target.as_secs_f64()))
        }
        MetricSpec::Signal { target, .. } | MetricSpec::Formula { target, .. } => external(signal(*target)),
        MetricSpec::Queue { target, .. } => external(match target {
            QueueTarget::Length(n) => average(*n),
            QueueTarget::Age(age) | QueueTarget::Wait(age) => value(age.as_secs_f64()),
        }),
    }
}

/// One look of Kubernetes' autoscaler. None when there is nothing to start from.
pub(super) fn verdict(policy: &Policy, state: &mut State, observation: &Observation, now: Time, current: u32) -> Option<Verdict> {
    let compiled = policy.hpa()?;
    let min = policy.spec().min_replicas.0;
    if current == 0 && min > 0 {
        let mut steps = Steps::at(current);
        steps.clamp(Rule::MinReplicas, min, Detail::None);
        return Some(Verdict { clamps: steps.clamps, desired: min, ..Verdict::stay(current) });
    }
    if let Some(history) = &mut state.hpa {
        // Kubernetes' clock is monotonic: what seems to come from the future was now.
        history.recommendations.iter_mut().for_each(|r| r.at = r.at.min(now));
        history.scale_ups.iter_mut().chain(&mut history.scale_downs).for_each(|e| e.at = e.at.min(now));
    }
    let pods: Vec<h::Pod> = observation.replicas.iter().map(pod).collect();
    let (readings, ages): (Vec<_>, Vec<_>) =
        (0..policy.spec().metrics.len()).map(|i| read(policy, state, observation, now, i)).unzip();
    let size = i32::try_from(current).unwrap_or(i32::MAX);
    let outcome = h::reconcile(&h::Input {
        now,
        settings: &compiled.settings,
        namespace: "",
        spec: &compiled.spec,
        scale: Ok(h::Scale { spec_replicas: size, status_replicas: size }),
        selector: &h::Selector::Usable,
        pods: &pods,
        readings: &readings,
        history: state.hpa.as_ref(),
        scaled_to_zero: (current == 0).then_some(true),
    });
    let verdict = answer(policy, &outcome, &ages, current);
    state.hpa = outcome.history;
    Some(verdict)
}

fn pod(replica: &crate::ReplicaObservation) -> h::Pod {
    let ready = |status| Some(h::ReadyCondition { status, last_transition: replica.phase_since });
    h::Pod {
        deleted: replica.phase == Phase::Draining,
        phase: h::Phase::Running,
        ready: match replica.phase {
            Phase::Ready | Phase::Draining => ready(h::ReadyStatus::True),
            // Never ready so far: the condition has been false from the start.
            Phase::Starting => Some(h::ReadyCondition { status: h::ReadyStatus::False, last_transition: replica.started_at }),
            Phase::NotReady | Phase::Backoff | Phase::CrashLooping => ready(h::ReadyStatus::False),
        },
        started_at: Some(replica.started_at),
    }
}

/// What was read for metric `index`, and how old it is.
fn read(policy: &Policy, state: &State, observation: &Observation, now: Time, index: usize) -> (h::Reading, Duration) {
    let spec = policy.spec();
    let entry = &spec.metrics[index];
    let requests = &spec.requests;
    let window = spec.metric_window;
    let samples = |of: &dyn Fn(&crate::ReplicaObservation) -> Option<Sampled<f64>>, request: Option<f64>, name: &str| {
        let sample = |r| {
            let s = of(r)?;
            Some(h::Sample { value: milli(s.value)?, timestamp: s.at, window })
        };
        let youngest = observation.replicas.iter().filter_map(|r| Some(of(r)?.at)).max();
        let each: Vec<Option<h::Sample>> = observation.replicas.iter().map(sample).collect();
        let requests = match request.and_then(milli) {
            Some(m) => h::Requests::Milli(vec![m; each.len()]),
            None => h::Requests::Missing(format!("missing request for {name}")),
        };
        let reading = match each.iter().any(Option::is_some) {
            true => h::Reading::Pods(h::PodReadings { samples: each, strangers: Vec::new(), requests }),
            false => h::Reading::Failed("no metrics returned from resource metrics API".to_owned()),
        };
        (reading, youngest.map_or(Duration::ZERO, |at| now.since(at)))
    };
    let station = |of: &dyn Fn(&StationWindows) -> Option<f64>| match &observation.station {
        None => (h::Reading::Failed("the station has not reported".to_owned()), Duration::ZERO),
        Some(station) => (external(of(station)), now.since(station.slow.at)),
    };
    match &entry.what {
        MetricSpec::Cpu { .. } => samples(&|r| r.cpu.map(|s| Sampled::new(s.at, s.value.0)), requests.cpu.map(|c| c.0), "cpu"),
        MetricSpec::Memory { .. } => {
            samples(&|r| r.memory.map(|s| Sampled::new(s.at, s.value.0 as f64)), requests.memory.map(|b| b.0 as f64), "memory")
        }
        MetricSpec::RequestsPerSecond { .. } => station(&|s| Some(s.slow.arrival_rate())),
        MetricSpec::Concurrency { .. } => station(&|s| Some(s.slow.demand())),
        MetricSpec::Latency { quantile, .. } | MetricSpec::PredictedWait { quantile, .. } => station(&|s| latency(s, *quantile)),
        MetricSpec::Signal { .. } | MetricSpec::Queue { .. } | MetricSpec::Formula { .. } => {
            let counts = Counts::of(observation);
            let scene = Scene { policy, state, observation, now, counts, options: &entry.options, index };
            let report = evaluate(&scene, entry, &mut Notes::default());
            match (report.reading, report.result) {
                (Some(reading), _) => (external(Some(reading.value)), reading.age),
                (None, MetricResult::Failed { failure } | MetricResult::FallsBack { failure, .. }) => {
                    (h::Reading::Failed(failure.to_string()), Duration::ZERO)
                }
                (None, MetricResult::Proposes { .. }) => (external(None), Duration::ZERO),
            }
        }
    }
}

fn external(value: Option<f64>) -> h::Reading {
    match value.and_then(milli) {
        Some(m) => h::Reading::External(vec![m]),
        None => h::Reading::Failed("no value that is a number of at least 0".to_owned()),
    }
}

/// A percentile; without requests there is no latency, which is 0, and without answers to some there is no value.
fn latency(station: &StationWindows, quantile: Quantile) -> Option<f64> {
    let slow = &station.slow;
    if slow.latency.count == 0 {
        return (slow.arrivals == 0 && slow.waiting == 0 && slow.in_flight == 0).then_some(0.0);
    }
    Some(match quantile {
        Quantile::P50 => slow.latency.p50,
        Quantile::P90 => slow.latency.p90,
        Quantile::P95 => slow.latency.p95,
        Quantile::P99 => slow.latency.p99,
    })
}

fn answer(policy: &Policy, outcome: &h::Outcome, ages: &[Duration], current: u32) -> Verdict {
    let size = |n: i32| u32::try_from(n).unwrap_or(0);
    let entries = &policy.spec().metrics;
    let reports = outcome.metrics.iter().zip(&outcome.trace.metrics).zip(entries).zip(ages);
    let metrics: Vec<MetricReport> = reports.map(|(((m, trace), entry), age)| report(m, trace, entry, *age)).collect();
    let desired = outcome.desired_replicas.map_or(current, size);
    let mut verdict = Verdict { metrics, desired, ..Verdict::stay(current) };
    let mut steps = Steps::at(current);
    for step in &outcome.trace.steps {
        match *step {
            h::Step::Recommended { metric, replicas } => {
                verdict.winner = entries.get(metric).map(|e| e.what.name());
                verdict.recommended = size(replicas);
                steps.value = size(replicas);
            }
            h::Step::Blocked { best, .. } => {
                let failed = verdict.metrics.iter().find(|m| matches!(m.result, MetricResult::Failed { .. }));
                let detail = failed.map_or(Detail::None, |m| Detail::Metric { name: m.name.clone() });
                steps.value = best.map_or(current, size);
                steps.clamp(Rule::MetricFailure, current, detail);
            }
            h::Step::Stabilized { up, down, after, .. } => {
                let lowered = size(after) < steps.value;
                let until = if lowered { up.and_then(|b| b.until) } else { down.until };
                let rule = if lowered { Rule::ScaleUpStabilization } else { Rule::ScaleDownStabilization };
                steps.clamp(rule, size(after), Detail::Until { time: until });
            }
            h::Step::OutOfBounds { after, .. } => {
                let rule = if size(after) < current { Rule::MaxReplicas } else { Rule::MinReplicas };
                steps.clamp(rule, size(after), Detail::None);
            }
            h::Step::Clamped { rule, after, .. } => {
                let rule = match rule {
                    h::Rule::ScaleUpLimit => Rule::ScaleUpPolicies,
                    h::Rule::ScaleDownLimit => Rule::ScaleDownPolicies,
                    h::Rule::TooManyReplicas => Rule::MaxReplicas,
                    h::Rule::TooFewReplicas | h::Rule::DesiredWithinRange => Rule::MinReplicas,
                };
                steps.clamp(rule, size(after), Detail::None);
            }
            h::Step::NoScale | h::Step::Disabled | h::Step::NoSelector | h::Step::Limited(_) => {}
        }
    }
    verdict.clamps = steps.clamps;
    verdict
}

fn report(m: &h::MetricOutcome, trace: &h::MetricTrace, entry: &MetricEntry, age: Duration) -> MetricReport {
    let (unit, target) = goal(entry);
    // Percents are shares here, and thousandths whole numbers.
    let scale = if unit == Unit::Share { 100.0 } else { 1000.0 };
    let reading = trace.first.map(|pass| Reading {
        value: pass.value as f64 / scale,
        ratio: Some(pass.ratio).filter(|r| r.is_finite()),
        window: Window::Slow { length: Duration::ZERO },
        age,
    });
    let result = match m.proposal {
        Some(n) => MetricResult::Proposes { replicas: skala_types::Replicas(u32::try_from(n).unwrap_or(0)), why: why(trace) },
        None => {
            let name = Text::from(entry.what.name().to_string());
            let error = m.error.as_deref().map(Text::from);
            MetricResult::Failed { failure: Failure::Unreachable { name, failures: 1, error } }
        }
    };
    let active = None;
    MetricReport { name: entry.what.name(), unit, target, reading, result, active, allowed: None, prediction: None }
}

fn why(trace: &h::MetricTrace) -> Why {
    match trace.verdict {
        h::Verdict::FromZero => Why::FromZero,
        h::Verdict::Scaled if trace.second.or(trace.first).is_some_and(|p| p.ratio > 1.0) => Why::AboveTarget,
        h::Verdict::Scaled => Why::BelowTarget,
        h::Verdict::Failed
        | h::Verdict::WithinTolerance
        | h::Verdict::WithinToleranceWhenFilled
        | h::Verdict::DirectionTurned
        | h::Verdict::CountTurned => Why::WithinTolerance,
    }
}

/// Unit and target as skala's own mode reports them.
fn goal(entry: &MetricEntry) -> (Unit, f64) {
    let signal = |target: &SignalTarget| match target {
        SignalTarget::Value(x) => (Unit::Number, *x),
        SignalTarget::AverageValue(x) => (Unit::Total, *x),
    };
    match &entry.what {
        MetricSpec::Cpu { target: ResourceTarget::Utilisation(u) }
        | MetricSpec::Memory { target: ResourceTarget::Utilisation(u) } => (Unit::Share, u.0),
        MetricSpec::Cpu { target: ResourceTarget::AverageValue(c) } => (Unit::Cores, c.0),
        MetricSpec::Memory { target: ResourceTarget::AverageValue(b) } => (Unit::Bytes, b.0 as f64),
        MetricSpec::RequestsPerSecond { target } => (Unit::PerSecond, target.0),
        MetricSpec::Concurrency { target } => (Unit::Requests, *target),
        MetricSpec::Latency { target, .. } | MetricSpec::PredictedWait { latency: target, .. } => {
            (Unit::Seconds, target.as_secs_f64())
        }
        MetricSpec::Signal { target, .. } | MetricSpec::Formula { target, .. } => signal(target),
        MetricSpec::Queue { target, .. } => match target {
            QueueTarget::Length(n) => (Unit::Tasks, *n),
            QueueTarget::Age(d) | QueueTarget::Wait(d) => (Unit::Seconds, d.as_secs_f64()),
        },
    }
}

//! A HorizontalPodAutoscaler's world, built in a line.

use std::time::Duration;

use skala_hpa::{
    Behavior, Compat, ConditionStatus, History, Input, MetricId, MetricSpec, ObjectRef, Outcome, Phase, Pod, PodReadings,
    PolicyKind, Reading, ReadyCondition, ReadyStatus, Recommendation, Requests, Sample, Scale, ScaleEvent, ScalingPolicy,
    ScalingRules, Selector, Settings, Spec, Target, reconcile,
};
use skala_types::Time;

/// When every row happens, in seconds.
pub(crate) const NOW: u64 = 10_000;

/// Everything that a reconcile reads; rows change the fields they are about.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) spec: Spec,
    pub(crate) scale: Result<Scale, String>,
    pub(crate) selector: Selector,
    pub(crate) pods: Vec<Pod>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) history: Option<History>,
    pub(crate) scaled_to_zero: Option<bool>,
}

/// `size` replicas, as many ready pods, bounds 1 to 100, no metrics, and an empty memory.
pub(crate) fn world(size: i32) -> World {
    World {
        settings: Settings::default(),
        spec: Spec { min_replicas: Some(1), max_replicas: 100, ..Spec::default() },
        scale: Ok(Scale { spec_replicas: size, status_replicas: size }),
        selector: Selector::Usable,
        pods: vec![pod(); size.max(0) as usize],
        readings: vec![],
        history: Some(History::default()),
        scaled_to_zero: None,
    }
}

/// Running and ready for a long time.
pub(crate) fn pod() -> Pod {
    Pod { deleted: false, phase: Phase::Running, ready: ready(ReadyStatus::True, 1_010), started_at: Some(at(1_000)) }
}

pub(crate) fn ready(status: ReadyStatus, secs: u64) -> Option<ReadyCondition> {
    Some(ReadyCondition { status, last_transition: at(secs) })
}

pub(crate) fn at(secs: u64) -> Time {
    Time::from_secs(secs)
}

/// Measured just now over 30 s.
pub(crate) fn sample(value: i64) -> Sample {
    Sample { value, timestamp: at(NOW), window: Duration::from_secs(30) }
}

pub(crate) fn id(name: &str) -> MetricId {
    MetricId { name: name.into(), selector: None }
}

pub(crate) fn cpu(target: Target) -> MetricSpec {
    MetricSpec::Resource { name: "cpu".into(), target }
}

pub(crate) fn memory(target: Target) -> MetricSpec {
    MetricSpec::Resource { name: "memory".into(), target }
}

pub(crate) fn custom(target: Target) -> MetricSpec {
    MetricSpec::Pods { metric: id("rps"), target }
}

pub(crate) fn object(target: Target) -> MetricSpec {
    let described = ObjectRef { kind: "Ingress".into(), name: "main".into(), api_version: None };
    MetricSpec::Object { metric: id("hits"), described, target }
}

pub(crate) fn external(target: Target) -> MetricSpec {
    MetricSpec::External { metric: id("queue"), target }
}

/// Samples by pod, `None` for no sample; every pod of the reading requests 1000m.
pub(crate) fn samples(values: &[Option<i64>]) -> PodReadings {
    PodReadings {
        samples: values.iter().map(|v| v.map(sample)).collect(),
        strangers: vec![],
        requests: Requests::Milli(vec![1000; values.len()]),
    }
}

/// The same sample for every pod of `size`.
pub(crate) fn all(size: usize, value: i64) -> Reading {
    Reading::Pods(samples(&vec![Some(value); size]))
}

pub(crate) fn failed() -> Reading {
    Reading::Failed("it is gone".into())
}

pub(crate) fn policy(kind: PolicyKind, value: i32, period_seconds: i32) -> ScalingPolicy {
    ScalingPolicy { kind, value, period_seconds }
}

pub(crate) fn rules(window: i32, policies: &[ScalingPolicy]) -> ScalingRules {
    ScalingRules { stabilization_window_seconds: Some(window), policies: Some(policies.to_vec()), ..ScalingRules::default() }
}

impl World {
    pub(crate) fn metric(mut self, spec: MetricSpec, reading: Reading) -> World {
        self.spec.metrics.push(spec);
        self.readings.push(reading);
        self
    }

    /// One external metric whose proposal is `replicas`.
    pub(crate) fn wants(self, replicas: i64) -> World {
        self.metric(external(Target::average_value(1000)), Reading::External(vec![replicas * 1000]))
    }

    pub(crate) fn bounds(mut self, min: i32, max: i32) -> World {
        (self.spec.min_replicas, self.spec.max_replicas) = (Some(min), max);
        self
    }

    pub(crate) fn behavior(mut self, scale_up: Option<ScalingRules>, scale_down: Option<ScalingRules>) -> World {
        self.spec.behavior = Some(Behavior { scale_up, scale_down });
        self
    }

    pub(crate) fn compat(mut self, name: &str) -> World {
        self.settings.compat = name.parse::<Compat>().expect("the row names a release");
        self
    }

    /// Past recommendations as (seconds ago, replicas).
    pub(crate) fn recommended(mut self, log: &[(u64, i32)]) -> World {
        let entry = |(ago, replicas): &(u64, i32)| Recommendation { at: at(NOW - ago), replicas: *replicas };
        self.history.get_or_insert_default().recommendations = log.iter().map(entry).collect();
        self
    }

    /// Past growth as (seconds ago, change).
    pub(crate) fn grew(mut self, log: &[(u64, i32)]) -> World {
        self.history.get_or_insert_default().scale_ups = events(log);
        self
    }

    /// Past shrinkage as (seconds ago, change).
    pub(crate) fn shrank(mut self, log: &[(u64, i32)]) -> World {
        self.history.get_or_insert_default().scale_downs = events(log);
        self
    }

    pub(crate) fn run(&self) -> Outcome {
        reconcile(&Input {
            now: at(NOW),
            settings: &self.settings,
            namespace: "shop",
            spec: &self.spec,
            scale: self.scale.as_ref().map(|s| *s).map_err(String::as_str),
            selector: &self.selector,
            pods: &self.pods,
            readings: &self.readings,
            history: self.history.as_ref(),
            scaled_to_zero: self.scaled_to_zero,
        })
    }

    /// The size, and the reasons of the conditions, those that are False with a `!`; `ScaledToZero` only where it is True.
    pub(crate) fn line(&self) -> String {
        self.full_line().trim_end_matches(" !NotScaledToZero").to_owned()
    }

    /// The same with every condition.
    pub(crate) fn full_line(&self) -> String {
        let outcome = self.run();
        let size = |s: Option<i32>| s.map_or("?".to_owned(), |s| s.to_string());
        let arrow = if outcome.rescale { "->" } else { "==" };
        let reasons: Vec<String> = outcome
            .conditions
            .iter()
            .map(|c| format!("{}{}", if c.status == ConditionStatus::False { "!" } else { "" }, c.reason))
            .collect();
        format!("{}{arrow}{} {}", size(outcome.current_replicas), size(outcome.desired_replicas), reasons.join(" "))
    }

    /// What the first metric says: proposal or error, current values, ratios.
    pub(crate) fn first(&self) -> String {
        let outcome = self.run();
        let (told, trace) = (&outcome.metrics[0], &outcome.trace.metrics[0]);
        let Some(proposal) = told.proposal else { return told.error.clone().unwrap_or_default() };
        let mut line = format!("{proposal}:");
        let current = told.current;
        for (value, unit) in
            [(current.average_utilization.map(i64::from), "%"), (current.average_value, "m mean"), (current.value, "m")]
        {
            if let Some(value) = value {
                line += &format!(" {value}{unit}");
            }
        }
        for (name, pass) in [("r", trace.first), ("r2", trace.second)] {
            if let Some(pass) = pass {
                line += &format!(" {name}={:.3}/{}", pass.ratio, pass.samples);
            }
        }
        format!("{line} {:?}", trace.verdict)
    }
}

fn events(log: &[(u64, i32)]) -> Vec<ScaleEvent> {
    log.iter().map(|(ago, change)| ScaleEvent { at: at(NOW - ago), change: *change }).collect()
}
